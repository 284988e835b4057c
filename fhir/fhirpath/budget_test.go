package fhirpath

import (
	"errors"
	"strings"
	"testing"

	"github.com/admitdev/admit/fhir/document"
)

// TestEverythingIsCounted evaluates what would take long or much memory on a budget that is soon
// spent: each stops before it has made anything large.
func TestEverythingIsCounted(t *testing.T) {
	doc, err := document.Parse([]byte(`{"resourceType":"Patient","name":[{"family":"` + strings.Repeat("a", 1000) + `","given":[` + strings.Repeat(`"b",`, 99) + `"c"]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	for name, source := range map[string]string{
		"combine":        "name.given" + strings.Repeat(".select($this.combine($this))", 10),
		"select":         "name.given.select(%resource.name.given)",
		"path":           "name.given.select(%resource).name.given",
		"path to naught": "name.given.where(%resource.name.given.id.exists()).exists()",
		"union":          "name.given.where((%resource.name.given | 'x').empty())",
		"distinct":       "name.given.where(%resource.name.given.distinct().empty())",
		"isDistinct":     "name.given.where(%resource.name.given.isDistinct() and false)",
		"intersect":      "name.given.where(%resource.name.given.intersect(%resource.name.given).empty())",
		"in":             "name.given.where('x' in %resource.name.given)",
		"=":              "name.given.where(%resource != %resource)",
		"<":              "name.given.where(%resource.name.family < %resource.name.family)",
		"descendants":    "name.given.where(%resource.descendants().empty())",
		"ofType":         "name.given.where(%resource.name.given.ofType(id).exists())",
		"resolve":        "name.given.where(%resource.name.given.resolve().exists())",
		"extension":      "name.given.where(%resource.name.given.extension('x').exists())",
		"constants":      "name.given.where(" + strings.Repeat("true and ", 200) + "false)",
		"matches":        "name.given.where(%resource.name.family.matches('(a|b){1,50}c'))",
		"contains":       "name.given.where(%resource.name.family.contains('b'))",
		"length":         "name.given.where(%resource.name.family.length() = 1)",
		"lower":          "name.given.where(%resource.name.family.lower() = 'x')",
		"&":              "'a'" + strings.Repeat(".select($this & $this)", 16),
		"+":              "'a'" + strings.Repeat(".select($this + $this)", 16),
	} {
		t.Run(name, func(t *testing.T) {
			e, err := Compile(source)
			if err != nil {
				t.Fatal(err)
			}
			env := (&Budget{steps: 5000}).Env(doc, "Patient")
			if out, err := e.Evaluate(env, env.Root); !errors.Is(err, ErrTooCostly) {
				t.Errorf("%d values, %v, %d steps left", len(out), err, env.budget.steps)
			}
		})
	}
}

// TestNoStringGrows holds the bound of one string, whatever is left of the budget.
func TestNoStringGrows(t *testing.T) {
	doc, err := document.Parse([]byte(`{"resourceType":"Patient","name":[{"family":"` + strings.Repeat("a", 9000) + `"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, source := range []string{
		"name.family.replaceMatches('a', 'aaaaaaaa')",
		"name.family.replaceMatches('^a+$', '$0$0$0$0$0$0$0$0')",
		"(name.family & name.family & name.family & name.family) + (name.family & name.family & name.family & name.family)",
	} {
		e, err := Compile(source)
		if err != nil {
			t.Fatal(err)
		}
		env := (&Budget{steps: 1 << 30}).Env(doc, "Patient")
		if out, err := e.Evaluate(env, env.Root); !errors.Is(err, ErrTooCostly) {
			t.Errorf("%s: %d values, %v", source, len(out), err)
		}
	}
}

func TestReplaceMatches(t *testing.T) {
	doc, err := document.Parse([]byte(`{"resourceType":"Patient","name":[{"family":"abc"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	for source, want := range map[string]string{
		"name.family.replaceMatches('b', 'xx')":       "axxc",
		"name.family.replaceMatches('(b)', '$1${1}')": "abbc",
		"name.family.replaceMatches('^', 'x')":        "xabc",
	} {
		e, err := Compile(source)
		if err != nil {
			t.Fatal(err)
		}
		env := NewEnv(doc, "Patient")
		if out, err := e.Evaluate(env, env.Root); err != nil || len(out) != 1 || out[0].text != want {
			t.Errorf("%s: %v, %v", source, out, err)
		}
	}
}

// TestPatternsAreBounded: each is compiled as large as its repetitions, and nothing is compiled of
// those that are refused.
func TestPatternsAreBounded(t *testing.T) {
	for name, source := range map[string]string{
		"many":  "a" + strings.Repeat(".where(b.matches('c'))", 21),
		"large": "a.matches('" + strings.Repeat("b{1000}", 5) + "')",
		"deep":  "a.matches('((bcdef){1,30}g){1,30}')",
		"sum":   "a.matches('b{1000}') or " + strings.Repeat("a.matches('[a-z]{1000}') or ", 4) + "c",
	} {
		if _, err := Compile(source); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestABudgetIsShared(t *testing.T) {
	doc, err := document.Parse([]byte(observation))
	if err != nil {
		t.Fatal(err)
	}
	e, err := Compile("component.where(value.exists())")
	if err != nil {
		t.Fatal(err)
	}
	budget, refused := &Budget{steps: 100}, false
	for range 10 {
		env := budget.Env(doc, "Observation")
		_, err := e.Evaluate(env, env.Root)
		refused = refused || errors.Is(err, ErrTooCostly)
	}
	if !refused {
		t.Error("each environment has its own")
	}
}
