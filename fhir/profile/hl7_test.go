package profile

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/pkg/outcome"
)

// uncheckable are HL7's own profiles that are refused.
var uncheckable = []string{"catalog", "example-composition", "familymemberhistory-genetic", "lipidprofile"}

// TestHL7 compiles HL7's own profiles and holds that its examples conform to those they name.
func TestHL7(t *testing.T) {
	s, examples := shelf{}, "../../testdata/hl7"
	definitions := "testdata/hl7"
	if all := os.Getenv("ADMIT_TEST_HL7"); all != "" {
		definitions, examples = all, all
	}
	for _, file := range files(t, definitions+"/StructureDefinition-*.json") {
		doc := load(t, file)
		s[doc.Text("url")] = doc
	}
	compiled := map[string]*Profile{}
	for url, doc := range s {
		if doc.Text("derivation") != "constraint" {
			continue
		}
		p, err := Compile(s, url)
		if refused := slices.Contains(uncheckable, doc.Text("id")); refused != outcome.Has(err, outcome.NotSupported) || !refused && err != nil {
			t.Errorf("%s: %v", url, err)
		}
		compiled[url] = p
	}
	checked := 0
	for _, file := range files(t, examples+"/*.json") {
		doc := load(t, file)
		for _, named := range doc.Find("meta", "profile").Values() {
			if p := compiled[named.String()]; p != nil {
				checked++
				if issues := p.Check(doc); len(issues) > 0 {
					t.Errorf("%s as %s: %v", file, named.String(), texts(issues))
				}
			}
		}
	}
	if checked < 2 {
		t.Errorf("only %d checked", checked)
	}
}

// TestBloodPressure takes something away from an example at a time.
func TestBloodPressure(t *testing.T) {
	s := shelf{}
	for _, file := range files(t, "testdata/hl7/StructureDefinition-*.json") {
		doc := load(t, file)
		s[doc.Text("url")] = doc
	}
	p, err := Compile(s, coreURL+"bp")
	if err != nil {
		t.Fatal(err)
	}
	whole := string(load(t, "../../testdata/hl7/Observation-blood-pressure.json").Compact(nil))
	for _, tc := range []struct{ name, old, new, want string }{
		{"as it is", "", "", ""},
		{"systolic is another", `"code":"8480-6"`, `"code":"0"`, "Incorrect number of values provided for slice 'SystolicBP': expected 1..1, but found 0 @ Observation.component"},
		{"another unit", `"code":"mm[Hg]"`, `"code":"kPa"`, "Value did not match fixed value @ Observation.component[0].value[x].code"},
		{"no patient", `"subject":{"reference":"Patient/example"},`, "", "Missing required property @ Observation.subject"},
		{"date too short", `"effectiveDateTime":"2012-09-17"`, `"effectiveDateTime":"2012"`, "Constraint vs-1 not met: if Observation.effective[x] is dateTime and has a value then that value shall be precise to the day @ Observation.effective[x]"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if !strings.Contains(whole, tc.old) {
				t.Fatal("the example has it not")
			}
			got := strings.Join(texts(p.Check(parse(t, strings.Replace(whole, tc.old, tc.new, 1)))), "; ")
			if !strings.Contains(got, tc.want) || tc.want == "" && got != "" {
				t.Errorf("got %s", got)
			}
		})
	}
}

func files(t *testing.T, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) == 0 {
		t.Fatal(pattern, err)
	}
	return found
}

func load(t *testing.T, file string) *document.Node {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, string(raw))
}
