package apptest_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/admitdev/admit/cmd/admit/apptest"
)

// theirs makes a patient with an observation that belong to the other project.
func (a *attacked) theirs() (patient, observation string) {
	patient = a.other.POST("/fhir/R4/Patient", `{"resourceType":"Patient","name":[{"family":"Hidden"}],"birthDate":"1970-01-02"}`).WantStatus(http.StatusCreated).Field("id")
	observation = a.other.POST("/fhir/R4/Observation", `{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/`+patient+`"}}`).
		WantStatus(http.StatusCreated).Field("id")
	return patient, observation
}

// isAbsent wants an answer not to be a success.
func isAbsent(t *testing.T, got *apptest.Answer) {
	t.Helper()
	assert.Contains(t, []int{http.StatusForbidden, http.StatusNotFound}, got.Status, "%.300s", got.Body)
	assert.NotContains(t, string(got.Body), "Hidden")
}

// graphql asks a query.
func (a *attacked) graphql(c *apptest.Client, query string) *apptest.Answer {
	return c.POST("/fhir/R4/$graphql", fmt.Sprintf(`{"query":%q}`, query))
}

func tenantAdvisories() []advisory {
	return []advisory{
		{"CWE-639", "another project's resource by its id", func(t *testing.T, a *attacked) {
			patient, _ := a.theirs()
			version := a.other.GET("/fhir/R4/Patient/" + patient).Field("meta.versionId")
			for _, path := range []string{"", "/_history", "/_history/" + version, "/$everything", "/Observation"} {
				got := a.admin.GET("/fhir/R4/Patient/" + patient + path)
				assert.NotContains(t, string(got.Body), "Hidden", path)
				assert.NotContains(t, string(got.Body), version, path)
			}
			isAbsent(t, a.admin.GET("/fhir/R4/Patient/"+patient))
			isAbsent(t, a.admin.DELETE("/fhir/R4/Patient/"+patient))
			isAbsent(t, a.admin.With("Content-Type", "application/json-patch+json").Do(http.MethodPatch, "/fhir/R4/Patient/"+patient, `[{"op":"test","path":"/birthDate","value":"1970-01-02"}]`))
			a.admin.PUT("/fhir/R4/Patient/"+patient, `{"resourceType":"Patient","id":"`+patient+`"}`)
			assert.Equal(t, "1970-01-02", a.other.GET("/fhir/R4/Patient/"+patient).WantStatus(http.StatusOK).Field("birthDate"))
		}},
		{"CWE-284", "another project's administration by its id", func(t *testing.T, a *attacked) {
			at := "/admin/projects/" + a.other.Project
			member := strings.TrimPrefix(a.other.Membership, "ProjectMembership/")
			for _, path := range []string{"", "/members/" + member} {
				isAbsent(t, a.admin.GET(at+path))
			}
			for path, body := range map[string]string{
				"/invite": `{"resourceType":"Practitioner","firstName":"A","lastName":"B","email":"z@evil.example"}`, "/client": `{"name":"x"}`, "/bot": `{"name":"x"}`,
				"/secrets": `[]`, "/sites": `[]`, "/members/" + member: `{"resourceType":"ProjectMembership","id":"` + member + `","active":false}`,
			} {
				isAbsent(t, a.admin.POST(at+path, body))
			}
			isAbsent(t, a.admin.DELETE(at+"/members/"+member))
		}},
		{"CWE-863", "another project's member is acted for", func(t *testing.T, a *attacked) {
			for _, of := range []string{a.other.Membership, a.other.Profile} {
				got := a.admin.With("X-Medplum-On-Behalf-Of", of).GET("/fhir/R4/Patient")
				assert.GreaterOrEqual(t, got.Status, http.StatusBadRequest, of)
			}
			got := a.member.With("X-Medplum-On-Behalf-Of", a.admin.Membership).GET("/fhir/R4/Patient")
			assert.Equal(t, http.StatusForbidden, got.Status)
		}},
		{"CWE-200", "a chain asks about another project", func(t *testing.T, a *attacked) {
			patient, _ := a.theirs()
			a.admin.POST("/fhir/R4/Observation", `{"resourceType":"Observation","status":"final","code":{"text":"mine"},"subject":{"reference":"Patient/`+patient+`"}}`)
			for _, query := range []string{"subject:Patient.name=Hidden", "patient.birthdate=1970-01-02", "subject:Patient.name:contains=idde", "_filter=" + url.QueryEscape("subject.name eq Hidden")} {
				got := a.admin.GET("/fhir/R4/Observation?" + query)
				assert.Empty(t, got.Field("entry.0"), query)
			}
			assert.Empty(t, a.admin.GET("/fhir/R4/Patient?_has:Observation:patient:status=final&_id="+patient).Field("entry.0"))
		}},
		{"CWE-1220", "an include brings another project's resource", func(t *testing.T, a *attacked) {
			patient, observation := a.theirs()
			mine := a.admin.POST("/fhir/R4/Observation", `{"resourceType":"Observation","status":"final","code":{"text":"mine"},"subject":{"reference":"Patient/`+patient+`"}}`)
			for _, path := range []string{
				"/fhir/R4/Observation?_include=Observation:subject&_id=" + mine.Field("id"), "/fhir/R4/Observation?_include=*&_id=" + mine.Field("id"),
				"/fhir/R4/Patient?_revinclude=Observation:subject", "/fhir/R4/Observation?_include:iterate=Observation:subject",
			} {
				got := a.admin.GET(path)
				assert.NotContains(t, string(got.Body), "Hidden", path)
				assert.NotContains(t, string(got.Body), observation, path)
			}
		}},
		{"CWE-862", "a Bundle asks for what its parts may not", func(t *testing.T, a *attacked) {
			patient, _ := a.theirs()
			for _, kind := range []string{"batch", "transaction"} {
				got := a.admin.POST("/fhir/R4", `{"resourceType":"Bundle","type":"`+kind+`","entry":[{"request":{"method":"GET","url":"Patient/`+patient+`"}},{"request":{"method":"DELETE","url":"Patient/`+patient+`"}},`+
					`{"request":{"method":"GET","url":"../../admin/projects/`+a.other.Project+`"}}]}`)
				assert.NotContains(t, string(got.Body), "Hidden", kind)
			}
			a.other.GET("/fhir/R4/Patient/" + patient).WantStatus(http.StatusOK)
		}},
		{"CVE-2023-22894", "Strapi: what is not shown can be asked for", func(t *testing.T, a *attacked) {
			for _, path := range []string{
				"ClientApplication?secret=" + "x", "User?passwordHash=x", "User?password:sw=a", "UserSecurityRequest?secret=x", "ClientApplication?_sort=secret",
				"ClientApplication?identity-provider=x", "User?_filter=" + url.QueryEscape(`passwordHash sw "a"`), "User?_has:UserSecurityRequest:user:secret=x",
			} {
				got := a.As(apptest.SuperAdmin).GET("/fhir/R4/" + path)
				assert.Equal(t, http.StatusBadRequest, got.Status, path)
			}
		}},
		{"CVE-2022-24124", "Casdoor: a query is a piece of SQL", func(t *testing.T, a *attacked) {
			a.theirs()
			for _, query := range []string{
				"_sort=" + url.QueryEscape("name;DROP TABLE resource"), "name" + url.QueryEscape("' OR '1'='1") + "=x", "_id=" + url.QueryEscape("x') OR 1=1 --"),
				"name=" + url.QueryEscape("' OR 1=1 --"), "_count=" + url.QueryEscape("1;SELECT"), "identifier=" + url.QueryEscape("a'||(SELECT 1)||'|%"),
				"name:contains=" + url.QueryEscape(`%_\`), "birthdate=" + url.QueryEscape("1970' OR 'a'='a"),
			} {
				got := a.admin.GET("/fhir/R4/Patient?" + query)
				assert.Less(t, got.Status, http.StatusInternalServerError, query)
				assert.Empty(t, got.Field("entry.0"), query)
			}
		}},
		{"CVE-2021-4191", "GitLab: GraphQL answers nobody in particular", func(t *testing.T, a *attacked) {
			for _, query := range []string{"{UserList{email}}", "{__schema{types{name}}}", "{PatientList{id}}"} {
				assert.Equal(t, http.StatusUnauthorized, a.graphql(a.nobody, query).Status)
			}
		}},
		{"CWE-497", "GraphQL: the whole schema for everybody", func(t *testing.T, a *attacked) {
			got := a.graphql(a.patient, "{__schema{types{name fields{name}}}}")
			assert.NotContains(t, string(got.Body), `"fields":[`)
		}},
		{"CVE-2022-37734", "graphql-java: thousands of directives", func(t *testing.T, a *attacked) {
			got := a.graphql(a.member, "{PatientList{id "+strings.Repeat("@include(if:true)", 20_000)+"}}")
			assert.GreaterOrEqual(t, got.Status, http.StatusBadRequest)
			assert.Less(t, got.Status, http.StatusInternalServerError)
		}},
		{"CVE-2023-26144", "graphql-js: thousands of aliases and fields that overlap", func(t *testing.T, a *attacked) {
			var query strings.Builder
			for i := range 2000 {
				fmt.Fprintf(&query, "a%d:PatientList{id}", i)
			}
			for _, q := range []string{"{" + query.String() + "}", "{" + strings.Repeat("PatientList{id name{family}}", 5000) + "}"} {
				got := a.graphql(a.member, q)
				assert.Less(t, got.Status, http.StatusInternalServerError)
				assert.Empty(t, got.Field("data.a1999"))
			}
		}},
		{"CWE-770", "GraphQL: a list of queries, fragments that name themselves, queries without an end", func(t *testing.T, a *attacked) {
			got := a.member.POST("/fhir/R4/$graphql", `[{"query":"{PatientList{id}}"},{"query":"{PatientList{id}}"}]`)
			assert.Equal(t, http.StatusBadRequest, got.Status)
			for _, query := range []string{"query{...f} fragment f on Query{...f}", "{" + strings.Repeat("PatientList{link{other{resource{", 200) + strings.Repeat("}}}}", 200) + "}"} {
				status := a.graphql(a.member, query).Status
				assert.GreaterOrEqual(t, status, http.StatusBadRequest)
				assert.Less(t, status, http.StatusInternalServerError)
			}
		}},
		{"CVE-2021-43798", "Grafana: a path climbs out of the files", func(t *testing.T, a *attacked) {
			for _, path := range []string{
				"/assets/../../../../etc/passwd", "/assets/..%2f..%2f..%2fetc%2fpasswd", "/storage/..%2f..%2fetc/passwd", "/assets/%2e%2e/%2e%2e/etc/passwd", "/fhir/R4/../../admin/super/mail",
				"/fhir/R4/Binary/..%2f..%2fadmin", "//admin/super/mail", "/fhir/R4/;/../admin/super/mail",
			} {
				got := a.member.GET(path)
				assert.NotContains(t, string(got.Body), "root:", path)
				assert.NotEqual(t, http.StatusOK, got.Status, path)
			}
		}},
		{"CVE-2023-36456", "authentik: X-Forwarded-For says where somebody is", func(t *testing.T, a *attacked) {
			c := a.nobody.With("X-Forwarded-For", "203.0.113.7").With("X-Real-IP", "203.0.113.7")
			login := c.POST("/auth/login", `{"email":"`+a.member.Email+`","password":"`+apptest.Password+`","clientId":"`+a.app+`","codeChallenge":"`+appChallenge()+`","codeChallengeMethod":"S256"}`).WantStatus(http.StatusOK).Field("login")
			kept, err := a.Store.Login(t.Context(), login)
			assert.NoError(t, err)
			assert.Equal(t, "127.0.0.1", kept.RemoteAddress)
		}},
	}
}

func providerAdvisories() []advisory {
	return []advisory{
		{"CVE-2023-3128", "Grafana: an address that the provider has not verified", func(t *testing.T, a *attacked) {
			v := newVisitor(t, a.Server)
			a.idp.signIn(v, a.wish(`"clientId":"`+a.client+`"`), map[string]any{"sub": "evil", "email": a.member.Email})
			assert.Equal(t, http.StatusBadRequest, v.status)
		}},
		{"CVE-2022-31107", "Grafana: an account of the provider with somebody else's address", func(t *testing.T, a *attacked) {
			a.invite("dora@hospital.example", "")
			v := newVisitor(t, a.Server)
			a.idp.signIn(v, a.byClient(), person("dora", "dora@hospital.example")).at(appRedirect)
			a.idp.signIn(v, a.byClient(), person("thief", "dora@hospital.example"))
			assert.Equal(t, http.StatusBadRequest, v.status)
		}},
		{"CVE-2020-26254", "omniauth-apple: the browser says who it is", func(t *testing.T, a *attacked) {
			a.invite("erin@hospital.example", "")
			v := newVisitor(t, a.Server)
			back := a.idp.there(v, a.byClient(), map[string]any{"sub": "nobody", "email": "nobody@hospital.example", "email_verified": true})
			v.send(http.MethodGet, back+"&email=erin@hospital.example&user="+url.QueryEscape(`{"email":"erin@hospital.example"}`)+"&sub=erin", nil)
			assert.Equal(t, http.StatusBadRequest, v.status)
		}},
		{"CVE-2015-9284", "omniauth: a link signs in as the attacker", func(t *testing.T, a *attacked) {
			a.invite("mallory@hospital.example", "")
			back := a.idp.there(newVisitor(t, a.Server), a.byClient(), person("mallory", "mallory@hospital.example"))
			victim := newVisitor(t, a.Server).send(http.MethodGet, back, nil)
			assert.Equal(t, http.StatusBadRequest, victim.status)
			assert.Empty(t, victim.header.Get("Location"))
		}},
		{"CVE-2022-39231", "Parse Server: a token that was given to another application", func(t *testing.T, a *attacked) {
			token := signJWT(t, a.idp.key, map[string]any{"iss": a.idp.URL, "azp": "another application"}, nil)
			a.idp.codes[token] = &journeyAt{who: person("7", a.member.Email)}
			a.exchangeExternal(token).WantStatus(http.StatusBadRequest)
		}},
		{"CVE-2022-1245", "Keycloak: a token is exchanged for another client's", func(t *testing.T, a *attacked) {
			own := exchangeApp(a.Server, a.app, a.codeOf(a.member)).WantStatus(http.StatusOK)
			for _, token := range []string{own.Field("access_token"), own.Field("id_token"), own.Field("refresh_token")} {
				a.exchangeExternal(token).WantStatus(http.StatusBadRequest)
				a.exchangeExternal(token, "audience", a.app).WantStatus(http.StatusBadRequest)
				a.exchangeExternal(token, "client_id", a.app).WantStatus(http.StatusBadRequest)
			}
		}},
		{"CVE-2023-22893", "Strapi: an ID token of the provider that nobody signed", func(t *testing.T, a *attacked) {
			claims := map[string]any{"iss": a.idp.URL, "aud": providerClient, "exp": 4102444800, "sub": "1", "email": a.member.Email, "email_verified": true}
			a.exchangeExternal(unsigned(t, claims, "none"), "subject_token_type", tokenType+"id_token").WantStatus(http.StatusBadRequest)
			a.exchangeExternal(hmacSigned(t, claims, providerSecret), "subject_token_type", tokenType+"id_token").WantStatus(http.StatusBadRequest)
		}},
		{"CWE-346", "the answer of another provider is taken for this one's (mix-up)", func(t *testing.T, a *attacked) {
			v := newVisitor(t, a.Server)
			back := a.idp.there(v, a.byClient(), person("1", a.member.Email))
			v.send(http.MethodGet, strings.Replace(back, url.QueryEscape(a.idp.URL), url.QueryEscape("https://evil.example"), 1), nil)
			assert.Equal(t, http.StatusBadRequest, v.status)
		}},
	}
}
