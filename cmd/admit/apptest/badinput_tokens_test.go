package apptest_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// guardedRoutes stand for the surfaces that ask who calls.
func guardedRoutes(w *world) []call {
	return []call{
		{Method: http.MethodGet, Path: "/auth/me"},
		{Method: http.MethodGet, Path: "/fhir/R4/Patient/" + w.patient},
		{Method: http.MethodPost, Path: "/fhir/R4/Patient", ContentType: "application/fhir+json", Body: `{"resourceType":"Patient"}`},
		{Method: http.MethodGet, Path: "/admin/projects/" + w.owner.projectID()},
		{
			Method: http.MethodPost, Path: "/admin/projects/" + w.owner.projectID() + "/invite", ContentType: "application/json",
			Body: `{"resourceType":"Practitioner","firstName":"A","lastName":"B","email":"token@example.com"}`,
		},
		{Method: http.MethodGet, Path: "/oauth2/userinfo"},
		{Method: http.MethodPost, Path: "/oauth2/logout"},
	}
}

// forged is an Authorization header that must open nothing.
type forged struct{ name, authorization string }

func forgeries(t *testing.T, w *world) []forged {
	token := w.owner.AccessToken
	header, claims, signature := parts(t, token)
	publicKey := w.publicKey(t)
	der, err := x509.MarshalPKIXPublicKey(publicKey)
	if err != nil {
		t.Fatal(err)
	}
	publicPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	mine, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	with := func(changes map[string]any) map[string]any {
		changed := maps.Clone(header)
		maps.Copy(changed, changes)
		return changed
	}
	other := maps.Clone(claims)
	other["login_id"] = w.other.Login
	otherIssuer := maps.Clone(claims)
	otherIssuer["iss"] = "https://evil.example/"
	thumbprint := map[string]any{
		"kty": "EC", "crv": "P-256",
		"x": base64.RawURLEncoding.EncodeToString(mine.X.FillBytes(make([]byte, 32))),
		"y": base64.RawURLEncoding.EncodeToString(mine.Y.FillBytes(make([]byte, 32))),
	}
	signed := func(header, claims map[string]any) string { return signES256(t, mine, header, claims) }
	unsigned := func(alg string) string {
		return encode(t, with(map[string]any{"alg": alg})) + "." + encode(t, claims) + "."
	}
	bearer := []forged{
		{"no signature, alg none", unsigned("none")},
		{"no signature, alg None", unsigned("None")},
		{"no signature, the right alg", unsigned("ES256")},
		{"alg none with the old signature", unsigned("none") + signature},
		{"HS256 keyed with the public key, PEM", signHS256(t, publicPEM, with(map[string]any{"alg": "HS256"}), claims)},
		{"HS256 keyed with the public key, DER", signHS256(t, der, with(map[string]any{"alg": "HS256"}), claims)},
		{"HS256 keyed with nothing", signHS256(t, nil, with(map[string]any{"alg": "HS256"}), claims)},
		{"another key under the same kid", signed(header, claims)},
		{"another key under an unknown kid", signed(with(map[string]any{"kid": "mine"}), claims)},
		{"another key without kid", signed(map[string]any{"alg": "ES256", "typ": "JWT"}, claims)},
		{"another key, brought along as jwk", signed(with(map[string]any{"jwk": thumbprint}), claims)},
		{"another key, named by jku", signed(with(map[string]any{"jku": "http://127.0.0.1:1/jwks.json"}), claims)},
		{"a kid that is a path", signed(with(map[string]any{"kid": "../../../../dev/null"}), claims)},
		{"a kid that is SQL", signed(with(map[string]any{"kid": "' OR '1'='1"}), claims)},
		{"an unknown critical header", signed(with(map[string]any{"crit": []string{"x"}, "x": 1}), claims)},
		{"another issuer, another key", signed(header, otherIssuer)},
		{"claims changed under the old signature", strings.Split(token, ".")[0] + "." + encode(t, other) + "." + signature},
		{"signature of zeros", strings.TrimSuffix(token, signature) + base64.RawURLEncoding.EncodeToString(make([]byte, 64))},
		{"signature cut short", token[:len(token)-2]},
		{"signature left out", strings.TrimSuffix(token, signature)},
		{"RS256 of somebody", signRS256(t, with(map[string]any{"alg": "RS256"}), claims)},
		{"an id_token", w.owner.IDToken},
		{"a refresh token", w.owner.RefreshToken},
		{"an expired token", w.expired},
		{"a revoked token", w.revoked.AccessToken},
		{"the token of a removed member", w.removed.AccessToken},
		{"the token of an inactive member", w.inactive.AccessToken},
		{"junk", "junk"},
		{"dots", ".."},
		{"empty parts", "..."},
		{"very long", strings.Repeat("a", 8_000)},
	}
	list := []forged{
		{"two tokens", "Bearer a a"},
		{"a good token and a second word", "Bearer " + token + " a"},
		{"a word and a good token", "Bearer a " + token},
		{"nothing after Bearer", "Bearer"},
		{"another scheme", "Token " + token},
		{"the token alone", token},
		{"Basic without content", "Basic"},
		{"Basic that is not Base64", "Basic !!!"},
		{"Basic without colon", "Basic " + base64.StdEncoding.EncodeToString([]byte("nobody"))},
		{"Basic of an unknown client", "Basic " + base64.StdEncoding.EncodeToString([]byte("00000000-0000-4000-8000-000000000000:x"))},
		{"Basic with a wrong secret", "Basic " + base64.StdEncoding.EncodeToString([]byte(w.clientID+":wrong"))},
		{"Basic with an empty secret", "Basic " + base64.StdEncoding.EncodeToString([]byte(w.clientID+":"))},
		{"Basic with a person's password", "Basic " + base64.StdEncoding.EncodeToString([]byte("owner@clinic.example:"+aPassword))},
	}
	for _, f := range bearer {
		list = append(list, forged{f.name, "Bearer " + f.authorization})
	}
	return list
}

func forgedTokensOpenNothing(t *testing.T, w *world) {
	for _, f := range forgeries(t, w) {
		t.Run(f.name, func(t *testing.T) {
			w.unchanged(t, func() {
				for _, c := range guardedRoutes(w) {
					c.Header = http.Header{"Authorization": {f.authorization}}
					got := w.api(t).do(c)
					if got.Status != http.StatusUnauthorized || got.Header.Get("WWW-Authenticate") == "" {
						t.Errorf("%s %s: %d %.200s", c.Method, c.Path, got.Status, got.Body)
					}
					got.wantOutcome(t, http.StatusUnauthorized, "login")
				}
			})
		})
	}
	// The same routes open for the real thing, or the test above proves nothing.
	t.Run("the real token", func(t *testing.T) {
		for _, c := range guardedRoutes(w)[:4] {
			c.Token = w.owner.AccessToken
			if got := w.api(t).do(c); got.Status >= 300 {
				t.Errorf("%s %s: %d %.200s", c.Method, c.Path, got.Status, got.Body)
			}
		}
	})
}

// A token is good for its own project alone.
func aTokenOfAnotherProjectOpensNothingHere(t *testing.T, w *world) {
	project := w.owner.projectID()
	for _, tc := range []struct {
		call
		statuses []int
	}{
		{call{Method: http.MethodGet, Path: "/admin/projects/" + project}, []int{403, 404}},
		{call{Method: http.MethodGet, Path: "/admin/projects/" + project + "/members/" + w.ownerMembership}, []int{403, 404}},
		{call{Method: http.MethodDelete, Path: "/admin/projects/" + project + "/members/" + w.ownerMembership}, []int{403, 404}},
		{call{Method: http.MethodPost, Path: "/admin/projects/" + project + "/invite", Body: `{"resourceType":"Practitioner","firstName":"A","lastName":"B","email":"cross@example.com"}`}, []int{403, 404}},
		{call{Method: http.MethodPost, Path: "/admin/projects/" + project + "/client", Body: `{"name":"x"}`}, []int{403, 404}},
		{call{Method: http.MethodPost, Path: "/admin/projects/setpassword", Body: quote(`{"email":"patient@clinic.example","password":%q}`, aPassword)}, []int{400, 403, 404}},
		{call{Method: http.MethodGet, Path: "/fhir/R4/Project/" + project}, []int{403, 404}},
		{call{Method: http.MethodGet, Path: "/fhir/R4/ProjectMembership/" + w.ownerMembership}, []int{403, 404}},
		{call{Method: http.MethodGet, Path: "/fhir/R4/ClientApplication/" + w.clientID}, []int{403, 404}},
		{call{Method: http.MethodGet, Path: "/fhir/R4/Patient/" + w.patient}, []int{404}},
		{call{Method: http.MethodGet, Path: "/fhir/R4/Patient/" + w.patient + "/_history"}, []int{404}},
		{call{Method: http.MethodPut, Path: "/fhir/R4/Patient/" + w.patient, Body: `{"resourceType":"Patient","id":"` + w.patient + `"}`}, []int{403, 404}},
		{call{Method: http.MethodDelete, Path: "/fhir/R4/Patient/" + w.patient}, []int{403, 404}},
		{call{Method: http.MethodPost, Path: "/auth/revoke", Body: quote(`{"loginId":%q}`, w.owner.Login)}, []int{404}},
	} {
		t.Run(tc.Method+" "+tc.Path, func(t *testing.T) {
			tc.Token, tc.ContentType = w.other.AccessToken, "application/json"
			w.unchanged(t, func() { w.api(t).do(tc.call).wantStatus(t, tc.statuses...) })
		})
	}
	t.Run("search finds only one's own", func(t *testing.T) {
		for _, path := range []string{"/fhir/R4/Patient", "/fhir/R4/Patient?_id=" + w.patient, "/fhir/R4/Patient?_project=" + project} {
			got := w.api(t).do(call{Method: http.MethodGet, Path: path, Token: w.other.AccessToken})
			if strings.Contains(string(got.Body), `"entry"`) {
				t.Errorf("%s shows another project's patient: %.300s", path, got.Body)
			}
		}
	})
}

// Codes and refresh tokens are refused in OAuth's own words, with 400 as Medplum's clients expect.
func badGrantsAreRefusedInOAuthsWords(t *testing.T, w *world) {
	for _, tc := range []struct {
		name   string
		fields url.Values
	}{
		{"no grant type", url.Values{"code": {"x"}}},
		{"an unknown grant type", url.Values{"grant_type": {"password"}, "username": {"owner@clinic.example"}, "password": {aPassword}}},
		{"two grant types", url.Values{"grant_type": {"client_credentials", "authorization_code"}, "client_id": {w.clientID}, "client_secret": {w.clientSecret}}},
		{"an unknown code", url.Values{"grant_type": {"authorization_code"}, "code": {strings.Repeat("0", 32)}, "code_verifier": {recordedVerifier}}},
		{"a code of nonsense", url.Values{"grant_type": {"authorization_code"}, "code": {"a\x00b"}, "code_verifier": {recordedVerifier}}},
		{"an access token to refresh with", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {w.owner.AccessToken}}},
		{"an id_token to refresh with", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {w.owner.IDToken}}},
		{"the refresh token of a revoked login", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {w.revoked.RefreshToken}}},
		{"the refresh token of a removed member", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {w.removed.RefreshToken}}},
		{"a client of nonsense", url.Values{"grant_type": {"client_credentials"}, "client_id": {"' OR 1=1--"}, "client_secret": {"x"}}},
		{"a client with an empty secret", url.Values{"grant_type": {"client_credentials"}, "client_id": {w.clientID}, "client_secret": {""}}},
		{"a client with a wrong secret", url.Values{"grant_type": {"client_credentials"}, "client_id": {w.clientID}, "client_secret": {strings.Repeat("f", 64)}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w.unchanged(t, func() {
				got := w.api(t).form("/oauth2/token", tc.fields)
				if got.Status != http.StatusBadRequest || got.field(t, "error") == "" || got.field(t, "error_description") == "" {
					t.Errorf("%d %s", got.Status, got.Body)
				}
				if strings.Contains(string(got.Body), "access_token") {
					t.Errorf("a token: %s", got.Body)
				}
			})
		})
	}
}

func parts(t *testing.T, token string) (header, claims map[string]any, signature string) {
	t.Helper()
	three := strings.Split(token, ".")
	if len(three) != 3 {
		t.Fatalf("not a JWT: %s", token)
	}
	for i, into := range []*map[string]any{&header, &claims} {
		data, err := base64.RawURLEncoding.DecodeString(three[i])
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(data, into); err != nil {
			t.Fatal(err)
		}
	}
	return header, claims, three[2]
}

func encode(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(data)
}

func signHS256(t *testing.T, key []byte, header, claims map[string]any) string {
	input := encode(t, header) + "." + encode(t, claims)
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(input))
	return input + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func signES256(t *testing.T, key *ecdsa.PrivateKey, header, claims map[string]any) string {
	t.Helper()
	input := encode(t, header) + "." + encode(t, claims)
	digest := sha256.Sum256([]byte(input))
	r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	signature := append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	return input + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func signRS256(t *testing.T, header, claims map[string]any) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	input := encode(t, header) + "." + encode(t, claims)
	digest := sha256.Sum256([]byte(input))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	return input + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// publicKey is the key that the server itself publishes.
func (w *world) publicKey(t *testing.T) *ecdsa.PublicKey {
	t.Helper()
	var set struct{ Keys []struct{ X, Y string } }
	w.api(t).do(call{Method: http.MethodGet, Path: "/.well-known/jwks.json"}).into(t, &set)
	if len(set.Keys) == 0 {
		t.Fatal("no public key")
	}
	x, err1 := base64.RawURLEncoding.DecodeString(set.Keys[0].X)
	y, err2 := base64.RawURLEncoding.DecodeString(set.Keys[0].Y)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), slices.Concat([]byte{4}, x, y)) // SEC 1 §2.3.3
	if err != nil {
		t.Fatal(err)
	}
	return key
}
