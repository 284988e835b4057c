package terminology

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/pkg/outcome"
)

// test says whether a concept of a system passes a filter.
type test func(at int) bool

// compileFilter understands a filter (R4 valueset-filter-operator.html) of a system that is here.
func compileFilter(s *System, f definitions.Filter) (test, error) {
	switch f.Op {
	case "is-a", "descendent-of", "is-not-a", "generalizes":
		return hierarchy(s, f)
	case "=":
		return s.where(f.Property, func(v string) bool { return v == f.Value }), nil
	case "in", "not-in":
		values := strings.Split(f.Value, ",")
		for i := range values {
			values[i] = strings.TrimSpace(values[i])
		}
		in := s.where(f.Property, func(v string) bool { return slices.Contains(values, v) })
		if f.Op == "in" {
			return in, nil
		}
		return func(at int) bool { return !in(at) }, nil
	case "exists":
		want := f.Value == "true"
		has := s.where(f.Property, func(string) bool { return true })
		return func(at int) bool { return has(at) == want }, nil
	case "regex":
		return s.matching(f)
	}
	return nil, outcome.New(outcome.NotSupported, "The filter %q of a value set is not known", f.Op)
}

func hierarchy(s *System, f definitions.Filter) (test, error) {
	if f.Property != "concept" && f.Property != "code" {
		return nil, outcome.New(outcome.NotSupported, "The filter %s of a value set is about concept, not %s", f.Op, f.Property)
	}
	list := s.Below(f.Value)
	if f.Op == "generalizes" {
		list = s.Above(f.Value)
	}
	in := make(map[int]bool, len(list))
	for _, at := range list {
		in[at] = true
	}
	if f.Op == "descendent-of" && len(list) > 0 {
		delete(in, list[0])
	}
	if f.Op == "is-not-a" {
		return func(at int) bool { return !in[at] }, nil
	}
	return func(at int) bool { return in[at] }, nil
}

// matching is a regular expression over the whole of a value. Go's take no more than linear time.
func (s *System) matching(f definitions.Filter) (test, error) {
	if len(f.Value) > maxPattern {
		return nil, outcome.New(outcome.TooCostly, "The regular expression of a filter has more than %d characters", maxPattern)
	}
	pattern, err := regexp.Compile("^(?:" + f.Value + ")$")
	if err != nil {
		return nil, outcome.New(outcome.NotSupported, "The regular expression %q of a filter is not understood", f.Value)
	}
	return s.where(f.Property, pattern.MatchString), nil
}

// where says whether one of the values of a property passes.
func (s *System) where(property string, passes func(string) bool) test {
	return func(at int) bool {
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
