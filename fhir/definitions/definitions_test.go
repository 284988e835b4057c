package definitions

import (
	"slices"
	"testing"
)

func TestResourceTypesAreR4AndMedplum(t *testing.T) {
	for _, name := range []string{"Patient", "Bundle", "Parameters", "Binary", "User", "Project", "ProjectMembership", "ViewDefinition"} {
		if !IsResource(name) {
			t.Errorf("%s is not known", name)
		}
	}
	for _, name := range []string{"", "patient", "HumanName", "DomainResource", "Resource", "IdentityProvider", "Patient.contact", "Cron", "Event"} {
		if IsResource(name) {
			t.Errorf("%s is taken for a resource type", name)
		}
	}
	if n := len(ResourceTypes()); n != 146+19 {
		t.Errorf("%d resource types", n)
	}
}

// TestEveryStructureLinks decodes everything: a type that no structure defines panics.
func TestEveryStructureLinks(t *testing.T) {
	for name := range structureLines() {
		s := StructureOf(name)
		if s == nil || s.Name != name {
			t.Fatalf("%s: %v", name, s)
		}
		for _, e := range s.Elements {
			if len(e.Types) == 0 {
				t.Errorf("%s.%s has no type", name, e.Name)
			}
			for _, typ := range e.Types {
				if typ.Structure == nil {
					t.Errorf("%s.%s: %s is not linked", name, e.Name, typ.Code)
				}
			}
		}
	}
}

func TestStructure(t *testing.T) {
	for _, tc := range []struct {
		structure, member, element, typ string
		min                             int
		array                           bool
	}{
		{"Patient", "id", "id", "id", 0, false},
		{"Patient", "name", "name", "HumanName", 0, true},
		{"Patient", "contact", "contact", "Patient.contact", 0, true},
		{"Patient", "deceasedDateTime", "deceased", "dateTime", 0, false},
		{"Observation", "status", "status", "code", 1, false},
		{"Observation", "valueQuantity", "value", "Quantity", 0, false},
		{"Observation.component", "referenceRange", "referenceRange", "Observation.referenceRange", 0, true},
		{"Bundle.entry", "resource", "resource", "Resource", 0, false},
		{"Extension", "url", "url", "uri", 1, false},
		{"Narrative", "div", "div", "xhtml", 1, false},
		{"HumanName", "given", "given", "string", 0, true},
		{"Meta", "accounts", "accounts", "Reference", 0, true},
		{"string", "extension", "extension", "Extension", 0, true},
		{"Project", "systemSecret", "systemSecret", "Project.setting", 0, true},
		{"Project.defaultAccessPolicies", "profileType", "profileType", "code", 1, false},
		{"ProjectMembership.access.parameter", "valueReference", "value", "Reference", 1, false},
		{"UserSecurityRequest", "secret", "secret", "string", 0, false},
		{"ViewDefinition", "id", "id", "id", 0, false},
		{"ViewDefinition.select", "unionAll", "unionAll", "ViewDefinition.select", 0, true},
	} {
		t.Run(tc.structure+"."+tc.member, func(t *testing.T) {
			p, ok := StructureOf(tc.structure).Property(tc.member)
			if !ok {
				t.Fatal("not known")
			}
			if p.Element.Name != tc.element || p.Type.Code != tc.typ || p.Element.Min != tc.min || p.Element.Array() != tc.array {
				t.Errorf("got %+v, %+v", *p.Element, *p.Type)
			}
		})
	}
	for structure, member := range map[string]string{"Patient": "deceased", "Observation": "value", "Meta": "deleted"} {
		if _, ok := StructureOf(structure).Property(member); ok {
			t.Errorf("%s has %s", structure, member)
		}
	}
	if StructureOf("Nothing") != nil {
		t.Error("Nothing is something")
	}
}

func TestSearchParams(t *testing.T) {
	for _, tc := range []struct {
		resource, code string
		typ            ParamType
		expression     string
	}{
		{"Patient", "name", String, "Patient.name"},
		{"Patient", "_tag", Token, "Patient.meta.tag"},
		{"Practitioner", "given", String, "Practitioner.name.given"},
		{"Observation", "patient", Reference, "Observation.subject.where(resolve() is Patient)"},
		{"InsurancePlan", "name", String, "InsurancePlan.name | InsurancePlan.alias"},
		{"User", "email", String, "User.email"},
		{"ProjectMembership", "access-policy", Reference, "ProjectMembership.accessPolicy | ProjectMembership.access.policy"},
	} {
		p, ok := SearchParamOf(tc.resource, tc.code)
		if !ok || p.Type != tc.typ || p.Expression != tc.expression {
			t.Errorf("%s %s: %+v", tc.resource, tc.code, p)
		}
	}
	for _, name := range ResourceTypes() {
		for _, code := range []string{"_id", "_lastUpdated", "_tag", "_profile", "_security", "_source"} {
			if _, ok := SearchParamOf(name, code); !ok {
				t.Errorf("%s has no %s", name, code)
			}
		}
	}
	for resource, code := range map[string]string{"Patient": "nope", "Nothing": "_id", "ResearchStudy": "region", "Bundle": "_text2"} {
		if p, ok := SearchParamOf(resource, code); ok {
			t.Errorf("%s has %+v", resource, p)
		}
	}
}

func TestCompartment(t *testing.T) {
	for _, tc := range []struct {
		compartment, resource string
		params                []string
		ok                    bool
	}{
		{"Patient", "Observation", []string{"subject", "performer"}, true},
		{"Patient", "Task", []string{"patient", "focus"}, true}, // Medplum's
		{"Patient", "Medication", nil, false},
		{"Patient", "User", nil, false},
		{"Practitioner", "Practitioner", []string{"{def}"}, true},
	} {
		params, ok := Compartment(tc.compartment, tc.resource)
		if ok != tc.ok || !slices.Equal(params, tc.params) {
			t.Errorf("%s in %s: %v, %v", tc.resource, tc.compartment, params, ok)
		}
	}
	for _, row := range compartments() {
		for _, code := range row.Params {
			if _, ok := SearchParamOf(row.Type, code); !ok && code != "{def}" {
				t.Errorf("%s in %s by %s, which is no search parameter", row.Type, row.Compartment, code)
			}
		}
	}
}

func TestCodes(t *testing.T) {
	codes, ok := Codes("http://hl7.org/fhir/ValueSet/administrative-gender")
	if !ok || len(codes) != 4 || !codes["female"] || codes["robot"] {
		t.Errorf("administrative-gender: %v, %v", codes, ok)
	}
	if _, ok := Codes("http://hl7.org/fhir/ValueSet/mimetypes"); ok {
		t.Error("media types cannot be listed")
	}
	missing := map[string]bool{}
	for name := range structureLines() {
		for _, e := range StructureOf(name).Elements {
			if _, ok := Codes(e.ValueSet); e.ValueSet != "" && !ok {
				missing[e.ValueSet] = true
			}
		}
	}
	t.Logf("not listed: %v", missing)
	if len(missing) > 20 {
		t.Errorf("%d value sets cannot be listed", len(missing))
	}
}

func BenchmarkUnpack(b *testing.B) {
	for b.Loop() {
		lines(structuresGz)
		lines(paramsGz)
	}
}

func BenchmarkLoadPatient(b *testing.B) {
	structureLines()
	for b.Loop() {
		if (&linker{}).get("Patient") == nil {
			b.Fatal("no Patient")
		}
	}
}
