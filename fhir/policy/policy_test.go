package policy_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/index"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/policy"
	"github.com/admitdev/admit/fhir/search"
	"github.com/admitdev/admit/pkg/store"
)

const project = "11111111-1111-4111-8111-111111111111"

var (
	at       = time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC)
	homer    = medplum.RefTo("Patient", "homer", "")
	subject  = policy.Subject{Project: project, Profile: homer}
	everyOne = []policy.Interaction{policy.Read, policy.VRead, policy.Update, policy.Delete, policy.History, policy.Create, policy.Search}
)

// read is an AccessPolicy from the JSON of its entries.
func read(t testing.TB, resources string) medplum.AccessPolicy {
	t.Helper()
	var p medplum.AccessPolicy
	if err := json.Unmarshal([]byte(`{"resourceType":"AccessPolicy","id":"p","resource":[`+resources+`]}`), &p); err != nil {
		t.Fatalf("%s: %v", resources, err)
	}
	return p
}

func compile(t testing.TB, s policy.Subject, resources string, parameters ...medplum.Parameter) *policy.Policy {
	t.Helper()
	p, err := policy.Compile([]policy.Source{{Policy: read(t, resources), Parameters: parameters}}, s)
	if err != nil {
		t.Fatalf("%s: %v", resources, err)
	}
	return p
}

// may says whether the policy grants the interaction with the resource; Narrow and Rule must say
// the same.
func may(t testing.TB, p *policy.Policy, i policy.Interaction, resource string) bool {
	t.Helper()
	doc, err := document.Parse([]byte(resource))
	if err != nil {
		t.Fatal(err)
	}
	ref := store.Ref{Project: project, Type: doc.Text("resourceType"), ID: doc.Text("id")}
	ix := index.Extract(doc, ref.Type)
	ix.Reference = append(ix.Reference, store.ReferenceRow{Param: index.CompartmentParam, TargetType: "Project", TargetID: project})
	visible, allowed := p.Narrow(i, ref.Type)
	narrowed := allowed && search.Match(visible, ref, at, ix)
	if _, ok := p.Rule(i, ref, at, ix); ok != narrowed {
		t.Errorf("%s of %s: Narrow says %v, Rule %v", i, resource, narrowed, ok)
	}
	return narrowed
}

// letters are c r v u d h s for what is granted.
func letters(t testing.TB, p *policy.Policy, resource string) string {
	t.Helper()
	var out strings.Builder
	for _, i := range everyOne {
		if may(t, p, i, resource) {
			out.WriteByte(i[0])
		}
	}
	return out.String()
}

const (
	mine    = `{"resourceType":"Observation","id":"m","status":"final","subject":{"reference":"Patient/homer"}}`
	others  = `{"resourceType":"Observation","id":"o","status":"amended","subject":{"reference":"Patient/bart"}}`
	patient = `{"resourceType":"Patient","id":"homer","managingOrganization":{"reference":"Organization/x&y|z,w"}}`
	user    = `{"resourceType":"User","id":"u","email":"a@b.c"}`
)

func TestRules(t *testing.T) {
	for _, tc := range []struct{ rule, entries, resource, granted string }{
		{"no entry, nothing", ``, mine, ""},
		{"an entry grants everything of its type", `{"resourceType":"Observation"}`, mine, "rvudhcs"},
		{"and nothing of another", `{"resourceType":"Patient"}`, mine, ""},
		{"readonly only reads", `{"resourceType":"Observation","readonly":true}`, mine, "rvhs"},
		{"interactions are exact", `{"resourceType":"Observation","interaction":["read","create"]}`, mine, "rc"},
		{"interaction beats readonly", `{"resourceType":"Observation","readonly":true,"interaction":["update"]}`, mine, "u"},
		{"no interaction, nothing", `{"resourceType":"Observation","interaction":[]}`, mine, ""},
		{"a star is every type", `{"resourceType":"*"}`, mine, "rvudhcs"},
		{"but not identity", `{"resourceType":"*"}`, user, ""},
		{"nor by name", `{"resourceType":"User"}`, user, ""},
		{"criteria let in", `{"resourceType":"Observation","criteria":"Observation?subject=Patient/homer"}`, mine, "rvudhcs"},
		{"and keep out", `{"resourceType":"Observation","criteria":"Observation?subject=Patient/homer"}`, others, ""},
		{"rules add up", `{"resourceType":"Observation","criteria":"Observation?status=final","readonly":true},{"resourceType":"Observation","interaction":["update"]}`, mine, "rvuhs"},
		{"a rule takes nothing away", `{"resourceType":"Observation","criteria":"Observation?status=final","readonly":true},{"resourceType":"Observation","interaction":["update"]}`, others, "u"},
		{"a star's criteria", `{"resourceType":"*","criteria":"*?_compartment=Patient/homer"}`, mine, "rvudhcs"},
		{"which keep out", `{"resourceType":"*","criteria":"*?_compartment=Patient/homer"}`, others, ""},
		{"a compartment", `{"resourceType":"Observation","compartment":{"reference":"Patient/homer"}}`, mine, "rvudhcs"},
		{"which keeps out", `{"resourceType":"Observation","compartment":{"reference":"Patient/homer"}}`, others, ""},
		{"compartment and criteria both hold", `{"resourceType":"Observation","compartment":{"reference":"Patient/homer"},"criteria":"Observation?status=amended"}`, mine, ""},
		{"%profile", `{"resourceType":"Observation","criteria":"Observation?subject=%profile"}`, mine, "rvudhcs"},
		{"%patient", `{"resourceType":"Observation","compartment":{"reference":"%patient"}}`, mine, "rvudhcs"},
		{"%patient.id", `{"resourceType":"Patient","criteria":"Patient?_id=%patient.id"}`, patient, "rvudhcs"},
		{"within a reference", `{"resourceType":"Observation","criteria":"Observation?_compartment=Patient/%patient.id"}`, mine, "rvudhcs"},
		{"not", `{"resourceType":"Observation","criteria":"Observation?status:not=final"}`, others, "rvudhcs"},
		{"missing", `{"resourceType":"Observation","criteria":"Observation?subject:missing=true"}`, mine, ""},
		{"definitions are readable", `{"resourceType":"Patient"}`, `{"resourceType":"StructureDefinition","id":"s"}`, "rvhs"},
		{"unless the policy says otherwise", `{"resourceType":"StructureDefinition","interaction":["search"]}`, `{"resourceType":"StructureDefinition","id":"s"}`, "s"},
		{"a percent-escape is no parameter", `{"resourceType":"Observation","criteria":"Observation?status=%66inal"}`, mine, "rvudhcs"},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			if got := letters(t, compile(t, subject, tc.entries), tc.resource); got != tc.granted {
				t.Errorf("granted %q, want %q", got, tc.granted)
			}
		})
	}
}

// TestNoPolicyGrantsNothing is where Admit leaves Medplum.
func TestNoPolicyGrantsNothing(t *testing.T) {
	p, err := policy.Compile(nil, subject)
	if err != nil {
		t.Fatal(err)
	}
	for _, resource := range []string{mine, patient, user, `{"resourceType":"StructureDefinition","id":"s"}`} {
		if got := letters(t, p, resource); got != "" {
			t.Errorf("%s: %q", resource, got)
		}
	}
}

func TestCompartmentOfTheLastPolicy(t *testing.T) {
	source := func(reference string) policy.Source {
		return policy.Source{Policy: medplum.AccessPolicy{Compartment: &medplum.Reference{Reference: reference}}}
	}
	p, err := policy.Compile([]policy.Source{source("Organization/a"), source("%patient"), {}}, subject)
	if err != nil || p.Compartment() == nil || p.Compartment().Reference != "Patient/homer" {
		t.Fatal(p, err)
	}
	if p, err = policy.Compile(nil, subject); err != nil || p.Compartment() != nil {
		t.Fatal(p, err)
	}
}
