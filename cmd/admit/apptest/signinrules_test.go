package apptest_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/cmd/admit/apptest"
)

func TestAProjectMailsABoundedNumberOfInvitations(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		admin, other := s.As(apptest.Admin), s.As(apptest.OtherAdmin)
		invite := func(by *apptest.Client, project, local, more string) *apptest.Answer {
			return by.POST("/admin/projects/"+project+"/invite", fmt.Sprintf(
				`{"resourceType":"Practitioner","firstName":"A","lastName":"B","email":"%s@example.com"%s}`, local, more))
		}
		for i := range 3 {
			invite(admin, admin.Project, fmt.Sprint("a", i), "").WantStatus(http.StatusOK)
		}
		s.As(apptest.Admin)
		invite(admin, admin.Project, "a3", "").WantStatus(http.StatusTooManyRequests)
		s.WantNoMail()
		s.WantUnchanged("User", "ProjectMembership", "Practitioner")
		invite(admin, admin.Project, "a4", `,"sendEmail":false`).WantStatus(http.StatusOK)
		invite(other, other.Project, "a5", "").WantStatus(http.StatusOK)
		invite(s.As(apptest.SuperAdmin), admin.Project, "a6", "").WantStatus(http.StatusOK)
	}, apptest.Standing(), apptest.With("ADMIT_PROJECT_MAIL_LIMIT=3"))
}

func TestASecondFactorIsResetByWhoAnswersForTheMember(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		admin, other := s.As(apptest.Admin), s.As(apptest.OtherAdmin)
		path := func(m *apptest.Client) string {
			return "/admin/projects/" + m.Project + "/members/" + m.Membership[len("ProjectMembership/"):] + "/mfa/reset"
		}
		member := s.Invite(admin, "Practitioner", "lost@clinic.example", "")
		admin.POST(path(member), "{}").WantStatus(http.StatusBadRequest).WantText("User is not enrolled in MFA")
		admin.POST(path(s.As(apptest.Program)), "{}").WantStatus(http.StatusBadRequest)
		enrol(t, member)
		other.POST(path(member), "{}").WantStatus(http.StatusNotFound)
		member.POST(path(member), "{}").WantStatus(http.StatusForbidden)
		admin.POST(path(member), `{"method":"email"}`).WantStatus(http.StatusBadRequest)
		assert.Equal(t, "true", member.GET("/auth/mfa/status").Field("enrolled"))
		admin.POST(path(member), `{"method":"totp"}`).WantStatus(http.StatusOK)
		s.MailAbout(member.Email, "Your multi-factor authentication has been reset")
		assert.Equal(t, "false", member.GET("/auth/mfa/status").Field("enrolled"))
		admin.POST(path(member), "").WantStatus(http.StatusOK) // a secret that waits to be enrolled goes as well
		admin.POST(path(member), "").WantStatus(http.StatusBadRequest)

		enrol(t, member)
		recovery := member.POST("/auth/mfa/recovery-codes", "{}").WantStatus(http.StatusOK).Field("recoveryCodes.0")
		admin.POST(path(member), "").WantStatus(http.StatusOK)
		member.POST("/auth/stepup", `{"token":"`+recovery+`"}`).WantStatus(http.StatusBadRequest) // recovery codes go as well
		enrol(t, member)
		other.POST("/admin/projects/"+other.Project+"/invite",
			`{"resourceType":"Practitioner","firstName":"A","lastName":"B","email":"lost@clinic.example","sendEmail":false}`).WantStatus(http.StatusOK)
		admin.POST(path(member), "{}").WantStatus(http.StatusForbidden)
		s.As(apptest.SuperAdmin).POST(path(member), "{}").WantStatus(http.StatusOK)
	})
}

// TestAResetTellsNothingOfWhoWasInvited: to ask for the reset of somebody who has not come in tells neither of their
// factors nor of their other projects.
func TestAResetTellsNothingOfWhoWasInvited(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		admin, other := s.As(apptest.Admin), s.As(apptest.OtherAdmin)
		there := s.Invite(other, "Practitioner", "guarded@clinic.example", "")
		enrol(t, there)
		_ = s.Invite(other, "Practitioner", "known@clinic.example", "")
		for _, email := range []string{"new@clinic.example", "known@clinic.example", "guarded@clinic.example"} {
			member := admin.POST("/admin/projects/"+admin.Project+"/invite", `{"resourceType":"Practitioner","firstName":"A","lastName":"B","email":"`+email+`"}`).WantStatus(http.StatusOK).Field("id")
			admin.POST("/admin/projects/"+admin.Project+"/members/"+member+"/mfa/reset", "{}").WantStatus(http.StatusBadRequest).WantText("User is not enrolled in MFA")
		}
		assert.Equal(t, "true", there.GET("/auth/mfa/status").Field("enrolled"))
	})
}

func TestADomainWithItsOwnIdentityProviderIsToldByMethod(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		super, nobody := s.As(apptest.SuperAdmin), s.As(apptest.Anonymous)
		super.POST("/fhir/R4/DomainConfiguration", `{"resourceType":"DomainConfiguration","domain":"Hospital.example","identityProvider":{
			"authorizeUrl":"https://idp.example/authorize?tenant=7","tokenUrl":"https://idp.example/t","userInfoUrl":"https://idp.example/u","clientId":"c 1","clientSecret":"hush0123456789abcdef"}}`).
			WantStatus(http.StatusCreated)
		super.POST("/fhir/R4/DomainConfiguration", `{"resourceType":"DomainConfiguration","domain":"plain.example"}`).WantStatus(http.StatusCreated)
		method := func(email string) *apptest.Answer { return nobody.POST("/auth/method", `{"email":"`+email+`"}`) }
		told := method("Ann@HOSPITAL.example").WantStatus(http.StatusOK)
		assert.Equal(t, "hospital.example", told.Field("domain"))
		assert.Equal(t, s.URL+"/auth/external/start?domain=hospital.example", told.Field("authorizeUrl"))
		assert.NotContains(t, string(told.Body), "hush")
		for _, email := range []string{"ann@plain.example", "ann@nowhere.example", "ann@hospital.example.evil.example"} {
			assert.JSONEq(t, "{}", string(method(email).WantStatus(http.StatusOK).Body))
		}
		method("no address").WantStatus(http.StatusBadRequest).WantText("Valid email address is required")
	})
}

// TestWhoRegistersIsAskedToShowThatTheAddressIsTheirs where there is a mail server.
func TestWhoRegistersIsAskedToShowThatTheAddressIsTheirs(t *testing.T) {
	without := apptest.Start(t)
	without.Register("early@example.com", "Clinic")
	require.Empty(t, without.Mails())

	s := apptest.Start(t, apptest.With("ADMIT_SMTP_URL=smtp://127.0.0.1:1"))
	s.Register("early@example.com", "Clinic")
	mails, err := s.Store.Mails(t.Context(), "", 10)
	require.NoError(t, err)
	require.Len(t, mails, 1)
	assert.Equal(t, "verify", mails[0].Template)
	assert.Equal(t, "early@example.com", mails[0].Recipient)
}
