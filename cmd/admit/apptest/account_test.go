package apptest_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/cmd/admit/apptest"
	"github.com/admitdev/admit/pkg/store/storetest"
)

// TestAnAccountWithoutScript: the page of one's own account works by forms alone, for nobody else.
func TestAnAccountWithoutScript(t *testing.T) {
	at := &apptest.Clock{}
	s := apptest.Start(t, apptest.At(at))
	member := s.As(apptest.Practitioner)
	v := newVisitor(t, s)
	enter := func() {
		v.send(http.MethodGet, "/account", nil).fill("email", member.Email, "password", apptest.Password)
	}
	enter()
	require.Equal(t, http.StatusSeeOther, v.status, v.page)
	assert.Regexp(t, `admit_account=[0-9a-f]+; Path=/account; HttpOnly; SameSite=Strict`, v.header.Get("Set-Cookie"))
	v.send(http.MethodGet, "/account", nil)
	assert.Contains(t, v.page, "Your sessions")
	assert.NotRegexp(t, `(?i)<script|unsafe-inline`, v.page+v.header.Get("Content-Security-Policy"))
	assert.NotContains(t, newVisitor(t, s).send(http.MethodGet, "/account/password", nil).page, "Present password")
	require.Equal(t, http.StatusForbidden, v.send(http.MethodPost, "/account/sign-out", map[string][]string{}, "Sec-Fetch-Site", "cross-site").status)

	v.send(http.MethodGet, "/account/authenticator", nil)
	seed := regexp.MustCompile(`this key into the app: (\w+)`).FindStringSubmatch(v.page)
	require.NotNil(t, seed, v.page)
	code, err := totp.GenerateCode(seed[1], at.Now())
	require.NoError(t, err)
	v.fill("code", code)
	codes := regexp.MustCompile(`([A-Z2-7]{5}-){4}[A-Z2-7]{5}`).FindAllString(v.page, -1)
	require.Len(t, codes, 10)

	at.Ahead = 6 * time.Minute
	v.send(http.MethodGet, "/account/recovery-codes", nil).fill()
	require.Equal(t, s.URL+"/account/confirm?then=recovery-codes", v.header.Get("Location"))
	v.send(http.MethodGet, "/account/confirm?then=https://evil.example", nil).fill("password", apptest.Password)
	require.Equal(t, s.URL+"/account", v.header.Get("Location"))
	v.send(http.MethodGet, "/account/recovery-codes", nil).fill()
	require.NotContains(t, v.page, codes[0])

	v.send(http.MethodGet, "/account/sign-out", nil).fill()
	require.Equal(t, http.StatusSeeOther, v.send(http.MethodGet, "/account/password", nil).status)
	enter()
	require.Contains(t, v.page, "Second factor")
	stolen := newVisitor(t, s)
	_, form := v.form()
	form.Set("code", codes[0])
	require.Equal(t, http.StatusNotFound, stolen.send(http.MethodPost, "/account/factor", form).status, "another browser's sign-in")
	v.fill("code", codes[0])
	require.Contains(t, v.page, "Invalid MFA token", "it was replaced")
	code, err = totp.GenerateCode(seed[1], at.Now())
	require.NoError(t, err)
	v.fill("code", code)
	require.Equal(t, s.URL+"/account", v.header.Get("Location"), v.page)

	v.send(http.MethodGet, "/account/email", nil).fill("email", "max.new@clinic.example")
	require.Equal(t, http.StatusBadRequest, v.status, "an administrator chose the password")
	require.Contains(t, v.page, "Show first that your present address is yours")
}

// TestSessionsEndedElsewhere: what one process ends is dead in another within a second, be it ended by
// its owner or by an administrator; of the members of other projects an administrator sees nothing.
func TestSessionsEndedElsewhere(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		s := apptest.Start(t, apptest.On(db))
		other := apptest.Start(t, apptest.On(db), apptest.With("ADMIT_BASE_URL="+s.URL))
		admin, member := s.As(apptest.Admin), s.As(apptest.Practitioner)
		_, membership, _ := strings.Cut(member.Membership, "/")
		sessions := "/admin/projects/" + admin.Project + "/members/" + membership + "/sessions"
		dead := func(victim *apptest.Client, end func()) {
			t.Helper()
			there := other.As(apptest.Anonymous).With("Authorization", "Bearer "+victim.Token)
			there.GET("/fhir/R4/Patient").WantStatus(http.StatusOK) // which is cached there now
			end()
			victim.GET("/fhir/R4/Patient").WantStatus(http.StatusUnauthorized)
			require.Eventually(t, func() bool { return there.GET("/fhir/R4/Patient").Status == http.StatusUnauthorized }, time.Second, 20*time.Millisecond)
		}
		second := s.Again(apptest.Practitioner)
		own := func(c *apptest.Client) string {
			return c.GET("/auth/sessions").WantStatus(http.StatusOK).Field("sessions.#(current==true).id")
		}
		id := own(second)
		dead(second, func() { member.POST("/auth/revoke", `{"loginId":"`+id+`"}`).WantStatus(http.StatusOK) })

		listed := admin.GET(sessions).WantStatus(http.StatusOK)
		require.Equal(t, own(member), listed.Field("sessions.0.id"))
		require.Equal(t, "127.0.0.1", listed.Field("sessions.0.remoteAddress"))
		require.Empty(t, listed.Field("sessions.1.id"))
		elsewhere := s.As(apptest.OtherAdmin)
		foreign := "/admin/projects/" + elsewhere.Project + "/members/" + membership + "/sessions"
		for _, path := range []string{sessions, foreign} {
			elsewhere.GET(path).WantStatus(http.StatusNotFound)
			elsewhere.Do(http.MethodDelete, path+"/"+own(member), "").WantStatus(http.StatusNotFound)
		}
		admin.Do(http.MethodDelete, sessions+"/"+own(admin), "").WantStatus(http.StatusNotFound) // not this member's
		member.GET(sessions).WantStatus(http.StatusForbidden)
		id = own(member)
		dead(member, func() { admin.Do(http.MethodDelete, sessions+"/"+id, "").WantStatus(http.StatusOK) })
	})
}
