package apptest_test

import (
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/cmd/admit/apptest"
)

// wantFactors has the project want a second factor of all who sign in.
func (h hospital) wantFactors() {
	h.admin.POST("/admin/projects/"+h.admin.Project+"/settings", `[{"name":"mfaRequired","valueBoolean":true}]`).OK()
}

// saying is somebody of whom the provider says more.
func saying(who, more map[string]any) map[string]any {
	all := maps.Clone(who)
	maps.Copy(all, more)
	return all
}

// ask is a request of the client that names the provider.
func (h hospital) ask(more ...string) string {
	query := url.Values{
		"response_type": {"code"}, "client_id": {h.client}, "redirect_uri": {appRedirect}, "scope": {"openid"},
		"code_challenge": {appChallenge()}, "code_challenge_method": {"S256"},
	}
	for i := 0; i < len(more); i += 2 {
		query.Set(more[i], more[i+1])
	}
	return query.Encode()
}

// forDomain is the start of a journey to the domain's provider for a request.
func (h hospital) forDomain(more ...string) string {
	return "/auth/external/start?" + url.Values{"domain": {"hospital.example"}, "request": {h.ask(more...)}}.Encode()
}

// idClaims are those of the ID token that the client gets.
func (h hospital) idClaims(t *testing.T, code string) map[string]any {
	t.Helper()
	_, claims, _ := parts(t, exchangeApp(h.Server, h.client, code).OK().Field("id_token"))
	return claims
}

// TestAProviderMustSayThatThereWereSeveralFactors where the project wants them; else ours is asked.
func TestAProviderMustSayThatThereWereSeveralFactors(t *testing.T) {
	withProvider(t, func(t *testing.T, h hospital) {
		h.invite(ann, "")
		who := person("1", ann)
		before := exchangeApp(h.Server, h.client, h.idp.signIn(newVisitor(t, h.Server), h.wish(`"clientId":"`+h.client+`","redirectUri":"`+appRedirect+`","scope":"openid offline_access"`), who).at(appRedirect).Get("code")).OK()
		h.wantFactors()
		h.As(apptest.Anonymous).FORM("/oauth2/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {before.Field("refresh_token")}}.Encode()).WantStatus(http.StatusBadRequest)

		at := time.Now().Add(-20 * time.Minute).Unix()
		for _, said := range []map[string]any{
			{"amr": []string{"pwd", "otp"}, "auth_time": at}, {"amr": []string{"mfa"}, "auth_time": at}, {"acr": "phr", "amr": []string{"hwk", "unheard"}, "auth_time": at},
		} {
			claims := h.idClaims(t, h.idp.signIn(newVisitor(t, h.Server), h.byClient(), saying(who, said)).at(appRedirect).Get("code"))
			assert.EqualValues(t, at, claims["auth_time"], "when the provider has recognised them")
			assert.Equal(t, said["acr"], claims["acr"])
			assert.Contains(t, claims["amr"], "mfa")
			assert.NotContains(t, claims["amr"], "unheard")
		}
		for _, said := range []map[string]any{{}, {"amr": []string{"pwd"}}, {"amr": "mfa"}, {"acr": "gold"}, {"amr": []string{"otp", "sms"}}} {
			v := h.idp.signIn(newVisitor(t, h.Server), h.byClient(), saying(who, said))
			assert.Contains(t, v.page, "Set one up by signing in with your password", "the word of one project's provider enrols nobody: %v", said)
			v = h.idp.signIn(newVisitor(t, h.Server), h.forDomain(), saying(who, said))
			assert.Contains(t, v.page, "Set up a second factor", said)
		}
		// Only what is signed counts: here the ID token has no address, so that userinfo is asked.
		h.idp.bend = func(claims map[string]any) {
			delete(claims, "email")
			delete(claims, "amr")
		}
		v := h.idp.signIn(newVisitor(t, h.Server), h.forDomain(), saying(who, map[string]any{"amr": []string{"mfa"}}))
		h.idp.bend = nil
		require.Contains(t, v.page, "Set up a second factor")

		key := regexp.MustCompile(`type this key into the app: ([A-Z2-7]+)`).FindStringSubmatch(v.page)
		require.NotNil(t, key, v.page)
		code, err := totp.GenerateCode(key[1], time.Now())
		require.NoError(t, err)
		require.Contains(t, v.fill("code", code).page, "Your recovery codes")
		require.Contains(t, v.fill().page, "Allow Growth")
		claims := h.idClaims(t, v.fill("answer", "allow").at(appRedirect).Get("code"))
		assert.Equal(t, []any{"mfa"}, claims["amr"], "what the provider asked nobody knows")
		assert.InDelta(t, time.Now().Unix(), claims["auth_time"], 60)

		// Who has a factor shows it, by whichever way they come; our pages go on where an application cannot.
		for _, start := range []string{h.byClient(), h.forDomain()} {
			v := h.idp.signIn(newVisitor(t, h.Server), start, who)
			require.Contains(t, v.page, "Second factor", start)
			assert.Contains(t, v.fill("code", "000000").page, "Invalid MFA token")
		}
		login := h.idp.signIn(newVisitor(t, h.Server), h.wish(byDomain+`,"projectId":"`+h.admin.Project+`"`), who)
		assert.Contains(t, login.page, "A second factor is required")
	})
}

// TestAUserMayHaveToShowSeveralFactorsElsewhere, whatever the project wants.
func TestAUserMayHaveToShowSeveralFactorsElsewhere(t *testing.T) {
	withProvider(t, func(t *testing.T, h hospital) {
		h.invite(ann, `,"mfaRequired":true`)
		h.invite("bob@hospital.example", "")
		start := h.forDomain()
		assert.Contains(t, h.idp.signIn(newVisitor(t, h.Server), start, person("1", ann)).page, "Set up a second factor")
		assert.Contains(t, h.idp.signIn(newVisitor(t, h.Server), start, saying(person("1", ann), map[string]any{"amr": []string{"mfa"}})).page, "Allow Growth")
		assert.Contains(t, h.idp.signIn(newVisitor(t, h.Server), start, person("2", "bob@hospital.example")).page, "Allow Growth")

		weak, strong := person("1", ann), saying(person("1", ann), map[string]any{"amr": []string{"pwd", "hwk"}})
		idToken := []string{"subject_token_type", tokenType + "id_token"}
		h.exchangeExternal(h.idp.idToken(weak, ""), idToken...).WantStatus(http.StatusBadRequest)
		h.exchangeExternal(h.idp.access(strong)).WantStatus(http.StatusBadRequest)
		got := h.exchangeExternal(h.idp.idToken(strong, ""), idToken...).OK()
		_, claims, _ := parts(t, got.Field("id_token"))
		assert.Equal(t, []any{"pwd", "hwk", "mfa"}, claims["amr"])
		h.exchangeExternal(h.idp.access(person("2", "bob@hospital.example"))).OK()
		h.wantFactors()
		h.exchangeExternal(h.idp.access(person("2", "bob@hospital.example"))).WantStatus(http.StatusBadRequest)
	})
}

// TestAProviderIsAskedForWhatIsWanted, as far as it says that it can be.
func TestAProviderIsAskedForWhatIsWanted(t *testing.T) {
	withProvider(t, func(t *testing.T, h hospital) {
		h.invite(ann, "")
		asked := func(start string) url.Values {
			t.Helper()
			v := newVisitor(t, h.Server).send(http.MethodGet, start, nil)
			require.Equal(t, http.StatusSeeOther, v.status, v.page)
			return mustURL(t, v.header.Get("Location")).Query()
		}
		assert.NotContains(t, asked(h.forDomain()), "acr_values")
		assert.NotContains(t, asked(h.forDomain()), "max_age")
		assert.Equal(t, "300", asked(h.forDomain("max_age", "300")).Get("max_age"))
		h.wantFactors()
		assert.NotContains(t, asked(h.forDomain()), "acr_values", "a provider may refuse what it does not know")
		able := newProvider(t)
		able.describe = func(d map[string]any) {
			d["acr_values_supported"] = []string{"gold", "phr", "https://refeds.org/profile/mfa"}
		}
		client := h.newClient(h.admin, `,"identityProvider":`+able.config(""))
		assert.Equal(t, "phr https://refeds.org/profile/mfa", asked(h.wish(`"clientId":"`+client+`"`)).Get("acr_values"))
	})
}

// TestAProviderMustSayWhenSomebodySignedIn where the application asks.
func TestAProviderMustSayWhenSomebodySignedIn(t *testing.T) {
	withProvider(t, func(t *testing.T, h hospital) {
		h.invite(ann, "")
		comes := func(more map[string]any, asking ...string) *visitor {
			return h.idp.signIn(newVisitor(t, h.Server), h.forDomain(asking...), saying(person("1", ann), more))
		}
		ago := func(d time.Duration) map[string]any { return map[string]any{"auth_time": time.Now().Add(-d).Unix()} }
		for name, said := range map[string]map[string]any{
			"nothing": nil, "long ago": ago(time.Hour), "in the future": ago(-time.Hour), "as text": {"auth_time": "now"},
		} {
			v := comes(said, "max_age", "300")
			assert.Equal(t, http.StatusBadRequest, v.status, name)
			assert.Contains(t, v.page, "does not say that you have signed in there", name)
			require.Contains(t, comes(said).page, "Allow Growth", name)
		}
		v := comes(ago(4*time.Minute), "max_age", "300")
		require.Contains(t, v.page, "Allow Growth")
		claims := h.idClaims(t, v.fill("answer", "allow").at(appRedirect).Get("code"))
		assert.InDelta(t, time.Now().Add(-4*time.Minute).Unix(), claims["auth_time"], 5)
		silent := func(age string) url.Values {
			return v.send(http.MethodGet, "/oauth2/authorize?"+h.ask("prompt", "none", "max_age", age), nil).at(appRedirect)
		}
		assert.NotEmpty(t, silent("300").Get("code"))
		assert.Equal(t, "login_required", silent("120").Get("error"), "the session is younger, the sign-in is not")
	})
}

// TestOurIDTokensSayHowSomebodySignedIn.
func TestOurIDTokensSayHowSomebodySignedIn(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		c := s.Invite(s.As(apptest.Admin), "Practitioner", "how@clinic.example", "")
		signIn := func() (code string, step *apptest.Answer) {
			step = s.As(apptest.Anonymous).POST("/auth/login", `{"email":"`+c.Email+`","password":"`+apptest.Password+
				`","codeChallenge":"`+appChallenge()+`","codeChallengeMethod":"S256","projectId":"`+c.Project+`"}`).OK()
			return step.Field("code"), step
		}
		amr := func(code string) any {
			_, claims, _ := parts(t, exchangeApp(s, "", code).OK().Field("id_token"))
			assert.NotContains(t, claims, "acr")
			return claims["amr"]
		}
		code, _ := signIn()
		assert.Equal(t, []any{"pwd"}, amr(code))
		secret, first := totpOf(t, c)
		recovery := c.POST("/auth/mfa/enroll", `{"token":"`+first+`"}`).OK().Field("recoveryCodes.0")
		require.NotEmpty(t, secret)
		_, step := signIn()
		code = s.As(apptest.Anonymous).POST("/auth/mfa/verify", `{"login":"`+step.Field("login")+`","token":"`+recovery+`"}`).OK().Field("code")
		assert.Equal(t, []any{"pwd", "mfa"}, amr(code))
	})
}

// TestATokenOfAnExternalIssuerSaysHowStrongItIs where the project wants several factors.
func TestATokenOfAnExternalIssuerSaysHowStrongItIs(t *testing.T) {
	withIssuer(t, func(t *testing.T, a abroad) {
		a.with(a.token(nil, nil)).GET("/fhir/R4/Patient").OK()
		a.admin.POST("/admin/projects/"+a.admin.Project+"/settings", `[{"name":"mfaRequired","valueBoolean":true}]`).OK()
		a.refused(t, a.token(map[string]any{"jti": "weak"}, nil), "it says nothing")
		a.refused(t, a.token(map[string]any{"jti": "told"}, map[string]any{"sub": "emp-7", "amr": []string{"mfa"}}), "userinfo is not signed")
		a.with(a.token(map[string]any{"jti": "strong", "amr": []string{"mfa"}}, nil)).GET("/fhir/R4/Patient").OK()
	})
}

// TestSuperAdministratorsMayHaveToShowSeveralFactors, as anybody.
func TestSuperAdministratorsMayHaveToShowSeveralFactors(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		super := s.As(apptest.SuperAdmin)
		login := func() *apptest.Answer {
			return s.As(apptest.Anonymous).POST("/auth/login", `{"email":"`+apptest.SuperAdminEmail+`","password":"`+apptest.SuperAdminPassword+`","scope":"openid"}`).OK()
		}
		require.NotEmpty(t, login().Field("code"))
		super.POST("/admin/projects/"+super.Project+"/settings", `[{"name":"mfaRequired","valueBoolean":true}]`).OK()
		step := login()
		assert.Empty(t, step.Field("code"))
		assert.Equal(t, "true", step.Field("mfaEnrollRequired"))
	})
}
