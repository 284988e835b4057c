package apptest_test

import (
	"encoding/base64"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/cmd/admit/apptest"
)

// asvsSessions is chapter 7.
func asvsSessions() []asvsLine {
	const mine = "/auth/sessions"
	return []asvsLine{
		{number: "7.1.1", words: "how long sessions last is documented", documented: []string{"An access token lasts an hour", "everybody 90 days after signing in"}},
		{number: "7.1.2", words: "how many sessions there may be is documented", documented: []string{"A person may have any number of sessions"}},
		{number: "7.1.3", words: "sessions elsewhere are documented", documented: []string{"the provider's session is not Admit's"}},
		{number: "7.2.1", words: "the server verifies session tokens", check: func(t *testing.T, w *asvs) {
			assert.Equal(t, http.StatusOK, w.opens(w.staff.Token))
			assert.Equal(t, http.StatusUnauthorized, w.opens("x"+w.staff.Token))
		}},
		{number: "7.2.2", words: "session tokens are made for each session", check: func(t *testing.T, w *asvs) {
			again := w.Again(apptest.Practitioner)
			assert.NotEqual(t, w.staff.Token, again.Token)
			assert.NotEqual(t, w.staff.RefreshToken, again.RefreshToken)
		}},
		{number: "7.2.3", words: "reference tokens have at least 128 random bits", check: func(t *testing.T, w *asvs) {
			seen := map[string]bool{}
			for range 5 {
				v := newVisitor(t, w.Server).send(http.MethodGet, w.ask(), nil).fill("email", w.staff.Email, "password", apptest.Password)
				for _, cookie := range v.http.Jar.Cookies(mustURL(t, v.base+"/oauth2/authorize")) {
					if raw, err := base64.RawURLEncoding.DecodeString(cookie.Value); err == nil && len(raw) >= 16 {
						seen[cookie.Value] = true
					}
				}
			}
			assert.GreaterOrEqual(t, len(seen), 5)
		}},
		{number: "7.2.4", words: "signing in makes a new session and ends the browser's old one", check: func(t *testing.T, w *asvs) {
			v := newVisitor(t, w.Server).send(http.MethodGet, w.ask(), nil).fill("email", w.staff.Email, "password", apptest.Password)
			before := v.http.Jar.Cookies(mustURL(t, v.base+"/oauth2/authorize"))
			v.send(http.MethodGet, w.ask("prompt", "login"), nil).fill("email", w.staff.Email, "password", apptest.Password)
			assert.NotEqual(t, before, v.http.Jar.Cookies(mustURL(t, v.base+"/oauth2/authorize")))
		}},
		{number: "7.3.1", words: "a session that is not used ends", check: func(_ *testing.T, w *asvs) {
			used, idle := w.newMember("used"), w.newMember("idle")
			var fresh *apptest.Answer
			w.after(13*24*time.Hour, func() { fresh = w.refresh(used.RefreshToken).OK() })
			w.after(15*24*time.Hour, func() {
				w.refresh(idle.RefreshToken).WantStatus(http.StatusBadRequest)
				w.refresh(fresh.Field("refresh_token")).OK()
			})
		}},
		{number: "7.3.2", words: "no session lasts for ever", check: tooOld},
		{number: "7.4.1", words: "signing out ends a session everywhere", check: func(t *testing.T, w *asvs) {
			c := w.newMember("out")
			c.POST("/oauth2/logout", "").OK()
			assert.Equal(t, http.StatusUnauthorized, w.opens(c.Token))
			w.refresh(c.RefreshToken).WantStatus(http.StatusBadRequest)
		}},
		{number: "7.4.2", words: "whoever is removed has no session left", check: func(t *testing.T, w *asvs) {
			c := w.newMember("removed")
			w.admin.DELETE("/admin/projects/" + w.admin.Project + "/members/" + idOf(c.Membership)).OK()
			assert.Equal(t, http.StatusUnauthorized, w.opens(c.Token))
			w.refresh(c.RefreshToken).WantStatus(http.StatusBadRequest)
		}},
		{number: "7.4.3", words: "a new password ends the other sessions", check: func(t *testing.T, w *asvs) {
			c := w.newMember("newpassword")
			other := w.SignIn(c.Email, apptest.Password, c.Project)
			c.POST("/auth/changepassword", `{"oldPassword":"`+apptest.Password+`","newPassword":"Another-long-password-7"}`).OK()
			assert.Equal(t, http.StatusUnauthorized, w.opens(other.Token))
		}},
		{number: "7.4.4", words: "pages for people signed in show how to sign out", check: func(t *testing.T, w *asvs) {
			v, answer := w.allowed(t, w.staff)
			exchangeApp(w.Server, w.app, answer.Get("code")).OK()
			consent := v.send(http.MethodGet, w.ask("prompt", "consent"), nil).page
			require.Contains(t, consent, "Allow Growth")
			require.Contains(t, links(consent), "Sign out")
			action, fields := v.form()
			v.send(http.MethodGet, links(consent)["Sign out"], nil).fill()
			assert.Contains(t, v.page, "You are signed out")
			assert.Equal(t, "login_required", v.send(http.MethodGet, w.ask("prompt", "none"), nil).at(appRedirect).Get("error"))
			fields.Set("answer", "allow")
			assert.NotContains(t, v.send(http.MethodPost, action, fields).header.Get("Location"), "code=", "the page from before")

			v = newVisitor(t, w.Server).send(http.MethodGet, "/account", nil).fill("email", w.staff.Email, "password", apptest.Password)
			v.send(http.MethodGet, links(v.send(http.MethodGet, "/account", nil).page)["Sign out"], nil).fill()
			assert.Equal(t, http.StatusSeeOther, v.send(http.MethodGet, "/account/password", nil).status)
		}},
		{number: "7.4.5", words: "administrators end a member's sessions", check: func(t *testing.T, w *asvs) {
			c := w.newMember("ended")
			at := "/admin/projects/" + w.admin.Project + "/members/" + idOf(c.Membership) + "/sessions"
			id := w.admin.GET(at).OK().Field("sessions.0.id")
			if id == "" {
				id = w.admin.GET(at).OK().Field("security.sessions.0.id")
			}
			w.admin.DELETE(at + "/" + id).OK()
			assert.Equal(t, http.StatusUnauthorized, w.opens(c.Token))
		}},
		{number: "7.5.1", words: "changing what guards an account wants a fresh proof", check: func(t *testing.T, w *asvs) {
			c := w.verified(t, "stale@asvs.example")
			w.sql(t, `UPDATE login SET proven_at = 1 WHERE user_id = '`+idOf(c.User)+`'`)
			c.POST("/auth/changeemail", `{"email":"another@asvs.example"}`).WantStatus(http.StatusForbidden)
			c.POST("/auth/stepup", `{"password":"wrong-password-1"}`).WantStatus(http.StatusBadRequest)
			c.POST("/auth/stepup", `{"password":"`+apptest.Password+`"}`).OK()
			c.POST("/auth/changeemail", `{"email":"another@asvs.example"}`).OK()
		}},
		{number: "7.5.2", words: "people see their sessions and end any", check: func(t *testing.T, w *asvs) {
			c := w.newMember("lists")
			other := w.SignIn(c.Email, apptest.Password, c.Project)
			_, claims, _ := parts(t, other.Token)
			assert.Contains(t, string(c.GET(mine).OK().Body), claims["login_id"])
			c.POST("/auth/revoke", `{"loginId":"`+claims["login_id"].(string)+`"}`).OK()
			assert.Equal(t, http.StatusUnauthorized, w.opens(other.Token))
		}},
		{number: "7.5.3", words: "highly sensitive acts want a second proof", unmet: "factors, address and password want a fresh proof; administrative acts do not: each is also a plain FHIR write (of a membership, policy or client), and the clients that make these know no step-up"},
		{number: "7.6.1", words: "sessions elsewhere end as documented", check: sessionsElsewhere},
		{number: "7.6.2", words: "no session begins without an act of the person", check: func(t *testing.T, w *asvs) {
			v := newVisitor(t, w.Server).send(http.MethodGet, w.ask("prompt", "none"), nil)
			assert.Equal(t, "login_required", v.at(appRedirect).Get("error"))
			v.send(http.MethodGet, w.ask(), nil).fill("email", w.staff.Email, "password", apptest.Password)
			assert.Contains(t, v.page, "Allow Growth", "even the one who has signed in is asked")
		}},
	}
}

// tooOld: a session is refreshed for a bounded time.
func tooOld(_ *testing.T, w *asvs) {
	c := w.newMember("old" + idOf(clockID()))
	fresh := c.RefreshToken
	for days := 10; days < 90; days += 10 {
		w.after(time.Duration(days)*24*time.Hour, func() { fresh = w.refresh(fresh).OK().Field("refresh_token") })
	}
	w.after(91*24*time.Hour, func() { w.refresh(fresh).WantStatus(http.StatusBadRequest) })
}
