package oauth_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jws"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/pkg/oauth"
)

func onlyAnAccessTokenOpensTheServer(t *testing.T, w *world) {
	got := w.tokens()
	w.wantLive(got.text("access_token"))
	for _, other := range []string{"id_token", "refresh_token"} {
		w.wantRefused(bearer(got.text(other)))
	}
	for _, other := range []string{"id_token", "access_token"} {
		require.Equal(t, "invalid_request: Invalid refresh token", w.refresh(got.text(other)).oauthError())
	}
}

func theHeaderIsOneTokenExactly(t *testing.T, w *world) {
	token := w.tokens().text("access_token")
	for name, values := range map[string][]string{
		"two tokens":         {"Bearer " + token + " " + token},
		"two spaces":         {"Bearer  " + token},
		"trailing words":     {"Bearer " + token + " x"},
		"no scheme":          {token},
		"another scheme":     {"Token " + token},
		"no token":           {"Bearer "},
		"two headers":        {"Bearer " + token, "Bearer " + token},
		"a list":             {"Bearer " + token + "," + token},
		"junk":               {"Bearer junk"},
		"JSON serialization": {`Bearer {"payload":"","signatures":[]}`},
	} {
		t.Run(name, func(t *testing.T) {
			w := *w
			w.t = t
			got := w.wantRefused(http.Header{"Authorization": values})
			require.Equal(t, `Bearer realm="`+issuer+`"`, got.header.Get("WWW-Authenticate"))
		})
	}
	w.wantRefused(nil)
	require.Equal(t, `Basic realm="`+issuer+`"`, w.wantRefused(basic("client-a", "x")).header.Get("WWW-Authenticate"))
	prompt := w.do("GET", "/protected?_medplum-prompt-basic-auth", "", nil, "")
	require.Equal(t, `Basic realm="`+issuer+`"`, prompt.header.Get("WWW-Authenticate"))
}

// forged signs claims with a key of a stranger.
func forged(t *testing.T, algorithm jwa.SignatureAlgorithm, key any, kid string, of map[string]any) string {
	t.Helper()
	payload, err := json.Marshal(of)
	require.NoError(t, err)
	header := jws.NewHeaders()
	require.NoError(t, header.Set("kid", kid))
	token, err := jws.Sign(payload, jws.WithKey(algorithm, key, jws.WithProtectedHeaders(header)))
	require.NoError(t, err)
	return string(token)
}

func unsigned(header string, of map[string]any) string {
	payload, _ := json.Marshal(of)
	return base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString(payload) + "."
}

func forgedTokensAreRefused(t *testing.T, w *world) {
	good := w.tokens().text("access_token")
	of := claims(t, good)
	rawHeader, err := base64.RawURLEncoding.DecodeString(strings.Split(good, ".")[0])
	require.NoError(t, err)
	var header struct{ Kid, Alg, Typ string }
	require.NoError(t, json.Unmarshal(rawHeader, &header))
	require.Equal(t, "ES256", header.Alg)
	require.Equal(t, "JWT", header.Typ)
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	jwks := w.do("GET", "/.well-known/jwks.json", "", nil, "").body
	parts := strings.Split(good, ".")
	for name, token := range map[string]string{
		"alg none":                unsigned(`{"alg":"none","kid":"`+header.Kid+`"}`, of),
		"alg none without kid":    unsigned(`{"alg":"none"}`, of),
		"foreign key, our kid":    forged(t, jwa.ES256, stranger, header.Kid, of),
		"foreign key, its kid":    forged(t, jwa.ES256, stranger, "stranger", of),
		"foreign key, no kid":     forged(t, jwa.ES256, stranger, "", of),
		"HS256 of public key":     forged(t, jwa.HS256, []byte(jwks), header.Kid, of),
		"another payload":         parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`{}`)) + "." + parts[2],
		"signature cut":           good[:len(good)-4],
		"signature removed":       parts[0] + "." + parts[1] + ".",
		"longer than any of ours": good + strings.Repeat("A", 9<<10),
	} {
		t.Run(name, func(t *testing.T) {
			w := *w
			w.t = t
			w.wantRefused(bearer(token))
		})
	}
	w.wantLive(good)
}

// TestTokensForOthersAreRefused signs with the server's own key: a server of another address on
// the same database does.
func tokensForOthersAreRefused(t *testing.T, w *world) {
	good := w.tokens().text("access_token")
	sign := oauth.SignForTest(w.oauth)
	base := claims(t, good)
	w.wantLive(sign(t, base))
	for name, change := range map[string]any{
		"iss": "http://other.example/", "aud": "http://other.example/", "token_use": "id",
		"exp": w.clock.Now().Unix(), "nbf": w.clock.Now().Add(time.Minute).Unix(), "login_id": "",
	} {
		t.Run(name, func(t *testing.T) {
			w := *w
			w.t = t
			of := maps.Clone(base)
			of[name] = change
			w.wantRefused(bearer(sign(t, of)))
			delete(of, name)
			if name != "nbf" {
				w.wantRefused(bearer(sign(t, of)))
			}
		})
	}
}

func aTokenEndsWithItsLoginAndItsTime(t *testing.T, w *world) {
	token := w.tokens().text("access_token")
	w.wantLive(token)
	require.Equal(t, 200, w.do("POST", "/oauth2/logout", "", bearer(token), "").status)
	w.wantRefused(bearer(token))
	require.Equal(t, 401, w.do("POST", "/oauth2/logout", "", bearer(token), "").status)

	token = w.tokens().text("access_token")
	w.wantLive(token)
	w.clock.move(time.Hour)
	w.wantRefused(bearer(token)) // from the cache of verified tokens too
}

func anUnchosenLoginGivesNoAccess(t *testing.T, w *world) {
	login, _ := w.login()
	_, err := w.oauth.LiveLogin(t.Context(), login.ID)
	require.Error(t, err, "its code was not exchanged yet")
}

func basicOpensTheServerForClients(t *testing.T, w *world) {
	w.setSecret("client-a", projectA, "plain")
	got := w.do("GET", "/protected", "", basic("client-a", "plain"), "")
	require.Equal(t, 200, got.status)
	require.Equal(t, "member-client-a", got.text("Membership"))
	w.wantRefused(basic("client-a", "wrong"))
	w.wantRefused(basic("client-a", ""))
	w.wantRefused(basic("nobody", "plain"))
	w.wantRefused(http.Header{"Authorization": {"Basic !"}})

	w.people.changeMembership("member-client-a", func(m *oauth.Membership) { m.Active = false })
	w.wantRefused(basic("client-a", "plain"))
	w.people.changeMembership("member-client-a", func(m *oauth.Membership) { m.Active = true })
	w.people.changeClient("client-a", func(c *oauth.Client) { c.Active = false })
	w.wantRefused(basic("client-a", "plain"))
}
