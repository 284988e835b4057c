package profile

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/terminology"
	"github.com/admitdev/admit/fhir/validate"
	"github.com/admitdev/admit/pkg/outcome"
)

// shelf is a Source: StructureDefinitions by URL.
type shelf map[string]*document.Node

func (s shelf) StructureDefinition(url, version string) (*document.Node, error) {
	if doc := s[url]; doc != nil && (version == "" || version == doc.Text("version")) {
		return doc, nil
	}
	return nil, nil
}

const married = `{"url":"urn:vs:married","compose":{"include":[{"system":"http://terminology.hl7.org/CodeSystem/v3-MaritalStatus","concept":[{"code":"M"}]}]}}`

func (s shelf) ValueSet(url, version string) (*definitions.ValueSet, error) {
	if url == "urn:vs:married" {
		set := &definitions.ValueSet{}
		return set, json.Unmarshal([]byte(married), set)
	}
	return terminology.Standard{}.ValueSet(url, version)
}

func (s shelf) CodeSystem(url, version string) (*terminology.System, error) {
	return terminology.Standard{}.CodeSystem(url, version)
}

func parse(t testing.TB, raw string) *document.Node {
	t.Helper()
	doc, err := document.Parse([]byte(raw))
	if err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	return doc
}

// ours are the profiles of testdata.
func ours(t testing.TB) shelf {
	t.Helper()
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	s := shelf{}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		doc := parse(t, string(raw))
		if err := validate.Resource(doc, "StructureDefinition"); err != nil && !strings.Contains(err.Error(), "Missing required") && !strings.Contains(err.Error(), "sdf-") {
			t.Errorf("%s: %v", file, err)
		}
		s[doc.Text("url")] = doc
	}
	return s
}

func texts(issues []outcome.Issue) []string {
	var out []string
	for _, i := range issues {
		text := i.Text + " @ " + strings.Join(i.Expression, ",")
		if i.Severity != "" {
			text = i.Severity + ": " + text
		}
		out = append(out, text)
	}
	return out
}

func TestCheck(t *testing.T) {
	const (
		vital  = `"category":[{"coding":[{"system":"urn:x","code":"y"}]},{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs"}]}]`
		rate   = `"code":{"coding":[{"system":"urn:own","code":"1"},{"system":"http://loinc.org","code":"8867-4","display":"x"}]},"subject":{"reference":"Patient/1"}`
		origin = `"extension":[{"url":"urn:p:origin","valueCode":"x"},{"url":"urn:other","valueString":"y"}]`
		mrn    = `{"type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":"MR","display":"x"}],"text":"y"},"value":"1"}`
		tax    = `{"type":{"coding":[{"code":"TAX"}]}}`
	)
	observation := func(rest string) string { return `{"resourceType":"Observation","status":"final",` + rest + `}` }
	patient := func(rest string) string { return `{"resourceType":"Patient",` + rest + `}` }
	value := `"valueQuantity":{"value":60,"system":"http://unitsofmeasure.org","code":"/min"}`
	for _, tc := range []struct {
		name, profile, resource string
		want                    []string
	}{
		{"heart rate", "urn:p:heartrate", observation(vital + "," + rate + "," + value), nil},
		{"another type", "urn:p:heartrate", `{"resourceType":"Patient"}`, []string{"Incorrect resource type: profile urn:p:heartrate is for Observation @ Patient"}},
		{"minimum of the base", "urn:p:heartrate", observation(vital + "," + value + `,"code":{"coding":[{"system":"http://loinc.org","code":"8867-4"}]}`), []string{"Missing required property @ Observation.subject"}},
		{"no category", "urn:p:vital", observation(rate), []string{"Missing required property @ Observation.category", "Incorrect number of values provided for slice 'vital': expected 1..*, but found 0 @ Observation.category"}},
		{"a slice of the base", "urn:p:heartrate", observation(rate + "," + value + `,"category":[{"text":"x"}]`), []string{"Incorrect number of values provided for slice 'vital': expected 1..1, but found 0 @ Observation.category"}},
		{"more than the slice may have", "urn:p:heartrate", observation(rate + "," + value + "," + strings.Replace(vital, `{"coding":[{"system":"urn:x","code":"y"}]}`, `{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs"}]}`, 1)), []string{"Incorrect number of values provided for slice 'vital': expected 1..1, but found 2 @ Observation.category"}},
		{"pattern", "urn:p:heartrate", observation(vital + `,"subject":{"reference":"Patient/1"},"code":{"coding":[{"system":"http://loinc.org","code":"1"}]},` + value), []string{"Value did not match expected pattern @ Observation.code"}},
		{"type", "urn:p:heartrate", observation(vital + "," + rate + `,"valueString":"60"`), []string{"Invalid type: expected Quantity, but found string @ Observation.value[x]", "Missing required property @ Observation.value[x].code"}},
		{"fixed", "urn:p:heartrate", observation(vital + "," + rate + `,"valueQuantity":{"value":60,"system":"http://unitsofmeasure.org","code":"/h"}`), []string{"Value did not match fixed value @ Observation.value[x].code"}},
		{"constraint", "urn:p:heartrate", observation(vital + "," + rate), []string{"Constraint hr-1 not met: A value or a reason @ Observation"}},
		{"constraint that warns", "urn:p:heartrate", strings.Replace(observation(vital+","+rate+","+value), "final", "amended", 1), []string{"warning: Constraint hr-2 not met: Should be final @ Observation"}},
		{"target of a profile's type", "urn:p:vital", observation(vital + `,"code":{"text":"x"},"subject":{"reference":"https://else.where/Device/1"}`), []string{"Invalid reference: expected Patient, Group, but found Device @ Observation.subject.reference"}},
		{"prohibited", "urn:p:vital", observation(vital + "," + rate + `,"interpretation":[{"text":"x"}]`), []string{"Expected at most 0 values for property @ Observation.interpretation"}},

		{"person", "urn:p:person", patient(origin + `,"identifier":[` + mrn + `],"deceasedBoolean":true`), []string{"warning: The profile urn:p:shelter is not known here @ Patient.extension[2]"}[:0]},
		{"extension missing", "urn:p:person", patient(`"identifier":[` + mrn + `]`), []string{"Incorrect number of values provided for slice 'origin': expected 1..1, but found 0 @ Patient.extension"}},
		{"extension of a wrong type", "urn:p:person", patient(strings.Replace(origin, "valueCode", "valueString", 1) + `,"identifier":[` + mrn + `]`), []string{"Invalid type: expected CodeableConcept, code, but found string @ Patient.extension[0].value[x]"}},
		{"extension whose profile is not here", "urn:p:person", patient(strings.Replace(origin, "urn:other", "urn:p:shelter", 1) + `,"identifier":[` + mrn + `]`), []string{"warning: The profile urn:p:shelter is not known here @ Patient.extension[1]"}},
		{"extension that may be there once", "urn:p:person", patient(strings.Replace(origin, `{"url":"urn:other","valueString":"y"}`, `{"url":"urn:p:origin","valueCode":"y"}`, 1) + `,"identifier":[` + mrn + `]`), []string{"Incorrect number of values provided for slice 'origin': expected 1..1, but found 2 @ Patient.extension"}},
		{"slices by pattern, in order, others at the end", "urn:p:person", patient(origin + `,"identifier":[` + mrn + "," + tax + `,{"value":"x"}]`), nil},
		{"wrong order", "urn:p:person", patient(origin + `,"identifier":[` + tax + "," + mrn + `]`), []string{"Values of slice 'mrn' stand before those of slice 'tax' @ Patient.identifier[1]"}},
		{"others not at the end", "urn:p:person", patient(origin + `,"identifier":[{"value":"x"},` + mrn + `]`), []string{"Values of slice 'mrn' stand before those of no slice @ Patient.identifier[1]"}},
		{"below a slice", "urn:p:person", patient(origin + `,"identifier":[` + strings.Replace(mrn, `"value":"1"`, `"value":"123456789"`, 1) + `]`), []string{"Expected at most 8 characters @ Patient.identifier[0].value"}},
		{"slices by existence", "urn:p:person", patient(origin + `,"identifier":[` + mrn + `],"telecom":[{"system":"phone","value":"1"},{"system":"phone","rank":1,"value":"2"}]`), []string{"Missing required property @ Patient.telecom[1].use"}},
		{"closed slices by type", "urn:p:person", patient(origin + `,"identifier":[` + mrn + `],"deceasedDateTime":"2020"`), []string{"Value is in no slice, and the profile allows no other @ Patient.deceased[x]"}},
		{"binding", "urn:p:person", patient(origin + `,"identifier":[` + mrn + `],"maritalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-MaritalStatus","code":"D"}]}`), []string{`Value "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus|D" did not satisfy terminology binding urn:vs:married @ Patient.maritalStatus`}},
		{"bound", "urn:p:person", patient(origin + `,"identifier":[` + mrn + `],"maritalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-MaritalStatus","code":"M"}]}`), nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			doc := parse(t, tc.resource)
			if err := validate.Resource(doc, doc.Text("resourceType")); err != nil {
				t.Fatalf("not valid to begin with: %v", err)
			}
			p, err := Compile(ours(t), tc.profile)
			if err != nil || p == nil {
				t.Fatal(p, err)
			}
			if diff := cmp.Diff(tc.want, texts(p.Check(doc)), cmp.Transformer("empty", func(s []string) []string {
				return append([]string{}, s...)
			})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// small is a profile of Patient with a differential.
func small(url, base, elements string) string {
	return `{"resourceType":"StructureDefinition","url":"` + url + `","type":"Patient","derivation":"constraint","baseDefinition":"` + base + `","differential":{"element":[` + elements + `]}}`
}

const patientURL = coreURL + "Patient"

func TestRefused(t *testing.T) {
	slicing := func(kind, path string) string {
		return `{"id":"Patient.generalPractitioner","path":"Patient.generalPractitioner","slicing":{"discriminator":[{"type":"` + kind + `","path":"` + path + `"}],"rules":"open"}},{"id":"Patient.generalPractitioner:a","path":"Patient.generalPractitioner","sliceName":"a","min":1}`
	}
	for _, tc := range []struct {
		name, profile string
		code          outcome.Code
		text          string
	}{
		{"resolve()", small("urn:a", patientURL, slicing("type", "resolve()")), outcome.NotSupported, "Profile urn:a tells slices apart by type of resolve(), which is not supported"},
		{"by profile", small("urn:a", patientURL, slicing("profile", "$this")), outcome.NotSupported, "Profile urn:a tells slices apart by profile of $this, which is not supported"},
		{"no difference", small("urn:a", patientURL, slicing("value", "display")), outcome.NotSupported, "Profile urn:a does not say in what the slice a of generalPractitioner differs"},
		{"no discriminator", small("urn:a", patientURL, `{"id":"Patient.name:a","path":"Patient.name","sliceName":"a"}`), outcome.NotSupported, "Profile urn:a does not say how the slice a is told apart"},
		{"slice of a slice", small("urn:a", patientURL, `{"id":"Patient.name:a/b","path":"Patient.name","sliceName":"a/b"}`), outcome.NotSupported, "Profile urn:a slices the slice a/b"},
		{"no such element", small("urn:a", patientURL, `{"id":"Patient.nope","path":"Patient.nope"}`), outcome.Invalid, "Profile urn:a constrains Patient.nope, which there is not"},
		{"unknown base", small("urn:a", "urn:none", `{"id":"Patient","path":"Patient"}`), outcome.NotSupported, "Profile urn:a has no snapshot, and its base urn:none is not here"},
		{"its own base", small("urn:a", "urn:a", `{"id":"Patient","path":"Patient"}`), outcome.Invalid, "Profile urn:a is its own base"},
		{"unknown type", strings.Replace(small("urn:a", patientURL, ""), `"type":"Patient"`, `"type":"Nope"`, 1), outcome.Invalid, "Profile urn:a constrains the unknown type Nope"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, err := Compile(shelf{"urn:a": parse(t, tc.profile)}, "urn:a")
			if !outcome.Has(err, tc.code) || err.Error() != tc.text {
				t.Errorf("%v, %v", p, err)
			}
		})
	}
	if p, err := Compile(shelf{}, "urn:none"); p != nil || err != nil {
		t.Errorf("unknown: %v, %v", p, err)
	}
	two := shelf{"urn:a": parse(t, small("urn:a", "urn:b", `{"id":"Patient","path":"Patient"}`)), "urn:b": parse(t, small("urn:b", "urn:a", `{"id":"Patient","path":"Patient"}`))}
	if _, err := Compile(two, "urn:a"); !outcome.Has(err, outcome.Invalid) {
		t.Errorf("bases in a circle: %v", err)
	}
}

// TestWarnings holds that what cannot be checked is told and refuses nothing.
func TestWarnings(t *testing.T) {
	for _, tc := range []struct {
		name, element string
		want          []string
	}{
		{"a constraint that nobody understands", `{"id":"Patient","path":"Patient","constraint":[{"key":"a","severity":"error","human":"x","expression":"nope("}]}`,
			[]string{"warning: The constraint a cannot be evaluated: nope( @ Patient"}},
		{"a constraint that fails", `{"id":"Patient","path":"Patient","constraint":[{"key":"a","severity":"error","human":"x","expression":"name.nope().exists()"}]}`,
			[]string{"warning: The constraint a cannot be evaluated: name.nope().exists() @ Patient"}},
		{"a constraint for the other engine", `{"id":"Patient","path":"Patient","constraint":[{"key":"a","severity":"error","human":"x","expression":"name.last().exists(family = 'x')"}]}`,
			[]string{"Constraint a not met: x @ Patient"}},
		{"a constraint that would print", `{"id":"Patient","path":"Patient","constraint":[{"key":"a","severity":"error","human":"x","expression":"trace('x').aggregate(1).exists().not()"}]}`,
			[]string{"warning: The constraint a cannot be evaluated: trace('x').aggregate(1).exists().not() @ Patient"}},
		{"a constraint that would grow", `{"id":"Patient","path":"Patient","constraint":[{"key":"a","severity":"error","human":"x","expression":"'a'.replace('a', 'aa').last().exists().not()"}]}`,
			[]string{"warning: The constraint a cannot be evaluated: 'a'.replace('a', 'aa').last().exists().not() @ Patient"}},
		{"a value set that is not here", `{"id":"Patient.language","path":"Patient.language","binding":{"strength":"required","valueSet":"urn:none"}}`,
			[]string{"warning: The binding to urn:none is not checked: ValueSet urn:none not found @ Patient.language"}},
		{"a binding that is none", `{"id":"Patient.language","path":"Patient.language","binding":{"strength":"preferred","valueSet":"urn:none"}}`, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, err := Compile(shelf{"urn:a": parse(t, small("urn:a", patientURL, tc.element))}, "urn:a")
			if err != nil {
				t.Fatal(err)
			}
			got := texts(p.Check(parse(t, `{"resourceType":"Patient","language":"de","name":[{"text":"x"}]}`)))
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestHostileProfile holds that slices within slices do not make the check run long.
func TestHostileProfile(t *testing.T) {
	var elements []string
	id, path := "Extension", "Extension"
	for range 24 {
		id, path = id+".extension", path+".extension"
		elements = append(elements, `{"id":"`+id+`","path":"`+path+`","slicing":{"discriminator":[{"type":"value","path":"$this"}],"rules":"open"}}`)
		id += ":a"
		elements = append(elements, `{"id":"`+id+`","path":"`+path+`","sliceName":"a"}`)
	}
	elements = append(elements, `{"id":"`+id+`.url","path":"`+path+`.url","fixedUri":"urn:x"}`)
	hostile := strings.Replace(small("urn:a", patientURL, strings.Join(elements, ",")), `"type":"Patient"`, `"type":"Extension"`, 1)
	s := shelf{"urn:a": parse(t, hostile), "urn:b": parse(t, small("urn:b", patientURL, `{"id":"Patient.extension","path":"Patient.extension","type":[{"code":"Extension","profile":["urn:a"]}]}`))}
	p, err := Compile(s, "urn:b")
	if err != nil {
		t.Fatal(err)
	}
	deep := strings.Repeat(`{"url":"urn:x","extension":[`, 24) + `{"url":"urn:x","valueCode":"x"}` + strings.Repeat(`]}`, 24)
	issues := p.Check(parse(t, `{"resourceType":"Patient","extension":[`+deep+`]}`))
	if last := issues[len(issues)-1]; last.Code != outcome.TooCostly.Issue {
		t.Errorf("%+v", issues)
	}
}

// BenchmarkCheck is a heart rate against HL7's profile with its snapshot.
func BenchmarkCheck(b *testing.B) {
	raw, err := os.ReadFile("testdata/hl7/StructureDefinition-heartrate.json")
	if err != nil {
		b.Fatal(err)
	}
	doc := parse(b, string(raw))
	p, err := Compile(shelf{doc.Text("url"): doc}, doc.Text("url"))
	if err != nil {
		b.Fatal(err)
	}
	rate := parse(b, `{"resourceType":"Observation","status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs"}]}],`+
		`"code":{"coding":[{"system":"http://loinc.org","code":"8867-4"}]},"subject":{"reference":"Patient/1"},"effectiveDateTime":"2020-01-01","valueQuantity":{"value":60,"unit":"x","system":"http://unitsofmeasure.org","code":"/min"}}`)
	b.ReportAllocs()
	for b.Loop() {
		if issues := p.Check(rate); len(issues) > 0 {
			b.Fatal(texts(issues))
		}
	}
}
