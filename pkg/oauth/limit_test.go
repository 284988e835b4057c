package oauth_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/pkg/oauth"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/web"
)

// limited serves with three requests a minute for each client.
func (w *world) limited(t *testing.T) {
	t.Helper()
	w.clock.now = w.clock.now.Truncate(time.Minute)
	w.oauth, w.base = w.serveWith(oauth.Options{AllowPrivateURLs: true, Counter: web.NewCounter(w.clock), ClientLimit: 3})
}

func wantTooMany(t *testing.T, got answer) {
	t.Helper()
	require.Equal(t, 429, got.status, got.body)
	require.Equal(t, "temporarily_unavailable: Too many requests", got.oauthError())
	seconds, err := strconv.Atoi(got.header.Get("Retry-After"))
	require.NoError(t, err)
	require.True(t, 0 < seconds && seconds <= 61)
}

func aClientIsLimitedWhereverItAsksFrom(t *testing.T, w *world) {
	w.limited(t)
	ask := func(client, password string) answer {
		return w.form("/oauth2/token", basic(client, password), "grant_type", "client_credentials")
	}
	for range 5 {
		require.Equal(t, 400, ask("client-a", "wrong").status, "a stranger does not use the client's share up")
	}
	token := ask("client-a", clientSecret)
	require.Equal(t, 200, token.status, token.body)
	require.Equal(t, 200, w.form("/oauth2/introspect", basic("client-a", clientSecret), "token", token.text("access_token")).status)
	require.Equal(t, 200, ask("client-a", clientSecret).status)
	wantTooMany(t, ask("client-a", clientSecret))
	wantTooMany(t, w.form("/oauth2/introspect", basic("client-a", clientSecret), "token", token.text("access_token")))
	wantTooMany(t, w.form("/oauth2/revoke", basic("client-a", clientSecret), "token", token.text("access_token")))
	w.wantLive(token.text("access_token"))
	require.Equal(t, 200, ask("client-b", clientSecret).status)
	w.clock.move(time.Minute)
	require.Equal(t, 200, ask("client-a", clientSecret).status)
}

// What was given to a client that has no secret counts for it, and is not used up by a refusal.
func aPublicClientIsLimitedByWhatItWasGiven(t *testing.T, w *world) {
	w.limited(t)
	withClient := func(l *store.Login) { l.Client = "client-a" }
	exchange := func() (answer, string) {
		_, code := w.login(withClient)
		return w.exchange(code, "client_id", "client-a"), code
	}
	for range 5 {
		require.Equal(t, 400, w.exchange("junk", "client_id", "client-a").status)
	}
	first, _ := exchange()
	require.Equal(t, 200, first.status, first.body)
	second := w.refresh(first.text("refresh_token"), "client_id", "client-a")
	require.Equal(t, 200, second.status, second.body)
	_, _ = exchange()
	over, code := exchange()
	wantTooMany(t, over)
	wantTooMany(t, w.refresh(second.text("refresh_token"), "client_id", "client-a"))
	w.clock.move(30 * time.Second)
	wantTooMany(t, w.exchange(code, "client_id", "client-a"))
	w.clock.move(30 * time.Second)
	require.Equal(t, 200, w.refresh(second.text("refresh_token"), "client_id", "client-a").status, "it was not used up")
	for range 5 {
		require.Equal(t, 200, w.tokens().status, "who signs in without a client is limited by address alone")
	}
}

func aProjectLimitsHowOftenAnAddressAsks(t *testing.T, w *world) {
	w.limited(t)
	two := 2
	w.people.changeMembership("ada", func(m *oauth.Membership) { m.AuthLimit = &two })
	for range two {
		require.Equal(t, 200, w.tokens().status)
	}
	_, code := w.login()
	wantTooMany(t, w.exchange(code))
	require.Equal(t, 200, w.form("/oauth2/token", basic("client-b", clientSecret), "grant_type", "client_credentials").status, "another project")
}
