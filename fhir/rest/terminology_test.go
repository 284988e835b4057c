package rest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/fhir/medplum"
)

// colours is a code system, and bright a value set of some of it.
const (
	colours = `{"resourceType":"CodeSystem","url":"urn:colours","version":"2","name":"Colours","status":"active","content":"complete","caseSensitive":true,"concept":[
		{"code":"red","display":"Red","definition":"As blood","designation":[{"language":"de","value":"Rot"}],"property":[{"code":"hue","valueInteger":0}],"concept":[{"code":"pink","display":"Pink"}]},
		{"code":"any","display":"Any colour","property":[{"code":"notSelectable","valueBoolean":true}]},
		{"code":"grey","display":"Grey","property":[{"code":"inactive","valueBoolean":true}]}]}`
	bright = `{"resourceType":"ValueSet","url":"urn:bright","version":"1","status":"active","compose":{"include":[{"system":"urn:colours"}],"exclude":[{"system":"urn:colours","concept":[{"code":"grey"}]}]}}`
)

// expanded is the codes of an expansion.
func (a answer) expanded(t *testing.T) (codes string, total int) {
	t.Helper()
	a.want(t, http.StatusOK)
	var set struct {
		ResourceType, Status string
		Expansion            struct {
			Identifier, Timestamp string
			Total                 int
			Contains              []struct{ System, Code, Display string }
		}
	}
	require.NoError(t, json.Unmarshal([]byte(a.body), &set))
	assert.Equal(t, "ValueSet", set.ResourceType)
	assert.NotEmpty(t, set.Status)
	assert.NotEmpty(t, set.Expansion.Identifier)
	assert.NotEmpty(t, set.Expansion.Timestamp)
	list := make([]string, len(set.Expansion.Contains))
	for i, c := range set.Expansion.Contains {
		list[i] = c.Code
	}
	return strings.Join(list, " "), set.Expansion.Total
}

func TestExpand(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		s.do(t, "POST", "/CodeSystem", colours, "As", "admin").want(t, 201)
		id, _ := s.do(t, "POST", "/ValueSet", bright, "As", "admin").made(t)
		for _, tc := range []struct {
			name, method, path, body, want string
			total                          int
		}{
			{"stored", "GET", "/ValueSet/$expand?url=urn:bright", "", "red pink any", 3},
			{"stored, by version", "GET", "/ValueSet/$expand?url=urn:bright|1", "", "red pink any", 3},
			{"stored, by id", "GET", "/ValueSet/" + id + "/$expand", "", "red pink any", 3},
			{"page as the SDK asks", "GET", "/ValueSet/$expand?url=urn:bright&filter=&count=2", "", "red pink", 3},
			{"offset", "GET", "/ValueSet/$expand?url=urn:bright&offset=1&count=1", "", "pink", 3},
			{"filter", "GET", "/ValueSet/$expand?url=urn:bright&filter=col+an", "", "any", 1},
			{"not for UI", "GET", "/ValueSet/$expand?url=urn:bright&excludeNotForUI=true", "", "red pink", 2},
			{"R4's own", "GET", "/ValueSet/$expand?url=http://hl7.org/fhir/ValueSet/administrative-gender&displayLanguage=fr", "", "male female other unknown", 4},
			{"a body of Parameters", "POST", "/ValueSet/$expand", `{"resourceType":"Parameters","parameter":[{"name":"url","valueUri":"urn:bright"},{"name":"count","valueInteger":1}]}`, "red", 3},
			{"a set of the client's own", "POST", "/ValueSet/$expand", `{"resourceType":"Parameters","parameter":[{"name":"valueSet","resource":{"resourceType":"ValueSet","status":"draft","compose":{"include":[{"valueSet":["urn:bright"]},{"system":"urn:x","concept":[{"code":"x"}]}]}}}]}`, "red pink any x", 4},
			{"a query and an empty body", "POST", "/ValueSet/$expand?url=urn:bright", `{}`, "red pink any", 3},
		} {
			t.Run(tc.name, func(t *testing.T) {
				codes, total := s.do(t, tc.method, strings.ReplaceAll(tc.path, "|", "%7C"), tc.body).expanded(t)
				assert.Equal(t, tc.want, codes)
				assert.Equal(t, tc.total, total)
			})
		}
		shown := s.do(t, "GET", "/ValueSet/$expand?url=urn:bright&count=1&includeDesignations=true&includeDefinition=true&filter=re", "").want(t, 200).body
		assert.Contains(t, shown, `"contains":[{"system":"urn:colours","code":"red","display":"Red","designation":[{"language":"de","value":"Rot"}]}]`)
		assert.Contains(t, shown, `"parameter":[{"name":"filter","valueString":"re"},{"name":"count","valueInteger":1},{"name":"includeDesignations","valueBoolean":true}]`)
		assert.Contains(t, shown, `"compose":{`)
	})
}

func TestExpandRefuses(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		for _, tc := range []struct {
			name, path, body string
			status           int
			code, text       string
		}{
			{"no set", "/ValueSet/$expand", "", 400, "required", "One value set is wanted: by its id, url or valueSet"},
			{"unknown set", "/ValueSet/$expand?url=urn:none", "", 404, "not-found", "ValueSet urn:none not found"},
			{"unknown id", "/ValueSet/x/$expand", "", 404, "not-found", "Not found"},
			{"unknown parameter", "/ValueSet/$expand?url=urn:none&context=x", "", 400, "invalid", "Unknown parameter: context"},
			{"twice", "/ValueSet/$expand?url=urn:none&url=urn:b", "", 400, "invalid", "The parameter url is given twice"},
			{"bad number", "/ValueSet/$expand?url=urn:none&count=-1", "", 400, "invalid", "Invalid value of count: a number from 0 is wanted"},
			{"bad boolean", "/ValueSet/$expand?url=urn:none&activeOnly=yes", "", 400, "invalid", "Invalid value of activeOnly: true or false is wanted"},
			{"a resource in a query", "/ValueSet/$expand?valueSet=urn:none", "", 400, "structure", "The parameter valueSet is no text: POST it in a Parameters resource"},
			{"content not here", "/ValueSet/$expand?url=http://hl7.org/fhir/ValueSet/condition-code", "", 400, "not-supported", "The content of the code system http://snomed.info/sct is not known here, so its codes cannot be listed"},
			{"no Parameters", "/ValueSet/$expand", `{"resourceType":"Patient"}`, 400, "structure", "A Parameters resource is expected, not Patient"},
			{"a parameter without a value", "/ValueSet/$expand", `{"resourceType":"Parameters","parameter":[{"name":"url"}]}`, 400, "structure", "A parameter has a name and one value"},
			{"another type", "/ValueSet/$expand", `{"resourceType":"Parameters","parameter":[{"name":"valueSet","resource":{"resourceType":"Patient"}}]}`, 400, "structure", "A ValueSet is expected"},
			{"imports itself", "/ValueSet/$expand", `{"resourceType":"Parameters","parameter":[{"name":"valueSet","resource":{"resourceType":"ValueSet","url":"urn:a","compose":{"include":[{"valueSet":["urn:a"]}]}}}]}`, 400, "too-costly", "ValueSet urn:a imports itself"},
		} {
			t.Run(tc.name, func(t *testing.T) {
				method := "GET"
				if tc.body != "" {
					method = "POST"
				}
				id := ""
				if tc.status == 404 {
					id = "not-found"
				}
				s.do(t, method, tc.path, tc.body).wantIssue(t, tc.status, id, tc.code, tc.text)
			})
		}
	})
}

// TestTerminologyHeedsThePolicy holds that a definition which the caller may not search for does
// not exist for it: not by its URL, by its id, nor as a part of another.
func TestTerminologyHeedsThePolicy(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		s.do(t, "POST", "/CodeSystem", colours, "As", "admin").want(t, 201)
		id, _ := s.do(t, "POST", "/ValueSet", bright, "As", "admin").made(t)
		s.members["blind"] = s.With(t, s.A.ID, medplum.PolicyResource{ResourceType: "Patient"}).Claims
		s.members["urlless"] = s.With(t, s.A.ID, medplum.PolicyResource{ResourceType: "ValueSet", HiddenFields: []string{"url"}}).Claims
		s.members["drafts"] = s.With(t, s.A.ID, medplum.PolicyResource{ResourceType: "ValueSet", Criteria: "ValueSet?status=draft"}, medplum.PolicyResource{ResourceType: "CodeSystem"}).Claims
		linked := s.Project(t, medplum.Project{Name: "Linked", Link: []medplum.Link{{Project: medplum.RefTo("Project", s.A.ID, "")}}})
		s.members["linked"] = linked.Staff.Claims
		own := `{"resourceType":"Parameters","parameter":[{"name":"valueSet","resource":{"resourceType":"ValueSet","compose":{"include":[{"valueSet":["urn:bright"]}]}}}]}`
		for as, sees := range map[string]bool{"staff": true, "linked": true, "other": false, "blind": false, "urlless": false, "drafts": false} {
			want := map[bool]int{true: 200, false: 404}[sees]
			s.do(t, "GET", "/ValueSet/$expand?url=urn:bright", "", "As", as).want(t, want)
			s.do(t, "POST", "/ValueSet/$expand", own, "As", as).want(t, want)
			s.do(t, "GET", "/ValueSet/$validate-code?url=urn:bright&system=urn:colours&code=red", "", "As", as).want(t, want)
			s.do(t, "GET", "/ValueSet/$expand?url=http://hl7.org/fhir/ValueSet/administrative-gender", "", "As", as).want(t, 200)
		}
		for as, status := range map[string]int{"staff": 200, "linked": 200, "other": 404, "blind": 403, "drafts": 404} {
			s.do(t, "GET", "/ValueSet/"+id+"/$expand", "", "As", as).want(t, status)
		}
		for as, status := range map[string]int{"staff": 200, "drafts": 200, "blind": 404, "other": 404} {
			s.do(t, "GET", "/CodeSystem/$lookup?system=urn:colours&code=red", "", "As", as).want(t, status)
		}
		s.do(t, "POST", "/ValueSet", strings.Replace(bright, `"urn:bright"`, `"http://hl7.org/fhir/ValueSet/administrative-gender"`, 1), "As", "admin").want(t, 201)
		for as, first := range map[string]string{"staff": "red", "other": "male"} { // a project's own counts before R4's
			codes, _ := s.do(t, "GET", "/ValueSet/$expand?count=1&url=http://hl7.org/fhir/ValueSet/administrative-gender", "", "As", as).expanded(t)
			assert.Equal(t, first, codes)
		}
	})
}

func TestValidateCode(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		made, _ := s.do(t, "POST", "/CodeSystem", colours, "As", "admin").made(t)
		s.do(t, "POST", "/ValueSet", bright, "As", "admin").want(t, 201)
		coding := func(parameter, coding string) string {
			if parameter == "codeableConcept" {
				coding = `{"coding":[{"code":"nothing","system":"urn:no"},` + coding + `]}`
			}
			return fmt.Sprintf(`{"resourceType":"Parameters","parameter":[{"name":%q,"value%s":%s},{"name":"url","valueUri":"urn:bright"}]}`,
				parameter, strings.ToUpper(parameter[:1])+parameter[1:], coding)
		}
		for _, tc := range []struct{ name, path, body, want string }{
			{"in the set", "/ValueSet/$validate-code?url=urn:bright&system=urn:colours&code=red", "", `{"name":"result","valueBoolean":true},{"name":"display","valueString":"Red"}`},
			{"not in it", "/ValueSet/$validate-code?url=urn:bright&system=urn:colours&code=grey", "", `{"name":"result","valueBoolean":false},{"name":"message","valueString":"The code grey of urn:colours is not in ValueSet urn:bright"}`},
			{"no system", "/ValueSet/$validate-code?url=urn:bright&code=red", "", `{"name":"result","valueBoolean":false},{"name":"message","valueString":"The code red has no system"}`},
			{"another display", "/ValueSet/$validate-code?url=urn:bright&system=urn:colours&code=red&display=Blue", "", `{"name":"result","valueBoolean":false},{"name":"message","valueString":"The display of red is \"Red\", not \"Blue\""},{"name":"display","valueString":"Red"}`},
			{"a designation will do", "/ValueSet/$validate-code?url=urn:bright&system=urn:colours&code=red&display=rot", "", `{"name":"result","valueBoolean":true},{"name":"display","valueString":"Red"}`},
			{"abstract", "/ValueSet/$validate-code?url=urn:bright&system=urn:colours&code=any", "", `{"name":"result","valueBoolean":false},{"name":"message","valueString":"The code any is abstract and may not be chosen"},{"name":"display","valueString":"Any colour"}`},
			{"abstract, where that will do", "/ValueSet/$validate-code?url=urn:bright&system=urn:colours&code=any&abstract=true", "", `{"name":"result","valueBoolean":true},{"name":"display","valueString":"Any colour"}`},
			{"who knows", "/ValueSet/$validate-code?url=http://hl7.org/fhir/ValueSet/condition-code&system=http://snomed.info/sct&code=1", "", `{"name":"result","valueBoolean":false},{"name":"message","valueString":"Whether ValueSet http://hl7.org/fhir/ValueSet/condition-code holds 1 is not known: the content of http://snomed.info/sct is not here"}`},
			{"coding", "/ValueSet/$validate-code", coding("coding", `{"system":"urn:colours","code":"pink"}`), `{"name":"result","valueBoolean":true},{"name":"display","valueString":"Pink"}`},
			{"one coding of the concept", "/ValueSet/$validate-code", coding("codeableConcept", `{"system":"urn:colours","code":"pink"}`), `{"name":"result","valueBoolean":true},{"name":"display","valueString":"Pink"}`},
			{"in the system", "/CodeSystem/$validate-code?url=urn:colours&code=grey", "", `{"name":"result","valueBoolean":true},{"name":"display","valueString":"Grey"}`},
			{"not in the system", "/CodeSystem/$validate-code?url=urn:colours&code=Grey", "", `{"name":"result","valueBoolean":false},{"name":"message","valueString":"The code Grey is not in CodeSystem urn:colours"}`},
			{"in the system of that id", "/CodeSystem/" + made + "/$validate-code?code=grey", "", `{"name":"result","valueBoolean":true},{"name":"display","valueString":"Grey"}`},
		} {
			t.Run(tc.name, func(t *testing.T) {
				method := "GET"
				if tc.body != "" {
					method = "POST"
				}
				got := s.do(t, method, tc.path, tc.body).want(t, 200)
				assert.Equal(t, `{"resourceType":"Parameters","parameter":[`+tc.want+`]}`, got.body)
			})
		}
		s.do(t, "GET", "/ValueSet/$validate-code?url=urn:bright", "").wantIssue(t, 400, "", "required", "One of code, coding and codeableConcept is wanted")
		s.do(t, "GET", "/CodeSystem/$validate-code?code=x", "").wantIssue(t, 400, "", "required", "The code system is wanted")
		s.do(t, "GET", "/CodeSystem/$validate-code?url=urn:no&code=x", "").wantIssue(t, 404, "not-found", "not-found", "CodeSystem urn:no not found")
	})
}

func TestLookup(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		s.do(t, "POST", "/CodeSystem", colours, "As", "admin").want(t, 201)
		const head = `{"name":"name","valueString":"Colours"},{"name":"version","valueString":"2"},{"name":"display","valueString":"Red"}`
		property := func(code, value string) string {
			return `{"name":"property","part":[{"name":"code","valueCode":"` + code + `"},{"name":"value",` + value + `}]}`
		}
		for _, tc := range []struct{ name, query, want string }{
			{"all", "system=urn:colours&code=red", head + `,{"name":"designation","part":[{"name":"language","valueCode":"de"},{"name":"value","valueString":"Rot"}]},` +
				property("definition", `"valueString":"As blood"`) + "," + property("child", `"valueCode":"pink"`) + "," +
				property("inactive", `"valueBoolean":false`) + "," + property("hue", `"valueInteger":0`)},
			{"some", "system=urn:colours&code=red&property=child&property=hue", head + "," + property("child", `"valueCode":"pink"`) + "," + property("hue", `"valueInteger":0`)},
			{"R4's own", "system=http://hl7.org/fhir/administrative-gender&code=male&property=none", `{"name":"name","valueString":"AdministrativeGender"},{"name":"version","valueString":"4.0.1"},{"name":"display","valueString":"Male"}`},
		} {
			t.Run(tc.name, func(t *testing.T) {
				got := s.do(t, "GET", "/CodeSystem/$lookup?"+tc.query, "").want(t, 200)
				assert.Equal(t, `{"resourceType":"Parameters","parameter":[`+tc.want+`]}`, got.body)
			})
		}
		s.do(t, "POST", "/CodeSystem/$lookup", `{"resourceType":"Parameters","parameter":[{"name":"coding","valueCoding":{"system":"urn:colours","code":"pink"}}]}`).want(t, 200)
		s.do(t, "GET", "/CodeSystem/$lookup?system=urn:colours&code=blue", "").wantIssue(t, 404, "not-found", "not-found", "The code blue is not in CodeSystem urn:colours")
		s.do(t, "GET", "/CodeSystem/$lookup?system=urn:none&code=blue", "").wantIssue(t, 404, "not-found", "not-found", "CodeSystem urn:none not found")
		s.do(t, "GET", "/CodeSystem/$lookup?system=urn:colours&version=1&code=red", "").wantIssue(t, 404, "not-found", "not-found", "CodeSystem urn:colours not found")
	})
}

func TestSubsumes(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		id, _ := s.do(t, "POST", "/CodeSystem", colours, "As", "admin").made(t)
		for _, tc := range []struct{ a, b, outcome string }{
			{"red", "red", "equivalent"}, {"red", "pink", "subsumes"}, {"pink", "red", "subsumed-by"}, {"pink", "grey", "not-subsumed"},
		} {
			codes := "codeA=" + tc.a + "&codeB=" + tc.b
			for _, path := range []string{"/CodeSystem/$subsumes?system=urn:colours&" + codes, "/CodeSystem/" + id + "/$subsumes?" + codes} {
				got := s.do(t, "GET", path, "").want(t, http.StatusOK)
				assert.Equal(t, `{"resourceType":"Parameters","parameter":[{"name":"outcome","valueCode":"`+tc.outcome+`"}]}`, got.body, path)
			}
		}
		codings := func(a, b string) string {
			return `{"resourceType":"Parameters","parameter":[{"name":"codingA","valueCoding":` + a + `},{"name":"codingB","valueCoding":` + b + `}]}`
		}
		pink := `{"system":"urn:colours","code":"pink"}`
		s.do(t, "POST", "/CodeSystem/$subsumes", codings(`{"system":"urn:colours","code":"red"}`, pink)).want(t, http.StatusOK)
		s.do(t, "POST", "/CodeSystem/$subsumes", codings(`{"system":"urn:x","code":"red"}`, pink)).wantIssue(t, 400, "", "invalid", "Both codes are to be of one code system")
		s.do(t, "GET", "/CodeSystem/$subsumes?system=urn:colours&codeA=red", "").wantIssue(t, 400, "", "required", "One of codeB and codingB is wanted")
		s.do(t, "GET", "/CodeSystem/$subsumes?codeA=red&codeB=pink", "").wantIssue(t, 400, "", "required", "The code system is wanted")
		s.do(t, "GET", "/CodeSystem/$subsumes?system=urn:colours&codeA=red&codeB=blue", "").wantIssue(t, 404, "not-found", "not-found", "The code blue is not in CodeSystem urn:colours")
	})
}

// TestOperationsInBundles: a batch takes operations, as Medplum's App does; a transaction cannot
// promise to undo one.
func TestOperationsInBundles(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		id := s.create(t, eve)
		expand := "/ValueSet/$expand?url=" + url.QueryEscape("http://hl7.org/fhir/ValueSet/administrative-gender") + "&count=1"
		codes := `{"resourceType":"Parameters","parameter":[{"name":"system","valueUri":"http://hl7.org/fhir/administrative-gender"},{"name":"code","valueCode":"male"}]}`
		entries := []string{
			entry("GET", expand, ""), entry("GET", "Patient/"+id+"/$everything?_count=1", ""), entry("POST", "CodeSystem/$lookup", codes),
			entry("POST", "Patient/$validate", `{"resourceType":"Patient","nope":1}`), entry("POST", "Patient/"+id+"/$expunge", `{"resourceType":"Parameters"}`),
			entry("POST", "Patient/$nothing", `{"resourceType":"Parameters"}`), entry("GET", "Patient/"+id, ""),
		}
		got := s.do(t, "POST", "", bundleOf("batch", entries...)).bundle(t)
		assert.Equal(t, "200 200 200 400 403 404 200", got.statuses())
		assert.Contains(t, string(got.Entry[0].Resource), `"contains":[{"system":"http://hl7.org/fhir/administrative-gender","code":"male","display":"Male"}]`)
		assert.Contains(t, string(got.Entry[1].Resource), id)
		assert.Contains(t, string(got.Entry[2].Resource), `"valueString":"Male"`)
		for _, operation := range entries[:3] {
			s.do(t, "POST", "", bundleOf("transaction", entry("POST", "Patient", eve), operation)).wantIssue(t, 400, "", "not-supported", "Operations are not supported in a transaction")
		}
		assert.Equal(t, 1, s.count(t, "Patient?family=Example"), "the transactions left something")
	})
}
