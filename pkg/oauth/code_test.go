package oauth_test

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/pkg/oauth"
	"github.com/admitdev/admit/pkg/store"
)

func tokensSayWhatMedplumsClientsNeed(t *testing.T, w *world) {
	login, code := w.login(func(l *store.Login) { l.Scope = "openid email" })
	got := w.exchange(code)
	require.Equal(t, 200, got.status, got.body)
	require.Contains(t, got.header.Get("Cache-Control"), "no-store")
	require.Equal(t, "Bearer", got.text("token_type"))
	require.EqualValues(t, 3600, got.json["expires_in"])
	require.Equal(t, "openid email", got.text("scope"))
	require.Equal(t, map[string]any{"reference": "Project/" + projectA, "display": "Clinic"}, got.json["project"])
	require.Equal(t, map[string]any{"reference": "Practitioner/p1", "display": "Ada Lovelace"}, got.json["profile"])
	require.Equal(t, false, got.json["need_patient_banner"])
	require.Equal(t, issuer+"fhir/R4/.well-known/smart-styles.json", got.text("smart_style_url"))
	require.NotContains(t, got.json, "patient")

	access := claims(t, got.text("access_token"))
	require.Equal(t, []string{"aud", "email", "exp", "iat", "iss", "jti", "login_id", "nbf", "profile", "scope", "sub", "token_use", "username"},
		slices.Sorted(maps.Keys(access)))
	require.Equal(t, login.ID, access["login_id"])
	require.Equal(t, userID, access["sub"])
	require.Equal(t, issuer, access["aud"])
	id := claims(t, got.text("id_token"))
	require.Equal(t, []string{"amr", "auth_time", "email", "exp", "fhirUser", "iat", "iss", "jti", "login_id", "nbf", "nonce", "sub", "token_use"},
		slices.Sorted(maps.Keys(id)), "no aud and no client_id without a client")
	require.Equal(t, "n-1", id["nonce"])
	require.Equal(t, userID, id["sub"], "sub is the same everywhere")
	refresh := claims(t, got.text("refresh_token"))
	require.Equal(t, []string{"aud", "exp", "iat", "iss", "jti", "login_id", "nbf", "refresh_secret", "token_use"}, slices.Sorted(maps.Keys(refresh)))
	require.EqualValues(t, 14*24*3600, refresh["exp"].(float64)-refresh["iat"].(float64))

	bare := w.tokens(func(l *store.Login) { l.Scope = "user/Observation.rs" })
	require.NotContains(t, bare.json, "id_token", "nobody asked who signs in")
}

func aPatientsTokenNamesThePatient(t *testing.T, w *world) {
	w.people.changeMembership("ada", func(m *oauth.Membership) { m.Profile.Reference = "Patient/x1" })
	got := w.tokens()
	require.Equal(t, "x1", got.text("patient"))
	require.Equal(t, true, got.json["need_patient_banner"])
}

func aCodeIsRefused(t *testing.T, w *world) {
	for _, tc := range []struct {
		name   string
		login  func(*store.Login)
		params []string
		later  time.Duration
		want   string
	}{
		{"no code", nil, []string{"code", ""}, 0, "invalid_request: Missing code"},
		{"unknown code", nil, []string{"code", "x"}, 0, "invalid_request: Invalid code"},
		{"no verifier", nil, []string{"code_verifier", ""}, 0, "invalid_request: Missing code verifier"},
		{"wrong verifier", nil, []string{"code_verifier", "wrong"}, 0, "invalid_request: Invalid code verifier"},
		{"the challenge as verifier", nil, []string{"code_verifier", challenge()}, 0, "invalid_request: Invalid code verifier"},
		{"after a minute", nil, nil, 61 * time.Second, "invalid_grant: Code expired"},
		{"login without challenge", func(l *store.Login) { l.CodeChallenge, l.CodeChallengeMethod = "", "" }, []string{"code_verifier", ""}, 0, "invalid_request: Missing verification context"},
		{"verifier without challenge", func(l *store.Login) { l.CodeChallenge, l.CodeChallengeMethod = "", "" }, nil, 0, "invalid_request: Missing verification context"},
		{"another client", func(l *store.Login) { l.Client = "client-a" }, []string{"client_id", "client-b"}, 0, "invalid_request: Invalid client"},
		{"no client for a login that a client began", func(l *store.Login) { l.Client = "client-a" }, nil, 0, "invalid_request: Invalid client"},
		{"an empty client for it", func(l *store.Login) { l.Client = "client-a" }, []string{"client_id", ""}, 0, "invalid_request: Invalid client"},
		{"a client for a login without", nil, []string{"client_id", "client-a"}, 0, "invalid_request: Invalid client"},
		{"wrong secret", func(l *store.Login) { l.Client = "client-a" }, []string{"client_id", "client-a", "client_secret", "x"}, 0, "invalid_request: Invalid secret"},
		{"no membership", func(l *store.Login) { l.Membership, l.MembershipProject = "", "" }, nil, 0, "invalid_request: Invalid profile"},
		{"revoked login", func(l *store.Login) { l.Revoked = true }, nil, 0, "invalid_grant: Token revoked"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := *w
			w.t = t
			change := tc.login
			if change == nil {
				change = func(*store.Login) {}
			}
			_, code := w.login(change)
			params := map[string]string{"grant_type": "authorization_code", "code": code, "code_verifier": verifier}
			for i := 0; i < len(tc.params); i += 2 {
				params[tc.params[i]] = tc.params[i+1]
			}
			var pairs []string
			for name, value := range params {
				pairs = append(pairs, name, value)
			}
			w.clock.move(tc.later)
			got := w.form("/oauth2/token", nil, pairs...)
			require.Equal(t, 400, got.status)
			require.Equal(t, tc.want, got.oauthError())
			require.NotContains(t, got.body, "access_token")
		})
	}
}

func aWrongVerifierLeavesTheCodeGood(t *testing.T, w *world) {
	_, code := w.login()
	require.Equal(t, 400, w.form("/oauth2/token", nil, "grant_type", "authorization_code", "code", code, "code_verifier", "x").status)
	require.Equal(t, 200, w.exchange(code).status)
}

func aCodeIssuedForARedirectURIWantsItAgain(t *testing.T, w *world) {
	login, _ := w.login()
	var code string
	require.NoError(t, w.store.InTx(t.Context(), func(tx *store.Tx) (err error) {
		code, err = w.oauth.IssueCode(t.Context(), tx, login.ID, "https://app.example/cb")
		return err
	}))
	for _, wrong := range []string{"", "https://app.example/cb/", "https://evil.example/cb"} {
		require.Equal(t, "invalid_grant: Invalid redirect URI", w.exchange(code, "redirect_uri", wrong).oauthError())
	}
	require.Equal(t, 200, w.exchange(code, "redirect_uri", "https://app.example/cb").status)
}

func aReplayedCodeEndsWhatItGave(t *testing.T, w *world) {
	_, code := w.login()
	got := w.exchange(code)
	w.wantLive(got.text("access_token"))
	require.Equal(t, "invalid_grant: Token already granted", w.exchange(code).oauthError())
	w.wantRefused(bearer(got.text("access_token")))
	require.Equal(t, "invalid_grant: Token revoked", w.refresh(got.text("refresh_token")).oauthError())
}

func aNewerCodeReplacesTheOneBefore(t *testing.T, w *world) {
	login, first := w.login()
	var second string
	require.NoError(t, w.store.InTx(t.Context(), func(tx *store.Tx) (err error) {
		second, err = w.oauth.IssueCode(t.Context(), tx, login.ID, "")
		return err
	}))
	require.Equal(t, "invalid_request: Invalid code", w.exchange(first).oauthError())
	require.Equal(t, 200, w.exchange(second).status)
}

// atOnce runs fn so many times at once and counts the answers of status 200.
func atOnce(n int, fn func() answer) (successes []answer) {
	var wait sync.WaitGroup
	var mu sync.Mutex
	start := make(chan struct{})
	for range n {
		wait.Go(func() {
			<-start
			if got := fn(); got.status == 200 {
				mu.Lock()
				successes = append(successes, got)
				mu.Unlock()
			}
		})
	}
	close(start)
	wait.Wait()
	return successes
}

func oneOfTwentySimultaneousExchangesSucceeds(t *testing.T, w *world) {
	_, code := w.login()
	won := atOnce(20, func() answer { return w.exchange(code) })
	require.Len(t, won, 1)
	w.wantRefused(bearer(won[0].text("access_token"))) // nineteen replays ended it
}

func oneOfTwentySimultaneousRefreshesSucceeds(t *testing.T, w *world) {
	first := w.tokens()
	won := atOnce(20, func() answer { return w.refresh(first.text("refresh_token")) })
	require.Len(t, won, 1)
	require.Equal(t, "invalid_grant: Token revoked", w.refresh(won[0].text("refresh_token")).oauthError())
}

func refreshRotatesAndReuseEndsTheFamily(t *testing.T, w *world) {
	first := w.tokens()
	second := w.refresh(first.text("refresh_token"))
	require.Equal(t, 200, second.status, second.body)
	require.NotEqual(t, first.text("refresh_token"), second.text("refresh_token"))
	require.Equal(t, claims(t, first.text("id_token"))["nonce"], claims(t, second.text("id_token"))["nonce"])
	third := w.refresh(second.text("refresh_token"))
	require.Equal(t, 200, third.status)
	w.wantLive(third.text("access_token"))

	require.Equal(t, "invalid_request: Invalid token", w.refresh(first.text("refresh_token")).oauthError())
	w.wantRefused(bearer(third.text("access_token")))
	require.Equal(t, "invalid_grant: Token revoked", w.refresh(third.text("refresh_token")).oauthError())
}

func refreshIsRefused(t *testing.T, w *world) {
	withClient := func(l *store.Login) { l.Client = "client-a" }
	require.Equal(t, "invalid_request: Invalid refresh token", w.refresh("").oauthError())
	require.Equal(t, "invalid_request: Invalid refresh token", w.refresh("junk").oauthError())
	token := w.tokensOf(withClient).text("refresh_token")
	require.Equal(t, "invalid_request: Incorrect client", w.refresh(token, "client_id", "client-b").oauthError())
	require.Equal(t, "invalid_request: Incorrect client secret", w.refresh(token, "client_id", "client-a", "client_secret", "x").oauthError())
	header := basic("client-a", "x")
	require.Equal(t, "invalid_request: Incorrect client secret", w.form("/oauth2/token", header, "grant_type", "refresh_token", "refresh_token", token).oauthError())
	w.people.changeMembership("ada", func(m *oauth.Membership) { m.Active = false })
	require.Equal(t, "access_denied: Profile not active", w.refresh(token).oauthError())
	w.people.changeMembership("ada", func(m *oauth.Membership) { m.Active = true })
	require.Equal(t, 200, w.form("/oauth2/token", basic("client-a", clientSecret), "grant_type", "refresh_token", "refresh_token", token).status)
}

// tokensOf are those of a login that a client began.
func (w *world) tokensOf(change func(*store.Login)) answer {
	w.t.Helper()
	_, code := w.login(change)
	got := w.exchange(code, "client_id", "client-a")
	require.Equal(w.t, 200, got.status, got.body)
	return got
}

func aLoginWithoutOfflineAndASuperAdminGetNoRefreshToken(t *testing.T, w *world) {
	require.NotContains(t, w.tokens(func(l *store.Login) { l.Offline = false }).json, "refresh_token")
	w.people.changeMembership("ada", func(m *oauth.Membership) { m.SuperAdmin = true })
	require.NotContains(t, w.tokens().json, "refresh_token")
}

func aClientsLifetimesAreKept(t *testing.T, w *world) {
	w.people.changeClient("client-a", func(c *oauth.Client) { c.AccessTokenLifetime, c.RefreshTokenLifetime = "10m", "2d" })
	got := w.tokensOf(func(l *store.Login) { l.Client = "client-a" })
	require.EqualValues(t, 600, got.json["expires_in"])
	w.clock.move(11 * time.Minute)
	w.wantRefused(bearer(got.text("access_token")))
	w.clock.move(2 * 24 * time.Hour)
	require.Equal(t, "invalid_request: Invalid refresh token", w.refresh(got.text("refresh_token")).oauthError())
}

func plainChallengesNeedToBeAllowed(t *testing.T, w *world) {
	_, allowed := w.oauth.ValidChallenge("xyz", "plain")
	require.False(t, allowed)
	old, _ := w.serve(true)
	challengeOK, allowed := old.ValidChallenge("xyz", "plain")
	require.True(t, challengeOK && allowed)
	for _, wrong := range []string{"", "short", strings.Repeat("a", 44), strings.Repeat("+", 43)} {
		ok, _ := w.oauth.ValidChallenge(wrong, "S256")
		require.False(t, ok, wrong)
	}
}
