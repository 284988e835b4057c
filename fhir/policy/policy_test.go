package policy_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/index"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/policy"
	"github.com/admitdev/admit/fhir/search"
	"github.com/admitdev/admit/pkg/outcome"
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

// TestParametersAreValues holds that no value can say more than a value.
func TestParametersAreValues(t *testing.T) {
	entries := `{"resourceType":"Patient","criteria":"Patient?organization=%org"}`
	of := func(value string) medplum.Parameter { return medplum.Parameter{Name: "org", ValueString: &value} }
	for _, tc := range []struct {
		value   string
		granted bool
	}{
		{"Organization/x&y|z,w", false}, // no id, so a URL of nobody
		{"Organization/x", false},
		{"Organization/no,Organization/x", false},
		{"x&_id=homer", false},
		{"x&organization:missing=true", false},
		{`\`, false},
		{"%profile", false},
	} {
		p := compile(t, subject, entries, of(tc.value))
		if got := may(t, p, policy.Read, `{"resourceType":"Patient","id":"homer","managingOrganization":{"reference":"Organization/y"}}`); got != tc.granted {
			t.Errorf("%s: %v", tc.value, got)
		}
	}
	for value, want := range map[string]bool{"Organization/y": true, "y": true, "Organization/y,z": false, "z,Organization/y": false} {
		p := compile(t, subject, entries, of(value))
		if got := may(t, p, policy.Read, `{"resourceType":"Patient","id":"homer","managingOrganization":{"reference":"Organization/y"}}`); got != want {
			t.Errorf("%s: %v", value, got)
		}
	}
	prefixed := compile(t, subject, `{"resourceType":"Patient","criteria":"Patient?birthdate=1980"}`)
	if !may(t, prefixed, policy.Read, `{"resourceType":"Patient","id":"a","birthDate":"1980-01-01"}`) {
		t.Error("a plain date")
	}
	date := "ge1980"
	if _, err := policy.Compile([]policy.Source{{
		Policy:     read(t, `{"resourceType":"Patient","criteria":"Patient?birthdate=%d"}`),
		Parameters: []medplum.Parameter{{Name: "d", ValueString: &date}},
	}}, subject); err == nil {
		t.Error("a value brought its prefix")
	}
}

func TestLongerNamesAreOtherParameters(t *testing.T) {
	value := "Patient/bart"
	_, err := policy.Compile([]policy.Source{{Policy: read(t, `{"resourceType":"Observation","criteria":"Observation?subject=%profileX"}`)}}, subject)
	if err == nil || !strings.Contains(err.Error(), "Parameter profileX has no value") {
		t.Error(err)
	}
	p := compile(t, subject, `{"resourceType":"Observation","criteria":"Observation?subject=%profileX"}`, medplum.Parameter{Name: "profileX", ValueString: &value})
	if letters(t, p, mine) != "" || letters(t, p, others) == "" {
		t.Error("profileX is not profile")
	}
}

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
	} {
		if err := policy.Check(read(t, entry)); err == nil {
			t.Errorf("%s protects nothing", entry)
		}
	}
}

func TestRoles(t *testing.T) {
	admin := policy.Subject{Project: project, Profile: homer, Admin: true, Linked: []string{"linked"}}
	super := policy.Subject{Project: project, Profile: homer, SuperAdmin: true}
	own := `{"resourceType":"Project","id":"` + project + `"}`
	for _, tc := range []struct {
		rule    string
		as      policy.Subject
		entries string
		what    string
		granted string
	}{
		{"nobody sees a project", subject, `{"resourceType":"*"},{"resourceType":"Project"}`, own, ""},
		{"an admin changes the own project but cannot delete it", admin, ``, own, "rvuhcs"},
		{"and reads linked ones", admin, ``, `{"resourceType":"Project","id":"linked"}`, "rvhs"},
		{"and no other", admin, ``, `{"resourceType":"Project","id":"other"}`, ""},
		{"memberships of the project", admin, ``, `{"resourceType":"ProjectMembership","id":"m"}`, "rvudhcs"},
		{"users of the project", admin, ``, user, "rvudhcs"},
		{"security requests are read", admin, ``, `{"resourceType":"UserSecurityRequest","id":"r"}`, "rvhs"},
		{"a policy's entry does not widen that", admin, `{"resourceType":"Project"}`, `{"resourceType":"Project","id":"other"}`, ""},
		{"nor narrow it", admin, `{"resourceType":"User","readonly":true}`, user, "rvudhcs"},
		{"sessions are no admin's", admin, `{"resourceType":"*"},{"resourceType":"Login"}`, `{"resourceType":"Login","id":"l"}`, ""},
		{"nor domains", admin, `{"resourceType":"*"}`, `{"resourceType":"DomainConfiguration","id":"d"}`, ""},
		{"being admin opens nothing clinical", admin, ``, mine, ""},
		{"a super admin has every project", super, ``, `{"resourceType":"Project","id":"other"}`, "rvudhcs"},
		{"and domains", super, ``, `{"resourceType":"DomainConfiguration","id":"d"}`, "rvudhcs"},
		{"and reads sessions", super, ``, `{"resourceType":"Login","id":"l"}`, "rvhs"},
		{"a policy restricts even a super admin", super, `{"resourceType":"User","readonly":true}`, user, "rvhs"},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			if got := letters(t, compile(t, tc.as, tc.entries), tc.what); got != tc.granted {
				t.Errorf("granted %q, want %q", got, tc.granted)
			}
		})
	}
}

func TestUsersOfOtherProjectsAreOutOfSight(t *testing.T) {
	p := compile(t, policy.Subject{Project: "other", Profile: homer, Admin: true}, ``)
	if got := letters(t, p, user); got != "" {
		t.Error(got)
	}
}

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
		"Patient.name.given":                                                  false,
		"Patient.name[0].given":                                               false,
		"Patient.name.where(use = 'a|b').given":                               false,
		"(Patient.name | Practitioner.telecom).given":                         false,
		"Practitioner.telecom.value":                                          false,
		"Patient.telecom.value":                                               true,
		"Patient.telecom[0].value":                                            true,
		"Patient.where(active).telecom.value":                                 true,
		"Patient[0].telecom.value":                                            true,
		"Patient.name.given | Patient[0].telecom.value":                       true,
		"(Patient.name | Patient[0].telecom).value":                           true,
		"(Patient[0]).telecom.value":                                          true,
		"Patient.name.given | telecom.value":                                  true,
		"Resource.telecom.value":                                              true,
		"Practitioner.name | Patient.name.where(use = '\\'').given | telecom": true,
	} {
		err := p.CheckSearch(&search.Request{Uses: []search.Use{{Type: "Patient", Param: "own", Expression: expression}}})
		if outcome.Has(err, outcome.Forbidden) != refused {
			t.Errorf("%s: %v", expression, err)
		}
	}
}

func TestWriteConstraint(t *testing.T) {
	for _, tc := range []struct {
		expression, before, after string
		permitted                 bool
	}{
		{"%after.status = 'final'", "", `{"resourceType":"Observation","status":"final"}`, true},
		{"status = 'final'", "", `{"resourceType":"Observation","status":"amended"}`, false},
		{"%before.exists() implies %before.status != 'final'", `{"resourceType":"Observation","status":"final"}`, `{"resourceType":"Observation","status":"final"}`, false},
		{"%before.exists() implies %before.status != 'final'", "", `{"resourceType":"Observation","status":"final"}`, true},
		{"%after.subject.reference = %profile", "", mine, true},
		{"%after.subject.reference = %profile", "", others, false},
		{"%after.nothing", "", mine, false},          // empty
		{"%nobody = 1", "", mine, false},             // error
		{"status", "", mine, false},                  // no boolean
		{"status | 'w' | 'x'", "", mine, false},      // several
		{"%before.status = 'final'", mine, "", true}, // delete
	} {
		p := compile(t, subject, `{"resourceType":"Observation","writeConstraint":[{"language":"text/fhirpath","expression":"`+tc.expression+`"}]}`)
		rule, ok := p.Rule(policy.Update, store.Ref{Project: project, Type: "Observation", ID: "x"}, at, store.Index{})
		if !ok || !rule.Constrained() {
			t.Fatal(tc.expression)
		}
		bytesOf := func(s string) []byte {
			if s == "" {
				return nil
			}
			return []byte(s)
		}
		if got := rule.Permits(bytesOf(tc.before), bytesOf(tc.after)); got != tc.permitted {
			t.Errorf("%s: %v", tc.expression, got)
		}
	}
}

func TestAddresses(t *testing.T) {
	rule := func(action, value string) medplum.IPAccessRule {
		return medplum.IPAccessRule{Value: value, Action: action}
	}
	for _, tc := range []struct {
		rules   []medplum.IPAccessRule
		address string
		allowed bool
	}{
		{nil, "203.0.113.9", true},
		{[]medplum.IPAccessRule{rule("block", "*")}, "203.0.113.9", false},
		{[]medplum.IPAccessRule{rule("allow", "203.0.113.9"), rule("block", "*")}, "203.0.113.9", true},
		{[]medplum.IPAccessRule{rule("allow", "203.0.113.9"), rule("block", "*")}, "203.0.113.90", false},
		{[]medplum.IPAccessRule{rule("allow", "10.1"), rule("block", "*")}, "10.1.2.3", true},
		{[]medplum.IPAccessRule{rule("allow", "10.1"), rule("block", "*")}, "10.12.3.4", false},
		{[]medplum.IPAccessRule{rule("allow", "10.0.0.0/8"), rule("block", "*")}, "10.200.0.1", true},
		{[]medplum.IPAccessRule{rule("allow", "2001:db8::/32"), rule("block", "*")}, "2001:db8::1", true},
		{[]medplum.IPAccessRule{rule("block", "203.0.113.9")}, "::ffff:203.0.113.9", false},
		{[]medplum.IPAccessRule{rule("block", "203.0.113.9")}, "198.51.100.1", true},
		{[]medplum.IPAccessRule{rule("block", "203.0.113.9")}, "nonsense", false},
	} {
		p, err := policy.Compile([]policy.Source{{Policy: medplum.AccessPolicy{IPAccessRule: tc.rules}}}, subject)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.AllowsAddress(tc.address); got != tc.allowed {
			t.Errorf("%v %s: %v", tc.rules, tc.address, got)
		}
	}
	for _, r := range []medplum.IPAccessRule{rule("maybe", "*"), rule("allow", ""), rule("allow", "10.0.0.0/99")} {
		if policy.Check(medplum.AccessPolicy{IPAccessRule: []medplum.IPAccessRule{r}}) == nil {
			t.Errorf("%v is accepted", r)
		}
	}
}

// TestScopes is SMART's intersection: scopes only take away.
func TestScopes(t *testing.T) {
	all := `{"resourceType":"*"}`
	for _, tc := range []struct{ scope, entries, resource, granted string }{
		{"openid profile", all, mine, "rvudhcs"},
		{"user/*.*", all, mine, "rvudhcs"},
		{"user/*.read", all, mine, "rvhs"},
		{"user/*.write", all, mine, "udc"},
		{"user/Observation.rs", all, mine, "rvhs"},
		{"user/Observation.c", all, mine, "c"},
		{"user/Patient.cruds", all, mine, ""},
		{"user/Observation.r user/Observation.c", all, mine, "rvhc"},
		{"user/Observation.cruds", `{"resourceType":"Observation","interaction":["read"]}`, mine, "r"},
		{"user/Observation.cruds", `{"resourceType":"Patient"}`, mine, ""},
		{"patient/*.rs", all, mine, "rvhs"},
		{"patient/*.rs", all, others, ""},
		{"user/Observation.rs?status=final", all, mine, "rvhs"},
		{"user/Observation.rs?status=final", all, others, ""},
		{"user/Observation.nonsense", all, mine, ""},
		{"user/Observation.", all, mine, ""},
		{"patient/", all, mine, ""},
		{"user/Observation.rs?nope=1", all, mine, ""},
	} {
		s := subject
		s.Scope = tc.scope
		if got := letters(t, compile(t, s, tc.entries), tc.resource); got != tc.granted {
			t.Errorf("%s: granted %q, want %q", tc.scope, got, tc.granted)
		}
	}
	practitioner := policy.Subject{Project: project, Profile: medplum.RefTo("Practitioner", "nick", ""), Scope: "patient/*.rs"}
	if got := letters(t, compile(t, practitioner, all), mine); got != "" {
		t.Errorf("without a patient: %q", got)
	}
	practitioner.Patient = homer
	if got := letters(t, compile(t, practitioner, all), mine); got != "rvhs" {
		t.Errorf("with the launch's patient: %q", got)
	}
}

func TestScopesOfAnAdministratorsToken(t *testing.T) {
	for scope, want := range map[string]bool{
		"":                                   true,
		"openid offline_access":              true,
		"user/*.*":                           true,
		"user/*.read":                        false,
		"user/Patient.cruds":                 false,
		"patient/*.*":                        false,
		"user/ProjectMembership.u":           true,
		"user/*.cruds?_lastUpdated=gt2020":   false,
		"user/nonsense":                      false,
		"system/ProjectMembership.cruds x/y": true,
	} {
		s := subject
		s.Scope, s.Admin = scope, true
		if got := compile(t, s, `{"resourceType":"*"}`).ScopesGrant(policy.Update, medplum.TypeProjectMembership); got != want {
			t.Errorf("%q: %t", scope, got)
		}
	}
}

// TestDescribe is what a running Medplum showed an owner in /auth/me.
func TestDescribe(t *testing.T) {
	p, err := policy.Compile([]policy.Source{{Policy: medplum.AccessPolicy{Resource: []medplum.PolicyResource{{ResourceType: "*"}}}}},
		policy.Subject{Project: project, Profile: homer, Admin: true})
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(p.Describe())
	if err != nil {
		t.Fatal(err)
	}
	want := `{"resourceType":"AccessPolicy","resource":[{"resourceType":"*"},{"resourceType":"SearchParameter","readonly":true},` +
		`{"resourceType":"StructureDefinition","readonly":true},` +
		`{"resourceType":"Project","criteria":"Project?_id=` + project + `","interaction":["read","vread","update","history","create","search"],` +
		`"hiddenFields":["superAdmin","systemSecret","strictMode"],"readonlyFields":["features","link","systemSetting"]},` +
		`{"resourceType":"Project","interaction":["read","vread","history","search"],` +
		`"hiddenFields":["superAdmin","setting","systemSetting","secret","systemSecret","strictMode"]},` +
		`{"resourceType":"ProjectMembership","criteria":"ProjectMembership?_project=` + project + `","readonlyFields":["project","user"]},` +
		`{"resourceType":"UserSecurityRequest","criteria":"UserSecurityRequest?_project=` + project + `","readonly":true},` +
		`{"resourceType":"User","criteria":"User?_project=` + project + `","hiddenFields":["passwordHash","mfaSecret"],` +
		`"readonlyFields":["email","emailVerified","mfaEnrolled","project"]},` +
		`{"resourceType":"Package","readonly":true},{"resourceType":"PackageRelease","readonly":true},{"resourceType":"PackageInstallation","readonly":true}]}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestDescribeShowsValues(t *testing.T) {
	org := "Organization/a,b&c"
	p := compile(t, subject, `{"resourceType":"Patient","criteria":"Patient?organization=%org&_id=%patient.id&_tag=s|a,b"},
		{"resourceType":"Observation","compartment":{"reference":"%patient"}}`, medplum.Parameter{Name: "org", ValueString: &org})
	if got := p.Describe().Resource[0].Criteria; got != `Patient?organization=Organization/a%5C%2Cb%26c&_id=homer&_tag=s|a,b` {
		t.Error(got)
	}
	if got := p.Describe().Resource[1].Compartment.Reference; got != "Patient/homer" {
		t.Error(got)
	}
	if got := p.Describe().BasedOn; len(got) != 1 || got[0].Reference != "AccessPolicy/p" {
		t.Error(got)
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
