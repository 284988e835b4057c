package oauth_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/pkg/oauth"
	"github.com/admitdev/admit/pkg/store"
)

func introspectionIsForClientsOfTheProject(t *testing.T, w *world) {
	got := w.tokens()
	token := got.text("access_token")
	shown := w.form("/oauth2/introspect", basic("client-a", clientSecret), "token", token)
	require.Equal(t, 200, shown.status, shown.body)
	require.Equal(t, true, shown.json["active"])
	require.Equal(t, userID, shown.text("sub"))
	require.Equal(t, issuer, shown.text("iss"))
	require.Equal(t, "openid", shown.text("scope"))
	require.Equal(t, true, w.form("/oauth2/introspect", nil, "token", token, "client_id", "client-a", "client_secret", clientSecret).json["active"])
	require.Equal(t, true, w.form("/oauth2/introspect", bearer(token), "token", token).json["active"])
	require.Equal(t, true, w.form("/oauth2/introspect", bearer(token), "token", got.text("refresh_token")).json["active"])

	inactive := map[string]any{"active": false}
	// A refresh token is its client's, or its login's; an access token is shown to resource servers.
	require.Equal(t, inactive, w.form("/oauth2/introspect", basic("client-a", clientSecret), "token", got.text("refresh_token")).json)
	require.Equal(t, inactive, w.form("/oauth2/introspect", bearer(w.tokens().text("access_token")), "token", got.text("refresh_token")).json)
	own := w.tokensOf(func(l *store.Login) { l.Client = "client-a" })
	require.Equal(t, true, w.form("/oauth2/introspect", basic("client-a", clientSecret), "token", own.text("refresh_token")).json["active"])
	require.Equal(t, inactive, w.form("/oauth2/introspect", basic("client-b", clientSecret), "token", token).json)
	require.Equal(t, inactive, w.form("/oauth2/introspect", basic("client-a", clientSecret), "token", "junk").json)
	require.Equal(t, inactive, w.form("/oauth2/introspect", basic("client-a", clientSecret), "token", got.text("id_token")).json)
	w.refresh(got.text("refresh_token"))
	require.Equal(t, inactive, w.form("/oauth2/introspect", bearer(token), "token", got.text("refresh_token")).json)
	w.do("POST", "/oauth2/logout", "", bearer(token), "")
	require.Equal(t, inactive, w.form("/oauth2/introspect", basic("client-a", clientSecret), "token", token).json)

	for _, refused := range []answer{
		w.form("/oauth2/introspect", nil, "token", token),
		w.form("/oauth2/introspect", nil, "token", token, "client_id", "client-a"),
		w.form("/oauth2/introspect", basic("client-a", "x"), "token", token),
		w.form("/oauth2/introspect", bearer(token), "token", token),
	} {
		require.Equal(t, 401, refused.status)
		require.Equal(t, "invalid_client", refused.text("error"))
		require.True(t, strings.HasPrefix(refused.header.Get("WWW-Authenticate"), "Basic "))
	}
	require.Equal(t, "Token to introspect must be provided", w.form("/oauth2/introspect", basic("client-a", clientSecret)).body)
}

func revocationEndsTheLoginOfTheClientsOwnToken(t *testing.T, w *world) {
	withClient := func(l *store.Login) { l.Client = "client-a" }
	for _, kind := range []string{"access_token", "refresh_token"} {
		got := w.tokensOf(withClient)
		require.Equal(t, 401, w.form("/oauth2/revoke", nil, "token", got.text(kind)).status)
		require.Equal(t, 401, w.form("/oauth2/revoke", basic("client-a", "x"), "token", got.text(kind)).status)
		require.Equal(t, 400, w.form("/oauth2/revoke", basic("client-b", clientSecret), "token", got.text(kind)).status)
		w.wantLive(got.text("access_token"))
		require.Equal(t, 200, w.form("/oauth2/revoke", basic("client-a", clientSecret), "token", got.text(kind)).status)
		w.wantRefused(bearer(got.text("access_token")))
		require.Equal(t, "invalid_grant: Token revoked", w.refresh(got.text("refresh_token")).oauthError())
		require.Equal(t, 200, w.form("/oauth2/revoke", basic("client-a", clientSecret), "token", got.text(kind)).status, "RFC 7009 §2.2")
	}
	require.Equal(t, 200, w.form("/oauth2/revoke", basic("client-a", clientSecret), "token", "junk").status)

	got := w.tokensOf(withClient) // as an application in a browser, which has no secret, ends it (RFC 7009 §2.1)
	require.Equal(t, 400, w.form("/oauth2/revoke", nil, "client_id", "client-b", "token", got.text("refresh_token")).status)
	require.Equal(t, 401, w.form("/oauth2/revoke", nil, "client_id", "nobody", "token", got.text("refresh_token")).status)
	w.wantLive(got.text("access_token"))
	require.Equal(t, 200, w.form("/oauth2/revoke", nil, "client_id", "client-a", "token", got.text("refresh_token")).status)
	w.wantRefused(bearer(got.text("access_token")))
}

func userinfoTellsWhatTheScopeAsksFor(t *testing.T, w *world) {
	ask := func(scope string) map[string]any {
		token := w.tokens(func(l *store.Login) { l.Scope = scope }).text("access_token")
		got := w.do("GET", "/oauth2/userinfo", "", bearer(token), "")
		require.Equal(t, 200, got.status)
		return got.json
	}
	require.Equal(t, map[string]any{"sub": userID}, ask("openid"))
	require.Equal(t, map[string]any{"sub": userID, "email": "ada@example.com", "email_verified": true}, ask("openid email"))
	all := ask("openid profile")
	require.Equal(t, "Practitioner/p1", all["profile"])
	require.Equal(t, "Ada Lovelace", all["name"])
	require.NotContains(t, all, "email")
	require.Equal(t, 401, w.do("GET", "/oauth2/userinfo", "", nil, "").status)
	token := w.tokens().text("access_token")
	w.people.changeMembership("ada", func(m *oauth.Membership) { m.Active = false })
	require.Equal(t, 401, w.do("GET", "/oauth2/userinfo", "", bearer(token), "").status)
}

func discoveryNamesWhatWorks(t *testing.T, w *world) {
	for _, path := range []string{"/.well-known/openid-configuration", "/.well-known/oauth-authorization-server", "/api/.well-known/openid-configuration"} {
		got := w.do("GET", path, "", nil, "")
		require.Equal(t, 200, got.status)
		require.Equal(t, issuer, got.text("issuer"))
		require.Equal(t, []any{"S256"}, got.json["code_challenge_methods_supported"])
		for name, value := range got.json {
			address, ok := value.(string)
			if !ok || name == "issuer" || name == "authorization_endpoint" || name == "end_session_endpoint" { // which have pages, and are package pages'
				continue
			}
			endpoint := "/" + strings.TrimPrefix(address, issuer)
			method := "POST"
			if name == "jwks_uri" {
				method = "GET"
			}
			require.NotEqual(t, 404, w.do(method, endpoint, "", nil, "").status, endpoint)
		}
		for _, grant := range got.json["grant_types_supported"].([]any) {
			require.NotContains(t, w.form("/oauth2/token", nil, "grant_type", grant.(string)).body, "Unsupported grant_type")
		}
	}
	for _, path := range []string{"/.well-known/smart-configuration", "/fhir/R4/.well-known/smart-configuration"} {
		got := w.do("GET", path, "", nil, "")
		require.Equal(t, 200, got.status)
		require.Equal(t, issuer, got.text("issuer"))
		require.Equal(t, issuer+"oauth2/token", got.text("token_endpoint"))
		require.Equal(t, []any{"S256"}, got.json["code_challenge_methods_supported"])
		require.Contains(t, got.json["token_endpoint_auth_methods_supported"], "private_key_jwt")
		require.Equal(t, []any{"RS384", "ES384"}, got.json["token_endpoint_auth_signing_alg_values_supported"])
		require.Contains(t, got.json["capabilities"], "client-confidential-asymmetric")
		require.NotContains(t, got.json["capabilities"], "context-standalone-patient")
		for _, grant := range got.json["grant_types_supported"].([]any) {
			require.NotContains(t, w.form("/oauth2/token", nil, "grant_type", grant.(string)).body, "Unsupported grant_type")
		}
	}
	resource := w.do("GET", "/.well-known/oauth-protected-resource?resource="+issuer+"fhir/R4", "", nil, "")
	require.Equal(t, issuer+"fhir/R4", resource.text("resource"))
	for _, wrong := range []string{"?resource=https://evil.example/", "?resource=" + issuer + "&resource=" + issuer} {
		require.Equal(t, 400, w.do("GET", "/.well-known/oauth-protected-resource"+wrong, "", nil, "").status)
	}
	require.Equal(t, 200, w.do("GET", "/fhir/R4/.well-known/smart-styles.json", "", nil, "").status)
}

func TestKeysRotateWithOverlap(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		kid := func(token string) string {
			return oauth.KidForTest(t, token)
		}
		first := w.tokens()
		require.Len(t, oauth.KidsForTest(t, w.oauth), 1)
		second, _ := w.serve(false)
		require.Equal(t, oauth.KidsForTest(t, w.oauth), oauth.KidsForTest(t, second), "processes share keys")

		w.clock.move(89 * 24 * time.Hour)
		require.NoError(t, oauth.RotateForTest(w.oauth))
		require.Len(t, oauth.KidsForTest(t, w.oauth), 2, "the next key is published before it signs")
		got := w.tokens()
		require.Equal(t, kid(first.text("access_token")), kid(got.text("access_token")))

		w.clock.move(2 * 24 * time.Hour)
		next := w.tokens()
		require.NotEqual(t, kid(got.text("access_token")), kid(next.text("access_token")))
		require.Equal(t, 200, w.refresh(got.text("refresh_token")).status, "signed with the key before")
		require.NoError(t, oauth.RotateForTest(second))
		require.Equal(t, oauth.KidsForTest(t, w.oauth), oauth.KidsForTest(t, second))

		w.clock.move(600 * 24 * time.Hour)
		require.NoError(t, oauth.RotateForTest(w.oauth))
		require.NotContains(t, oauth.KidsForTest(t, w.oauth), kid(first.text("access_token")), "retired")
		w.wantLive(w.tokens().text("access_token"))
	})
}

func TestProcessesThatStartAtOnceMakeOneKey(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		servers := make([]*oauth.Server, 8)
		for i := range servers {
			servers[i], _ = w.serve(false)
		}
		done := make(chan error, len(servers))
		for _, s := range servers {
			go func() { done <- oauth.RotateForTest(s) }()
		}
		for range servers {
			require.NoError(t, <-done)
		}
		for _, s := range servers {
			require.Len(t, oauth.KidsForTest(t, s), 1)
		}
	})
}

func TestAProcessLearnsOfANewKeyFromItsTokens(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.tokens()
		_, other := w.serve(false)
		w.clock.move(91 * 24 * time.Hour)
		require.NoError(t, oauth.RotateForTest(w.oauth))
		w.clock.move(2 * 24 * time.Hour)
		token := w.tokens().text("access_token")
		second := *w
		second.base = other
		second.wantLive(token)
	})
}

func whatHasRunOutIsRemoved(t *testing.T, w *world) {
	login, _ := w.login()
	got := w.tokens()
	w.clock.move(26 * time.Hour)
	require.NoError(t, w.store.ForgetRunOut(t.Context()))
	_, err := w.store.Login(t.Context(), login.ID)
	require.ErrorIs(t, err, store.ErrNotFound)
	require.Equal(t, 200, w.refresh(got.text("refresh_token")).status, "what has not run out stays")
}
