package apptest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/admitdev/admit/cmd/admit/apptest"
)

// TestSMARTAppLaunch has one test for each requirement of SMART App Launch 2.2 on a server that
// TestSMARTClient and the rules of private_key_jwt (pkg/oauth) do not see.
func TestSMARTAppLaunch(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		p := newProtocol(t, s)
		for _, r := range smartAppLaunch() {
			t.Run(r.section, func(t *testing.T) { r.holds(t, p) })
		}
	})
}

const smartConfiguration = "/fhir/R4/.well-known/smart-configuration"

func smartAppLaunch() []requirement {
	return []requirement{
		{"conformance: the configuration has what is required, as JSON", func(t *testing.T, p protocol) {
			got := p.As(apptest.Anonymous).GET(smartConfiguration).WantStatus(http.StatusOK)
			assert.Regexp(t, `^application/json`, got.Header.Get("Content-Type"))
			for _, name := range []string{"issuer", "jwks_uri", "authorization_endpoint", "token_endpoint", "grant_types_supported", "capabilities", "code_challenge_methods_supported"} {
				assert.NotEmpty(t, got.Field(name), name)
			}
			assert.Equal(t, p.URL+"/", got.Field("issuer"))
			assert.NotContains(t, got.Field("code_challenge_methods_supported"), "plain")
		}},
		{"conformance: a capability that other people's pages do not have is not claimed", func(t *testing.T, _ protocol) {
			elsewhere := apptest.Start(t, apptest.With("ADMIT_APP_URL=https://app.example/"))
			assert.NotContains(t, elsewhere.As(apptest.Anonymous).GET(smartConfiguration).Field("capabilities"), "context-standalone")
		}},
		{"app launch: aud must be this server", func(t *testing.T, p protocol) {
			for _, aud := range []string{"https://evil.example/fhir/R4", "http://127.0.0.1:1/fhir/R4", "::"} {
				assert.Equal(t, "invalid_request", p.refused(t, "aud", aud).Get("error"), aud)
			}
			assert.NotEmpty(t, p.code(t, "aud", p.URL+"/fhir/R4"))
		}},
		{"app launch: S256 must be supported, plain must not", func(t *testing.T, p protocol) {
			assert.Equal(t, "invalid_request", p.refused(t, "code_challenge_method", "plain", "code_challenge", appVerifier).Get("error"))
		}},
		{"app launch: the request may be posted (authorize-post)", func(t *testing.T, p protocol) {
			_, query, _ := strings.Cut(p.ask(), "?")
			posted := p.As(apptest.Anonymous).FORM("/oauth2/authorize", query).WantStatus(http.StatusOK)
			assert.Contains(t, string(posted.Body), `type="password"`)
		}},
		{"app launch: the answer says what scope was granted, when the token ends, and is not kept", func(t *testing.T, p protocol) {
			tokens := exchangeApp(p.Server, p.client, p.code(t, "scope", "openid fhirUser user/Patient.rs")).WantStatus(http.StatusOK)
			assert.Equal(t, "openid fhirUser user/Patient.rs", tokens.Field("scope"))
			assert.Equal(t, "Bearer", tokens.Field("token_type"))
			assert.Equal(t, "3600", tokens.Field("expires_in"))
			assert.Contains(t, tokens.Header.Get("Cache-Control"), "no-store")
			assert.Equal(t, "no-cache", tokens.Header.Get("Pragma"))
			assert.False(t, strings.Contains(string(tokens.Body), "refresh_token"), "nobody asked for offline access")
			_, claims, _ := parts(t, tokens.Field("id_token"))
			assert.Equal(t, p.As(apptest.Practitioner).Profile, claims["fhirUser"])
		}},
		{"scopes: both versions mean the same", func(t *testing.T, p protocol) {
			for scope, may := range map[string][]bool{ // read, create
				"user/Patient.read": {true, false}, "user/Patient.rs": {true, false}, "user/Patient.write": {false, true},
				"user/Patient.cud": {false, true}, "user/Patient.*": {true, true}, "user/*.cruds": {true, true}, "user/Observation.rs": {false, false},
				"user/Patient.dusrc": {false, false}, // the letters have an order
			} {
				as := p.bearer(exchangeApp(p.Server, p.client, p.code(t, "scope", "openid "+scope)).WantStatus(http.StatusOK).Field("access_token"))
				assert.Equal(t, may[0], as.GET("/fhir/R4/Patient").Status == http.StatusOK, scope)
				assert.Equal(t, may[1], as.POST("/fhir/R4/Patient", `{"resourceType":"Patient"}`).Status == http.StatusCreated, scope)
			}
		}},
		{"scopes: a search parameter narrows, and one that is not understood grants nothing", func(t *testing.T, p protocol) {
			p.As(apptest.Admin).POST("/fhir/R4/Patient", `{"resourceType":"Patient","gender":"female"}`).WantStatus(http.StatusCreated)
			p.As(apptest.Admin).POST("/fhir/R4/Patient", `{"resourceType":"Patient","gender":"male"}`).WantStatus(http.StatusCreated)
			found := func(scope string) *apptest.Answer {
				return p.bearer(exchangeApp(p.Server, p.client, p.code(t, "scope", scope)).WantStatus(http.StatusOK).Field("access_token")).GET("/fhir/R4/Patient?_elements=gender")
			}
			women := found("openid user/Patient.rs?gender=female").WantStatus(http.StatusOK)
			assert.Contains(t, string(women.Body), `"female"`)
			assert.NotContains(t, string(women.Body), `"male"`)
			found("openid user/Patient.rs?flavour=sweet").WantStatus(http.StatusForbidden)
		}},
		{"scopes: none gives what the member's policy does not", func(t *testing.T, p protocol) {
			as := p.bearer(exchangeApp(p.Server, p.client, p.code(t, "scope", "openid user/*.cruds system/*.cruds")).WantStatus(http.StatusOK).Field("access_token"))
			as.GET("/fhir/R4/AccessPolicy").WantStatus(http.StatusForbidden)
			as.GET("/admin/projects/" + p.As(apptest.Admin).Project).WantStatus(http.StatusForbidden)
		}},
		{"styles: the address in the answer has a JSON object", func(t *testing.T, p protocol) {
			address := p.tokens(t).Field("smart_style_url")
			style := p.As(apptest.Anonymous).GET(strings.TrimPrefix(address, p.URL)).WantStatus(http.StatusOK)
			assert.NotEmpty(t, style.Field("color_text"))
		}},
	}
}
