package apptest_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/cmd/admit/apptest"
	"github.com/admitdev/admit/pkg/store"
)

// withFactor is somebody new with a second factor, and the code of now.
func (a *attacked) withFactor(t *testing.T, email string) (login func() string, code string) {
	c := a.fresh(email)
	offered, err := url.Parse(c.GET("/auth/mfa/status").WantStatus(http.StatusOK).Field("enrollUri"))
	require.NoError(t, err)
	key := offered.Query().Get("secret")
	now, err := totp.GenerateCode(key, time.Now())
	require.NoError(t, err)
	c.POST("/auth/mfa/enroll", `{"token":"`+now+`"}`).WantStatus(http.StatusOK)
	next, err := totp.GenerateCode(key, time.Now().Add(30*time.Second))
	require.NoError(t, err)
	return func() string {
		got := a.nobody.POST("/auth/login", `{"email":"`+email+`","password":"`+apptest.Password+`"}`).WantStatus(http.StatusOK)
		require.Equal(t, "true", got.Field("mfaRequired"))
		require.Empty(t, got.Field("code"))
		return got.Field("login")
	}, next
}

func (a *attacked) verifyFactor(login, code string) *apptest.Answer {
	return a.nobody.POST("/auth/mfa/verify", `{"login":"`+login+`","token":"`+code+`"}`)
}

func accountAdvisories() []advisory {
	return []advisory{
		{"CVE-2018-15473", "OpenSSH: the answer tells who has an account", func(t *testing.T, a *attacked) {
			login := func(email string) string {
				got := a.nobody.POST("/auth/login", `{"email":"`+email+`","password":"Wrong-password-1"}`).WantStatus(http.StatusBadRequest)
				return got.Field("issue.0.details.text") + got.Field("issue.0.expression.0")
			}
			assert.Equal(t, login(a.member.Email), login("nobody@clinic.example"))
			assert.Equal(t, login(a.member.Email), login(a.patient.Email), "nor who is known to a project alone")
		}},
		{"CVE-2017-5487", "WordPress: a list of users for everybody", func(t *testing.T, a *attacked) {
			for _, path := range []string{"/fhir/R4/User", "/fhir/R4/ProjectMembership", "/fhir/R4/Practitioner", "/fhir/R4/User?email=" + a.member.Email} {
				assert.Equal(t, http.StatusUnauthorized, a.nobody.GET(path).Status, path)
			}
		}},
		{"CVE-2020-27838", "Keycloak: what everybody sees of a client has its secret", func(t *testing.T, a *attacked) {
			assert.NotContains(t, string(a.nobody.GET("/auth/clientinfo/"+a.client).WantStatus(http.StatusOK).Body), "ecret")
			seen := a.member.GET("/fhir/R4/ClientApplication/" + a.client)
			assert.NotContains(t, string(seen.Body), "a secret/with")
			kept, err := a.Store.Get(t.Context(), store.Ref{Project: a.admin.Project, Type: "ClientApplication", ID: a.client}, nil)
			require.NoError(t, err)
			assert.NotContains(t, string(kept.Content), "ecret\":")
			assert.Contains(t, string(a.admin.GET("/fhir/R4/ClientApplication/"+a.client).Body), providerSecret, "its administrator sees it")
		}},
		{"CVE-2014-0097", "Spring Security: an account without a password lets in with any", func(t *testing.T, a *attacked) {
			a.invite("bare@clinic.example", "")
			for _, password := range []string{`"        "`, `""`, `"\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000"`, `"undefined"`} {
				assert.Equal(t, http.StatusBadRequest, a.nobody.POST("/auth/login", `{"email":"bare@clinic.example","password":`+password+`}`).Status)
			}
		}},
		{"CVE-2015-7225", "devise-two-factor: a code works twice", func(t *testing.T, a *attacked) {
			login, code := a.withFactor(t, "twice@clinic.example")
			first, second := login(), login()
			a.verifyFactor(first, code).WantStatus(http.StatusOK)
			a.verifyFactor(second, code).WantStatus(http.StatusBadRequest)
		}},
		{"CVE-2021-43177", "devise-two-factor: one code lets in several at once", func(t *testing.T, a *attacked) {
			login, code := a.withFactor(t, "race@clinic.example")
			one, other := login(), login()
			logins := make(chan string, 4)
			for _, id := range []string{one, other, one, other} {
				logins <- id
			}
			assert.LessOrEqual(t, atOnce(4, func() int { return a.verifyFactor(<-logins, code).Status }), 1)
		}},
		{"CVE-2024-0227", "devise-two-factor: codes are tried without end", func(t *testing.T, a *attacked) {
			login, code := a.withFactor(t, "guess@clinic.example")
			defer a.clock.Stop()()
			id, limited := login(), false
			for i := range 12 {
				status := a.verifyFactor(id, fmt.Sprintf("%06d", i)).Status
				require.NotEqual(t, http.StatusOK, status)
				limited = limited || status == http.StatusTooManyRequests
			}
			assert.True(t, limited)
			a.verifyFactor(login(), code).WantStatus(http.StatusTooManyRequests) // nor does a new login begin the count anew
		}},
		{"CVE-2023-3597", "Keycloak: the second factor is walked around", func(t *testing.T, a *attacked) {
			login, _ := a.withFactor(t, "around@clinic.example")
			id := login()
			membership := strings.TrimPrefix(a.member.Membership, "ProjectMembership/")
			for path, body := range map[string]string{
				"/auth/profile": `{"login":"` + id + `","profile":"` + membership + `"}`, "/auth/scope": `{"login":"` + id + `","scope":"openid"}`,
				"/auth/mfa/login-enroll": `{"login":"` + id + `","token":"000000"}`, "/auth/newproject": `{"login":"` + id + `","projectName":"Trap"}`,
			} {
				assert.Empty(t, a.nobody.POST(path, body).Field("code"), path)
			}
			assert.Empty(t, a.nobody.GET("/auth/login/"+id).Field("code"))
		}},
		{"CVE-2019-16097", "Harbor: whoever registers makes themselves an administrator", func(t *testing.T, a *attacked) {
			got := a.nobody.POST("/auth/newuser", `{"firstName":"A","lastName":"B","email":"mass@evil.example","password":"`+apptest.Password+
				`","projectId":"new","admin":true,"superAdmin":true,"emailVerified":true,"has_admin_role":true,"project":{"reference":"Project/`+a.admin.Project+`"}}`)
			if got.Status != http.StatusOK {
				return // refused as a whole
			}
			user := a.As(apptest.SuperAdmin).GET("/fhir/R4/User?email=mass@evil.example").Field("entry.0.resource")
			for _, word := range []string{"dmin", "emailVerified", a.admin.Project} {
				assert.NotContains(t, user, word)
			}
		}},
		{"CVE-2012-2055", "GitHub: a member writes what only the server may", func(t *testing.T, a *attacked) {
			id := strings.TrimPrefix(a.member.Membership, "ProjectMembership/")
			patch := a.member.With("Content-Type", "application/json-patch+json").Do(http.MethodPatch, "/fhir/R4/ProjectMembership/"+id, `[{"op":"add","path":"/admin","value":true}]`)
			assert.Contains(t, []int{http.StatusForbidden, http.StatusNotFound}, patch.Status)
			update := a.member.POST("/admin/projects/"+a.member.Project+"/members/"+id, `{"resourceType":"ProjectMembership","id":"`+id+`","admin":true}`)
			assert.Equal(t, http.StatusForbidden, update.Status)
			mine := a.admin.GET("/fhir/R4/ProjectMembership/" + id).WantStatus(http.StatusOK)
			assert.NotEqual(t, "true", mine.Field("admin"))
			// An administrator moves nobody and no membership into another project.
			body := strings.Replace(string(mine.Body), a.admin.Project, a.other.Project, 1)
			a.admin.PUT("/fhir/R4/ProjectMembership/"+id, body)
			assert.Equal(t, "Project/"+a.admin.Project, a.admin.GET("/fhir/R4/ProjectMembership/"+id).Field("project.reference"))
		}},
		{"CVE-2021-27582", "MITREid Connect: a request binds what belongs to the server", func(t *testing.T, a *attacked) {
			for _, c := range []*apptest.Client{a.member, a.patient} {
				got := c.POST("/admin/projects/"+c.Project+"/invite", `{"resourceType":"Practitioner","firstName":"A","lastName":"B","email":"x@evil.example","membership":{"admin":true}}`)
				assert.Equal(t, http.StatusForbidden, got.Status)
			}
			v := newVisitor(t, a.Server).send(http.MethodGet, a.ask(), nil)
			action, fields := v.form()
			for name, value := range map[string]string{"email": a.member.Email, "password": apptest.Password, "scope": "system/*.*", "membership": "x", "approved": "true", "admin": "true", "answer": "allow"} {
				fields.Set(name, value)
			}
			assert.Contains(t, v.send(http.MethodPost, action, fields).page, "Allow Growth")
			assert.NotContains(t, v.page, "system/")
		}},
		{"CVE-2022-46172", "authentik: whoever is signed in makes accounts", func(t *testing.T, a *attacked) {
			for _, c := range []*apptest.Client{a.member, a.patient} {
				for _, resource := range []string{`{"resourceType":"User","firstName":"A","lastName":"B","email":"y@evil.example"}`, `{"resourceType":"Project","name":"Trap"}`} {
					kind := "User"
					if strings.Contains(resource, "Trap") {
						kind = "Project"
					}
					assert.Contains(t, []int{http.StatusForbidden, http.StatusNotFound}, c.POST("/fhir/R4/"+kind, resource).Status)
				}
			}
		}},
		{"CVE-2022-39306", "Grafana: an invite is accepted with another address", func(t *testing.T, a *attacked) {
			a.admin.POST("/admin/projects/"+a.admin.Project+"/invite", `{"resourceType":"Practitioner","firstName":"A","lastName":"B","email":"invited@clinic.example"}`).WantStatus(http.StatusOK)
			link, err := url.Parse(a.MailTo("invited@clinic.example").Link)
			require.NoError(t, err)
			part := strings.Split(strings.Trim(link.Path, "/"), "/")
			got := a.nobody.POST("/auth/setpassword", `{"id":"`+part[1]+`","secret":"`+part[2]+`","password":"Donut-glaze-77","email":"thief@evil.example","userName":"thief"}`)
			if got.Status == http.StatusOK {
				assert.Equal(t, a.admin.Project, a.SignIn("invited@clinic.example", "Donut-glaze-77", "").Project)
			}
			assert.Equal(t, http.StatusBadRequest, a.nobody.POST("/auth/login", `{"email":"thief@evil.example","password":"Donut-glaze-77"}`).Status)
		}},
		{"CVE-2016-10033", "PHPMailer: an address or a name adds to the mail", func(t *testing.T, a *attacked) {
			for _, who := range []string{
				`"firstName":"A","lastName":"B","email":"x@clinic.example\r\nBcc: thief@evil.example"`, `"firstName":"A","lastName":"B","email":"x@clinic.example,thief@evil.example"`,
				`"firstName":"A","lastName":"B","email":"x@clinic.example -X/tmp/x"`, `"firstName":"A\r\nBcc: thief@evil.example","lastName":"B","email":"x@clinic.example"`,
			} {
				assert.Equal(t, http.StatusBadRequest, a.admin.POST("/admin/projects/"+a.admin.Project+"/invite", `{"resourceType":"Practitioner",`+who+`}`).Status, who)
			}
			assert.Zero(t, a.mailsTo("thief@evil.example"))
		}},
		{"CWE-158", "a NUL ends an address early", func(t *testing.T, a *attacked) {
			for _, path := range []string{"/auth/login", "/auth/resetpassword", "/auth/method"} {
				got := a.nobody.POST(path, `{"email":"`+a.member.Email+`\u0000@evil.example","password":"`+apptest.Password+`"}`)
				assert.Equal(t, http.StatusBadRequest, got.Status, path)
			}
		}},
		{"CWE-178", "the letters of an address: upper case is the same person, a look-alike is not", func(t *testing.T, a *attacked) {
			a.nobody.POST("/auth/login", `{"email":"`+strings.ToUpper(a.member.Email)+`","password":"`+apptest.Password+`"}`).WantStatus(http.StatusOK)
			got := a.nobody.POST("/auth/newuser", `{"firstName":"A","lastName":"B","email":"`+strings.ToUpper(a.member.Email)+`","password":"`+apptest.Password+`","projectId":"new"}`)
			assert.Equal(t, http.StatusBadRequest, got.Status)
			for _, email := range []string{strings.Replace(a.member.Email, "a", "а", 1), strings.Replace(a.member.Email, "i", "ı", 1)} { // Cyrillic a, dotless i
				assert.Equal(t, http.StatusBadRequest, a.nobody.POST("/auth/login", `{"email":"`+email+`","password":"`+apptest.Password+`"}`).Status)
			}
		}},
		{"CWE-1390", "somebody registers an address before its owner is invited (pre-hijacking)", func(t *testing.T, a *attacked) {
			a.Register("owner@early.example", "Trap")
			a.invite("owner@early.example", "")
			got := a.nobody.POST("/auth/login", `{"email":"owner@early.example","password":"`+apptest.Password+`","projectId":"`+a.admin.Project+`"}`)
			assert.Equal(t, http.StatusBadRequest, got.Status)
		}},
	}
}
