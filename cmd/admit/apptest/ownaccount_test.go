package apptest_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/admitdev/admit/cmd/admit/apptest"
)

// ofAccount are requests that change or show how somebody signs in.
var ofAccount = []struct{ method, path, body string }{
	{"POST", "/auth/changeemail", `{"email":"mine@evil.example"}`},
	{"POST", "/auth/changepassword", `{"oldPassword":"` + apptest.Password + `","newPassword":"Another-password-77"}`},
	{"GET", "/auth/mfa/status", ""},
	{"POST", "/auth/mfa/enroll", `{"token":"000000"}`},
	{"GET", "/auth/passkey", ""},
	{"POST", "/auth/passkey/register-options", ""},
	{"POST", "/auth/stepup", `{"password":"` + apptest.Password + `"}`},
}

// wantOwnSessionAlone: somebody sees their own session alone, and ends no other.
func wantOwnSessionAlone(t *testing.T, as, other *apptest.Client) {
	t.Helper()
	seen := gjson.GetBytes(as.GET("/auth/sessions").WantStatus(http.StatusOK).Body, "sessions").Array()
	require.Len(t, seen, 1)
	assert.Equal(t, "true", seen[0].Get("current").String())
	assert.Equal(t, "1", as.GET("/auth/me").WantStatus(http.StatusOK).Field("security.sessions.#"))
	theirs := gjson.GetBytes(other.GET("/auth/sessions").Body, "sessions.#(current==true).id").String()
	as.POST("/auth/revoke", `{"loginId":"`+theirs+`"}`).WantStatus(http.StatusNotFound)
	other.GET("/auth/me").WantStatus(http.StatusOK)
	as.POST("/auth/revoke", `{"loginId":"`+seen[0].Get("id").String()+`"}`).WantStatus(http.StatusOK)
	as.GET("/auth/me").WantStatus(http.StatusUnauthorized)
}

// TestAnApplicationDoesNotReachTheAccount of whoever gave it some of their data, however lately they
// signed in.
func TestAnApplicationDoesNotReachTheAccount(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		patient := s.As(apptest.Patient)
		client, ask := newApp(s)
		v := newVisitor(t, s).send(http.MethodGet, ask("scope", "openid patient/*.rs"), nil).fill("email", patient.Email, "password", apptest.Password)
		tokens := exchangeApp(s, client, v.fill("answer", "allow").at(appRedirect).Get("code")).WantStatus(http.StatusOK)
		as := s.As(apptest.Anonymous).With("Authorization", "Bearer "+tokens.Field("access_token"))
		as.GET("/fhir/R4/Patient").WantStatus(http.StatusOK)
		for _, r := range ofAccount {
			assert.Equal(t, http.StatusForbidden, as.Do(r.method, r.path, r.body).Status, r.path)
		}
		wantOwnSessionAlone(t, as, patient)
	})
}

// TestANamedTokenDoesNotReachTheAccount: it opens its membership, and changes nothing that guards the
// account without the password.
func TestANamedTokenDoesNotReachTheAccount(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		admin := s.As(apptest.Admin)
		id := addUser(admin, `{"profileType":"Patient","login":"tok","email":"tok@example.com","password":"`+apptest.Password+`"}`)
		token := admin.POST(usersOf(admin)+"/"+id+"/tokens", `{"key":"k"}`).WantStatus(http.StatusCreated).Field("token")
		as := s.SignIn("tok@example.com", token, admin.Project)
		as.POST("/auth/changeemail", `{"email":"mine@evil.example"}`).WantStatus(http.StatusForbidden)
		as.POST("/auth/passkey/register-options", "").WantStatus(http.StatusForbidden)
		assert.Empty(t, as.GET("/auth/mfa/status").WantStatus(http.StatusOK).Field("enrollUri"))
		as.POST("/auth/stepup", `{"password":"`+token+`"}`).WantStatus(http.StatusBadRequest)

		v := newVisitor(t, s).send(http.MethodGet, "/account?project="+admin.Project, nil).fill("email", "tok@example.com", "password", token)
		assert.Contains(t, v.page, "Email or password is invalid")
		assert.NotContains(t, v.send(http.MethodGet, "/account", nil).page, "Your sessions")
		as.POST("/auth/stepup", `{"password":"`+apptest.Password+`"}`).WantStatus(http.StatusOK)
		as.POST("/auth/changeemail", `{"email":"mine@example.com"}`).WantStatus(http.StatusOK)
	})
}

// TestAProjectsProviderSeesNoSessionOfOtherProjects, nor ends one.
func TestAProjectsProviderSeesNoSessionOfOtherProjects(t *testing.T) {
	withProvider(t, func(t *testing.T, h hospital) {
		victim, elsewhere := h.Invite(h.admin, "Practitioner", "vic@clinic.example", ""), h.As(apptest.OtherAdmin)
		evil := h.newClient(elsewhere, `,"identityProvider":`+h.idp.config(""))
		elsewhere.POST("/admin/projects/"+elsewhere.Project+"/invite",
			`{"resourceType":"Practitioner","firstName":"V","lastName":"Ic","email":"vic@clinic.example","sendEmail":false}`).WantStatus(http.StatusOK)
		answer := h.idp.signIn(newVisitor(t, h.Server), h.wish(`"clientId":"`+evil+`","redirectUri":"`+appRedirect+`"`), person("1", "vic@clinic.example")).at(appRedirect)
		tokens := exchangeApp(h.Server, evil, answer.Get("code")).WantStatus(http.StatusOK)
		wantOwnSessionAlone(t, h.As(apptest.Anonymous).With("Authorization", "Bearer "+tokens.Field("access_token")), victim)
	})
}
