package policy_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/admitdev/admit/fhir/policy"
	"github.com/admitdev/admit/pkg/outcome"
)

// TestWhatCannotBeUnderstood is refused on write with the place at fault, and compiled to nothing.
func TestWhatCannotBeUnderstood(t *testing.T) {
	for _, tc := range []struct{ entry, expression string }{
		{`{"resourceType":"Nope"}`, "resourceType"},
		{`{"resourceType":"Patient","criteria":"Observation?status=final"}`, "criteria"},
		{`{"resourceType":"Patient","criteria":"status=final"}`, "criteria"},
		{`{"resourceType":"Patient","criteria":"Patient?"}`, "criteria"},
		{`{"resourceType":"Patient","criteria":"Patient"}`, "criteria"},
		{`{"resourceType":"Patient","criteria":"Patient?nope=1"}`, "criteria"},
		{`{"resourceType":"Patient","criteria":"Patient?name:nope=1"}`, "criteria"},
		{`{"resourceType":"Patient","criteria":"Patient?_sort=name"}`, "criteria"},
		{`{"resourceType":"Patient","criteria":"Patient?_count=1"}`, "criteria"},
		{`{"resourceType":"Patient","criteria":"Patient?organization.name=x"}`, "criteria"},
		{`{"resourceType":"Patient","criteria":"Patient?_has:Observation:patient:code=x"}`, "criteria"},
		{`{"resourceType":"Patient","criteria":"Patient?birthdate=yesterday"}`, "criteria"},
		{`{"resourceType":"*","criteria":"*?status=final"}`, "criteria"},
		{`{"resourceType":"*","criteria":"Patient?name=x"}`, "criteria"},
		{`{"resourceType":"Patient","criteria":"Patient?%profile=1"}`, "criteria"},
		{`{"resourceType":"Patient","criteria":"Patient?name=%zz%"}`, "criteria"},
		{`{"resourceType":"Patient","compartment":{"reference":"nowhere"}}`, "compartment"},
		{`{"resourceType":"Patient","interaction":["rename"]}`, "interaction"},
		{`{"resourceType":"Patient","hiddenFields":["name..family"]}`, "hiddenFields"},
		{`{"resourceType":"Patient","writeConstraint":[{"language":"text/cql","expression":"true"}]}`, "writeConstraint[0].language"},
		{`{"resourceType":"Patient","writeConstraint":[{"language":"text/fhirpath","expression":"(("}]}`, "writeConstraint[0].expression"},
		{`{"resourceType":"Patient","writeConstraint":[{"language":"text/fhirpath","expression":"trace('x').exists()"}]}`, "writeConstraint[0].expression"},
		{`{"resourceType":"Patient","writeConstraint":[{"language":"text/fhirpath","expression":"'a'.select($this & $this).exists()"}]}`, "writeConstraint[0].expression"},
		{`{"resourceType":"Patient","writeConstraint":[{"language":"text/fhirpath","expression":"` + strings.Repeat("(", 401) + "true" + strings.Repeat(")", 401) + `"}]}`, "writeConstraint[0].expression"},
	} {
		p := read(t, `{"resourceType":"Observation"},`+tc.entry)
		var o *outcome.Outcome
		err := policy.Check(p)
		if want := "AccessPolicy.resource[1]." + tc.expression; !errors.As(err, &o) || o.Issues[0].Expression[0] != want || o.Code.Status != 400 {
			t.Errorf("%s: %v at %v, want %s", tc.entry, err, o, want)
		}
		if compiled, err := policy.Compile([]policy.Source{{Policy: p}}, subject); err == nil || compiled != nil {
			t.Errorf("%s is compiled", tc.entry)
		}
	}
}

func TestCheckKnowsNoValues(t *testing.T) {
	for _, entry := range []string{
		`{"resourceType":"Patient","criteria":"Patient?organization=%admission&birthdate=%day"}`,
		`{"resourceType":"Patient","criteria":"Patient?birthdate=ge%day"}`,
		`{"resourceType":"Patient","criteria":"Patient?name=%C3%A9&_compartment=%org"}`,
		`{"resourceType":"Patient","compartment":{"reference":"%org"}}`,
		`{"resourceType":"Observation","hiddenFields":["value[x]","note.text","meta"],"readonlyFields":["valueQuantity.value"]}`,
		`{"resourceType":"User","hiddenFields":["passwordHash"]}`,
		`{"resourceType":"*","hiddenFields":["telecom"]}`,
	} {
		if err := policy.Check(read(t, entry)); err != nil {
			t.Errorf("%s: %v", entry, err)
		}
	}
	for _, entry := range []string{
		`{"resourceType":"Patient","hiddenFields":["telecon"]}`,
		`{"resourceType":"Patient","readonlyFields":["name.surname"]}`,
		`{"resourceType":"Patient","hiddenFields":["name[x]"]}`,
		`{"resourceType":"Patient","hiddenFields":["id"]}`,
		`{"resourceType":"Patient","hiddenFields":["meta.versionId"]}`,
		`{"resourceType":"*","hiddenFields":["meta.lastUpdated"]}`,
	} {
		if err := policy.Check(read(t, entry)); err == nil {
			t.Errorf("%s protects nothing", entry)
		}
	}
}
