package apptest_test

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/admitdev/admit/cmd/admit/apptest"
)

const (
	office    = "198.51.100.7"
	elsewhere = "203.0.113.9" // which the policy keeps out
)

// blocking is a policy that keeps an address out.
func blocking(by *apptest.Client, address string) string {
	return "AccessPolicy/" + by.POST("/fhir/R4/AccessPolicy", fmt.Sprintf(
		`{"resourceType":"AccessPolicy","name":"From the office","resource":[{"resourceType":"Patient"}],"ipAccessRule":[{"value":%q,"action":"block"}]}`, address)).
		WantStatus(http.StatusCreated).Field("id")
}

func TestNobodyComesInFromAnAddressThatIsKeptOut(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		admin := s.As(apptest.Admin)
		of := fmt.Sprintf(`,"accessPolicy":{"reference":%q}`, blocking(admin, elsewhere))
		member := s.Invite(admin, "Practitioner", "max@office.example", of)
		from := func(address string) *apptest.Client { return s.As(apptest.Anonymous).With("X-Forwarded-For", address) }
		refused := func(got *apptest.Answer) {
			t.Helper()
			got.WantStatus(http.StatusBadRequest)
			assert.Equal(t, "invalid_request: IP address not allowed", got.Field("error")+": "+got.Field("error_description"))
		}
		login := func(address, password string) *apptest.Answer {
			return from(address).POST("/auth/login", fmt.Sprintf(`{"email":"max@office.example","password":%q,"codeChallenge":%q,"codeChallengeMethod":"plain","remember":true,"scope":"openid"}`, password, appVerifier))
		}
		login(elsewhere, apptest.Password).WantStatus(http.StatusBadRequest).WantText("IP address not allowed")
		login(elsewhere, "Wrong-password-1").WantStatus(http.StatusBadRequest).WantText("Email or password is invalid")
		code := login(office, apptest.Password).WantStatus(http.StatusOK).Field("code")

		exchange := func(address, verifier string) *apptest.Answer {
			return from(address).FORM("/oauth2/token", url.Values{"grant_type": {"authorization_code"}, "code": {code}, "code_verifier": {verifier}}.Encode())
		}
		wrong := exchange(elsewhere, appVerifier+"x").WantStatus(http.StatusBadRequest)
		assert.Equal(t, "Invalid code verifier", wrong.Field("error_description"), "a thief learns nothing of the rules")
		refused(exchange(elsewhere, appVerifier))
		refresh := exchange(office, appVerifier).WantStatus(http.StatusOK).Field("refresh_token") // the code is still good
		renew := func(address string) *apptest.Answer {
			return from(address).FORM("/oauth2/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}}.Encode())
		}
		refused(renew(elsewhere))
		renew(office).WantStatus(http.StatusOK)

		made := admin.POST("/admin/projects/"+admin.Project+"/client", `{"name":"Batch"`+of+`}`).WantStatus(http.StatusCreated)
		program := func(address, secret string) *apptest.Answer {
			return from(address).FORM("/oauth2/token", url.Values{
				"grant_type": {"client_credentials"}, "client_id": {made.Field("id")}, "client_secret": {secret},
			}.Encode())
		}
		refused(program(elsewhere, made.Field("secret")))
		assert.Equal(t, "Invalid secret", program(elsewhere, "wrong").Field("error_description"))
		program(office, made.Field("secret")).WantStatus(http.StatusOK)

		admin.POST("/admin/projects/"+admin.Project+"/invite", `{"resourceType":"Practitioner","firstName":"Max","lastName":"Member","email":"max@office.example","sendEmail":false,"forceNewMembership":true}`).
			WantStatus(http.StatusOK)
		step := login(elsewhere, apptest.Password).WantStatus(http.StatusOK)
		choose := func(membership string) *apptest.Answer {
			return from(elsewhere).POST("/auth/profile", fmt.Sprintf(`{"login":%q,"profile":%q}`, step.Field("login"), membership))
		}
		kept := member.Membership[len("ProjectMembership/"):]
		choose(kept).WantStatus(http.StatusBadRequest).WantText("IP address not allowed")
		free := step.Field("memberships.0.id")
		if free == kept {
			free = step.Field("memberships.1.id")
		}
		assert.NotEmpty(t, choose(free).WantStatus(http.StatusOK).Field("code"))
	}, apptest.With("ADMIT_TRUSTED_PROXIES=127.0.0.1", "ADMIT_ALLOW_PKCE_PLAIN=true"))
}

// TestATokenIsGoodWhereItsPolicyLetsIn: one that was got inside opens nothing outside, whatever it is shown to.
func TestATokenIsGoodWhereItsPolicyLetsIn(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		admin := s.As(apptest.Admin)
		member := s.Invite(admin, "Practitioner", "max@office.example", fmt.Sprintf(`,"accessPolicy":{"reference":%q}`, blocking(admin, elsewhere)))
		inside, outside := member.With("X-Forwarded-For", office), member.With("X-Forwarded-For", elsewhere)
		mapped := member.With("X-Forwarded-For", "::ffff:"+elsewhere)
		batch := `{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET","url":"Patient"}}]}`
		job := inside.With("Prefer", "respond-async").POST("/fhir/R4", batch).WantStatus(http.StatusAccepted).Header.Get("Content-Location")
		at, err := url.Parse(job)
		assert.NoError(t, err)
		own := url.Values{"token": {inside.Token}}.Encode()
		for _, get := range []string{
			"/fhir/R4/Patient", "/auth/me", "/oauth2/userinfo", "/fhir/R4/Patient?name=x&_cursor=x", at.Path,
			"/fhir/R4/$graphql?query=%7BPatientList%7Bid%7D%7D", "/scim/v2/Users",
		} {
			for _, from := range []*apptest.Client{outside, mapped} {
				from.GET(get).WantStatus(http.StatusForbidden)
			}
			assert.NotEqual(t, http.StatusUnauthorized, inside.GET(get).Status, get)
		}
		outside.POST("/fhir/R4", batch).WantStatus(http.StatusForbidden)
		inside.POST("/fhir/R4", batch).WantStatus(http.StatusOK)
		outside.FORM("/oauth2/introspect", own).WantStatus(http.StatusUnauthorized)
		assert.Equal(t, "true", inside.FORM("/oauth2/introspect", own).WantStatus(http.StatusOK).Field("active"))
		outside.POST("/oauth2/logout", "").WantStatus(http.StatusOK) // which ends it for the thief as well
		inside.GET("/fhir/R4/Patient").WantStatus(http.StatusUnauthorized)
	}, apptest.With("ADMIT_TRUSTED_PROXIES=127.0.0.1"))
}

func TestNoTokenIsExchangedFromAnAddressThatIsKeptOut(t *testing.T) {
	withProvider(t, func(t *testing.T, h hospital) {
		h.invite("ann@hospital.example", fmt.Sprintf(`,"accessPolicy":{"reference":%q}`, blocking(h.admin, "127.0.0.1")))
		ann := h.idp.access(person("1", "ann@hospital.example"))
		got := h.exchangeExternal(ann).WantStatus(http.StatusBadRequest)
		assert.Equal(t, "IP address not allowed", got.Field("error_description"))
		h.As(apptest.Anonymous).POST("/auth/exchange", fmt.Sprintf(`{"clientId":%q,"externalAccessToken":%q}`, h.client, ann)).
			WantStatus(http.StatusBadRequest).WantText("IP address not allowed")
	})
}
