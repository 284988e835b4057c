package apptest_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jws"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/pkg/secret"
)

// provider is a small OpenID provider, which can also misbehave.
type provider struct {
	t   testing.TB
	URL string
	key jwk.Key

	mu    sync.Mutex
	codes map[string]*journeyAt
	// who is signed in at the provider: the claims that it tells.
	who map[string]any
	// bend changes the ID token before it is signed, sign is how that is done.
	bend func(claims map[string]any)
	sign func(claims map[string]any) string
	// answers replace what a path answers.
	answers map[string]http.HandlerFunc
	// describe changes the discovery document.
	describe func(map[string]any)
	asked    map[string]int
}

// journeyAt is an authorization request that was granted.
type journeyAt struct {
	redirect, nonce, challenge string
	who                        map[string]any
}

const (
	providerClient = "admit at the provider"
	providerSecret = "a secret/with signs+0123456789"
)

func newProvider(t testing.TB) *provider {
	p := &provider{t: t, key: newProviderKey(t), codes: map[string]*journeyAt{}, answers: map[string]http.HandlerFunc{}, asked: map[string]int{}}
	p.sign = func(claims map[string]any) string { return signJWT(t, p.key, claims, nil) }
	mux := http.NewServeMux()
	for path, answer := range map[string]http.HandlerFunc{
		"/.well-known/openid-configuration": p.configuration, "/authorize": p.authorize, "/token": p.token, "/jwks": p.jwks, "/userinfo": p.userinfo,
	} {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			p.mu.Lock()
			replaced := p.answers[path]
			p.asked[path]++
			p.mu.Unlock()
			if replaced != nil {
				replaced(w, r)
				return
			}
			answer(w, r)
		})
	}
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	p.URL = server.URL
	return p
}

func newProviderKey(t testing.TB) jwk.Key {
	raw, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	key, err := jwk.FromRaw(raw)
	require.NoError(t, err)
	require.NoError(t, key.Set(jwk.KeyIDKey, secret.Token(4)))
	return key
}

// signJWT signs claims with a key, with further headers.
func signJWT(t testing.TB, key jwk.Key, claims map[string]any, further map[string]any) string {
	payload, err := json.Marshal(claims)
	require.NoError(t, err)
	headers := jws.NewHeaders()
	for name, value := range further {
		require.NoError(t, headers.Set(name, value))
	}
	signed, err := jws.Sign(payload, jws.WithKey(jwa.ES256, key, jws.WithProtectedHeaders(headers)))
	require.NoError(t, err)
	return string(signed)
}

// config is the identityProvider of a client or a domain.
func (p *provider) config(more string) string {
	return `{"authorizeUrl":"` + p.URL + `/authorize","tokenUrl":"` + p.URL + `/token","userInfoUrl":"` + p.URL + `/userinfo","clientId":"` +
		providerClient + `","clientSecret":"` + providerSecret + `"` + more + `}`
}

func (p *provider) configuration(w http.ResponseWriter, _ *http.Request) {
	document := map[string]any{
		"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/jwks",
		"userinfo_endpoint": p.URL + "/userinfo", "id_token_signing_alg_values_supported": []string{"ES256", "none", "HS256"},
		"authorization_response_iss_parameter_supported": true,
	}
	if p.describe != nil {
		p.describe(document)
	}
	answerJSON(w, document)
}

func answerJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func (p *provider) authorize(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	if query.Get("client_id") != providerClient || query.Get("response_type") != "code" || query.Get("code_challenge_method") != "S256" {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	p.mu.Lock()
	code := secret.Token(8)
	p.codes[code] = &journeyAt{query.Get("redirect_uri"), query.Get("nonce"), query.Get("code_challenge"), maps.Clone(p.who)}
	p.mu.Unlock()
	back := url.Values{"code": {code}, "state": {query.Get("state")}, "iss": {p.URL}}
	http.Redirect(w, r, query.Get("redirect_uri")+"?"+back.Encode(), http.StatusFound)
}

func (p *provider) token(w http.ResponseWriter, r *http.Request) {
	id, password, _ := r.BasicAuth()
	id, _ = url.QueryUnescape(id)
	password, _ = url.QueryUnescape(password)
	if id == "" {
		id, password = r.FormValue("client_id"), r.FormValue("client_secret")
	}
	p.mu.Lock()
	at := p.codes[r.FormValue("code")]
	delete(p.codes, r.FormValue("code"))
	p.mu.Unlock()
	sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
	if id != providerClient || password != providerSecret || at == nil || at.redirect != r.FormValue("redirect_uri") ||
		at.challenge != base64.RawURLEncoding.EncodeToString(sum[:]) {
		w.WriteHeader(http.StatusBadRequest)
		answerJSON(w, map[string]any{"error": "invalid_grant"})
		return
	}
	answerJSON(w, map[string]any{
		"access_token": p.access(at.who), "token_type": "Bearer", "expires_in": 300, "id_token": p.idToken(at.who, at.nonce),
	})
}

// idToken is an ID token about who.
func (p *provider) idToken(who map[string]any, nonce string) string {
	claims := map[string]any{"iss": p.URL, "aud": providerClient, "exp": time.Now().Add(time.Minute).Unix(), "iat": time.Now().Unix(), "nonce": nonce}
	maps.Copy(claims, who)
	if p.bend != nil {
		p.bend(claims)
	}
	return p.sign(claims)
}

// access is an opaque access token about who.
func (p *provider) access(who map[string]any) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	token := "opaque-" + secret.Token(8)
	p.codes[token] = &journeyAt{who: who}
	return token
}

func (p *provider) jwks(w http.ResponseWriter, _ *http.Request) {
	public, err := p.key.PublicKey()
	require.NoError(p.t, err)
	set := jwk.NewSet()
	require.NoError(p.t, set.AddKey(public))
	answerJSON(w, set)
}

func (p *provider) userinfo(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	at := p.codes[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
	p.mu.Unlock()
	if at == nil {
		http.Error(w, "{}", http.StatusUnauthorized)
		return
	}
	answerJSON(w, at.who)
}

// person is somebody whom the provider knows.
func person(subject, email string) map[string]any {
	return map[string]any{"sub": subject, "email": email, "email_verified": true}
}

// there goes to the provider as who, and is on the way back: the address is that of our callback.
func (p *provider) there(v *visitor, start string, who map[string]any) (back string) {
	p.t.Helper()
	p.who = who
	v.send(http.MethodGet, start, nil)
	require.Equal(p.t, http.StatusSeeOther, v.status, v.page)
	v.send(http.MethodGet, v.header.Get("Location"), nil)
	require.Equal(p.t, http.StatusFound, v.status, v.page)
	return v.header.Get("Location")
}

// signIn goes there and comes back.
func (p *provider) signIn(v *visitor, start string, who map[string]any) *visitor {
	p.t.Helper()
	return v.send(http.MethodGet, p.there(v, start, who), nil, "Accept", "text/html")
}
