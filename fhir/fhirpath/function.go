package fhirpath

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/document"
)

// call is a function applied to a collection.
type call struct {
	in    expr
	args  []expr
	apply func(s *scope, in Collection, args []expr) (Collection, error)
}

func (c *call) eval(s *scope, focus Collection) (Collection, error) {
	in, err := evalIn(c.in, s, focus)
	if err != nil {
		return nil, err
	}
	return c.apply(s, in, c.args)
}

type function struct {
	least, most int // arguments
	apply       func(s *scope, in Collection, args []expr) (Collection, error)
}

func callOf(in expr, name string, args []expr) (expr, error) {
	f, ok := functions()[name]
	if !ok || len(args) < f.least || len(args) > f.most {
		return nil, fmt.Errorf("%w: function %s with %d arguments", ErrUnsupported, name, len(args))
	}
	switch name {
	case "matches":
		return matches(in, args[0])
	case "replaceMatches":
		return replaceMatches(in, args)
	}
	return &call{in, args, f.apply}, nil
}

// functions are those that the search parameters and invariants of R4 and Medplum use.
func functions() map[string]function {
	return map[string]function{
		"exists":         {0, 1, exists},
		"empty":          {0, 0, func(_ *scope, in Collection, _ []expr) (Collection, error) { return boolean(len(in) == 0), nil }},
		"not":            {0, 0, not},
		"count":          {0, 0, count},
		"where":          {1, 1, where},
		"all":            {1, 1, all},
		"select":         {1, 1, selectEach},
		"first":          {0, 0, func(_ *scope, in Collection, _ []expr) (Collection, error) { return in[:min(1, len(in))], nil }},
		"tail":           {0, 0, func(_ *scope, in Collection, _ []expr) (Collection, error) { return in[min(1, len(in)):], nil }},
		"extension":      {1, 1, extension},
		"hasExtension":   {1, 1, hasExtension},
		"hasValue":       {0, 0, hasValue},
		"resolve":        {0, 0, resolve},
		"isDistinct":     {0, 0, isDistinct},
		"distinct":       {0, 0, func(_ *scope, in Collection, _ []expr) (Collection, error) { return distinct(in), nil }},
		"combine":        {1, 1, combine},
		"intersect":      {1, 1, intersect},
		"children":       {0, 0, each(Value.AllChildren)},
		"descendants":    {0, 0, each(Value.Descendants)},
		"trace":          {1, 2, func(_ *scope, in Collection, _ []expr) (Collection, error) { return in, nil }},
		"iif":            {2, 3, iif},
		"startsWith":     {1, 1, text(strings.HasPrefix)},
		"endsWith":       {1, 1, text(strings.HasSuffix)},
		"contains":       {1, 1, text(strings.Contains)},
		"matches":        {1, 1, nil}, // these two compile their pattern
		"replaceMatches": {2, 2, nil},
		"lower":          {0, 0, mapText(strings.ToLower)},
		"upper":          {0, 0, mapText(strings.ToUpper)},
		"toString":       {0, 0, mapText(func(s string) string { return s })},
		"toInteger":      {0, 0, toInteger},
		"length":         {0, 0, length},
	}
}

func exists(s *scope, in Collection, args []expr) (Collection, error) {
	if len(args) == 1 {
		var err error
		if in, err = where(s, in, args); err != nil {
			return nil, err
		}
	}
	return boolean(len(in) > 0), nil
}

func not(_ *scope, in Collection, _ []expr) (Collection, error) {
	t, err := truthOf(constant(in), nil, nil)
	if err != nil || t == unknown {
		return nil, err
	}
	return boolean(t == no), nil
}

// constant is a collection as an expression.
type constant Collection

func (c constant) eval(*scope, Collection) (Collection, error) { return Collection(c), nil }

func number(n int) Collection { return Collection{computed(document.Number, strconv.Itoa(n))} }

func count(_ *scope, in Collection, _ []expr) (Collection, error) { return number(len(in)), nil }

func where(s *scope, in Collection, args []expr) (Collection, error) {
	if err := s.env.spend(len(in)); err != nil {
		return nil, err
	}
	var out Collection
	inner, focus := *s, make(Collection, 1)
	for _, v := range in {
		inner.this, focus[0] = v, v
		t, err := truthOf(args[0], &inner, focus)
		if err != nil {
			return nil, err
		}
		if t == yes {
			out = append(out, v)
		}
	}
	return out, nil
}

func all(s *scope, in Collection, args []expr) (Collection, error) {
	kept, err := where(s, in, args)
	return boolean(len(kept) == len(in)), err
}

func selectEach(s *scope, in Collection, args []expr) (Collection, error) {
	var out Collection
	inner, focus := *s, make(Collection, 1)
	for _, v := range in {
		inner.this, focus[0] = v, v
		more, err := args[0].eval(&inner, focus)
		if err != nil {
			return nil, err
		}
		out = append(out, more...)
	}
	return out, nil
}

func extension(s *scope, in Collection, args []expr) (Collection, error) {
	urls, err := args[0].eval(s, in)
	if err != nil || len(urls) != 1 {
		return nil, err
	}
	var out Collection
	for _, v := range in {
		for _, ext := range v.Children(nil, "extension") {
			if ext.Node.Text("url") == urls[0].text {
				out = append(out, ext)
			}
		}
	}
	return out, nil
}

func hasExtension(s *scope, in Collection, args []expr) (Collection, error) {
	found, err := extension(s, in, args)
	return boolean(len(found) > 0), err
}

func hasValue(_ *scope, in Collection, _ []expr) (Collection, error) {
	return boolean(len(in) == 1 && in[0].hasValue()), nil
}

func isDistinct(_ *scope, in Collection, _ []expr) (Collection, error) {
	return boolean(len(distinct(in)) == len(in)), nil
}

func combine(s *scope, in Collection, args []expr) (Collection, error) {
	other, err := args[0].eval(s, in)
	return append(in[:len(in):len(in)], other...), err
}

func intersect(s *scope, in Collection, args []expr) (Collection, error) {
	other, err := args[0].eval(s, in)
	if err != nil || len(other) == 0 {
		return nil, err
	}
	wanted := other.has
	if len(in) > few {
		wanted = setOf(other).has
	}
	both := &set{}
	for _, v := range in {
		if wanted(v) && !both.has(v) {
			both.add(v)
		}
	}
	return both.values, s.env.spend(len(in) + len(other))
}

func each(f func(Value, Collection) Collection) func(*scope, Collection, []expr) (Collection, error) {
	return func(s *scope, in Collection, _ []expr) (Collection, error) {
		var out Collection
		for _, v := range in {
			out = f(v, out)
		}
		return out, s.env.spend(len(out))
	}
}

func iif(s *scope, in Collection, args []expr) (Collection, error) {
	t, err := truthOf(args[0], s, in)
	switch {
	case err != nil:
		return nil, err
	case t == yes:
		return args[1].eval(s, in)
	case len(args) == 3:
		return args[2].eval(s, in)
	}
	return nil, nil
}

func text(holds func(s, arg string) bool) func(*scope, Collection, []expr) (Collection, error) {
	return func(s *scope, in Collection, args []expr) (Collection, error) {
		arg, err := args[0].eval(s, in)
		if err != nil || len(in) == 0 || len(arg) == 0 {
			return nil, err
		}
		left, err := oneText(in)
		if err != nil {
			return nil, err
		}
		right, err := oneText(arg)
		return boolean(holds(left, right)), err
	}
}

func mapText(f func(string) string) func(*scope, Collection, []expr) (Collection, error) {
	return func(_ *scope, in Collection, _ []expr) (Collection, error) {
		if len(in) == 0 {
			return nil, nil
		}
		s, err := oneText(in)
		return Collection{computedString(f(s))}, err
	}
}

// length counts characters.
func length(_ *scope, in Collection, _ []expr) (Collection, error) {
	if len(in) == 0 {
		return nil, nil
	}
	s, err := oneText(in)
	return number(utf8.RuneCountInString(s)), err
}

func toInteger(_ *scope, in Collection, _ []expr) (Collection, error) {
	s, err := oneText(in)
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		return nil, nil //nolint:nilerr // no integer: empty
	}
	return number(n), nil
}

// matches compiles the regular expression with the expression that holds it.
func matches(in, pattern expr) (expr, error) {
	re, err := compilePattern(pattern)
	if err != nil {
		return nil, err
	}
	match := text(func(s, _ string) bool { return re.MatchString(s) })
	return &call{in, []expr{pattern}, match}, nil
}

func replaceMatches(in expr, args []expr) (expr, error) {
	re, err := compilePattern(args[0])
	if err != nil {
		return nil, err
	}
	with, ok := args[1].(literal)
	if !ok {
		return nil, fmt.Errorf("%w: a computed substitution", ErrUnsupported)
	}
	replace := mapText(func(s string) string { return re.ReplaceAllString(s, with[0].text) })
	return &call{in, nil, replace}, nil
}

func compilePattern(pattern expr) (*regexp.Regexp, error) {
	l, ok := pattern.(literal)
	if !ok {
		return nil, fmt.Errorf("%w: a computed pattern", ErrUnsupported)
	}
	re, err := regexp.Compile(l[0].text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnsupported, err)
	}
	return re, nil
}

// sum is +: numbers that are integers, and strings.
func sum(left, right Collection) (Collection, error) {
	if len(left) == 0 || len(right) == 0 {
		return nil, nil
	}
	a, err := oneText(left)
	if err != nil {
		return nil, err
	}
	b, err := oneText(right)
	if err != nil {
		return nil, err
	}
	x, errX := strconv.Atoi(a)
	y, errY := strconv.Atoi(b)
	if errX == nil && errY == nil {
		return number(x + y), nil
	}
	return Collection{computedString(a + b)}, nil
}

// resolve is the target of references: a contained resource, or a value that has the target's
// type and nothing else.
func resolve(s *scope, in Collection, _ []expr) (Collection, error) {
	var out Collection
	for _, v := range in {
		reference := v.Node.Text("reference")
		if _, literal, ok := v.Primitive(); ok {
			reference = literal
		}
		if target := targetOf(s.env, reference, v); target.Type != nil {
			out = append(out, target)
		}
	}
	return out, nil
}

func targetOf(env *Env, reference string, v Value) Value {
	if id, ok := strings.CutPrefix(reference, "#"); ok {
		return contained(env, id)
	}
	if name := TargetType(reference); name != "" {
		return Value{Type: definitions.StructureOf(name)}
	}
	if name := v.Node.Text("type"); definitions.IsResource(name) {
		return Value{Type: definitions.StructureOf(name)}
	}
	return Value{}
}

func contained(env *Env, id string) Value {
	if id == "" {
		return env.Root
	}
	if env.contained == nil {
		env.contained = map[string]Value{}
		for _, v := range env.Root.Children(nil, "contained") {
			env.contained[v.Node.Text("id")] = v
		}
	}
	return env.contained[id]
}

// TargetType is the resource type in a literal reference, relative or absolute; empty when the
// reference says none.
func TargetType(reference string) string {
	reference, _, _ = strings.Cut(reference, "/_history/")
	i := strings.LastIndexByte(reference, '/')
	if i < 0 {
		return ""
	}
	name := reference[:i]
	if name = name[strings.LastIndexByte(name, '/')+1:]; definitions.IsResource(name) {
		return name
	}
	return ""
}
