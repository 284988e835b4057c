package fhirpath

import (
	"errors"
	"strings"
	"testing"

	"github.com/admitdev/admit/fhir/document"
)

const observation = `{"resourceType":"Observation","id":"o","status":"final",
	"contained":[{"resourceType":"Patient","id":"p"}],
	"code":{"coding":[{"system":"s","code":"a"},{"system":"s","code":"b"}],"text":"T"},
	"subject":{"reference":"#p"},"performer":[{"reference":"Practitioner/1"},{"reference":"http://x/Organization/2"},{"display":"?"}],
	"effectivePeriod":{"start":"2020-01-01","end":"2020-02"},"issued":"2020-01-01T10:00:00+02:00",
	"valueQuantity":{"value":1.50,"unit":"g"},"_status":{"extension":[{"url":"u","valueString":"x"}]},
	"component":[{"code":{"text":"c1"},"valueInteger":3},{"code":{"text":"c2"},"valueString":"y"}]}`

func TestEvaluate(t *testing.T) {
	doc, err := document.Parse([]byte(observation))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ expression, want string }{
		{"Observation.status", "final"},
		{"status", "final"},
		{"Resource.id", "o"},
		{"Patient.id", ""},
		{"Observation.code.coding.code", "a b"},
		{"code.coding[1].code", "b"},
		{"code.coding[2]", ""},
		{"code.coding.where(code = 'b').system", "s"},
		{"code.coding.first().code | code.text | code.coding[0].code", "a T"},
		{"value.value", "1.50"},
		{"(Observation.value as Quantity).unit", "g"},
		{"Observation.value.as(string)", ""},
		{"Observation.value.ofType(Quantity).unit", "g"},
		{"value is Quantity", "true"},
		{"value is string", "false"},
		{"component.value", "3 y"},
		{"component.value.ofType(integer)", "3"},
		{"status is code", "true"},
		{"status is string", "true"},
		{"status.extension('u').value", "x"},
		{"status.hasExtension('v')", "false"},
		{"subject.where(resolve() is Patient).reference", "#p"},
		{"performer.where(resolve() is Practitioner).reference", "Practitioner/1"},
		{"performer.resolve().resourceType", "Practitioner Organization"},
		{"effective.start < effective.end", "true"},
		{"effective.start <= '2020-01'", ""}, // a string is no date; the two overlap
		{"issued = '2020-01-01T10:00:00+02:00'", "true"},
		{"value.value = 1.5", "true"},
		{"value.value > 1.49", "true"},
		{"value.value != 1.5", "false"},
		{"component.count()", "2"},
		{"component.value.exists() and dataAbsentReason.empty()", "true"},
		{"dataAbsentReason and true", ""},
		{"dataAbsentReason and false", "false"},
		{"dataAbsentReason or true", "true"},
		{"dataAbsentReason implies true", "true"},
		{"true xor false", "true"},
		{"code.coding.all(system = 's')", "true"},
		{"code.coding.select(code & '!')", "a! b!"},
		{"code.coding.code.isDistinct()", "true"},
		{"code.coding.system.isDistinct()", "false"},
		{"'a' in code.coding.code", "true"},
		{"code.coding.code contains 'z'", "false"},
		{"code.coding.code.intersect('b' | 'c')", "b"},
		{"status.matches('^f.n')", "true"},
		{"status.startsWith('fin') and status.lower() = 'final'", "true"},
		{"iif(status = 'final', 1, 2)", "1"},
		{"%resource.id", "o"},
		{"descendants().where($this is Quantity).unit", "g"},
		{"children().count() > 5", "true"},
		{"component.code.text.exists($this = 'c2')", "true"},
		{"(status = 'final').not()", "false"},
		{"status.toInteger()", ""},
		{"'añb'.length() = 3 and status.length() = 5", "true"},
		{"nothing.length()", ""},
		{"'3'.toInteger() + 4", "7"},
		{"{}", ""},
	} {
		t.Run(tc.expression, func(t *testing.T) {
			e, err := Compile(tc.expression)
			if err != nil {
				t.Fatal(err)
			}
			env := NewEnv(doc, "Observation")
			values, err := e.Evaluate(env, env.Root)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, v := range values {
				_, text, _ := v.Primitive()
				got = append(got, text)
			}
			if s := strings.Join(got, " "); s != tc.want {
				t.Errorf("got %q, want %q", s, tc.want)
			}
		})
	}
}

func TestErrors(t *testing.T) {
	doc, err := document.Parse([]byte(observation))
	if err != nil {
		t.Fatal(err)
	}
	for _, source := range []string{"", "a.", "a b", "(a", "a[", "a[b]", "'x", "a = ", "a.nope()", "a.where()", "%unknown", "@2020", "a ~ b", "a.matches(b)", "a.matches('(')", "1 +"} {
		if _, err := Compile(source); err == nil {
			t.Errorf("%q compiles", source)
		}
	}
	if _, err := Compile("a.lowBoundary()"); !errors.Is(err, ErrUnsupported) {
		t.Errorf("an unknown function: %v", err)
	}
	env := NewEnv(doc, "Observation")
	for source, want := range map[string]error{
		"code.coding.code and true": ErrNotOne, "code.coding.code > 'a'": ErrNotOne, "code.coding is Coding": ErrNotOne, "status < 1": errIncomparable,
	} {
		e, err := Compile(source)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Evaluate(env, env.Root); !errors.Is(err, want) {
			t.Errorf("%s: %v", source, err)
		}
		if !e.Holds(env, env.Root) {
			t.Errorf("%s: an error breaks an invariant", source)
		}
	}
	env.budget.steps = 3
	e, err := Compile("component.where(value.exists()).count() = 2")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Evaluate(env, env.Root); !errors.Is(err, ErrTooCostly) || e.Holds(env, env.Root) {
		t.Errorf("a costly evaluation: %v", err)
	}
}

func FuzzCompile(f *testing.F) {
	for _, seed := range []string{"Patient.name.where(use = 'official').given | a", "a.exists() implies (b in ('x' | 'y'))", "%resource.x[0].as(uri)", "'\\''", "(((", "a.iif(b,c,d)"} {
		f.Add(seed)
	}
	doc, err := document.Parse([]byte(observation))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, source string) {
		e, err := Compile(source)
		if err != nil {
			return
		}
		env := NewEnv(doc, "Observation")
		if _, err := e.Evaluate(env, env.Root); err == nil {
			e.Holds(env, env.Root)
		}
	})
}
