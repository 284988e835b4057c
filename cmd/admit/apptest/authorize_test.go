package apptest_test

import (
	"crypto/sha256"
	"encoding/base64"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/pquerna/otp/totp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/cmd/admit/apptest"
)

// visitor is a browser without script: it keeps cookies and sends forms as they are written.
type visitor struct {
	t    *testing.T
	base string
	http *http.Client
	// page is where it is: the status, the headers and the text.
	status int
	header http.Header
	page   string
}

func newVisitor(t *testing.T, s *apptest.Server) *visitor {
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &visitor{t: t, base: s.URL, http: &http.Client{Jar: jar, CheckRedirect: stay}}
}

func (v *visitor) send(method, address string, form url.Values, headers ...string) *visitor {
	v.t.Helper()
	if strings.HasPrefix(address, "/") {
		address = v.base + address
	}
	request, err := http.NewRequestWithContext(v.t.Context(), method, address, strings.NewReader(form.Encode()))
	require.NoError(v.t, err)
	if form != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := v.http.Do(request)
	require.NoError(v.t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(v.t, err)
	v.status, v.header, v.page = response.StatusCode, response.Header, string(body)
	return v
}

var (
	formAction = regexp.MustCompile(`<form method="post" action="([^"]+)"`)
	inputs     = regexp.MustCompile(`<input ([^>]*)>`)
	attribute  = regexp.MustCompile(`(\w+)="([^"]*)"`)
)

// form is the form of the page as a browser would send it.
func (v *visitor) form() (action string, fields url.Values) {
	v.t.Helper()
	found := formAction.FindStringSubmatch(v.page)
	require.NotNil(v.t, found, "%d %s", v.status, v.page)
	fields = url.Values{}
	for _, input := range inputs.FindAllStringSubmatch(v.page, -1) {
		of := map[string]string{}
		for _, a := range attribute.FindAllStringSubmatch(input[1], -1) {
			of[a[1]] = html.UnescapeString(a[2])
		}
		if (of["type"] == "radio" || of["type"] == "checkbox") && !strings.Contains(input[1], " checked") {
			continue
		}
		fields.Add(of["name"], of["value"])
	}
	return html.UnescapeString(found[1]), fields
}

// fill sends the form of the page with these values.
func (v *visitor) fill(values ...string) *visitor {
	v.t.Helper()
	action, fields := v.form()
	for i := 0; i < len(values); i += 2 {
		fields.Set(values[i], values[i+1])
	}
	return v.send(http.MethodPost, action, fields)
}

// at is the answer that the client gets.
func (v *visitor) at(redirectURI string) url.Values {
	v.t.Helper()
	location := v.header.Get("Location")
	path, _, _ := strings.Cut(redirectURI, "?")
	require.True(v.t, strings.HasPrefix(location, path+"?"), "%d %s %s", v.status, location, v.page)
	to, err := url.Parse(location)
	require.NoError(v.t, err)
	return to.Query()
}

const (
	appRedirect = "https://app.example/callback?from=admit"
	appVerifier = "a-verifier-of-at-least-forty-three-characters-0"
)

func appChallenge() string {
	sum := sha256.Sum256([]byte(appVerifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// newApp is a client of the clinic, and a request of it that may be answered.
func newApp(s *apptest.Server) (client string, ask func(more ...string) string) {
	admin := s.As(apptest.Admin)
	client = admin.POST("/admin/projects/"+admin.Project+"/client", `{"name":"Growth \u003cb\u003echart","redirectUris":["`+appRedirect+`","http://127.0.0.1:9/back"]}`).
		WantStatus(http.StatusCreated).Field("id")
	return client, func(more ...string) string {
		query := url.Values{
			"response_type": {"code"}, "client_id": {client}, "redirect_uri": {appRedirect}, "scope": {"openid user/Patient.rs user/Observation.rs"},
			"state": {"s t&1"}, "nonce": {"n-1"}, "code_challenge": {appChallenge()}, "code_challenge_method": {"S256"},
		}
		for i := 0; i < len(more); i += 2 {
			if query.Set(more[i], more[i+1]); more[i+1] == "" {
				query.Del(more[i])
			}
		}
		return "/oauth2/authorize?" + query.Encode()
	}
}

func exchangeApp(s *apptest.Server, client, code string, more ...string) *apptest.Answer {
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "client_id": {client}, "redirect_uri": {appRedirect}, "code_verifier": {appVerifier},
	}
	for i := 0; i < len(more); i += 2 {
		form.Set(more[i], more[i+1])
	}
	return s.As(apptest.Anonymous).FORM("/oauth2/token", form.Encode())
}

func TestAClientIsLetInOnOurOwnPages(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		member := s.As(apptest.Practitioner)
		client, ask := newApp(s)
		v := newVisitor(t, s).send(http.MethodGet, ask(), nil)
		require.Equal(t, http.StatusOK, v.status, v.page)
		assert.Contains(t, v.page, "Growth &lt;b&gt;chart")
		assert.NotRegexp(t, `(?i)<script|unsafe-inline`, v.page+v.header.Get("Content-Security-Policy"))
		assert.Contains(t, v.header.Get("Content-Security-Policy"), "form-action 'self' https://app.example")
		assert.Regexp(t, `HttpOnly; SameSite=Lax`, v.header.Get("Set-Cookie"))
		v.fill("email", member.Email, "password", "wrong-password-1")
		assert.Equal(t, http.StatusBadRequest, v.status)
		assert.Contains(t, v.page, "Email or password is invalid")
		assert.Regexp(t, `name="password"[^>]* autofocus`, v.page, "and not the address, where it would be typed for all to see")
		assert.NotRegexp(t, `name="email"[^>]* autofocus`, v.page)
		v.fill("email", member.Email, "password", apptest.Password)
		require.Equal(t, http.StatusOK, v.status, v.page)
		assert.Contains(t, v.page, "https://app.example")
		assert.Contains(t, v.page, "see Observation")

		_, fields := v.form()
		fields["scope"], fields["answer"] = []string{"openid", "user/Patient.rs"}, []string{"allow"} // one box is left empty
		action, _ := v.form()
		answer := v.send(http.MethodPost, action, fields).at("https://app.example/callback?")
		assert.Equal(t, "admit", answer.Get("from"))
		assert.Equal(t, "s t&1", answer.Get("state"))
		assert.Equal(t, s.URL+"/", answer.Get("iss"))
		exchangeApp(s, client, answer.Get("code"), "redirect_uri", "http://127.0.0.1:9/back").WantStatus(http.StatusBadRequest)
		exchangeApp(s, client, answer.Get("code"), "redirect_uri", "").WantStatus(http.StatusBadRequest)
		tokens := exchangeApp(s, client, answer.Get("code")).WantStatus(http.StatusOK)
		assert.Equal(t, "openid user/Patient.rs", tokens.Field("scope"))
		as := s.As(apptest.Anonymous).With("Authorization", "Bearer "+tokens.Field("access_token"))
		as.GET("/fhir/R4/Patient").WantStatus(http.StatusOK)
		as.GET("/fhir/R4/Observation").WantStatus(http.StatusForbidden)

		// The browser is known now: no password, and no page at all for what was allowed before.
		v.send(http.MethodGet, ask(), nil)
		assert.Contains(t, v.page, "Allow Growth")
		assert.Equal(t, "consent_required", v.send(http.MethodGet, ask("prompt", "none"), nil).at(appRedirect).Get("error"))
		silent := v.send(http.MethodGet, ask("prompt", "none", "scope", "openid user/Patient.rs"), nil).at(appRedirect)
		exchangeApp(s, client, silent.Get("code")).WantStatus(http.StatusOK)
		all := v.send(http.MethodGet, ask("prompt", "none", "scope", "openid"), nil).at(appRedirect)
		assert.Equal(t, "consent_required", all.Get("error"), "without scopes about data it would have all that the member has")
		assert.Contains(t, v.send(http.MethodGet, ask("scope", "openid"), nil).page, "see and change all that you can")
		assert.NotContains(t, v.send(http.MethodGet, ask(), nil).page, "see and change all that you can")
		hinted := ask("prompt", "none", "scope", "openid user/Patient.rs", "id_token_hint", tokens.Field("id_token"))
		assert.NotEmpty(t, v.send(http.MethodGet, hinted, nil).at(appRedirect).Get("code"))
		assert.Equal(t, "login_required", v.send(http.MethodGet, ask("prompt", "none", "max_age", "0", "scope", "openid"), nil).at(appRedirect).Get("error"))
		assert.Contains(t, v.send(http.MethodGet, ask("prompt", "login"), nil).page, `type="password"`)
		assert.Equal(t, "login_required", newVisitor(t, s).send(http.MethodGet, ask("prompt", "none"), nil).at(appRedirect).Get("error"))
		as.POST("/oauth2/logout", "").WantStatus(http.StatusOK)

		v.send(http.MethodGet, ask("prompt", "login"), nil).fill("email", member.Email, "password", apptest.Password)
		v.fill("answer", "deny")
		assert.Equal(t, "access_denied", v.at(appRedirect).Get("error"))
	})
}

func TestProfilesAndSecondFactorsOnOurOwnPages(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		admin := s.As(apptest.Admin)
		client, ask := newApp(s)
		admin.POST("/admin/projects/"+admin.Project+"/invite", `{"resourceType":"Practitioner","firstName":"M","lastName":"Fa","email":"mfa@clinic.example","password":"`+
			apptest.Password+`","sendEmail":false,"mfaRequired":true}`).WantStatus(http.StatusOK)
		second := admin.POST("/admin/projects/"+admin.Project+"/invite", `{"resourceType":"Practitioner","firstName":"Other","lastName":"Role","email":"mfa@clinic.example","sendEmail":false,"forceNewMembership":true}`).
			WantStatus(http.StatusOK).Field("id")
		v := newVisitor(t, s).send(http.MethodGet, ask(), nil).fill("email", "mfa@clinic.example", "password", apptest.Password)
		assert.Contains(t, v.page, `src="data:image/png;base64,`)
		key := regexp.MustCompile(`type this key into the app: ([A-Z2-7]+)`).FindStringSubmatch(v.page)
		require.NotNil(t, key, v.page)
		v.fill("code", "000000")
		assert.Contains(t, v.page, "Invalid token")
		_, pending := v.form()
		stolen := newVisitor(t, s).send(http.MethodGet, ask(), nil)
		_, own := stolen.form()
		own.Set("login", pending.Get("login"))
		assert.Equal(t, http.StatusNotFound, stolen.send(http.MethodPost, "/oauth2/authorize/consent", own).status, "another browser's login")
		code, err := totp.GenerateCode(key[1], time.Now())
		require.NoError(t, err)
		v.fill("code", code)
		require.Len(t, regexp.MustCompile(`([A-Z2-7]{5}-){4}[A-Z2-7]{5}`).FindAllString(v.page, -1), 10, "recovery codes are shown first")
		v.fill()
		require.Contains(t, v.page, "Who are you today?")
		v.fill("profile", second)
		require.Contains(t, v.page, "Allow Growth")
		answer := v.fill("answer", "allow").at(appRedirect)
		tokens := exchangeApp(s, client, answer.Get("code")).WantStatus(http.StatusOK)
		me := s.As(apptest.Anonymous).With("Authorization", "Bearer "+tokens.Field("access_token")).GET("/auth/me")
		assert.Equal(t, second, me.WantStatus(http.StatusOK).Field("membership.id"))
	})
}

func TestWhatTheAuthorizationEndpointRefuses(t *testing.T) {
	s := apptest.Start(t)
	_, ask := newApp(s)
	v := newVisitor(t, s)
	for name, more := range map[string][]string{
		"an unknown client":              {"client_id", "nobody"},
		"no redirect URI":                {"redirect_uri", ""},
		"one that is not registered":     {"redirect_uri", "https://evil.example/"},
		"one below a registered one":     {"redirect_uri", appRedirect + "&x=1"},
		"another case":                   {"redirect_uri", "https://APP.example/callback?from=admit"},
		"another port of a loopback one": {"redirect_uri", "http://127.0.0.1:10/back"},
	} {
		v.send(http.MethodGet, ask(more...), nil)
		assert.Equal(t, http.StatusBadRequest, v.status, name)
		assert.Empty(t, v.header.Get("Location"), name)
	}
	assert.Equal(t, http.StatusBadRequest, v.send(http.MethodGet, ask()+"&redirect_uri=https%3A%2F%2Fevil.example", nil).status)
	for _, tc := range []struct {
		name, code string
		more       []string
	}{
		{"no scope", "invalid_request", []string{"scope", ""}},
		{"implicit grant", "unsupported_response_type", []string{"response_type", "token"}},
		{"a request object", "request_not_supported", []string{"request", "x"}},
		{"another audience", "invalid_request", []string{"aud", "https://evil.example/fhir/R4"}},
		{"no challenge", "invalid_request", []string{"code_challenge", "", "code_challenge_method", ""}},
		{"no method", "invalid_request", []string{"code_challenge_method", ""}},
		{"plain", "invalid_request", []string{"code_challenge_method", "plain"}},
		{"an unknown launch", "invalid_request", []string{"launch", "x"}},
		{"none and login", "invalid_request", []string{"prompt", "none login"}},
		{"a bad age", "invalid_request", []string{"max_age", "-1"}},
		{"a hint that is no token", "invalid_request", []string{"id_token_hint", "x.y.z"}},
		{"a form response", "invalid_request", []string{"response_mode", "form_post"}},
	} {
		answer := v.send(http.MethodGet, ask(tc.more...), nil).at(appRedirect)
		assert.Equal(t, tc.code, answer.Get("error"), tc.name)
		assert.Equal(t, "s t&1", answer.Get("state"), tc.name)
		assert.Equal(t, s.URL+"/", answer.Get("iss"), tc.name)
		assert.Empty(t, answer.Get("code"), tc.name)
	}
	assert.Equal(t, "invalid_request", v.send(http.MethodGet, ask()+"&nonce=again", nil).at(appRedirect).Get("error"))

	// A form of another site, of another browser or without its cookie goes nowhere.
	v.send(http.MethodGet, ask(), nil)
	action, fields := v.form()
	fields.Set("email", s.As(apptest.Practitioner).Email)
	fields.Set("password", apptest.Password)
	assert.Equal(t, http.StatusForbidden, v.send(http.MethodPost, action, fields, "Sec-Fetch-Site", "cross-site").status)
	assert.Equal(t, http.StatusForbidden, newVisitor(t, s).send(http.MethodPost, action, fields).status)
	other := newVisitor(t, s).send(http.MethodGet, ask(), nil)
	assert.Equal(t, http.StatusForbidden, other.send(http.MethodPost, action, fields).status)
	fields.Set("request", strings.Replace(fields.Get("request"), "app.example", "evil.example", 1))
	assert.Equal(t, http.StatusBadRequest, v.send(http.MethodPost, action, fields).status)
}

// TestTheAuthorizationPagesInABrowser are driven by the keyboard alone and looked at.
func TestTheAuthorizationPagesInABrowser(t *testing.T) {
	b := startBrowser(t)
	if b == nil {
		return
	}
	s := apptest.Start(t)
	member := s.As(apptest.Practitioner)
	_, ask := newApp(s)
	b.open(s.URL + ask("redirect_uri", "http://127.0.0.1:9/back"))
	b.wants("Sign in")
	b.wantAccessible()
	b.shoot("authorize-signin")
	b.do(chromedp.KeyEvent(member.Email+"\t"+apptest.Password+"\r"), chromedp.WaitReady("fieldset"))
	b.wants("Allow Growth")
	b.wantAccessible()
	b.shoot("authorize-consent")
	b.open(s.URL + "/resetpassword")
	b.wants("Forgot your password?")
	b.wantAccessible()
	b.shoot("resetpassword")

	admin := s.As(apptest.Admin)
	invite := func(local, more string) {
		admin.POST("/admin/projects/"+admin.Project+"/invite", `{"resourceType":"Practitioner","firstName":"Max","lastName":"Second","email":"`+
			local+`@clinic.example"`+more+`}`).WantStatus(http.StatusOK)
	}
	invite("two", `,"mfaRequired":true,"sendEmail":false`)
	invite("two", `,"forceNewMembership":true`)
	b.open(s.MailTo("two@clinic.example").Link)
	b.wants("You were invited to")
	b.wantAccessible()
	b.shoot("setpassword")
	b.do(chromedp.KeyEvent("password1\r"))
	b.wants("New password: Password found in breach database")
	b.wantAccessible()
	b.shoot("setpassword-error")
	b.tabTo("New password: Password found") // the summary leads to the field
	b.do(chromedp.KeyEvent(apptest.Password + "\r"))
	b.wants("Your password is set")
	b.open(s.URL + ask("redirect_uri", "http://127.0.0.1:9/back", "prompt", "login"))
	b.wants("to go on to")
	b.do(chromedp.KeyEvent("two@clinic.example\t" + apptest.Password + "\r"))
	b.wants("Set up a second factor")
	b.wantAccessible()
	b.shoot("factor-enrol")
	key := regexp.MustCompile(`type this key into the app: ([A-Z2-7]+)`).FindStringSubmatch(b.text())
	require.NotNil(t, key, b.text())
	code, err := totp.GenerateCode(key[1], time.Now())
	require.NoError(t, err)
	b.do(chromedp.KeyEvent(code + "\r"))
	b.wants("Your recovery codes")
	b.wantAccessible()
	b.tabTo("I have kept them")
	b.wants("Who are you today?")
	b.wantAccessible()
	b.shoot("profile")
	b.tabTo("Go on")
	b.wants("Allow Growth")
}

func TestConsentAsksForEachThingOnce(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		member := s.As(apptest.Practitioner)
		client, ask := newApp(s)
		v := newVisitor(t, s).send(http.MethodGet, ask("scope", "openid profile fhirUser user/Patient.rs"), nil)
		v.fill("email", member.Email, "password", apptest.Password)
		require.Equal(t, http.StatusOK, v.status, v.page)
		assert.Equal(t, 1, strings.Count(v.page, "see your name and your record of yourself"))
		code := v.fill("answer", "allow").at(appRedirect).Get("code")
		assert.Equal(t, "openid profile fhirUser user/Patient.rs", exchangeApp(s, client, code).WantStatus(http.StatusOK).Field("scope"))
	})
}
