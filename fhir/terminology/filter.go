package terminology

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/pkg/outcome"
)

// test says whether a concept of a system passes a filter. A step of its cost is about as much work as
// to look at a code.
type test struct {
	passes func(at int) bool
	cost   int
}

// compileFilter understands a filter (R4 valueset-filter-operator.html) of a system that is here.
func compileFilter(s *System, f definitions.Filter) (test, error) {
	switch f.Op {
	case "is-a", "descendent-of", "is-not-a", "generalizes":
		return hierarchy(s, f)
	case "=":
		return s.where(f.Property, 1, func(v string) bool { return v == f.Value }), nil
	case "in", "not-in":
		values := map[string]bool{}
		for value := range strings.SplitSeq(f.Value, ",") {
			values[strings.TrimSpace(value)] = true
		}
		in := s.where(f.Property, 1, func(v string) bool { return values[v] })
		if f.Op == "in" {
			return in, nil
		}
		return test{func(at int) bool { return !in.passes(at) }, in.cost}, nil
	case "exists":
		want := f.Value == "true"
		has := s.where(f.Property, 1, func(string) bool { return true })
		return test{func(at int) bool { return has.passes(at) == want }, has.cost}, nil
	case "regex":
		return s.matching(f)
	}
	return test{}, outcome.New(outcome.NotSupported, "The filter %q of a value set is not known", f.Op)
}

func hierarchy(s *System, f definitions.Filter) (test, error) {
	if f.Property != "concept" && f.Property != "code" {
		return test{}, outcome.New(outcome.NotSupported, "The filter %s of a value set is about concept, not %s", f.Op, f.Property)
	}
	list := s.Below(f.Value)
	if f.Op == "generalizes" {
		list = s.Above(f.Value)
	}
	in := make([]bool, len(s.Concepts))
	for _, at := range list {
		in[at] = true
	}
	if f.Op == "descendent-of" && len(list) > 0 {
		in[list[0]] = false
	}
	want := f.Op != "is-not-a"
	return test{func(at int) bool { return in[at] == want }, 1}, nil
}

// matching is a regular expression over the whole of a value. Go's take time by the size of their
// program and of the text.
func (s *System) matching(f definitions.Filter) (test, error) {
	if len(f.Value) > maxPattern {
		return test{}, outcome.New(outcome.TooCostly, "The regular expression of a filter has more than %d characters", maxPattern)
	}
	whole := "^(?:" + f.Value + ")$"
	parsed, err := syntax.Parse(whole, syntax.Perl)
	if err != nil {
		return test{}, outcome.New(outcome.NotSupported, "The regular expression %q of a filter is not understood", f.Value)
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return test{}, fmt.Errorf("regular expression %q: %w", f.Value, err)
	}
	pattern, err := regexp.Compile(whole)
	if err != nil {
		return test{}, fmt.Errorf("regular expression %q: %w", f.Value, err)
	}
	return s.where(f.Property, len(program.Inst), pattern.MatchString), nil
}

// where says whether one of the values of a property passes, which takes so much for each byte.
func (s *System) where(property string, effort int, passes func(string) bool) test {
	longest := 0
	for at := range s.Concepts {
		length := 0
		s.anyOf(at, property, func(v string) bool { length += 1 + len(v); return false })
		longest = max(longest, length)
	}
	return test{func(at int) bool { return s.anyOf(at, property, passes) }, 1 + longest*effort/stepEffort}
}

// anyOf says whether one of the values of a concept's property passes.
func (s *System) anyOf(at int, property string, passes func(string) bool) bool {
	c := &s.Concepts[at]
	switch property {
	case "code", "concept":
		return passes(c.Code)
	case "display":
		return passes(c.Display)
	case "parent":
		return slices.ContainsFunc(c.Parents, func(p int) bool { return passes(s.Concepts[p].Code) })
	case "child":
		return slices.ContainsFunc(c.Children, func(p int) bool { return passes(s.Concepts[p].Code) })
	case "inactive":
		return passes(strconv.FormatBool(c.Inactive))
	}
	return slices.ContainsFunc(c.Property, func(p definitions.ConceptProperty) bool {
		return p.Code == property && passes(textOf(p))
	})
}

// textOf is the value of a property as a filter spells it.
func textOf(p definitions.ConceptProperty) string {
	switch {
	case p.ValueBoolean != nil:
		return strconv.FormatBool(*p.ValueBoolean)
	case p.ValueCoding != nil:
		return p.ValueCoding.Code
	}
	for _, text := range []string{p.ValueCode, p.ValueString, p.ValueInteger.String(), p.ValueDecimal.String()} {
		if text != "" {
			return text
		}
	}
	return p.ValueDateTime
}
