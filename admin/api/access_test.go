package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/cmd/admit/apptest"
)

// explainer asks about a member with policies of its own.
type explainer struct {
	*apptest.Client        // the administrator
	member, nurse   string // the membership; the nurse's profile
	as              *apptest.Client
	policies        []string
}

// withPolicies invites somebody with one access entry for each policy; entry is further members of
// the entry's JSON.
func withPolicies(srv *apptest.Server, name string, policies ...[2]string) explainer {
	e := explainer{Client: srv.As(apptest.Admin)}
	var access []string
	for _, p := range policies {
		id := e.POST("/fhir/R4/AccessPolicy", `{"resourceType":"AccessPolicy",`+p[0]+`}`).WantStatus(http.StatusCreated).Field("id")
		e.policies = append(e.policies, "AccessPolicy/"+id)
		access = append(access, `{"policy":{"reference":"AccessPolicy/`+id+`"}`+p[1]+`}`)
	}
	e.as = srv.Invite(e.Client, "Practitioner", name+"@clinic.example", `,"access":[`+strings.Join(access, ",")+`]`)
	e.member, e.nurse = e.as.Membership, e.as.Profile
	return e
}

func (e explainer) explain(body string) *apptest.Answer {
	return e.POST("/admin/projects/"+e.Project+"/access/$explain", `{"membership":{"reference":"`+e.member+`"},`+body+`}`)
}

// decision is an answer's.
type decision struct {
	Allowed                       bool
	Layer, Reason, Rule, Criteria string
	Policy                        struct{ Reference string }
	HiddenFields, ReadonlyFields  []string
	Considered                    []struct{ Rule, Criteria, Result string }
}

func TestADecisionIsExplained(t *testing.T) {
	apptest.Each(t, func(t *testing.T, srv *apptest.Server) {
		e := withPolicies(srv, "nurse", [2]string{
			`"resource":[
				{"resourceType":"Patient","criteria":"Patient?active=true","interaction":["read","search"],"hiddenFields":["telecom"]},
				{"resourceType":"Patient","criteria":"Patient?gender=other","interaction":["read","update","create","search"],"readonlyFields":["birthDate"],
					"writeConstraint":[{"language":"text/fhirpath","expression":"name.exists()"}]},
				{"resourceType":"Observation","criteria":"Observation?performer=%profile"}],
			"ipAccessRule":[{"value":"10.","action":"block"}]`, ""},
			[2]string{`"resource":[{"resourceType":"Device"}]`, `,"modifierExtension":[{"url":"https://github.com/admitdev/admit/StructureDefinition/access-period","valuePeriod":{"end":"2020-01-01"}}]`})
		first, second := e.policies[0], e.policies[1]
		make := func(body string) string {
			return e.POST("/fhir/R4/"+typeOf(t, body), body).WantStatus(http.StatusCreated).Field("id")
		}
		active := make(`{"resourceType":"Patient","active":true,"gender":"male","telecom":[{"system":"phone","value":"1"}]}`)
		other := make(`{"resourceType":"Patient","gender":"other","birthDate":"1980-01-01","name":[{"text":"x"}]}`)
		neither := make(`{"resourceType":"Patient","gender":"male"}`)
		device := make(`{"resourceType":"Device"}`)
		ref := func(reference string) string { return `"resource":{"reference":"` + reference + `"}` }
		for _, tc := range []struct {
			name, ask     string
			allowed       bool
			layer, rule   string
			criteria      string
			method, path  string // the request itself, where it is one
			body          string
			hidden, fixed []string
		}{
			{"the first entry", `"interaction":"read",` + ref("Patient/"+active), true, "criteria", first + " resource[0]", "Patient?active=true", "GET", "Patient/" + active, "", []string{"telecom"}, nil},
			{"the second entry", `"interaction":"read",` + ref("Patient/"+other), true, "criteria", first + " resource[1]", "Patient?gender=other", "GET", "Patient/" + other, "", nil, []string{"birthDate"}},
			{"no criteria met", `"interaction":"read",` + ref("Patient/"+neither), false, "criteria", first + " resource[1]", "Patient?gender=other", "GET", "Patient/" + neither, "", nil, nil},
			{"no entry for the type", `"interaction":"read",` + ref(e.nurse), false, "resource", "", "", "GET", e.nurse, "", nil, nil},
			{"no entry for the interaction", `"interaction":"delete",` + ref("Patient/"+other), false, "resource", "", "", "DELETE", "Patient/" + other, "", nil, nil},
			{"an entry that has ended", `"interaction":"read",` + ref("Device/"+device), false, "time", second + " resource[0]", "", "GET", "Device/" + device, "", nil, nil},
			{"an entry that has not, then", `"at":"2019-06-01T00:00:00Z","interaction":"read",` + ref("Device/"+device), true, "resource", second + " resource[0]", "", "", "", "", nil, nil},
			{"an address", `"address":"10.0.0.1","interaction":"read",` + ref("Patient/"+active), false, "ipAccessRule", first + " ipAccessRule[0]", "", "", "", "", nil, nil},
			{"a scope", `"scope":"user/Patient.s","interaction":"read",` + ref("Patient/"+active), false, "scope", "", "user/Patient.s", "", "", "", nil, nil},
			{"a create", `"interaction":"create","resource":{"resourceType":"Patient","gender":"other","name":[{"text":"y"}]}`, true, "criteria", first + " resource[1]", "Patient?gender=other",
				"POST", "Patient", `{"resourceType":"Patient","gender":"other","name":[{"text":"y"}]}`, nil, []string{"birthDate"}},
			{"a constraint", `"interaction":"create","resource":{"resourceType":"Patient","gender":"other"}`, false, "writeConstraint", first + " resource[1].writeConstraint[0]", "Patient?gender=other",
				"POST", "Patient", `{"resourceType":"Patient","gender":"other"}`, nil, nil},
			{"an update out of sight", `"interaction":"update","resource":{"resourceType":"Patient","id":"` + other + `","gender":"male","name":[{"text":"x"}]}`, false, "criteria", first + " resource[1]", "Patient?gender=other",
				"PUT", "Patient/" + other, `{"resourceType":"Patient","id":"` + other + `","gender":"male","name":[{"text":"x"}]}`, nil, nil},
			{"a parameter's value", `"interaction":"create","resource":{"resourceType":"Observation","status":"final","code":{"text":"x"}}`, false, "criteria", first + " resource[2]", "Observation?performer=" + e.nurse,
				"POST", "Observation", `{"resourceType":"Observation","status":"final","code":{"text":"x"}}`, nil, nil},
			{"a search", `"search":"Observation?status=final"`, true, "resource", first + " resource[2]", "Observation?performer=" + e.nurse, "GET", "Observation?status=final", "", nil, nil},
			{"a search of a hidden field", `"search":"Patient?phone=1"`, false, "hiddenFields", first + " resource[0].hiddenFields", "Patient?active=true", "GET", "Patient?phone=1", "", nil, nil},
			{"a search of no type", `"search":"Encounter"`, false, "resource", "", "", "GET", "Encounter", "", nil, nil},
			{"a chain through no type", `"search":"Observation?encounter:Encounter.status=planned"`, true, "resource", "", "", "GET", "Observation?encounter:Encounter.status=planned", "", nil, nil},
		} {
			t.Run(tc.name, func(t *testing.T) {
				var got decision
				e.explain(tc.ask).WantStatus(http.StatusOK).Into(&got)
				want := decision{Allowed: tc.allowed, Layer: tc.layer, Rule: tc.rule, Criteria: tc.criteria, HiddenFields: tc.hidden, ReadonlyFields: tc.fixed}
				want.Policy.Reference, _, _ = strings.Cut(tc.rule, " ")
				want.Reason, want.Considered = got.Reason, got.Considered
				assert.Equal(t, want, got)
				assert.NotEmpty(t, got.Reason)
				if tc.method == "" {
					return
				}
				status := e.as.Do(tc.method, "/fhir/R4/"+tc.path, tc.body).Status
				assert.Equal(t, tc.allowed, status < http.StatusBadRequest, "what is explained is what happens: %d", status)
			})
		}
		t.Run("somebody who is no member any more", func(t *testing.T) {
			member := "/admin/projects/" + e.Project + "/members/" + strings.TrimPrefix(e.member, "ProjectMembership/")
			var m map[string]any
			e.GET(member).WantStatus(http.StatusOK).Into(&m)
			m["active"] = false
			body, err := json.Marshal(m)
			require.NoError(t, err)
			e.POST(member, string(body)).WantStatus(http.StatusOK)
			got := e.explain(`"interaction":"read",` + ref("Patient/"+active)).WantStatus(http.StatusOK)
			assert.Equal(t, "membership", got.Field("layer"))
			assert.Equal(t, "false", got.Field("allowed"))
		})
	})
}

func typeOf(t *testing.T, body string) string {
	t.Helper()
	var r struct{ ResourceType string }
	require.NoError(t, json.Unmarshal([]byte(body), &r))
	return r.ResourceType
}

func TestAnExplanationTellsNobodyMoreThanTheySee(t *testing.T) {
	srv := apptest.Start(t)
	e := withPolicies(srv, "nurse", [2]string{`"resource":[{"resourceType":"Patient","criteria":"Patient?active=true"}]`, ""})
	elsewhere := srv.As(apptest.OtherAdmin)
	foreign := elsewhere.POST("/fhir/R4/Patient", `{"resourceType":"Patient","active":true}`).WantStatus(http.StatusCreated).Field("id")
	e.explain(`"interaction":"read","resource":{"reference":"Patient/` + foreign + `"}`).WantStatus(http.StatusNotFound)
	e.explain(`"interaction":"update","resource":{"resourceType":"Patient","id":"` + foreign + `"}`).WantStatus(http.StatusNotFound)
	ask := `{"membership":{"reference":"` + e.member + `"},"search":"Patient"}`
	elsewhere.POST("/admin/projects/"+elsewhere.Project+"/access/$explain", ask).WantStatus(http.StatusNotFound)
	elsewhere.POST("/admin/projects/"+e.Project+"/access/$explain", ask).WantStatus(http.StatusNotFound)
	e.as.POST("/admin/projects/"+e.Project+"/access/$explain", ask).WantStatus(http.StatusForbidden)

	narrow := func(name, rules string) *apptest.Client {
		id := e.POST("/fhir/R4/AccessPolicy", `{"resourceType":"AccessPolicy","resource":[`+rules+`]}`).WantStatus(http.StatusCreated).Field("id")
		return srv.Invite(e.Client, "Practitioner", name+"@clinic.example", `,"membership":{"admin":true,"accessPolicy":{"reference":"AccessPolicy/`+id+`"}}`)
	}
	here := e.POST("/fhir/R4/Patient", `{"resourceType":"Patient","active":true}`).WantStatus(http.StatusCreated).Field("id")
	about := `{"membership":{"reference":"` + e.member + `"},"interaction":"read","resource":{"reference":"Patient/` + here + `"}}`
	path := "/admin/projects/" + e.Project + "/access/$explain"
	narrow("noPolicies", `{"resourceType":"Patient"}`).POST(path, about).WantStatus(http.StatusForbidden)
	narrow("noPatients", `{"resourceType":"AccessPolicy"}`).POST(path, about).WantStatus(http.StatusForbidden)
	blind := narrow("blind", `{"resourceType":"AccessPolicy"},{"resourceType":"Patient","hiddenFields":["active"]}`)
	assert.Equal(t, "false", blind.POST(path, about).WantStatus(http.StatusOK).Field("allowed"), "what one does not see decides nothing")
	assert.Equal(t, "true", e.POST(path, about).WantStatus(http.StatusOK).Field("allowed"))
}

func TestAQuestionThatMakesNoSenseIsRefused(t *testing.T) {
	srv := apptest.Start(t)
	e := withPolicies(srv, "nurse", [2]string{`"resource":[{"resourceType":"Patient"}]`, ""})
	for _, body := range []string{
		`"interaction":"read"`, `"interaction":"fly","resource":{"reference":"Patient/x"}`, `"interaction":"create","resource":{"reference":"Patient/x"}`,
		`"interaction":"read","resource":{"reference":"x"}`, `"interaction":"read","resource":7`, `"search":"Patient?nonsense=1"`, `"search":"Nonsense"`,
		`"interaction":"update","search":"Patient"`, `"interaction":"create","resource":{"resourceType":"Patient","nonsense":1}`,
		`"interaction":"read","search":"Patient","resource":{"reference":"Patient/x"}`, `"nonsense":1,"search":"Patient"`, `"at":"soon","search":"Patient"`,
	} {
		e.explain(body).WantStatus(http.StatusBadRequest)
	}
	e.POST("/admin/projects/"+e.Project+"/access/$explain", `{"search":"Patient"}`).WantStatus(http.StatusBadRequest)
	e.explain(`"interaction":"read","resource":{"reference":"Patient/none"}`).WantStatus(http.StatusNotFound)
}
