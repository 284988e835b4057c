package patch_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/fhir/patch"
	"github.com/admitdev/admit/pkg/outcome"
)

const before = `{"resourceType":"Patient","active":true,"name":[{"family":"<O'Brien & Søn>","given":["A","B"],"_given":[null,{"id":"b"}]},{"text":"x"}],` +
	`"extension":[{"url":"urn:d","valueDecimal":1.00},{"url":"urn:e","valueDecimal":12345678901234567890.10}],"birthDate":"1980-02-03","_birthDate":{"id":"d"}}`

func text(t *testing.T, err error) string {
	t.Helper()
	var o *outcome.Outcome
	require.True(t, errors.As(err, &o), "%v", err)
	return o.Issues[0].Text
}

// TestJSONPatch has a line for each rule of RFC 6902 §4; all that is not named keeps its spelling.
func TestJSONPatch(t *testing.T) {
	for _, tc := range []struct{ name, patch, from, to string }{
		{"replace", `[{"op":"replace","path":"/active","value":false}]`, `"active":true`, `"active":false`},
		{"add a member", `[{"op":"add","path":"/gender","value":"other"}]`, `{"id":"d"}}`, `{"id":"d"},"gender":"other"}`},
		{"add before", `[{"op":"add","path":"/name/0/given/0","value":"Z"}]`, `"given":["A"`, `"given":["Z","A"`},
		{"add at the end", `[{"op":"add","path":"/name/0/given/-","value":"Z"}]`, `"B"]`, `"B","Z"]`},
		{"numbers and signs as spelled", `[{"op":"add","path":"/x","value":[1.0e1,2.00,"<&\u00e9"]}]`, `{"id":"d"}}`, `{"id":"d"},"x":[1.0e1,2.00,"<&\u00e9"]}`},
		{"remove", `[{"op":"remove","path":"/name/1"}]`, `,{"text":"x"}`, ``},
		{"move", `[{"op":"move","from":"/name/1/text","path":"/name/1/family"}]`, `"text":"x"`, `"family":"x"`},
		{"copy", `[{"op":"copy","from":"/extension/0/valueDecimal","path":"/extension/1/valueDecimal"}]`, `12345678901234567890.10`, `1.00`},
		{"test", `[{"op":"test","path":"/name/0/family","value":"<O'Brien & S\u00f8n>"}]`, ``, ``},
		{"none", `[]`, ``, ``},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, err := patch.JSON([]byte(tc.patch))
			require.NoError(t, err)
			out, err := p.Apply([]byte(before), "Patient")
			require.NoError(t, err)
			assert.Equal(t, strings.Replace(before, tc.from, tc.to, 1), string(out))
		})
	}
}

func TestJSONPatchRefuses(t *testing.T) {
	for _, tc := range []struct{ name, patch, want string }{
		{"failed test", `[{"op":"test","path":"/active","value":false}]`, "Test failed: true != false"},
		{"test of nothing", `[{"op":"test","path":"/nope","value":"x"}]`, "Test failed: undefined != x"},
		{"spelling counts", `[{"op":"test","path":"/extension/0/valueDecimal","value":1.0}]`, "Test failed: 1.00 != 1.0"},
		{"the one of many", `[{"op":"add","path":"/x","value":1},{"op":"test","path":"/x","value":2},{"op":"test","path":"/nope","value":3}]`, "Test failed: 1 != 2"},
		{"no parent", `[{"op":"replace","path":"/nope/nope","value":1}]`, "Value required at path: /nope/nope"},
		{"no such member", `[{"op":"remove","path":"/nope"}]`, "Value required at path: /nope"},
		{"beyond", `[{"op":"add","path":"/name/9","value":{}}]`, "Value required at path: /name/9"},
		{"negative", `[{"op":"remove","path":"/name/-1"}]`, "Value required at path: /name/-1"},
		{"no source", `[{"op":"move","from":"/nope","path":"/x"}]`, "Value required at path: /nope"},
		{"no array", `{}`, "A JSON Patch is an array of operations"},
		{"no object", `[1]`, "Invalid operation: undefined"},
		{"unknown", `[{"op":"spam","path":"/x"}]`, "Invalid operation: spam"},
		{"no path", `[{"op":"remove"}]`, "Invalid pointer in path: undefined"},
		{"no pointer", `[{"op":"remove","path":"active"}]`, "Invalid pointer in path: active"},
		{"no value", `[{"op":"add","path":"/x"}]`, "The operation add needs a value"},
		{"given twice", `[{"op":"remove","op":"add","path":"/x"}]`, "Content could not be parsed"},
		{"too many", "[" + strings.Repeat(`{"op":"remove","path":"/x"},`, 1000) + `{"op":"remove","path":"/x"}]`, "A patch has at most 1000 operations"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, err := patch.JSON([]byte(tc.patch))
			if err == nil {
				_, err = p.Apply([]byte(before), "Patient")
			}
			require.Error(t, err)
			assert.Equal(t, tc.want, text(t, err))
		})
	}
}

func TestCopyingIsBounded(t *testing.T) {
	double := strings.Repeat(`{"op":"copy","from":"/x","path":"/x/-"},`, 40)
	p, err := patch.JSON([]byte(`[{"op":"add","path":"/x","value":["` + strings.Repeat("x", 1000) + `"]},` + strings.TrimSuffix(double, ",") + `]`))
	require.NoError(t, err)
	_, err = p.Apply([]byte(before), "Patient")
	require.Error(t, err)
}

// parameters is an operation of a FHIRPath Patch: type, path and further parts as JSON.
func parameters(kind, path string, parts ...string) string {
	quoted, _ := json.Marshal(path)
	all := append([]string{fmt.Sprintf(`{"name":"type","valueCode":%q}`, kind), `{"name":"path","valueString":` + string(quoted) + `}`}, parts...)
	return `{"resourceType":"Parameters","parameter":[{"name":"operation","part":[` + strings.Join(all, ",") + `]}]}`
}

func name(s string) string { return `{"name":"name","valueString":"` + s + `"}` }

func value(member string) string { return `{"name":"value",` + member + `}` }

func number(part string, n int) string {
	return fmt.Sprintf(`{"name":%q,"valueInteger":%d}`, part, n)
}

// TestFHIRPathPatch has a line for each rule of R4 fhirpatch.html.
func TestFHIRPathPatch(t *testing.T) {
	for _, tc := range []struct{ name, patch, from, to string }{
		{"add an element", parameters("add", "Patient", name("gender"), value(`"valueCode":"other"`)), `{"id":"d"}}`, `{"id":"d"},"gender":"other"}`},
		{"add to a list", parameters("add", "Patient.name[0]", name("given"), value(`"valueString":"C"`)), `"_given":[null,{"id":"b"}]`, `"_given":[null,{"id":"b"},null]`},
		{"add a choice", parameters("add", "Patient", name("deceased"), value(`"valueBoolean":true`)), `{"id":"d"}}`, `{"id":"d"},"deceasedBoolean":true}`},
		{"add in parts", parameters("add", "Patient", name("contact"), `{"name":"value","part":[{"name":"name","valueHumanName":{"text":"n"}},{"name":"telecom","valueContactPoint":{"value":"1"}},{"name":"telecom","valueContactPoint":{"value":"2"}}]}`), `{"id":"d"}}`, `{"id":"d"},"contact":[{"name":{"text":"n"},"telecom":[{"value":"1"},{"value":"2"}]}]}`},
		{"insert", parameters("insert", "Patient.name", number("index", 1), value(`"valueHumanName":{"text":"n"}`)), `,{"text":"x"}`, `,{"text":"n"},{"text":"x"}`},
		{"insert at the end", parameters("insert", "Patient.name", number("index", 2), value(`"valueHumanName":{"text":"n"}`)), `{"text":"x"}`, `{"text":"x"},{"text":"n"}`},
		{"delete a primitive with its extensions", parameters("delete", "Patient.birthDate"), `,"birthDate":"1980-02-03","_birthDate":{"id":"d"}`, ``},
		{"delete of a list", parameters("delete", "Patient.name.where(text='x')"), `,{"text":"x"}`, ``},
		{"delete the last of a list", parameters("delete", "Patient.name[1].text"), `{"text":"x"}`, `{}`},
		{"delete nothing", parameters("delete", "Patient.gender"), ``, ``},
		{"replace", parameters("replace", "Patient.birthDate", value(`"valueDate":"1999"`)), `"1980-02-03","_birthDate":{"id":"d"}`, `"1999"`},
		{"replace a value of a list", parameters("replace", "Patient.extension[1].value", value(`"valueDecimal":2.50`)), `12345678901234567890.10`, `2.50`},
		{"replace within", parameters("replace", "Patient.name[0].given[0]", value(`"valueString":"Z"`)), `["A"`, `["Z"`},
		{"move", parameters("move", "Patient.name", number("source", 1), number("destination", 0)), "", "moved"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, err := patch.Parameters([]byte(tc.patch))
			require.NoError(t, err)
			out, err := p.Apply([]byte(before), "Patient")
			require.NoError(t, err)
			want := strings.Replace(before, tc.from, tc.to, 1)
			switch tc.name {
			case "add to a list":
				want = strings.Replace(want, `["A","B"]`, `["A","B","C"]`, 1)
			case "move":
				want = strings.Replace(strings.Replace(before, `,{"text":"x"}`, "", 1), `"name":[`, `"name":[{"text":"x"},`, 1)
			}
			assert.Equal(t, want, string(out))
		})
	}
}

func TestFHIRPathPatchRefuses(t *testing.T) {
	for _, tc := range []struct{ name, patch, want string }{
		{"another resource", `{"resourceType":"Patient"}`, "A FHIRPath Patch is a Parameters resource"},
		{"another parameter", `{"resourceType":"Parameters","parameter":[{"name":"x"}]}`, "Unknown parameter: x"},
		{"an unknown type", parameters("spam", "Patient"), "The operation spam needs a type: add, insert, delete, replace or move"},
		{"no path", parameters("delete", ""), "The operation delete needs path"},
		{"no value", parameters("replace", "Patient.active"), "The operation replace needs value"},
		{"no index", parameters("insert", "Patient.name", value(`"valueString":"x"`)), "The operation insert needs index"},
		{"no FHIRPath", parameters("delete", "Patient..name"), "The path cannot be used: Patient..name"},
		{"several", parameters("delete", "Patient.name"), "The path leads to several elements: Patient.name"},
		{"nothing to replace", parameters("replace", "Patient.gender", value(`"valueCode":"x"`)), "Value required at path: Patient.gender"},
		{"no element", parameters("delete", "1 + 1"), "The path leads to no element: 1 + 1"},
		{"an unknown element", parameters("add", "Patient", name("nope"), value(`"valueCode":"x"`)), "Patient has no element nope of this type"},
		{"exists", parameters("add", "Patient", name("active"), value(`"valueBoolean":true`)), "The element active exists already"},
		{"beyond the list", parameters("insert", "Patient.name", number("index", 3), value(`"valueHumanName":{}`)), "The index 3 is beyond the list"},
		{"negative", parameters("insert", "Patient.name", number("index", -1), value(`"valueHumanName":{}`)), "Invalid value of index: -1"},
		{"two lists", parameters("move", "Patient.name | Patient.extension", number("source", 0), number("destination", 1)), "The path leads to more than one list: Patient.name | Patient.extension"},
		{"moved beyond", parameters("move", "Patient.name", number("source", 0), number("destination", 2)), "The list has 2 elements"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, err := patch.Parameters([]byte(tc.patch))
			if err == nil {
				_, err = p.Apply([]byte(before), "Patient")
			}
			require.Error(t, err)
			assert.Equal(t, tc.want, text(t, err))
		})
	}
}

func TestEntry(t *testing.T) {
	p, err := patch.Entry([]byte(`{"resourceType":"Binary","contentType":"application/json-patch+json","data":"W3sib3AiOiJyZW1vdmUiLCJwYXRoIjoiL25hbWUifV0="}`))
	require.NoError(t, err)
	out, err := p.Apply([]byte(`{"name":1}`), "Patient")
	require.NoError(t, err)
	assert.Equal(t, `{}`, string(out))
	for _, bad := range []string{`{"resourceType":"Patient"}`, `{"resourceType":"Binary","contentType":"text/plain","data":"W10="}`,
		`{"resourceType":"Binary","contentType":"application/json-patch+json","data":"?"}`, `x`} {
		_, err := patch.Entry([]byte(bad))
		require.Error(t, err)
	}
}

// FuzzPatch holds that no patch breaks anything: it gives a document or an outcome.
func FuzzPatch(f *testing.F) {
	for _, seed := range []string{
		`[{"op":"move","from":"/name/0","path":"/name/0/x"}]`, `[{"op":"replace","path":"","value":[]},{"op":"add","path":"/-","value":1}]`, `[{"op":"copy","from":"","path":"/x"}]`,
		`[{"op":"remove","path":""},{"op":"test","path":"/a~1b~0","value":null}]`, parameters("delete", "Patient.name[0].given"), parameters("add", "Patient", name("name"), value(`"valueHumanName":{}`)),
		parameters("move", "Patient.name", number("source", 1), number("destination", 0)), `{"resourceType":"Parameters","parameter":[{"name":"operation","part":{}}]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, read := range []func([]byte) (patch.Patch, error){patch.JSON, patch.Parameters} {
			p, err := read(body)
			var out []byte
			if err == nil {
				out, err = p.Apply([]byte(before), "Patient")
			}
			var o *outcome.Outcome
			if err != nil && !errors.As(err, &o) {
				t.Fatalf("%q: %v", body, err)
			}
			if err == nil && !json.Valid(out) {
				t.Fatalf("%q made %q", body, out)
			}
		}
	})
}
