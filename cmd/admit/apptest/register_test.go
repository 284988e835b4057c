package apptest_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/admitdev/admit/cmd/admit/apptest"
)

// registering turns it on in the clinic, with further settings, and gives the endpoint.
func registering(s *apptest.Server, more string) (endpoint string) {
	admin := s.As(apptest.Admin)
	admin.POST("/admin/projects/"+admin.Project+"/settings", `[{"name":"clientRegistration","valueBoolean":true}`+more+`]`).WantStatus(http.StatusOK)
	return "/oauth2/register?project=" + admin.Project
}

// TestClientsMayRegisterThemselvesWhereAProjectLetsThem holds RFC 7591 and what a project grants.
func TestClientsMayRegisterThemselvesWhereAProjectLetsThem(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		const metadata = `{"redirect_uris":["` + appRedirect + `"],"client_name":"Stranger","scope":"openid patient/*.rs user/Patient.rs"}`
		admin, nobody := s.As(apptest.Admin), s.As(apptest.Anonymous)
		closed := "/oauth2/register?project=" + admin.Project
		discovery := "/.well-known/openid-configuration?project=" + admin.Project
		refusals := []string{closed, "/oauth2/register", "/oauth2/register?project=00000000-0000-4000-8000-000000000000", "/oauth2/register?project=%27%20OR%201=1"}
		for _, path := range refusals {
			assert.Equal(t, "access_denied", nobody.POST(path, metadata).WantStatus(http.StatusForbidden).Field("error"), path)
		}
		assert.Empty(t, nobody.GET(discovery).WantStatus(http.StatusOK).Field("registration_endpoint"))

		endpoint := registering(s, "")
		assert.Equal(t, s.URL+endpoint, nobody.GET(discovery).WantStatus(http.StatusOK).Field("registration_endpoint"))
		assert.Equal(t, s.URL+endpoint, nobody.GET("/fhir/R4/.well-known/smart-configuration?project="+admin.Project).Field("registration_endpoint"))
		assert.Empty(t, nobody.GET("/.well-known/openid-configuration").Field("registration_endpoint"))
		s.As(apptest.Anonymous)
		made := nobody.POST(endpoint, metadata).WantStatus(http.StatusCreated)
		assert.Equal(t, "openid patient/*.rs", made.Field("scope"), "what the project grants, and no more")
		assert.Equal(t, "client_secret_basic", made.Field("token_endpoint_auth_method"))
		assert.Equal(t, `["authorization_code"]`, made.Field("grant_types"))
		assert.Equal(t, "0", made.Field("client_secret_expires_at"))
		assert.Equal(t, "no-store", made.Header.Get("Cache-Control")[:8])
		s.WantUnchanged("ProjectMembership", "User", "AccessPolicy", "Project")

		id, secret := made.Field("client_id"), made.Field("client_secret")
		stored := admin.GET("/fhir/R4/ClientApplication/" + id).WantStatus(http.StatusOK)
		assert.Equal(t, secret, stored.Field("secret"), "an administrator sees it as any other")
		got := nobody.FORM("/oauth2/token", "grant_type=client_credentials&client_id="+id+"&client_secret="+secret)
		assert.Equal(t, "invalid_request", got.WantStatus(http.StatusBadRequest).Field("error"), "it has no rights of its own")

		_, ask := newApp(s)
		v := newVisitor(t, s).send(http.MethodGet, ask("client_id", id, "scope", "openid user/Patient.rs"), nil)
		assert.Equal(t, "invalid_scope", v.at(appRedirect).Get("error"))
		nobody.POST("/auth/login", `{"email":"`+s.As(apptest.Practitioner).Email+`","password":"`+apptest.Password+`","clientId":"`+id+`","scope":"user/*.cruds"}`).WantText("Invalid scope")
		v.send(http.MethodGet, ask("client_id", id, "scope", "openid"), nil).fill("email", s.As(apptest.Practitioner).Email, "password", apptest.Password)
		assert.Contains(t, v.page, "has registered itself")
		code := v.fill("answer", "allow").at(appRedirect).Get("code")
		assert.Equal(t, "invalid_client", exchangeApp(s, id, code).WantStatus(http.StatusBadRequest).Field("error"), "it was given a secret to show")
		exchangeApp(s, id, code, "client_secret", secret).WantStatus(http.StatusOK)

		pushes := nobody.POST(endpoint, `{"redirect_uris":["`+appRedirect+`"],"require_pushed_authorization_requests":true}`).WantStatus(http.StatusCreated)
		assert.Equal(t, "true", pushes.Field("require_pushed_authorization_requests"))
		v.send(http.MethodGet, ask("client_id", pushes.Field("client_id"), "scope", "openid"), nil)
		assert.Equal(t, "invalid_request", v.at(appRedirect).Get("error"), "it must push")
	})
}

func TestWhatRegistrationRefuses(t *testing.T) {
	s := apptest.Start(t, apptest.Standing())
	endpoint := registering(s, `,{"name":"clientRegistrationScope","valueString":"openid"},{"name":"clientRegistrationDayLimit","valueInteger":3}`)
	nobody := s.As(apptest.Anonymous)
	refusals := map[string]string{
		`{}`:                    "invalid_redirect_uri",
		`{"redirect_uris":[]}`:  "invalid_redirect_uri",
		`{"redirect_uris":"x"}`: "invalid_client_metadata",
		`[`:                     "invalid_client_metadata",
		`{"redirect_uris":["https://a.example/","http://b.example/"]}`: "invalid_redirect_uri",
	}
	for _, uri := range []string{
		"javascript:alert(1)", "data:text/html,x", "http://evil.example/", "http://127.0.0.1.evil.example/", "https://a.example/#f", "https://a.example/#",
		"https://u:p@a.example/", "https:///x", "/callback", "callback", "myapp:/x", "", "https://a.example/\u202e",
	} {
		refusals[`{"redirect_uris":["`+uri+`"]}`] = "invalid_redirect_uri"
	}
	for _, more := range []string{
		`"grant_types":["client_credentials"]`, `"grant_types":["authorization_code","implicit"]`, `"grant_types":["refresh_token"]`, `"response_types":["token"]`,
		`"token_endpoint_auth_method":"tls_client_auth"`, `"token_endpoint_auth_method":"private_key_jwt"`, `"jwks_uri":"https://a.example/jwks"`,
		`"token_endpoint_auth_method":"private_key_jwt","jwks_uri":"nope"`, `"jwks":{"keys":[]}`, `"scope":"user/*.cruds"`, `"scope":"a\"b"`,
	} {
		refusals[`{"redirect_uris":["https://a.example/"],`+more+`}`] = "invalid_client_metadata"
	}
	for body, code := range refusals {
		got := nobody.POST(endpoint, body)
		assert.Equal(t, code, got.WantStatus(http.StatusBadRequest).Field("error"), body)
		assert.NotEmpty(t, got.Field("error_description"), body)
	}
	s.WantUnchanged("ClientApplication")
	for _, uri := range []string{"https://a.example/cb?x=1", "http://127.0.0.1:8080/", "com.example.app:/cb"} {
		got := nobody.POST(endpoint, `{"redirect_uris":["`+uri+`"],"token_endpoint_auth_method":"none","client_name":"a\nb"}`).WantStatus(http.StatusCreated)
		assert.Empty(t, got.Field("client_secret"))
		assert.Equal(t, "ab", got.Field("client_name"))
	}
	late := nobody.POST(endpoint, `{"redirect_uris":["https://a.example/"]}`).WantStatus(http.StatusTooManyRequests)
	assert.Equal(t, "temporarily_unavailable", late.Field("error"))
	assert.NotEmpty(t, late.Header.Get("Retry-After"))
	found := s.As(apptest.Admin).GET("/fhir/R4/ClientApplication?_tag=registered-itself&_count=10").WantStatus(http.StatusOK)
	require.Len(t, gjson.GetBytes(found.Body, "entry").Array(), 3)
}

// TestAClientThatRegisteredItselfHasItsScopesAlone: to be told who somebody is gives it none of their
// rights.
func TestAClientThatRegisteredItselfHasItsScopesAlone(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		made := s.As(apptest.Anonymous).POST(registering(s, ""),
			`{"redirect_uris":["`+appRedirect+`"],"scope":"openid patient/*.rs","token_endpoint_auth_method":"none"}`).WantStatus(http.StatusCreated)
		id, owner := made.Field("client_id"), s.As(apptest.Admin)
		_, ask := newApp(s)
		v := newVisitor(t, s).send(http.MethodGet, ask("client_id", id, "scope", "openid"), nil).fill("email", owner.Email, "password", apptest.Password)
		tokens := exchangeApp(s, id, v.fill("answer", "allow").at(appRedirect).Get("code")).WantStatus(http.StatusOK)
		as := s.As(apptest.Anonymous).With("Authorization", "Bearer "+tokens.Field("access_token"))
		as.GET("/oauth2/userinfo").WantStatus(http.StatusOK)
		as.GET("/fhir/R4/Patient").WantStatus(http.StatusForbidden)
		as.POST("/fhir/R4/Patient", `{"resourceType":"Patient"}`).WantStatus(http.StatusForbidden)
		as.GET(usersOf(owner)).WantStatus(http.StatusForbidden)
		as.With("X-Medplum-On-Behalf-Of", s.As(apptest.Practitioner).Profile).GET("/fhir/R4/Patient").WantStatus(http.StatusForbidden)
		for _, r := range ofAccount {
			assert.Equal(t, http.StatusForbidden, as.Do(r.method, r.path, r.body).Status, r.path)
		}
	})
}
