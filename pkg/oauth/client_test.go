package oauth_test

import (
	"encoding/base64"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/pkg/oauth"
	"github.com/admitdev/admit/pkg/store"
)

func clientCredentials(t *testing.T, w *world) {
	body := w.form("/oauth2/token", nil, "grant_type", "client_credentials", "client_id", "client-a", "client_secret", clientSecret)
	header := w.form("/oauth2/token", basic("client-a", clientSecret), "grant_type", "client_credentials", "scope", "system/Patient.r")
	both := w.form("/oauth2/token", basic("client-a", clientSecret), "grant_type", "client_credentials", "client_id", "client-a", "client_secret", clientSecret)
	for _, got := range []answer{body, header, both} {
		require.Equal(t, 200, got.status, got.body)
		require.NotContains(t, got.json, "refresh_token")
		w.wantLive(got.text("access_token"))
		access, id := claims(t, got.text("access_token")), claims(t, got.text("id_token"))
		require.Equal(t, "client-a", access["sub"])
		require.Equal(t, "client-a", access["client_id"])
		require.Equal(t, "client-a", id["aud"])
		require.NotContains(t, id, "nonce")
		require.Equal(t, float64(int64(id["auth_time"].(float64))), id["auth_time"], "whole seconds")
	}
	require.Equal(t, "openid", body.text("scope"))
	require.Equal(t, "system/Patient.r", header.text("scope"))
}

func clientCredentialsAreRefused(t *testing.T, w *world) {
	raw := http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte("client-a:"+clientSecret))}}
	for _, tc := range []struct {
		name   string
		header http.Header
		pairs  []string
		want   string
	}{
		{"no client", nil, nil, "invalid_request: Missing client_id"},
		{"no secret", nil, []string{"client_id", "client-a"}, "invalid_request: Missing client_secret"},
		{"unknown client", nil, []string{"client_id", "nobody", "client_secret", "x"}, "invalid_request: Invalid client"},
		{"wrong secret", nil, []string{"client_id", "client-a", "client_secret", "x"}, "invalid_request: Invalid secret"},
		{"Bearer header", bearer("x"), nil, "invalid_request: Invalid authorization header"},
		{"header that is not form-encoded", raw, nil, "invalid_request: Invalid authorization header"},
		{"another id in header and body", basic("client-a", clientSecret), []string{"client_id", "client-b"}, "invalid_request: Incorrect client"},
		{"another secret in header and body", basic("client-a", clientSecret), []string{"client_id", "client-a", "client_secret", "x"}, "invalid_request: Incorrect client"},
		{"assertion, junk", nil, []string{"client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "client_assertion", "junk"}, "invalid_request: Invalid client assertion"},
		{"assertion, other type", nil, []string{"client_assertion_type", "x", "client_assertion", "junk"}, "invalid_request: Unsupported client assertion type"},
		{"scope with a quote", basic("client-a", clientSecret), []string{"scope", `a"b`}, "invalid_scope: Invalid scope"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := *w
			w.t = t
			got := w.form("/oauth2/token", tc.header, append([]string{"grant_type", "client_credentials"}, tc.pairs...)...)
			require.Equal(t, 400, got.status)
			require.Equal(t, tc.want, got.oauthError())
		})
	}
}

func whoeverIsInactiveGetsNoToken(t *testing.T, w *world) {
	ask := func() answer {
		return w.form("/oauth2/token", basic("client-a", clientSecret), "grant_type", "client_credentials")
	}
	refused := func() { t.Helper(); require.Equal(t, "invalid_request: Invalid client", ask().oauthError()) }
	require.Equal(t, 200, ask().status)
	w.people.changeMembership("member-client-a", func(m *oauth.Membership) { m.Active = false })
	refused()
	w.people.changeMembership("member-client-a", func(m *oauth.Membership) { m.Active, m.Project = true, projectB })
	refused()
	w.people.changeMembership("member-client-a", func(m *oauth.Membership) { m.Project = projectA })
	w.people.changeClient("client-a", func(c *oauth.Client) { c.Active = false })
	refused()
}

func aRetiringSecretGetsTokensOnly(t *testing.T, w *world) {
	secrets := oauth.ClientSecrets{Store: w.store, Box: w.box}
	set := func(value string) {
		require.NoError(t, w.store.InTx(t.Context(), func(tx *store.Tx) error {
			return secrets.SetRetiringSecret(t.Context(), tx, projectA, "client-a", value)
		}))
	}
	set("former")
	current, retiring, err := secrets.ClientSecrets(t.Context(), nil, projectA, "client-a")
	require.NoError(t, err)
	require.Equal(t, []string{clientSecret, "former"}, []string{current, retiring})
	require.Equal(t, 200, w.form("/oauth2/token", basic("client-a", "former"), "grant_type", "client_credentials").status)
	w.wantRefused(basic("client-a", "former"))
	set("")
	require.Equal(t, 400, w.form("/oauth2/token", basic("client-a", "former"), "grant_type", "client_credentials").status)
}

func theTokenEndpointTakesOneFormOnly(t *testing.T, w *world) {
	got := w.do("POST", "/oauth2/token", "application/json", nil, `{"grant_type":"client_credentials"}`)
	require.Equal(t, 400, got.status)
	require.Equal(t, "Unsupported content type", got.body)
	require.Equal(t, "invalid_request: Missing grant_type", w.form("/oauth2/token", nil).oauthError())
	for _, unsupported := range []string{"password", "implicit", "urn:ietf:params:oauth:grant-type:device_code"} {
		require.Equal(t, "invalid_request: Unsupported grant_type", w.form("/oauth2/token", nil, "grant_type", unsupported).oauthError())
	}
	twice := w.form("/oauth2/token", nil, "grant_type", "refresh_token", "grant_type", "client_credentials")
	require.Equal(t, "invalid_request: A parameter is given twice", twice.oauthError())
	large := w.form("/oauth2/token", nil, "grant_type", string(make([]byte, 9<<10)))
	require.Equal(t, "invalid_request: A parameter is too long", large.oauthError())
	require.Equal(t, 413, w.form("/oauth2/token", nil, "grant_type", string(make([]byte, 2<<20))).status)
}

func aBrokenDatabaseIsNobodysFault(t *testing.T, w *world) {
	got := w.tokens()
	require.NoError(t, w.store.Close())
	for _, broken := range []answer{
		w.form("/oauth2/token", basic("client-a", clientSecret), "grant_type", "client_credentials"),
		w.refresh(got.text("refresh_token")),
		w.exchange("any"),
		w.form("/oauth2/introspect", basic("client-a", clientSecret), "token", got.text("access_token")),
	} {
		require.Equal(t, 500, broken.status, broken.body)
		require.Equal(t, "server_error", broken.text("error"))
	}
	require.Equal(t, 500, w.do("GET", "/oauth2/userinfo", "", bearer(got.text("access_token")), "").status)
}
