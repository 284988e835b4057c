package policy_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/index"
	"github.com/admitdev/admit/fhir/policy"
	"github.com/admitdev/admit/fhir/search"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

func TestFirstRuleThatMatchesHasTheFields(t *testing.T) {
	p := compile(t, subject, `{"resourceType":"Observation","criteria":"Observation?status=final","hiddenFields":["note"]},
		{"resourceType":"Observation","readonlyFields":["status"]}`)
	for resource, want := range map[string][]string{mine: {"note"}, others: nil} {
		doc, err := document.Parse([]byte(resource))
		if err != nil {
			t.Fatal(err)
		}
		rule, ok := p.Rule(policy.Read, store.Ref{Project: project, Type: "Observation", ID: doc.Text("id")}, at, index.Extract(doc, "Observation"))
		if !ok || !slices.Equal(rule.Hidden, want) {
			t.Errorf("%s: %v %v", resource, ok, rule)
		}
	}
	if !p.HasFields("Observation") || p.HasFields("Patient") {
		t.Error("HasFields")
	}
}

// TestHiddenFieldsCannotBeSearched: what is hidden cannot be guessed by asking for it.
func TestHiddenFieldsCannotBeSearched(t *testing.T) {
	for _, tc := range []struct {
		entries, search string
		refused         bool
	}{
		{`{"resourceType":"Patient","hiddenFields":["telecom"]}`, "Patient?email=a", true},
		{`{"resourceType":"Patient","hiddenFields":["telecom"]}`, "Patient?_sort=phone", true},
		{`{"resourceType":"Patient","hiddenFields":["telecom"]}`, "Patient?telecom:missing=true", true},
		{`{"resourceType":"Patient","hiddenFields":["telecom.value"]}`, "Patient?phone=1", true},
		{`{"resourceType":"Patient","hiddenFields":["name.family"]}`, "Patient?name=x", true},
		{`{"resourceType":"Patient","hiddenFields":["name.family"]}`, "Patient?given=x", false},
		{`{"resourceType":"Patient","hiddenFields":["telecom"]}`, "Patient?name=x", false},
		{`{"resourceType":"Patient","hiddenFields":["deceased[x]"]}`, "Patient?deceased=true", true},
		{`{"resourceType":"Patient","hiddenFields":["deceasedDateTime"]}`, "Patient?death-date=2020", true},
		{`{"resourceType":"Patient","hiddenFields":["meta"]}`, "Patient?_tag=x", true},
		{`{"resourceType":"Patient","hiddenFields":["telecom"]}`, "Patient?_id=x", false},
		{`{"resourceType":"Patient","hiddenFields":["link"]}`, "Patient?_compartment=Patient/x", true},
		{`{"resourceType":"Observation"},{"resourceType":"Patient","hiddenFields":["telecom"]}`, "Observation?patient.email=a", true},
		{`{"resourceType":"Patient"},{"resourceType":"Observation","hiddenFields":["subject"]}`, "Patient?_has:Observation:patient:status=final", true},
		{`{"resourceType":"Patient"},{"resourceType":"Observation","hiddenFields":["subject"]}`, "Patient?_revinclude=Observation:subject", true},
		{`{"resourceType":"Patient","criteria":"Patient?gender=male"},{"resourceType":"Patient","hiddenFields":["telecom"]}`, "Patient?email=a", true},
		{`{"resourceType":"Patient"},{"resourceType":"Patient","hiddenFields":["telecom"]}`, "Patient?email=a", false},
		{`{"resourceType":"Patient","hiddenFields":["telecom"],"interaction":["create"]},{"resourceType":"Patient"}`, "Patient?email=a", false},
		{`{"resourceType":"*","hiddenFields":["telecom"]}`, "Patient?email=a", true},
		{`{"resourceType":"Observation","hiddenFields":["note"]}`, "Observation?code-value-quantity=x$1", false},
		{`{"resourceType":"Observation","hiddenFields":["value[x]"]}`, "Observation?code-value-quantity=x$1", true},
		{`{"resourceType":"Task","hiddenFields":["priority"]}`, "Task?priority-order=1", true},
	} {
		resourceType, query, _ := strings.Cut(tc.search, "?")
		r, err := search.Parse([]string{resourceType}, query, "")
		if err != nil {
			t.Fatal(err)
		}
		if err := compile(t, subject, tc.entries).CheckSearch(r); outcome.Has(err, outcome.Forbidden) != tc.refused {
			t.Errorf("%s by %s: %v", tc.entries, tc.search, err)
		}
	}
}

// TestParametersOfProjectsReadWhatTheyMay: an expression of which it is not known what it reads, reads
// what is hidden.
func TestParametersOfProjectsReadWhatTheyMay(t *testing.T) {
	p := compile(t, subject, `{"resourceType":"Patient","hiddenFields":["telecom"]}`)
	for expression, refused := range map[string]bool{
		"Patient.name.given":                                                          false,
		"Patient.name[0].given":                                                       false,
		"Patient.name.where(use = 'a|b').given":                                       false,
		"(Patient.name | Practitioner.telecom).given":                                 false,
		"Practitioner.telecom.value":                                                  false,
		"Patient.telecom.value":                                                       true,
		"Patient.telecom[0].value":                                                    true,
		"Patient.where(active).telecom.value":                                         true,
		"Patient[0].telecom.value":                                                    true,
		"Patient.name.given | Patient[0].telecom.value":                               true,
		"(Patient.name | Patient[0].telecom).value":                                   true,
		"(Patient[0]).telecom.value":                                                  true,
		"Patient.name.given | telecom.value":                                          true,
		"Resource.telecom.value":                                                      true,
		"Patient.active.combine($this.telecom.value)":                                 true,
		"Patient.active.iif(true, $this.telecom.value)":                               true,
		"Patient.name.where($this.use = 'old').given.select(%resource.telecom.value)": true,
		"Patient.link.other.resolve().telecom.value":                                  true,
		"Patient.link.other.where(resolve().telecom.exists())":                        true,
		"Patient.generalPractitioner.where(resolve() is Practitioner)":                false,
		"Patient.name.where(text = '$this resolve()').given":                          false,
		"Practitioner.name | Patient.name.where(use = '\\'').given | telecom":         true,
	} {
		err := p.CheckSearch(&search.Request{Uses: []search.Use{{Type: "Patient", Param: "own", Expression: expression}}})
		if outcome.Has(err, outcome.Forbidden) != refused {
			t.Errorf("%s: %v", expression, err)
		}
	}
}
