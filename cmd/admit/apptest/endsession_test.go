package apptest_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/cmd/admit/apptest"
)

// signedInto lets a member into the app in a browser of their own.
func signedInto(t *testing.T, s *apptest.Server) (v *visitor, tokens *apptest.Answer, client string, ask func(more ...string) string) {
	t.Helper()
	client, ask = newApp(s)
	v = newVisitor(t, s).send(http.MethodGet, ask(), nil).fill("email", s.As(apptest.Practitioner).Email, "password", apptest.Password)
	answer := v.fill("answer", "allow").at(appRedirect)
	return v, exchangeApp(s, client, answer.Get("code")).WantStatus(http.StatusOK), client, ask
}

func endSession(pairs ...string) string {
	query := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		query.Set(pairs[i], pairs[i+1])
	}
	return "/oauth2/end-session?" + query.Encode()
}

func TestAClientSignsItsPersonOut(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		v, tokens, client, ask := signedInto(t, s)
		as := s.As(apptest.Anonymous).With("Authorization", "Bearer "+tokens.Field("access_token"))
		hint := tokens.Field("id_token")
		other, _ := newApp(s)
		for name, pairs := range map[string][]string{
			"an address that is not the client's":     {"id_token_hint", hint, "post_logout_redirect_uri", "https://evil.example/"},
			"one below a registered one":              {"id_token_hint", hint, "post_logout_redirect_uri", appRedirect + "&x=1"},
			"an address without a client":             {"post_logout_redirect_uri", appRedirect},
			"a hint of another client":                {"id_token_hint", hint, "client_id", other},
			"an access token":                         {"id_token_hint", tokens.Field("access_token")},
			"junk":                                    {"id_token_hint", "x.y.z"},
			"a client that is not there":              {"client_id", "nobody"},
			"a client that is not there, and address": {"client_id", "nobody", "post_logout_redirect_uri", appRedirect},
		} {
			v.send(http.MethodGet, endSession(pairs...), nil)
			assert.Equal(t, http.StatusBadRequest, v.status, name)
			assert.Empty(t, v.header.Get("Location"), name)
		}
		as.GET("/oauth2/userinfo").WantStatus(http.StatusOK)

		back := v.send(http.MethodGet, endSession("id_token_hint", hint, "client_id", client, "post_logout_redirect_uri", appRedirect, "state", "s&1"), nil).at(appRedirect)
		assert.Equal(t, "s&1", back.Get("state"))
		assert.Equal(t, "admit", back.Get("from"))
		as.GET("/oauth2/userinfo").WantStatus(http.StatusUnauthorized)
		assert.Equal(t, "login_required", v.send(http.MethodGet, ask("prompt", "none", "scope", "openid"), nil).at(appRedirect).Get("error"))
		assert.Equal(t, http.StatusSeeOther, v.send(http.MethodGet, endSession("id_token_hint", hint, "post_logout_redirect_uri", appRedirect), nil).status, "again")
	})
}

func TestWithoutAHintThePersonIsAskedBeforeTheyAreSignedOut(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		v, tokens, client, _ := signedInto(t, s)
		as := s.As(apptest.Anonymous).With("Authorization", "Bearer "+tokens.Field("access_token"))
		v.send(http.MethodGet, endSession("client_id", client, "post_logout_redirect_uri", appRedirect), nil)
		require.Equal(t, http.StatusOK, v.status, v.page)
		assert.Contains(t, v.header.Get("Content-Security-Policy"), "form-action 'self' https://app.example")
		as.GET("/oauth2/userinfo").WantStatus(http.StatusOK)
		_, fields := v.form()
		newVisitor(t, s).send(http.MethodPost, "/oauth2/end-session/confirm", fields)
		again := v.page
		v.send(http.MethodPost, "/oauth2/end-session/confirm", url.Values{"request": fields["request"]})
		assert.Equal(t, http.StatusForbidden, v.status, "a form that another site made up")
		as.GET("/oauth2/userinfo").WantStatus(http.StatusOK)
		v.page = again
		v.fill().at(appRedirect)
		as.GET("/oauth2/userinfo").WantStatus(http.StatusUnauthorized)

		stranger := newVisitor(t, s).send(http.MethodPost, "/oauth2/end-session", url.Values{})
		assert.Equal(t, http.StatusOK, stranger.status)
		assert.Contains(t, stranger.page, "You are signed out")
		alone := v.send(http.MethodGet, endSession(), nil)
		assert.Contains(t, alone.page, "This ends every session")
		assert.Contains(t, alone.header.Get("Content-Security-Policy"), "form-action 'self';", "nobody is led back")
	})
}
