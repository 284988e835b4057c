package oauth_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jws"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/pkg/oauth"
	"github.com/admitdev/admit/pkg/store"
)

// keyHolder is a client with its keys, which it publishes.
type keyHolder struct {
	w       *world
	address string
	rsa     *rsa.PrivateKey
	ec      *ecdsa.PrivateKey

	mu      sync.Mutex
	keys    []jwk.Key
	asked   int
	status  int
	control string
}

func newKeyHolder(t *testing.T, w *world) *keyHolder {
	h := &keyHolder{w: w, status: http.StatusOK}
	var err error
	h.rsa, err = rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	h.ec, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	h.publish("r1", h.rsa.Public())
	h.publish("e1", h.ec.Public())
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.asked++
		out.Header().Set("Cache-Control", h.control)
		out.WriteHeader(h.status)
		_ = json.NewEncoder(out).Encode(map[string]any{"keys": h.keys})
	}))
	t.Cleanup(server.Close)
	h.address = server.URL + "/jwks.json"
	w.people.changeClient("client-a", func(c *oauth.Client) { c.JWKSURI = h.address })
	return h
}

func (h *keyHolder) publish(kid string, raw any) {
	h.w.t.Helper()
	key, err := jwk.FromRaw(raw)
	require.NoError(h.w.t, err)
	require.NoError(h.w.t, key.Set(jwk.KeyIDKey, kid))
	h.mu.Lock()
	defer h.mu.Unlock()
	h.keys = append(h.keys, key)
}

func (h *keyHolder) serves(status int, control string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.status, h.control = status, control
}

func (h *keyHolder) askings() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.asked
}

// made is an assertion as it should be, until something changes it.
type made struct {
	alg    jwa.SignatureAlgorithm
	key    any
	header map[string]any
	claims map[string]any
}

func (h *keyHolder) assertion(change ...func(*made)) string {
	h.w.t.Helper()
	now := h.w.clock.Now()
	m := made{jwa.ES384, h.ec, map[string]any{"kid": "e1", "typ": "JWT"}, map[string]any{
		"iss": "client-a", "sub": "client-a", "aud": issuer + "oauth2/token", "exp": now.Add(4 * time.Minute).Unix(), "jti": rand.Text(),
	}}
	for _, fn := range change {
		fn(&m)
	}
	payload, err := json.Marshal(m.claims)
	require.NoError(h.w.t, err)
	header := jws.NewHeaders()
	for name, value := range m.header {
		require.NoError(h.w.t, header.Set(name, value))
	}
	signed, err := jws.Sign(payload, jws.WithKey(m.alg, m.key, jws.WithProtectedHeaders(header)))
	require.NoError(h.w.t, err)
	return string(signed)
}

func by(assertion string, more ...string) []string {
	return append([]string{"client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "client_assertion", assertion}, more...)
}

func (h *keyHolder) ask(assertion string, more ...string) answer {
	h.w.t.Helper()
	return h.w.form("/oauth2/token", nil, by(assertion, append([]string{"grant_type", "client_credentials"}, more...)...)...)
}

func claim(name string, value any) func(*made) { return func(m *made) { m.claims[name] = value } }
func without(name string) func(*made)          { return func(m *made) { delete(m.claims, name) } }
func header(name string, value any) func(*made) {
	return func(m *made) { m.header[name] = value }
}

func aClientShowsItselfByItsKey(t *testing.T, w *world) {
	h := newKeyHolder(t, w)
	withRSA := func(m *made) { m.alg, m.key, m.header["kid"] = jwa.RS384, h.rsa, "r1" }
	for _, assertion := range []string{
		h.assertion(), h.assertion(withRSA), h.assertion(claim("aud", issuer)), h.assertion(claim("aud", []string{issuer + "oauth2/token"})),
		h.assertion(header("jku", h.address)), h.assertion(claim("exp", w.clock.Now().Add(5*time.Minute).Unix())),
	} {
		got := h.ask(assertion, "scope", "system/Patient.rs")
		require.Equal(t, 200, got.status, got.body)
		require.Equal(t, "system/Patient.rs", got.text("scope"))
		require.Equal(t, "client-a", claims(t, got.text("access_token"))["sub"])
		w.wantLive(got.text("access_token"))
	}
	require.Equal(t, 200, h.ask(h.assertion(), "client_id", "client-a").status)
	require.Equal(t, 1, h.askings(), "keys are kept")
}

func anAssertionIsRefused(t *testing.T, w *world) {
	h := newKeyHolder(t, w)
	now := w.clock.Now()
	other, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	h.publish("p256", p256.Public())
	h.publish("short", short.Public())
	h.publish("private", other)
	w.people.changeClient("client-b", func(c *oauth.Client) { c.JWKSURI = h.address })
	const badSignature, unsupported, invalid = "Invalid client assertion signature", "Unsupported client assertion algorithm", "Invalid client assertion"
	signed := func(alg jwa.SignatureAlgorithm, key crypto.PrivateKey, kid string) func(*made) {
		return func(m *made) { m.alg, m.key, m.header["kid"] = alg, key, kid }
	}
	for _, tc := range []struct {
		name   string
		change func(*made)
		want   string
	}{
		{"RS256", signed(jwa.RS256, h.rsa, "r1"), unsupported},
		{"PS384", signed(jwa.PS384, h.rsa, "r1"), unsupported},
		{"ES256", signed(jwa.ES256, p256, "p256"), unsupported},
		{"HS384 with the public key", signed(jwa.HS384, []byte("anything"), "r1"), unsupported},
		{"a short RSA key", signed(jwa.RS384, short, "short"), badSignature},
		{"a private key that was published", signed(jwa.ES384, other, "private"), badSignature},
		{"another's key under the client's kid", signed(jwa.ES384, other, "e1"), badSignature},
		{"a key of the other kind", signed(jwa.RS384, h.rsa, "e1"), badSignature},
		{"an unknown kid", header("kid", "e2"), badSignature},
		{"no kid", func(m *made) { delete(m.header, "kid") }, invalid},
		{"a jku that is not the client's", header("jku", "https://evil.example/jwks.json"), invalid},
		{"no sub", without("sub"), invalid},
		{"iss is not sub", claim("iss", "client-b"), "Invalid client assertion issuer"},
		{"no iss", without("iss"), "Invalid client assertion issuer"},
		{"another client", func(m *made) { m.claims["iss"], m.claims["sub"] = "nobody", "nobody" }, "Client not found"},
		{"another server's token endpoint", claim("aud", "https://evil.example/oauth2/token"), "Invalid client assertion audience"},
		{"several audiences", claim("aud", []string{issuer + "oauth2/token", "https://evil.example/"}), "Invalid client assertion audience"},
		{"no aud", without("aud"), "Invalid client assertion audience"},
		{"no exp", without("exp"), "Client assertion without exp"},
		{"exp that is no number", claim("exp", "soon"), invalid},
		{"exp beyond all time", claim("exp", 1e300), "Client assertion without exp"},
		{"expired", claim("exp", now.Unix()), "Client assertion expired"},
		{"good for too long", claim("exp", now.Add(5*time.Minute+time.Second+time.Second).Unix()), "Client assertion good for more than five minutes"},
		{"not good yet", claim("nbf", now.Add(2*time.Minute).Unix()), "Client assertion not good yet"},
		{"no jti", without("jti"), "Client assertion without jti"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := h.ask(h.assertion(tc.change))
			require.Equal(t, 400, got.status)
			require.Equal(t, "invalid_request: "+tc.want, got.oauthError())
		})
	}
	unsigned := "eyJhbGciOiJub25lIiwia2lkIjoiZTEifQ." + between(h.assertion()) + "."
	require.Equal(t, "invalid_request: "+unsupported, h.ask(unsigned).oauthError())
	two := "invalid_request: A client shows who it is in one way"
	require.Equal(t, two, h.ask(h.assertion(), "client_secret", clientSecret).oauthError())
	require.Equal(t, two, w.form("/oauth2/token", basic("client-a", clientSecret), by(h.assertion(), "grant_type", "client_credentials")...).oauthError())
	require.Equal(t, "invalid_request: Incorrect client", h.ask(h.assertion(), "client_id", "client-b").oauthError())
	require.Equal(t, "invalid_request: Unsupported client assertion type", w.form("/oauth2/token", nil, "grant_type", "client_credentials", "client_assertion", h.assertion()).oauthError())
	w.people.changeClient("client-a", func(c *oauth.Client) { c.Active = false })
	require.Equal(t, "invalid_request: Invalid client", h.ask(h.assertion()).oauthError())
	w.people.changeClient("client-a", func(c *oauth.Client) { c.Active, c.JWKSURI = true, "" })
	require.Equal(t, "invalid_request: Client must have a JWK Set URL", h.ask(h.assertion()).oauthError())
}

// between is the payload of a token.
func between(token string) string {
	first, last := 0, 0
	for i, b := range []byte(token) {
		if b == '.' && first == 0 {
			first = i + 1
		} else if b == '.' {
			last = i
		}
	}
	return token[first:last]
}

func anAssertionIsGoodOnce(t *testing.T, w *world) {
	h := newKeyHolder(t, w)
	_, base := w.serve(false)
	second := *w
	second.base = base
	assertion := h.assertion(claim("jti", "once"))
	statuses := make(chan int, 10)
	for i := range 10 {
		at := []*world{w, &second}[i%2] // processes share what was used
		go func() {
			statuses <- at.form("/oauth2/token", nil, by(assertion, "grant_type", "client_credentials")...).status
		}()
	}
	counts := map[int]int{}
	for range 10 {
		counts[<-statuses]++
	}
	require.Equal(t, map[int]int{200: 1, 400: 9}, counts)
	require.Equal(t, "invalid_request: Client assertion already used", h.ask(h.assertion(claim("jti", "once"))).oauthError(), "in another assertion too")
	forged := h.assertion(claim("jti", "later"), header("kid", "r1"))
	require.Equal(t, 400, h.ask(forged).status)
	require.Equal(t, 200, h.ask(h.assertion(claim("jti", "later"))).status, "whoever forges uses nothing up")
	w.people.changeClient("client-b", func(c *oauth.Client) { c.JWKSURI = h.address })
	require.Equal(t, 200, h.ask(h.assertion(claim("jti", "once"), claim("iss", "client-b"), claim("sub", "client-b"))).status, "each client counts for itself")
	w.clock.move(26 * time.Hour)
	require.NoError(t, w.store.ForgetRunOut(t.Context()))
	require.Equal(t, 200, h.ask(h.assertion(claim("jti", "once"))).status, "what has expired is forgotten")
}

func everyEndpointTakesAnAssertion(t *testing.T, w *world) {
	h := newKeyHolder(t, w)
	ofA := func(l *store.Login) { l.Client = "client-a" }
	exchange := func(assertion string) answer {
		_, code := w.login(ofA)
		return w.exchange(code, by(assertion)...)
	}
	require.Equal(t, 400, exchange(h.assertion(without("jti"))).status)
	got := exchange(h.assertion())
	require.Equal(t, 200, got.status, got.body)
	require.Equal(t, 400, w.refresh(got.text("refresh_token"), by(h.assertion(header("kid", "e2")))...).status)
	got = w.refresh(got.text("refresh_token"), by(h.assertion())...)
	require.Equal(t, 200, got.status, got.body)

	token := got.text("access_token")
	for _, path := range []string{"/oauth2/introspect", "/oauth2/revoke"} {
		refused := w.form(path, nil, by(h.assertion(without("jti")), "token", token)...)
		require.Equal(t, 401, refused.status)
		require.Equal(t, "invalid_client", refused.text("error"))
		require.Equal(t, 401, w.form(path, nil, "client_id", "client-a", "token", token).status, "a client with keys shows who it is")
		w.wantLive(token)
	}
	require.Equal(t, true, w.form("/oauth2/introspect", nil, by(h.assertion(), "token", token)...).json["active"])
	require.Equal(t, 200, w.form("/oauth2/revoke", nil, by(h.assertion(), "token", token)...).status)
	w.wantRefused(bearer(token))

	w.people.changeClient("client-a", func(c *oauth.Client) { c.PKCEOptional = true })
	bare := func(l *store.Login) { l.Client, l.CodeChallenge, l.CodeChallengeMethod = "client-a", "", "" }
	_, code := w.login(bare)
	plain := []string{"grant_type", "authorization_code", "code", code}
	require.Equal(t, "invalid_client: The client must show who it is", w.form("/oauth2/token", nil, append(plain, "client_id", "client-a")...).oauthError())
	require.Equal(t, 200, w.form("/oauth2/token", nil, by(h.assertion(), plain...)...).status)
}

func privateAddressesAreNotAskedForKeys(t *testing.T, w *world) {
	h := newKeyHolder(t, w)
	_, base := w.serveWith(oauth.Options{})
	strict := *w
	strict.base = base
	got := strict.form("/oauth2/token", nil, by(h.assertion(), "grant_type", "client_credentials")...)
	require.Equal(t, "invalid_request: The client's JWK Set cannot be read", got.oauthError())
	require.Zero(t, h.askings())
}

func aClientsKeysAreAskedForAnewWhenTheyChange(t *testing.T, w *world) {
	h := newKeyHolder(t, w)
	next, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	withNext := func(m *made) { m.key, m.header["kid"] = next, "e2" }
	require.Equal(t, 200, h.ask(h.assertion()).status)
	h.publish("e2", next.Public())
	for range 3 {
		require.Equal(t, 400, h.ask(h.assertion(withNext)).status, "made-up ids do not make us ask each time")
	}
	require.Equal(t, 1, h.askings())
	w.clock.move(6 * time.Second)
	require.Equal(t, 200, h.ask(h.assertion(withNext)).status)
	require.Equal(t, 2, h.askings())

	w.clock.move(6 * time.Second)
	h.serves(http.StatusInternalServerError, "")
	require.Equal(t, 400, h.ask(h.assertion(header("kid", "e9"))).status)
	require.Equal(t, 200, h.ask(h.assertion()).status, "a failure ends no keys before their time")
	w.clock.move(6 * time.Minute)
	require.Equal(t, "invalid_request: The client's JWK Set cannot be read", h.ask(h.assertion()).oauthError())
	w.clock.move(6 * time.Second)
	h.serves(http.StatusOK, "max-age=30")
	require.Equal(t, 200, h.ask(h.assertion()).status)
	before := h.askings()
	w.clock.move(20 * time.Second)
	require.Equal(t, 200, h.ask(h.assertion()).status)
	require.Equal(t, before, h.askings())
	w.clock.move(20 * time.Second)
	require.Equal(t, 200, h.ask(h.assertion()).status)
	require.Equal(t, before+1, h.askings(), "no longer than Cache-Control says")
}
