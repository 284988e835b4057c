package fhirpath

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gofhir "github.com/gofhir/fhirpath"
	"github.com/gofhir/models/r4"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/document"
)

// examples are HL7's examples in testdata, or all of them in the directory of ADMIT_TEST_HL7.
func examples(t *testing.T) []string {
	t.Helper()
	dir := "../../testdata/hl7"
	if all := os.Getenv("ADMIT_TEST_HL7"); all != "" {
		dir = all
	}
	files, err := filepath.Glob(filepath.Join(dir, "*-*.json"))
	if err != nil || len(files) < 50 {
		t.Fatalf("%d examples in %s: %v", len(files), dir, err)
	}
	return files
}

// TestAgreesWithAnotherEngine evaluates every search parameter's expression with gofhir/fhirpath
// too. Expressions with resolve() have no answer there without a server.
func TestAgreesWithAnotherEngine(t *testing.T) {
	compared, found := 0, 0
	compiled := map[string]*Expression{}
	for _, file := range examples(t) {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := document.Parse(data)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if len(data) > 200_000 {
			continue // the other engine takes minutes
		}
		resourceType := doc.Text("resourceType")
		for _, p := range definitions.SearchParams(resourceType) {
			if p.Expression == "" || strings.Contains(p.Expression, "resolve()") {
				continue
			}
			if compiled[p.Expression] == nil {
				if compiled[p.Expression], err = Compile(p.Expression); err != nil {
					t.Fatal(err)
				}
			}
			want, err := theirs(data, p.Expression)
			if err != nil {
				continue // the other engine refuses what is not a singleton, and some types
			}
			env := NewEnv(doc, resourceType)
			values, err := compiled[p.Expression].Evaluate(env, env.Root)
			if err != nil {
				t.Errorf("%s %s: %v", filepath.Base(file), p.Code, err)
				continue
			}
			compared++
			got := canonical(values)
			if len(got) > 0 {
				found++
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s %s: %s\n  got  %.300q\n  want %.300q", filepath.Base(file), p.Code, p.Expression, got, want)
			}
		}
	}
	t.Logf("%d results compared, %d of them not empty", compared, found)
	if found < 300 {
		t.Error("too few to say anything")
	}
}

func theirs(data []byte, expression string) ([]string, error) {
	e, err := gofhir.GetCached(expression)
	if err != nil {
		return nil, err
	}
	values, err := e.EvaluateWithOptions(data, gofhir.WithModel(r4.FHIRPathModel()))
	if err != nil {
		return nil, err
	}
	var out []string
	for _, v := range values {
		if o, ok := v.(interface{ Data() []byte }); ok {
			out = append(out, compact(o.Data()))
		} else {
			out = append(out, v.String())
		}
	}
	return normal(out), nil
}

func canonical(values Collection) []string {
	var out []string
	for _, v := range values {
		switch _, text, ok := v.Primitive(); {
		case ok:
			out = append(out, text)
		case v.Node != nil:
			out = append(out, compact(v.Node.Raw))
		}
	}
	return normal(out)
}

// normal hides what is known of the other engine: it spells +00:00 as Z, and leaves repetitions
// in some unions.
func normal(values []string) []string {
	for i, v := range values {
		if strings.HasPrefix(v, "2") {
			values[i] = strings.Replace(v, "+00:00", "Z", 1)
		}
	}
	slices.Sort(values)
	return slices.Compact(values)
}

func compact(data []byte) string {
	var out bytes.Buffer
	if err := json.Compact(&out, data); err != nil {
		return fmt.Sprintf("%v: %s", err, data)
	}
	return out.String()
}
