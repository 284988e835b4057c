package apptest_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/admitdev/admit/cmd/admit/apptest"
)

// forge is the member's token with another header, signed by sign.
func (a *attacked) forge(t *testing.T, header map[string]any, sign func(header, claims map[string]any) string) string {
	t.Helper()
	own, claims, _ := parts(t, a.member.Token)
	for name, value := range header {
		own[name] = value
	}
	return sign(own, claims)
}

func anyKey(t *testing.T) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return key
}

// serverKeys are the forms in which somebody may have the server's public key.
func (a *attacked) serverKeys(t *testing.T) [][]byte {
	set := a.nobody.GET("/.well-known/jwks.json").WantStatus(http.StatusOK).Body
	key := gjson.GetBytes(set, "keys.0")
	uncompressed := []byte{4}
	for _, name := range []string{"x", "y"} {
		coordinate, err := base64.RawURLEncoding.DecodeString(key.Get(name).String())
		require.NoError(t, err)
		uncompressed = append(uncompressed, coordinate...)
	}
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), uncompressed)
	require.NoError(t, err)
	der, err := x509.MarshalPKIXPublicKey(public)
	require.NoError(t, err)
	return [][]byte{der, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), []byte(key.Raw), set}
}

func tokenAdvisories() []advisory {
	unsignedAs := func(alg string) func(t *testing.T, a *attacked) {
		return func(t *testing.T, a *attacked) {
			_, claims, _ := parts(t, a.member.Token)
			a.opensNothing(t, unsigned(t, claims, alg))
		}
	}
	signedByMe := func(header func(a *attacked, key *ecdsa.PrivateKey) map[string]any) func(t *testing.T, a *attacked) {
		return func(t *testing.T, a *attacked) {
			key := anyKey(t)
			asked := a.idp.asked["/jwks"]
			a.opensNothing(t, a.forge(t, header(a, key), func(h, c map[string]any) string { return signES256(t, key, h, c) }))
			assert.Equal(t, asked, a.idp.asked["/jwks"], "an address in a token was asked")
		}
	}
	return []advisory{
		{"CVE-2015-9235", "jsonwebtoken: HS256 with the public key for a secret", func(t *testing.T, a *attacked) {
			for _, secret := range a.serverKeys(t) {
				a.opensNothing(t, a.forge(t, map[string]any{"alg": "HS256"}, func(h, c map[string]any) string { return signHS256(t, secret, h, c) }))
			}
		}},
		{"CVE-2024-54150", "cjwt: the token chooses another family of algorithms", func(t *testing.T, a *attacked) {
			a.opensNothing(t, a.forge(t, map[string]any{"alg": "RS256"}, func(h, c map[string]any) string { return signRS256(t, h, c) }))
		}},
		{"CVE-2022-23540", "jsonwebtoken: alg none", unsignedAs("none")},
		{"CVE-2018-1000531", "prime-jwt: alg none in another spelling", unsignedAs("nOnE")},
		{"CVE-2020-28042", "ServiceStack: an empty signature", func(t *testing.T, a *attacked) {
			a.opensNothing(t, a.member.Token[:strings.LastIndex(a.member.Token, ".")+1])
		}},
		{"CVE-2022-21449", "Java: an ECDSA signature of zeros", func(t *testing.T, a *attacked) {
			a.opensNothing(t, a.member.Token[:strings.LastIndex(a.member.Token, ".")+1]+base64.RawURLEncoding.EncodeToString(make([]byte, 64)))
		}},
		{"CVE-2018-0114", "node-jose: the key comes with the token", signedByMe(func(_ *attacked, key *ecdsa.PrivateKey) map[string]any {
			encode := func(n *big.Int) string { return base64.RawURLEncoding.EncodeToString(n.FillBytes(make([]byte, 32))) }
			return map[string]any{"jwk": map[string]any{"kty": "EC", "crv": "P-256", "x": encode(key.X), "y": encode(key.Y)}}
		})},
		{"CWE-918", "jku and x5u: the token says where its key is", signedByMe(func(a *attacked, _ *ecdsa.PrivateKey) map[string]any {
			return map[string]any{"jku": a.idp.URL + "/jwks", "x5u": a.idp.URL + "/jwks"}
		})},
		{"CWE-295", "x5c: the token brings its own certificate", signedByMe(func(*attacked, *ecdsa.PrivateKey) map[string]any {
			return map[string]any{"x5c": []string{"MIIB"}}
		})},
		{"CWE-22", "kid: the token names a file", func(t *testing.T, a *attacked) {
			for _, kid := range []string{"../../../../../../dev/null", "/dev/null", "file:///dev/null"} {
				a.opensNothing(t, a.forge(t, map[string]any{"alg": "HS256", "kid": kid}, func(h, c map[string]any) string { return signHS256(t, nil, h, c) }))
			}
		}},
		{"CWE-89", "kid: the token names a query", func(t *testing.T, a *attacked) {
			header := map[string]any{"alg": "HS256", "kid": "x' UNION SELECT 'key' --"}
			a.opensNothing(t, a.forge(t, header, func(h, c map[string]any) string { return signHS256(t, []byte("key"), h, c) }))
		}},
		{"CVE-2022-39227", "python-jwt: two forms of a token in one", func(t *testing.T, a *attacked) {
			part := strings.Split(a.member.Token, ".")
			_, claims, _ := parts(t, a.member.Token)
			claims["profile"] = a.admin.Profile
			a.opensNothing(t, `{"`+part[0]+"."+encode(t, claims)+`.":"","protected":"`+part[0]+`","payload":"`+part[1]+`","signature":"`+part[2]+`"}`)
		}},
		{"CVE-2023-22482", "Argo CD: a token for another audience", func(t *testing.T, a *attacked) {
			a.opensNothing(t, exchangeApp(a.Server, a.app, a.codeOf(a.member)).WantStatus(http.StatusOK).Field("id_token"))
		}},
		{"CWE-1270", "a refresh token opens what an access token does, and the other way round", func(t *testing.T, a *attacked) {
			a.opensNothing(t, a.member.RefreshToken)
			a.nobody.FORM("/oauth2/token", "grant_type=refresh_token&refresh_token="+a.member.Token).WantStatus(http.StatusBadRequest)
		}},
		{"GHSA-gv94-wp4h-vv8p", "Keycloak: Bearer and a tab", func(t *testing.T, a *attacked) {
			for _, value := range []string{"Bearer\t" + a.member.Token, "Bearer  " + a.member.Token, "Bearer " + a.member.Token + " x", a.member.Token} {
				assert.Equal(t, http.StatusUnauthorized, a.nobody.With("Authorization", value).GET("/auth/me").Status, "%.12q", value)
			}
		}},
		{"CVE-2022-29165", "Argo CD: what cannot be read as a token is let in as somebody", func(t *testing.T, a *attacked) {
			for _, token := range []string{"x", "a.b.c", "null", "{}", "eyJhbGciOiJub25lIn0.e30."} {
				a.opensNothing(t, token)
			}
		}},
		{"CVE-2024-34709", "Directus: a session outlives its logout", func(t *testing.T, a *attacked) {
			c := a.Again(apptest.Practitioner)
			c.POST("/oauth2/logout", "").WantStatus(http.StatusOK)
			a.opensNothing(t, c.Token)
			a.nobody.FORM("/oauth2/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {c.RefreshToken}}.Encode()).WantStatus(http.StatusBadRequest)
		}},
		{"CWE-294", "one code is exchanged by several at once", func(t *testing.T, a *attacked) {
			code := a.codeOf(a.member)
			assert.LessOrEqual(t, atOnce(8, func() int { return exchangeApp(a.Server, a.app, code).Status }), 1)
			exchangeApp(a.Server, a.app, code).WantStatus(http.StatusBadRequest)
		}},
		{"CWE-367", "one refresh token gives several successors at once", func(t *testing.T, a *attacked) {
			c := a.Again(apptest.Practitioner)
			form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {c.RefreshToken}}.Encode()
			assert.LessOrEqual(t, atOnce(8, func() int { return a.nobody.FORM("/oauth2/token", form).Status }), 1)
			a.nobody.FORM("/oauth2/token", form).WantStatus(http.StatusBadRequest)
			a.opensNothing(t, c.Token) // and the family has ended
		}},
		{"CWE-525", "an answer with a token or with somebody's data is kept by a cache", func(t *testing.T, a *attacked) {
			for _, got := range []*apptest.Answer{exchangeApp(a.Server, a.app, a.codeOf(a.member)), a.member.GET("/auth/me"), a.member.GET("/fhir/R4/Patient")} {
				assert.Contains(t, got.WantStatus(http.StatusOK).Header.Get("Cache-Control"), "no-store")
			}
			for _, path := range []string{"/auth/me/x.css", "/auth/me%2Fx.css", "/auth/me;x.css"} { // web cache deception
				assert.NotContains(t, string(a.member.GET(path).Body), a.member.Email, path)
			}
		}},
		{"CVE-2025-29927", "Next.js: a header says that who comes was let in already", func(t *testing.T, a *attacked) {
			for name, value := range map[string]string{
				"X-Middleware-Subrequest": "middleware:middleware:middleware", "X-Forwarded-User": a.member.Email, "X-Original-URL": "/healthcheck",
				"X-Rewrite-URL": "/healthcheck", "X-HTTP-Method-Override": "GET", "X-Forwarded-For": "127.0.0.1",
			} {
				assert.Equal(t, http.StatusUnauthorized, a.nobody.With(name, value).GET("/auth/me").Status, name)
			}
		}},
		{"CVE-2016-9877", "RabbitMQ: a name without a password", func(t *testing.T, a *attacked) {
			for _, password := range []string{`""`, `null`, `"        "`, `[]`, `true`} {
				got := a.nobody.POST("/auth/login", `{"email":"`+a.member.Email+`","password":`+password+`}`)
				assert.Equal(t, http.StatusBadRequest, got.Status, password)
			}
			a.nobody.FORM("/oauth2/token", "grant_type=client_credentials&client_id="+a.app).WantStatus(http.StatusBadRequest)
		}},
	}
}
