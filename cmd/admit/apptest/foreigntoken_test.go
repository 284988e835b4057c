package apptest_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/cmd/admit/apptest"
)

// abroad is a server that accepts the access tokens of an issuer.
type abroad struct {
	*apptest.Server
	idp     *provider
	time    *apptest.Clock
	admin   *apptest.Client
	member  *apptest.Answer // of an invitation; the issuer knows them as emp-7
	profile string
}

func withIssuer(t *testing.T, test func(t *testing.T, a abroad), settings ...string) {
	t.Helper()
	idp, now := newProvider(t), &apptest.Clock{}
	options := append([]string{"ADMIT_ALLOW_PRIVATE_URLS=true", "ADMIT_TRUSTED_PROXIES=127.0.0.1", "ADMIT_EXTERNAL_ISSUERS=" + idp.URL}, settings...)
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		a := abroad{Server: s, idp: idp, time: now, admin: s.As(apptest.Admin)}
		a.member = a.join(a.admin, "emp-7")
		a.profile = a.member.Field("profile.reference")
		test(t, a)
		now.Ahead = 0
	}, apptest.With(options...), apptest.At(now))
}

func (a abroad) join(by *apptest.Client, externalID string) *apptest.Answer {
	return by.POST("/admin/projects/"+by.Project+"/invite",
		`{"resourceType":"Practitioner","firstName":"Ann","lastName":"Other","externalId":"`+externalID+`","sendEmail":false}`).WantStatus(http.StatusOK)
}

// claims are those of a good token about emp-7.
func (a abroad) claims(more map[string]any) map[string]any {
	now := a.time.Now()
	claims := map[string]any{"iss": a.idp.URL, "aud": a.URL, "sub": "emp-7", "iat": now.Unix(), "exp": now.Add(10 * time.Minute).Unix(), "jti": now.String()}
	maps.Copy(claims, more)
	return claims
}

// token is one that userinfo confirms with what it tells.
func (a abroad) token(claims, told map[string]any) string {
	return a.confirmed(signJWT(a.idp.t, a.idp.key, a.claims(claims), nil), told)
}

func (a abroad) confirmed(token string, told map[string]any) string {
	if told == nil {
		told = map[string]any{"sub": "emp-7"}
	}
	a.idp.mu.Lock()
	defer a.idp.mu.Unlock()
	a.idp.codes[token] = &journeyAt{who: told}
	return token
}

func (a abroad) revoke(token string) {
	a.idp.mu.Lock()
	defer a.idp.mu.Unlock()
	delete(a.idp.codes, token)
}

func (a abroad) with(token string) *apptest.Client {
	return a.As(apptest.Anonymous).With("Authorization", "Bearer "+token)
}

// refused wants the answer that any bad token gets.
func (a abroad) refused(t *testing.T, token, why string) {
	t.Helper()
	got, bad := a.with(token).GET("/fhir/R4/Patient"), a.with("x.y.z").GET("/fhir/R4/Patient")
	assert.Equal(t, http.StatusUnauthorized, got.Status, why)
	assert.Equal(t, bad.Header.Get("WWW-Authenticate"), got.Header.Get("WWW-Authenticate"), why)
	assert.Equal(t, bad.Field("issue"), got.Field("issue"), why)
}

func TestATokenOfAnExternalIssuerIsItsMember(t *testing.T) {
	withIssuer(t, func(t *testing.T, a abroad) {
		other := a.join(a.admin, "emp-8")
		member, profile := a.member.Field("id"), other.Field("profile.reference")
		asked := a.idp.asked["/userinfo"]
		bySubject := a.token(nil, nil)
		for range 3 {
			assert.Equal(t, member, a.with(bySubject).GET("/auth/me").WantStatus(http.StatusOK).Field("membership.id"))
		}
		assert.Equal(t, asked+1, a.idp.asked["/userinfo"], "an answer holds for a while")
		a.with(bySubject).GET("/fhir/R4/Patient").WantStatus(http.StatusOK)
		invitations := a.admin.GET("/admin/projects/" + a.admin.Project + "/invitations?state=accepted&profile=" + a.profile)
		assert.Equal(t, "1", invitations.WantStatus(http.StatusOK).Field("invitations.#"), "they have come in")
		for why, told := range map[string]map[string]any{
			"a reference":       {"sub": "emp-7", "fhirUser": profile},
			"an absolute URL":   {"sub": "emp-7", "fhirUser": "https://elsewhere.example/fhir/R4/" + profile},
			"within ext":        {"sub": "emp-7", "ext": map[string]any{"fhirUser": profile}},
			"an unknown sub":    {"sub": "nobody", "fhirUser": profile},
			"both of the names": {"sub": "emp-7", "fhirUser": profile, "ext": map[string]any{"fhirUser": a.profile}},
		} {
			token := a.token(map[string]any{"sub": told["sub"], "jti": why}, told)
			assert.Equal(t, other.Field("id"), a.with(token).GET("/auth/me").WantStatus(http.StatusOK).Field("membership.id"), why)
		}
		token := a.token(map[string]any{"fhirUser": profile}, nil)
		assert.Equal(t, other.Field("id"), a.with(token).GET("/auth/me").WantStatus(http.StatusOK).Field("membership.id"), "the token names them")

		found := a.admin.GET("/fhir/R4/AuditEvent?_count=200").WantStatus(http.StatusOK)
		assert.Contains(t, string(found.Body), "by a token of "+a.idp.URL+" for its subject emp-7")
		assert.NotContains(t, string(found.Body), bySubject)
	})
}

// TestATokenThatIsNotGoodLetsNobodyIn has one fault in each case.
func TestATokenThatIsNotGoodLetsNobodyIn(t *testing.T) {
	withIssuer(t, func(t *testing.T, a abroad) {
		client := a.As(apptest.Program)
		super := a.As(apptest.SuperAdmin)
		a.join(super, "boss")
		for _, tc := range []struct {
			name         string
			claims, told map[string]any
		}{
			{"no audience", map[string]any{"aud": nil}, nil},
			{"another audience", map[string]any{"aud": "https://other.example/"}, nil},
			{"other audiences", map[string]any{"aud": []string{"https://other.example/", a.URL + "/auth"}}, nil},
			{"the audience of its userinfo", map[string]any{"aud": a.idp.URL}, nil},
			{"expired", map[string]any{"exp": time.Now().Add(-time.Minute).Unix()}, nil},
			{"without an end", map[string]any{"exp": nil}, nil},
			{"not yet good", map[string]any{"nbf": time.Now().Add(time.Hour).Unix()}, nil},
			{"another subject at userinfo", nil, map[string]any{"sub": "emp-8"}},
			{"no subject at userinfo", nil, map[string]any{}},
			{"no subject", map[string]any{"sub": ""}, nil},
			{"an unknown subject", map[string]any{"sub": "nobody"}, map[string]any{"sub": "nobody"}},
			{"an unknown profile", nil, map[string]any{"sub": "emp-7", "fhirUser": "Practitioner/nobody"}},
			{"a search", nil, map[string]any{"sub": "emp-7", "fhirUser": "Practitioner?_id=" + strings.TrimPrefix(a.profile, "Practitioner/")}},
			{"a search at a URL", nil, map[string]any{"sub": "emp-7", "fhirUser": "https://x.example/" + a.profile + "?a=b"}},
			{"a bare id", nil, map[string]any{"sub": "emp-7", "fhirUser": strings.TrimPrefix(a.profile, "Practitioner/")}},
			{"a version of a profile", nil, map[string]any{"sub": "emp-7", "fhirUser": a.profile + "/_history/1"}},
			{"a client", nil, map[string]any{"sub": "emp-7", "fhirUser": "ClientApplication/" + client.ClientID}},
			{"a super administrator", map[string]any{"sub": "boss"}, map[string]any{"sub": "boss"}},
			{"a super administrator by profile", nil, map[string]any{"sub": "emp-7", "fhirUser": super.Profile}},
			{"bound to a key", map[string]any{"cnf": map[string]any{"jkt": "x"}}, nil},
			{"an ID token by its nonce", map[string]any{"nonce": "n"}, nil},
			{"an ID token by its at_hash", map[string]any{"at_hash": "h"}, nil},
			{"an ID token by its use", map[string]any{"token_use": "id"}, nil},
			{"an ID token by its type", map[string]any{"typ": "ID"}, nil},
			{"a refresh token", map[string]any{"typ": "Refresh"}, nil},
			{"a logout token", map[string]any{"events": map[string]any{}}, nil},
			{"another issuer's name", map[string]any{"iss": a.idp.URL + "/"}, nil},
			{"a scope that cannot be read", map[string]any{"scope": map[string]any{"a": 1}}, nil},
		} {
			a.refused(t, a.token(tc.claims, tc.told), tc.name)
		}

		stranger := newProviderKey(t)
		kid := map[string]any{"kid": a.idp.key.KeyID()}
		public, err := a.idp.key.PublicKey()
		require.NoError(t, err)
		published, err := json.Marshal(public)
		require.NoError(t, err)
		right := signJWT(t, a.idp.key, a.claims(nil), nil)
		parts := strings.Split(signJWT(t, a.idp.key, a.claims(map[string]any{"sub": "emp-8"}), nil), ".")
		for name, token := range map[string]string{
			"no signature":             unsigned(t, a.claims(nil), "none"),
			"the public key as secret": hmacSigned(t, a.claims(nil), string(published)),
			"another key":              signJWT(t, stranger, a.claims(nil), kid),
			"another header":           signJWT(t, a.idp.key, a.claims(nil), map[string]any{"typ": "dpop+jwt"}),
			"a signature of another":   parts[0] + "." + parts[1] + right[strings.LastIndex(right, "."):],
			"too long":                 signJWT(t, a.idp.key, a.claims(map[string]any{"x": strings.Repeat("x", 20000)}), nil),
		} {
			a.refused(t, a.confirmed(token, nil), name)
		}
		token := a.token(nil, nil)
		a.As(apptest.Anonymous).With("Authorization", "DPoP "+token).GET("/fhir/R4/Patient").WantStatus(http.StatusUnauthorized)
		a.with(token).GET("/fhir/R4/Patient").WantStatus(http.StatusOK) // the others fail for their faults
	})
}

func TestATokenOfAnExternalIssuerEnds(t *testing.T) {
	withIssuer(t, func(t *testing.T, a abroad) {
		token := a.token(nil, nil)
		ends := a.token(map[string]any{"exp": time.Now().Add(30 * time.Second).Unix()}, nil)
		a.with(token).GET("/fhir/R4/Patient").WantStatus(http.StatusOK)
		a.with(ends).GET("/fhir/R4/Patient").WantStatus(http.StatusOK)
		a.revoke(token)
		a.time.Ahead = 31 * time.Second
		a.with(token).GET("/fhir/R4/Patient").WantStatus(http.StatusOK) // as the README says
		a.refused(t, ends, "over within what was remembered")
		a.time.Ahead = time.Minute + time.Second
		a.refused(t, token, "revoked")
		asked := a.idp.asked["/userinfo"]
		a.confirmed(token, nil)
		a.refused(t, token, "a refusal is remembered too")
		assert.Equal(t, asked, a.idp.asked["/userinfo"])
		a.time.Ahead += 6 * time.Second
		a.with(token).GET("/fhir/R4/Patient").WantStatus(http.StatusOK)

		// An issuer that fails.
		a.time.Ahead += time.Minute
		a.idp.answers["/userinfo"] = func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "{}", http.StatusBadGateway) }
		a.refused(t, token, "userinfo fails")
		delete(a.idp.answers, "/userinfo")

		// New keys are found, and strangers do not have the issuer asked again and again.
		old := a.idp.key
		defer func() { a.idp.key = old }()
		a.idp.key = newProviderKey(t)
		a.time.Ahead += time.Minute
		asked = a.idp.asked["/jwks"]
		a.with(a.token(nil, nil)).GET("/fhir/R4/Patient").WantStatus(http.StatusOK)
		for range 3 {
			a.refused(t, a.confirmed(signJWT(t, newProviderKey(t), a.claims(nil), nil), nil), "a stranger's key")
		}
		assert.Equal(t, asked+1, a.idp.asked["/jwks"])
		a.time.Ahead += time.Hour
		a.refused(t, a.confirmed(signJWT(t, old, a.claims(nil), nil), nil), "a key that was withdrawn")
	})
}

func TestAnExternalTokensMemberActsAsTheMember(t *testing.T) {
	withIssuer(t, func(t *testing.T, a abroad) {
		member := a.member.Field("id")
		token := a.token(nil, nil)
		as := a.with(token)
		as.POST("/fhir/R4/Patient", `{"resourceType":"Patient"}`).WantStatus(http.StatusCreated)
		// The scope of a token narrows it, whatever another token of the same member may do.
		narrow := a.token(map[string]any{"scope": "openid user/Patient.rs"}, nil)
		a.with(narrow).GET("/fhir/R4/Patient").WantStatus(http.StatusOK)
		a.with(narrow).GET("/fhir/R4/Observation").WantStatus(http.StatusForbidden)
		a.with(narrow).POST("/fhir/R4/Patient", `{"resourceType":"Patient"}`).WantStatus(http.StatusForbidden)
		list := a.token(map[string]any{"scp": []string{"user/Observation.rs"}}, nil)
		a.with(list).GET("/fhir/R4/Patient").WantStatus(http.StatusForbidden)
		as.GET("/fhir/R4/Observation").WantStatus(http.StatusOK)

		// It is no sign-in of the account.
		as.POST("/auth/changepassword", `{"oldPassword":"`+apptest.Password+`","newPassword":"Another-password-77"}`).WantStatus(http.StatusForbidden)
		as.GET("/auth/mfa/status").WantStatus(http.StatusForbidden)
		as.GET("/oauth2/userinfo").WantStatus(http.StatusOK)
		as.POST("/oauth2/logout", "").WantStatus(http.StatusOK)
		a.As(apptest.Anonymous).With("Authorization", "Bearer "+token).FORM("/oauth2/introspect", "token="+token).WantStatus(http.StatusUnauthorized)

		// Policies and addresses hold at once.
		a.set(t, a.admin, member, "accessPolicy", map[string]any{"reference": blocking(a.admin, elsewhere)})
		as.GET("/fhir/R4/Observation").WantStatus(http.StatusForbidden)
		as.GET("/fhir/R4/Patient").WantStatus(http.StatusOK)
		as.With("X-Forwarded-For", elsewhere).GET("/fhir/R4/Patient").WantStatus(http.StatusForbidden)
		a.set(t, a.admin, member, "active", false)
		a.refused(t, token, "not active any more")
		a.refused(t, a.token(map[string]any{"jti": "anew"}, nil), "not active")
		a.set(t, a.admin, member, "active", true)

		// An external id of two projects is nobody's.
		twin := a.join(a.As(apptest.OtherAdmin), "emp-7").Field("id")
		a.refused(t, a.token(map[string]any{"jti": "twins"}, nil), "two projects know them")
		own := a.token(nil, map[string]any{"sub": "emp-7", "fhirUser": a.profile})
		assert.Equal(t, member, a.with(own).GET("/auth/me").WantStatus(http.StatusOK).Field("membership.id"))
		a.set(t, a.As(apptest.OtherAdmin), twin, "active", false)
		a.with(a.token(map[string]any{"jti": "one again"}, nil)).GET("/fhir/R4/Patient").WantStatus(http.StatusOK)
	})
}

// TestAnExternalTokenSeesNoSessionsOfOtherProjects: the issuer's word counts where it leads.
func TestAnExternalTokenSeesNoSessionsOfOtherProjects(t *testing.T) {
	withIssuer(t, func(t *testing.T, a abroad) {
		other := a.As(apptest.OtherAdmin)
		here := a.admin.POST("/admin/projects/"+a.admin.Project+"/invite",
			`{"resourceType":"Practitioner","firstName":"V","lastName":"Ic","email":"`+other.Email+`","sendEmail":false}`).WantStatus(http.StatusOK)
		me := a.with(a.token(nil, map[string]any{"sub": "emp-7", "fhirUser": here.Field("profile.reference")})).GET("/auth/me").WantStatus(http.StatusOK)
		assert.Equal(t, here.Field("id"), me.Field("membership.id"))
		assert.Equal(t, "0", me.Field("security.sessions.#"))
		assert.Equal(t, "1", other.GET("/auth/me").WantStatus(http.StatusOK).Field("security.sessions.#"))
	})
}

// set changes a membership.
func (a abroad) set(t *testing.T, by *apptest.Client, id, name string, value any) {
	t.Helper()
	var membership map[string]any
	by.GET("/fhir/R4/ProjectMembership/" + id).WantStatus(http.StatusOK).Into(&membership)
	membership[name] = value
	body, err := json.Marshal(membership)
	require.NoError(t, err)
	by.PUT("/fhir/R4/ProjectMembership/"+id, string(body)).WantStatus(http.StatusOK)
}

// TestATokenNamesThisServerOrWhatTheIssuerCallsIt holds RFC 9068 §4.
func TestATokenNamesThisServerOrWhatTheIssuerCallsIt(t *testing.T) {
	t.Parallel()
	idp := newProvider(t)
	s := apptest.Start(t, apptest.With("ADMIT_ALLOW_PRIVATE_URLS=true", "ADMIT_EXTERNAL_ISSUERS="+idp.URL+";audience=api://admit"))
	a := abroad{Server: s, idp: idp, time: &apptest.Clock{}, admin: s.As(apptest.Admin)}
	a.join(a.admin, "emp-7")
	for _, aud := range []any{
		a.URL, a.URL + "/", a.URL + "/fhir/R4", a.URL + "/fhir/R4/", "api://admit", []string{"https://other.example", "api://admit"},
	} {
		a.with(a.token(map[string]any{"aud": aud}, nil)).GET("/fhir/R4/Patient").WantStatus(http.StatusOK)
	}
	a.refused(t, a.token(map[string]any{"aud": "api://admit/other"}, nil), "another server of the issuer")
}

// TestASubjectIsItsIssuersWhereThereAreSeveral: both issuers know an emp-7, and they are two people.
func TestASubjectIsItsIssuersWhereThereAreSeveral(t *testing.T) {
	another := newProvider(t)
	idp, now := newProvider(t), &apptest.Clock{}
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		a := abroad{Server: s, idp: idp, time: now, admin: s.As(apptest.Admin)}
		b := a
		b.idp = another
		a.join(a.admin, "emp-7")
		a.refused(t, a.token(nil, nil), "the subject names nobody by itself")
		mine := a.join(a.admin, idp.URL+"|emp-7")
		token := a.token(map[string]any{"jti": "bound"}, nil)
		assert.Equal(t, mine.Field("id"), a.with(token).GET("/auth/me").WantStatus(http.StatusOK).Field("membership.id"))
		b.refused(t, b.token(nil, nil), "the other issuer's emp-7")
		theirs := a.join(a.admin, another.URL+"|emp-7")
		token = b.token(map[string]any{"jti": "bound too"}, nil)
		assert.Equal(t, theirs.Field("id"), b.with(token).GET("/auth/me").WantStatus(http.StatusOK).Field("membership.id"))
	}, apptest.With("ADMIT_ALLOW_PRIVATE_URLS=true", "ADMIT_EXTERNAL_ISSUERS="+idp.URL+" "+another.URL), apptest.At(now))
}

// TestTokensOfOtherServersAreNoneByDefault, and a userinfo endpoint can be named.
func TestTokensOfOtherServersAreNoneByDefault(t *testing.T) {
	withIssuer(t, func(t *testing.T, a abroad) {
		a.refused(t, a.token(nil, nil), "no issuer is configured")
		assert.Empty(t, a.idp.asked)
	}, "ADMIT_EXTERNAL_ISSUERS=")
}

func TestAnIssuersUserinfoCanBeNamed(t *testing.T) {
	t.Parallel()
	idp, other := newProvider(t), newProvider(t)
	s := apptest.Start(t, apptest.With("ADMIT_ALLOW_PRIVATE_URLS=true", "ADMIT_EXTERNAL_ISSUERS="+idp.URL+"="+other.URL+"/userinfo"))
	a := abroad{Server: s, idp: idp, time: &apptest.Clock{}, admin: s.As(apptest.Admin)}
	a.join(a.admin, "emp-7")
	a.refused(t, a.token(nil, nil), "the one named does not know it")
	token := signJWT(t, idp.key, a.claims(nil), nil)
	other.codes[token] = &journeyAt{who: map[string]any{"sub": "emp-7"}}
	a.with(token).GET("/fhir/R4/Patient").WantStatus(http.StatusOK)
	assert.Zero(t, idp.asked["/userinfo"])
}
