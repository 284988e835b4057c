package apptest_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/admitdev/admit/cmd/admit/apptest"
	"github.com/admitdev/admit/pkg/fetch"
)

// hospital is a server with an identity provider for a domain, and one that a client names.
type hospital struct {
	*apptest.Server
	idp    *provider
	client string // names the provider
	admin  *apptest.Client
}

// withProvider runs a test on each database.
func withProvider(t *testing.T, test func(t *testing.T, h hospital), options ...apptest.Option) {
	t.Helper()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		test(t, newHospital(t, s))
	}, append(options, apptest.With("ADMIT_ALLOW_PRIVATE_URLS=true"))...)
}

func newHospital(t *testing.T, s *apptest.Server) hospital {
	h := hospital{Server: s, idp: newProvider(t), admin: s.As(apptest.Admin)}
	s.As(apptest.SuperAdmin).POST("/fhir/R4/DomainConfiguration",
		`{"resourceType":"DomainConfiguration","domain":"hospital.example","identityProvider":`+h.idp.config("")+`}`).WantStatus(http.StatusCreated)
	h.client = h.newClient(h.admin, `,"identityProvider":`+h.idp.config(`,"tokenAuthMethod":"client_secret_post"`))
	return h
}

func (h hospital) newClient(admin *apptest.Client, more string) string {
	return admin.POST("/admin/projects/"+admin.Project+"/client", `{"name":"Growth","redirectUris":["`+appRedirect+`"]`+more+`}`).WantStatus(http.StatusCreated).Field("id")
}

// invite makes a member without a password.
func (h hospital) invite(email, more string) (membership string) {
	return h.admin.POST("/admin/projects/"+h.admin.Project+"/invite",
		`{"resourceType":"Practitioner","firstName":"Ann","lastName":"Other","email":"`+email+`","sendEmail":false`+more+`}`).WantStatus(http.StatusOK).Field("id")
}

// wish is a start with the wishes of a client as the SDK writes them.
func (h hospital) wish(state string) string {
	return "/auth/external/start?" + url.Values{"state": {`{"codeChallenge":"` + appChallenge() + `","codeChallengeMethod":"S256",` + state + `}`}}.Encode()
}

func (h hospital) byClient() string {
	return h.wish(`"clientId":"` + h.client + `","redirectUri":"` + appRedirect + `"`)
}

func TestSomebodySignsInByTheProviderOfTheirDomain(t *testing.T) {
	withProvider(t, func(t *testing.T, h hospital) {
		membership := h.invite("ann@hospital.example", "")
		told := h.As(apptest.Anonymous).POST("/auth/method", `{"email":"Ann@Hospital.example"}`).WantStatus(http.StatusOK)
		client, _ := newApp(h.Server)
		state := `{"domain":"` + told.Field("domain") + `","clientId":"` + client + `","redirectUri":"` + appRedirect + `","codeChallenge":"` + appChallenge() + `","codeChallengeMethod":"S256","scope":"openid"}`
		v := newVisitor(t, h.Server)
		answer := h.idp.signIn(v, told.Field("authorizeUrl")+"&state="+url.QueryEscape(state), person("1", "ANN@hospital.example")).at(appRedirect)
		assert.Equal(t, h.URL+"/", answer.Get("iss"))
		tokens := exchangeApp(h.Server, client, answer.Get("code")).WantStatus(http.StatusOK)
		me := h.As(apptest.Anonymous).With("Authorization", "Bearer "+tokens.Field("access_token")).GET("/auth/me").WantStatus(http.StatusOK)
		assert.Equal(t, membership, me.Field("membership.id"))

		// The subject is who it is from now on, whatever the address says.
		again := h.idp.signIn(v, told.Field("authorizeUrl")+"&state="+url.QueryEscape(state), person("1", "renamed@hospital.example")).at(appRedirect)
		exchangeApp(h.Server, client, again.Get("code")).WantStatus(http.StatusOK)
		// The address given to somebody else since is not them.
		h.idp.signIn(v, told.Field("authorizeUrl")+"&state="+url.QueryEscape(state), person("2", "ann@hospital.example"))
		assert.Equal(t, http.StatusBadRequest, v.status)
		assert.Contains(t, v.page, "known to the identity provider as somebody else")
	})
}

func TestSomebodySignsInByTheirClientsProviderOnOurOwnPages(t *testing.T) {
	withProvider(t, func(t *testing.T, h hospital) {
		h.invite("ann@hospital.example", "")
		second := h.invite("ann@hospital.example", `,"forceNewMembership":true`)
		ask := "/oauth2/authorize?" + url.Values{
			"response_type": {"code"}, "client_id": {h.client}, "redirect_uri": {appRedirect}, "scope": {"openid"}, "state": {"s"},
			"code_challenge": {appChallenge()}, "code_challenge_method": {"S256"},
		}.Encode()
		v := newVisitor(t, h.Server).send(http.MethodGet, ask, nil)
		ways := links(v.page)
		require.Contains(t, ways, "Continue with 127.0.0.1")
		h.idp.signIn(v, ways["Continue with 127.0.0.1"], person("1", "nobody@hospital.example"))
		require.Contains(t, v.page, "User not found")
		h.idp.signIn(v, links(v.send(http.MethodGet, ask, nil).page)["Continue with 127.0.0.1"], person("1", "ann@hospital.example"))
		require.Contains(t, v.page, "Who are you today?")
		v.fill("profile", second)
		require.Contains(t, v.page, "Allow Growth")
		answer := v.fill("answer", "allow").at(appRedirect)
		assert.Equal(t, "s", answer.Get("state"))
		exchangeApp(h.Server, h.client, answer.Get("code")).WantStatus(http.StatusOK)
		assert.Contains(t, v.send(http.MethodGet, ask, nil).page, "Allow Growth", "the browser is known now")

		// By the domain of an address, which a page asks for.
		v = newVisitor(t, h.Server).send(http.MethodGet, ask, nil)
		v.send(http.MethodGet, links(v.page)["Use your organisation’s account"], nil)
		v.fill("email", "ann@nowhere.example")
		assert.Contains(t, v.page, "Nobody signs in elsewhere")
		v.fill("email", "ann@hospital.example")
		h.idp.signIn(v, links(v.page)["Continue with hospital.example"], person("1", "ann@hospital.example"))
		assert.Contains(t, v.page, "Who are you today?")
	})
}

// links are the links of a page by their text.
func links(page string) map[string]string {
	found := map[string]string{}
	for part := range strings.SplitSeq(page, `<a href="`) {
		address, rest, ok := strings.Cut(part, `">`)
		text, _, closed := strings.Cut(rest, "</a>")
		if ok && closed {
			found[text] = strings.ReplaceAll(address, "&amp;", "&")
		}
	}
	return found
}

// TestAProviderThatMisbehavesLetsNobodyIn has one way of being wrong in each case.
func TestAProviderThatMisbehavesLetsNobodyIn(t *testing.T) {
	withProvider(t, func(t *testing.T, h hospital) {
		h.invite("ann@hospital.example", "")
		h.invite("bob@elsewhere.example", "")
		other := newProvider(t)
		set := func(name string, value any) func(map[string]any) {
			return func(claims map[string]any) { claims[name] = value }
		}
		verify := "Failed to verify code"
		for _, tc := range []struct {
			name, text string
			who        map[string]any
			bend       func(map[string]any)
			sign       func(map[string]any) string
		}{
			{"another issuer", verify, nil, set("iss", other.URL), nil},
			{"another nonce", verify, nil, set("nonce", "n-2"), nil},
			{"no nonce", verify, nil, set("nonce", ""), nil},
			{"another audience", verify, nil, set("aud", "somebody else"), nil},
			{"two audiences and no authorized party", verify, nil, set("aud", []string{providerClient, "somebody else"}), nil},
			{"another authorized party", verify, nil, set("azp", "somebody else"), nil},
			{"expired", verify, nil, set("exp", time.Now().Add(-time.Hour).Unix()), nil},
			{"not yet valid", verify, nil, set("nbf", time.Now().Add(time.Hour).Unix()), nil},
			{"no subject", verify, nil, set("sub", ""), nil},
			{"a subject that is too long", verify, nil, set("sub", strings.Repeat("x", 300)), nil},
			{"a subject with a NUL", verify, nil, set("sub", "1\x00"), nil},
			{"another key", verify, nil, nil, func(claims map[string]any) string {
				return signJWT(t, other.key, claims, map[string]any{"kid": h.idp.key.KeyID()})
			}},
			{"a key of its own header", verify, nil, nil, func(claims map[string]any) string {
				public, err := other.key.PublicKey()
				require.NoError(t, err)
				return signJWT(t, other.key, claims, map[string]any{"jwk": public, "jku": other.URL + "/jwks"})
			}},
			{"no signature", verify, nil, nil, func(claims map[string]any) string { return unsigned(t, claims, "none") }},
			{"a shared secret", verify, nil, nil, func(claims map[string]any) string { return hmacSigned(t, claims, providerSecret) }},
			{"no ID token", verify, nil, nil, func(map[string]any) string { return "" }},
			{"an access token of another", verify, nil, set("at_hash", "AAAAAAAAAAAAAAAAAAAAAA"), nil},
			{"an address that is not verified", "has not verified the email address", map[string]any{"sub": "9", "email": "ann@hospital.example", "email_verified": false}, nil, nil},
			{"an address that is said to be verified by a word", "has not verified", map[string]any{"sub": "9", "email": "ann@hospital.example", "email_verified": "yes"}, nil, nil},
			{"no address", "does not contain email address", map[string]any{"sub": "9"}, nil, nil},
			{"an address of another domain", "does not match domain", person("9", "bob@elsewhere.example"), nil, nil},
			{"an address that folds to the domain's", "does not match domain", person("9", "ann@hospİtal.example"), nil, nil},
			{"an address that looks like the domain's", "does not match domain", person("9", "ann@hospitaI.example"), nil, nil},
		} {
			t.Run(tc.name, func(t *testing.T) {
				who := tc.who
				if who == nil {
					who = person("1", "ann@hospital.example")
				}
				sign := h.idp.sign
				h.idp.bend = tc.bend
				if tc.sign != nil {
					h.idp.sign = tc.sign
				}
				defer func() { h.idp.bend, h.idp.sign = nil, sign }()
				v := newVisitor(t, h.Server)
				h.idp.signIn(v, h.wish(`"domain":"hospital.example"`), who)
				assert.Equal(t, http.StatusBadRequest, v.status)
				assert.Contains(t, v.page, tc.text)
				assert.Empty(t, v.header.Get("Location"))
			})
		}
		v := newVisitor(t, h.Server)
		h.idp.signIn(v, h.wish(`"domain":"hospital.example"`), person("1", "ann@hospital.example"))
		assert.Contains(t, v.page, "Your sign-in works", "the provider is believed when it is right")
	})
}

func TestAProviderThatFailsLeavesNothingBehind(t *testing.T) {
	withProvider(t, func(t *testing.T, h hospital) {
		h.invite("ann@hospital.example", "")
		start := h.wish(`"domain":"hospital.example"`)
		for name, answer := range map[string]http.HandlerFunc{
			"an error":      func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "{}", http.StatusBadGateway) },
			"no JSON":       func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) },
			"a huge answer": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 10<<20)) },
			"a redirect inside": func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "http://169.254.169.254/latest/", http.StatusFound)
			},
			"a redirect of codes": func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, h.idp.URL+"/token", http.StatusTemporaryRedirect)
			},
		} {
			for path, text := range map[string]string{"/token": "Failed to verify code"} {
				h.idp.answers[path] = answer
				v := newVisitor(t, h.Server)
				h.idp.signIn(v, start, person("1", "ann@hospital.example"))
				assert.Equal(t, http.StatusBadRequest, v.status, name)
				assert.Contains(t, v.page, text, name)
				delete(h.idp.answers, path)
			}
		}
		h.idp.answers["/token"] = func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "{}", http.StatusTooManyRequests) }
		v := newVisitor(t, h.Server)
		h.idp.signIn(v, start, person("1", "ann@hospital.example"))
		assert.Equal(t, http.StatusTooManyRequests, v.status)
		delete(h.idp.answers, "/token")

		// One that refuses is told of, in its own word only.
		back := h.idp.there(v, start, person("1", "ann@hospital.example"))
		at, err := url.Parse(back)
		require.NoError(t, err)
		query := at.Query()
		query.Del("code")
		query.Set("error", "access_denied")
		v.send(http.MethodGet, "/auth/external?"+query.Encode(), nil, "Accept", "text/html")
		assert.Contains(t, v.page, "did not sign you in: access_denied")
		v.send(http.MethodGet, back, nil)
		assert.Equal(t, "Invalid state", gjson.Get(v.page, "issue.0.details.text").String(), "the journey is over")
		assert.Empty(t, h.As(apptest.SuperAdmin).GET("/fhir/R4/User?email=ann@hospital.example").Field("entry.0.resource.emailVerified"))
	})
}

// TestASlowProviderIsNotWaitedFor longer than package fetch allows.
func TestASlowProviderIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, apptest.With("ADMIT_ALLOW_PRIVATE_URLS=true"))
	idp := newProvider(t)
	s.As(apptest.SuperAdmin).POST("/fhir/R4/DomainConfiguration",
		`{"resourceType":"DomainConfiguration","domain":"hospital.example","identityProvider":`+idp.config("")+`}`).WantStatus(http.StatusCreated)
	idp.answers["/token"] = func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // from now on the end of the connection is seen
		<-r.Context().Done()
	}
	began := time.Now()
	v := newVisitor(t, s)
	idp.signIn(v, "/auth/external/start?domain=hospital.example", person("1", "ann@hospital.example"))
	assert.Equal(t, http.StatusBadRequest, v.status)
	assert.Contains(t, v.page, "Failed to verify code")
	assert.Less(t, time.Since(began), 4*fetch.Timeout)
}

func TestAJourneyBelongsToTheBrowserThatBeganIt(t *testing.T) {
	withProvider(t, func(t *testing.T, h hospital) {
		h.invite("ann@hospital.example", "")
		start := h.byClient()
		refused := func(v *visitor, back, text string) {
			t.Helper()
			v.send(http.MethodGet, back, nil)
			assert.Equal(t, http.StatusBadRequest, v.status)
			assert.Equal(t, text, gjson.Get(v.page, "issue.0.details.text").String())
		}
		v, stranger := newVisitor(t, h.Server), newVisitor(t, h.Server)
		back := h.idp.there(v, start, person("1", "ann@hospital.example"))
		refused(stranger, back, "Invalid state") // a link from an attacker: sign-in as somebody else
		h.idp.there(stranger, start, person("2", "ann@hospital.example"))
		refused(stranger, back, "Invalid state")
		v.send(http.MethodGet, back, nil).at(appRedirect)
		refused(v, back, "Invalid state") // twice

		// The code of another journey: the provider holds it to its verifier, we to the nonce.
		mine, theirs := h.idp.there(v, start, person("1", "ann@hospital.example")), h.idp.there(stranger, start, person("1", "ann@hospital.example"))
		code := func(back string) string {
			at, err := url.Parse(back)
			require.NoError(t, err)
			return at.Query().Get("code")
		}
		refused(stranger, strings.Replace(theirs, code(theirs), code(mine), 1), "Failed to verify code - check your identity provider configuration")

		// The answer of another provider (mix-up).
		for _, iss := range []string{"", "https://evil.example"} {
			back := h.idp.there(v, start, person("1", "ann@hospital.example"))
			at, err := url.Parse(back)
			require.NoError(t, err)
			query := at.Query()
			query.Set("iss", iss)
			if iss == "" {
				query.Del("iss")
			}
			asked := h.idp.asked["/token"]
			refused(v, "/auth/external?"+query.Encode(), "Failed to verify code - check your identity provider configuration")
			assert.Equal(t, asked, h.idp.asked["/token"], "the code was shown to nobody")
		}
		refused(v, "/auth/external?code=x", "Missing state")
		refused(v, "/auth/external?code=x&state=%7B%22domain%22%3A%22hospital.example%22%7D", "Invalid state")
		for state, text := range map[string]string{
			`"clientId":"` + h.client + `","redirectUri":"https://evil.example/"`:                                  "Invalid redirect URI",
			`"clientId":"` + h.client + `","redirectUri":"` + appRedirect + `","returnTo":"https://evil.example/"`: "returnTo and launch do not go with an external sign-in; a launch goes to the authorization endpoint",
			`"domain":"nowhere.example"`:                    "Identity provider not found",
			`"issuer":"https://evil.example"`:               "Identity provider not found",
			`"clientId":"` + h.newClient(h.admin, "") + `"`: "Identity provider not found",
		} {
			refused(v, h.wish(state), text)
		}
	})
}

// TestAProjectsProviderLetsInToItsProjectAlone, whatever it says about the people of others.
func TestAProjectsProviderLetsInToItsProjectAlone(t *testing.T) {
	withProvider(t, func(t *testing.T, h hospital) {
		victim, elsewhere := h.Invite(h.admin, "Practitioner", "vic@clinic.example", ""), h.As(apptest.OtherAdmin)
		evil := h.newClient(elsewhere, `,"identityProvider":`+h.idp.config(""))
		start := h.wish(`"clientId":"` + evil + `","redirectUri":"` + appRedirect + `"`)
		v := newVisitor(t, h.Server)
		h.idp.signIn(v, start, person("1", "vic@clinic.example"))
		assert.Equal(t, http.StatusBadRequest, v.status, "no member of that project")
		v.send(http.MethodGet, h.wish(`"clientId":"`+evil+`","projectId":"`+h.admin.Project+`"`), nil)
		assert.Equal(t, http.StatusBadRequest, v.status)

		elsewhere.POST("/admin/projects/"+elsewhere.Project+"/invite",
			`{"resourceType":"Practitioner","firstName":"V","lastName":"Ic","email":"vic@clinic.example","sendEmail":false}`).WantStatus(http.StatusOK)
		answer := h.idp.signIn(v, start, person("1", "vic@clinic.example")).at(appRedirect)
		tokens := exchangeApp(h.Server, evil, answer.Get("code")).WantStatus(http.StatusOK)
		as := h.As(apptest.Anonymous).With("Authorization", "Bearer "+tokens.Field("access_token"))
		assert.Equal(t, elsewhere.Project, as.GET("/auth/me").WantStatus(http.StatusOK).Field("project.id"))
		// It changes nothing about the person: their password, their address, their second factor.
		h.SignIn("vic@clinic.example", apptest.Password, h.admin.Project)
		victim.GET("/auth/me").WantStatus(http.StatusOK)
		as.POST("/auth/mfa/enroll", `{"token":"000000"}`).WantStatus(http.StatusForbidden)
		as.GET("/auth/mfa/status").WantStatus(http.StatusForbidden)
		as.POST("/auth/changepassword", `{"oldPassword":"`+apptest.Password+`","newPassword":"Another-password-77"}`).WantStatus(http.StatusForbidden)
		// And only administrators name a provider.
		staff := h.As(apptest.Practitioner)
		staff.PUT("/fhir/R4/ClientApplication/"+h.client, `{"resourceType":"ClientApplication","id":"`+h.client+`","name":"x","identityProvider":`+h.idp.config("")+`}`).WantStatus(http.StatusForbidden)
	})
}

// TestWhoRegisteredAnAddressBeforeIsShutOut when the provider of its domain shows whose it is.
func TestWhoRegisteredAnAddressBeforeIsShutOut(t *testing.T) {
	withProvider(t, func(t *testing.T, h hospital) {
		squatter := h.Register("ann@hospital.example", "Trap")
		h.invite("ann@hospital.example", "")
		h.idp.signIn(newVisitor(t, h.Server), h.wish(`"domain":"hospital.example","projectId":"`+h.admin.Project+`"`), person("1", "ann@hospital.example"))
		squatter.GET("/auth/me").WantStatus(http.StatusUnauthorized)
		h.As(apptest.Anonymous).POST("/auth/login", `{"email":"ann@hospital.example","password":"`+apptest.Password+`"}`).WantStatus(http.StatusBadRequest)
	})
}

func TestAProviderMayKnowPeopleByTheirExternalId(t *testing.T) {
	withProvider(t, func(t *testing.T, h hospital) {
		h.admin.POST("/admin/projects/"+h.admin.Project+"/invite",
			`{"resourceType":"Practitioner","firstName":"A","lastName":"B","externalId":"emp-7","sendEmail":false}`).WantStatus(http.StatusOK)
		client := h.newClient(h.admin, `,"identityProvider":`+h.idp.config(`,"useSubject":true`))
		start := h.wish(`"clientId":"` + client + `","redirectUri":"` + appRedirect + `"`)
		v := newVisitor(t, h.Server)
		got := h.idp.signIn(v, start, map[string]any{"sub": "emp-7"}).at(appRedirect)
		exchangeApp(h.Server, client, got.Get("code")).WantStatus(http.StatusOK)
		h.idp.signIn(v, start, map[string]any{"sub": "emp-8", "email": "x@y.example"})
		assert.Contains(t, v.page, "User not found")
	})
}

func TestAProviderThatIsNotWhatIsConfiguredIsNotGoneTo(t *testing.T) {
	withProvider(t, func(t *testing.T, h hospital) {
		other := newProvider(t)
		refused := func(config string) {
			t.Helper()
			client := h.newClient(h.admin, `,"identityProvider":`+config)
			v := newVisitor(t, h.Server).send(http.MethodGet, h.wish(`"clientId":"`+client+`"`), nil)
			assert.Equal(t, http.StatusBadRequest, v.status, config)
			assert.Empty(t, v.header.Get("Location"), config)
		}
		issuer := func(of string) string {
			return `,"extension":[{"url":"https://admit.dev/fhir/StructureDefinition/identity-provider-issuer","valueUri":"` + of + `"}]`
		}
		refused(other.config(issuer(h.idp.URL)))                                              // another's endpoints
		refused(strings.Replace(h.idp.config(""), h.idp.URL+"/token", other.URL+"/token", 1)) // codes of one to another
		refused(h.idp.config(issuer(h.URL + "/")))                                            // ourselves
		refused(h.idp.config(`,"userInfoMode":"gcip"`))
		other.describe = func(d map[string]any) { d["issuer"] = h.idp.URL }
		refused(other.config(issuer(other.URL)))
		refused(other.config(""))
	})
	t.Run("inside", func(t *testing.T) { // private addresses are not asked, unless for tests
		s := apptest.Start(t)
		idp := newProvider(t)
		s.As(apptest.SuperAdmin).POST("/fhir/R4/DomainConfiguration",
			`{"resourceType":"DomainConfiguration","domain":"hospital.example","identityProvider":`+idp.config("")+`}`).WantStatus(http.StatusCreated)
		v := newVisitor(t, s).send(http.MethodGet, "/auth/external/start?domain=hospital.example", nil)
		assert.Equal(t, http.StatusBadRequest, v.status)
		assert.Empty(t, idp.asked)
	})
}

// TestAnExternalIdOpensItsProjectAlone: the administrators of a project choose the external ids there, for
// people of other projects as well.
func TestAnExternalIdOpensItsProjectAlone(t *testing.T) {
	withProvider(t, func(t *testing.T, h hospital) {
		h.As(apptest.SuperAdmin).POST("/fhir/R4/DomainConfiguration",
			`{"resourceType":"DomainConfiguration","domain":"corp.example","identityProvider":`+h.idp.config(`,"useSubject":true`)+`}`).WantStatus(http.StatusCreated)
		h.Invite(h.admin, "Practitioner", "vic@corp.example", "")
		elsewhere := h.As(apptest.OtherAdmin)
		member := elsewhere.POST("/admin/projects/"+elsewhere.Project+"/invite",
			`{"resourceType":"Practitioner","firstName":"V","lastName":"Ic","email":"vic@corp.example","sendEmail":false}`).WantStatus(http.StatusOK).Field("id")
		elsewhere.PATCH(usersOf(elsewhere)+"/"+member, `{"externalId":"mallory"}`).WantStatus(http.StatusOK)
		v := newVisitor(t, h.Server)
		into := func(project string) *visitor {
			return h.idp.signIn(v, h.wish(`"domain":"corp.example","projectId":"`+project+`"`), map[string]any{"sub": "mallory"})
		}
		require.Contains(t, into(elsewhere.Project).page, "Your sign-in works")
		assert.Contains(t, into(h.admin.Project).page, "User not found")
		assert.Contains(t, into("").page, "User not found")
		elsewhere.PATCH(usersOf(elsewhere)+"/"+member, `{"externalId":"vic"}`).WantStatus(http.StatusOK)
		assert.Contains(t, into(elsewhere.Project).page, "User not found")
	})
}
