package apptest_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/admitdev/admit/cmd/admit/apptest"
)

// TestAPasswordThatAStrangerChoseOpensNoOtherProject is pre-hijacking: somebody makes the account of
// an address before its owner is invited, and waits.
func TestAPasswordThatAStrangerChoseOpensNoOtherProject(t *testing.T) {
	const victim = "victim@example.com"
	for _, tc := range []struct {
		name    string
		prepare func(s *apptest.Server) *apptest.Client // the stranger, signed in as the victim
	}{
		{"the administrator of another project invited the address with a password", func(s *apptest.Server) *apptest.Client {
			return s.Invite(s.As(apptest.OtherAdmin), "Practitioner", victim, "")
		}},
		{"a stranger registered it", func(s *apptest.Server) *apptest.Client {
			return s.Register(victim, "Trap of a stranger")
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			apptest.Each(t, func(t *testing.T, s *apptest.Server) {
				stranger := tc.prepare(s)
				enrol(t, stranger)
				admin := s.As(apptest.Admin)
				made := admin.POST("/admin/projects/"+admin.Project+"/invite",
					`{"resourceType":"Practitioner","firstName":"Vic","lastName":"Tim","email":"`+victim+`"}`).WantStatus(http.StatusOK)
				link := s.MailAbout(victim, "Welcome").Link
				require.Contains(t, link, "/setpassword/")

				nobody := s.As(apptest.Anonymous)
				into := func(password, project string) *apptest.Answer {
					return nobody.POST("/auth/login", `{"email":"`+victim+`","password":"`+password+`","projectId":"`+project+`"}`)
				}
				into(apptest.Password, admin.Project).WantStatus(http.StatusBadRequest).WantText("Email or password is invalid")
				elsewhere := into(apptest.Password, "").WantStatus(http.StatusOK)
				assert.NotContains(t, string(elsewhere.Body), made.Field("id"))
				chosen := nobody.POST("/auth/profile", `{"login":"`+elsewhere.Field("login")+`","profile":"`+made.Field("id")+`"}`)
				chosen.WantStatus(http.StatusBadRequest)
				stranger.POST("/auth/changepassword", `{"oldPassword":"`+apptest.Password+`","newPassword":"Another-horse-battery-25"}`).WantStatus(http.StatusOK)
				into("Another-horse-battery-25", admin.Project).WantStatus(http.StatusBadRequest)

				pending := into("Another-horse-battery-25", "").WantStatus(http.StatusOK).Field("login")
				nobody.FORM(strings.TrimPrefix(link, s.URL), url.Values{"password": {"Donut-glaze-77"}}.Encode()).WantStatus(http.StatusOK)
				into("Another-horse-battery-25", "").WantStatus(http.StatusBadRequest)
				nobody.GET("/auth/login/" + pending).WantStatus(http.StatusBadRequest).WantText("Login revoked")
				stranger.GET("/auth/me").WantStatus(http.StatusUnauthorized)
				mine := into("Donut-glaze-77", "").WantStatus(http.StatusOK)
				assert.Len(t, gjson.GetBytes(mine.Body, "memberships").Array(), 2, "%s", mine.Body)
				assert.Equal(t, admin.Project, s.SignIn(victim, "Donut-glaze-77", admin.Project).Project)
			})
		})
	}
}

// enrol sets up a second factor that would lock the person out.
func enrol(t *testing.T, c *apptest.Client) {
	t.Helper()
	offered, err := url.Parse(c.GET("/auth/mfa/status").WantStatus(http.StatusOK).Field("enrollUri"))
	require.NoError(t, err)
	token, err := totp.GenerateCode(offered.Query().Get("secret"), time.Now())
	require.NoError(t, err)
	c.POST("/auth/mfa/enroll", `{"token":"`+token+`"}`).WantStatus(http.StatusOK)
}
