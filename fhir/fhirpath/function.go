package fhirpath

import (
	"fmt"
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
	if err := s.env.spend(1); err != nil {
		return nil, err
	}
	return c.apply(s, in, c.args)
}

type function struct {
	least, most int // arguments
	apply       func(s *scope, in Collection, args []expr) (Collection, error)
}

func (p *parser) callOf(in expr, name string, args []expr) (expr, error) {
	switch {
	case name == "matches" && len(args) == 1:
		return p.matches(in, args[0])
	case name == "replaceMatches" && len(args) == 2:
		return p.replaceMatches(in, args)
	}
	f, ok := functions()[name]
	if !ok || len(args) < f.least || len(args) > f.most {
		return nil, fmt.Errorf("%w: function %s with %d arguments", ErrUnsupported, name, len(args))
	}
	return &call{in, args, f.apply}, nil
}

// functions are those that the search parameters and invariants of R4 and Medplum use, besides the
// two with a regular expression.
func functions() map[string]function {
	return map[string]function{
		"exists":       {0, 1, exists},
		"empty":        {0, 0, func(_ *scope, in Collection, _ []expr) (Collection, error) { return boolean(len(in) == 0), nil }},
		"not":          {0, 0, not},
		"count":        {0, 0, count},
		"where":        {1, 1, where},
		"all":          {1, 1, all},
		"select":       {1, 1, selectEach},
		"first":        {0, 0, func(_ *scope, in Collection, _ []expr) (Collection, error) { return in[:min(1, len(in))], nil }},
		"tail":         {0, 0, func(_ *scope, in Collection, _ []expr) (Collection, error) { return in[min(1, len(in)):], nil }},
		"extension":    {1, 1, extension},
		"hasExtension": {1, 1, hasExtension},
		"hasValue":     {0, 0, hasValue},
		"resolve":      {0, 0, resolve},
		"isDistinct":   {0, 0, isDistinct},
		"distinct":     {0, 0, func(s *scope, in Collection, _ []expr) (Collection, error) { return unequal(s, in) }},
		"combine":      {1, 1, combine},
		"intersect":    {1, 1, intersect},
		"children":     {0, 0, each(Value.AllChildren)},
		"descendants":  {0, 0, each(Value.Descendants)},
		"trace":        {1, 2, func(_ *scope, in Collection, _ []expr) (Collection, error) { return in, nil }},
		"iif":          {2, 3, iif},
		"startsWith":   {1, 1, text(strings.HasPrefix)},
		"endsWith":     {1, 1, text(strings.HasSuffix)},
		"contains":     {1, 1, text(strings.Contains)},
		"lower":        {0, 0, mapText(strings.ToLower)},
		"upper":        {0, 0, mapText(strings.ToUpper)},
		"toString":     {0, 0, toString},
		"toInteger":    {0, 0, toInteger},
		"length":       {0, 0, length},
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
		if err := s.env.spend(1 + perValue*len(more)); err != nil {
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
		extensions := v.Children(nil, "extension")
		if err := s.env.spend(1 + perValue*len(extensions)); err != nil {
			return nil, err
		}
		for _, ext := range extensions {
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

func isDistinct(s *scope, in Collection, _ []expr) (Collection, error) {
	kept, err := unequal(s, in)
	return boolean(len(kept) == len(in)), err
}

// unequal is distinct on the budget.
func unequal(s *scope, in Collection) (Collection, error) {
	if err := s.env.spend(weights(in)); err != nil {
		return nil, err
	}
	return distinct(in), nil
}

func combine(s *scope, in Collection, args []expr) (Collection, error) {
	other, err := args[0].eval(s, in)
	if err != nil {
		return nil, err
	}
	if err := s.env.spend(perValue * (len(in) + len(other))); err != nil {
		return nil, err
	}
	return append(in[:len(in):len(in)], other...), nil
}

func intersect(s *scope, in Collection, args []expr) (Collection, error) {
	other, err := args[0].eval(s, in)
	if err != nil || len(other) == 0 {
		return nil, err
	}
	if err := s.env.spend(weights(in) + weights(other)); err != nil {
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
	return both.values, nil
}

func each(f func(Value, Collection) Collection) func(*scope, Collection, []expr) (Collection, error) {
	return func(s *scope, in Collection, _ []expr) (Collection, error) {
		var out Collection
		for _, v := range in {
			before := len(out)
			out = f(v, out)
			if err := s.env.spend(1 + perDescendant*(len(out)-before)); err != nil {
				return nil, err
			}
		}
		return out, nil
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
		if err != nil {
			return nil, err
		}
		return boolean(holds(left, right)), s.env.spend((len(left) + len(right)) / bytesPerStep)
	}
}

func mapText(f func(string) string) func(*scope, Collection, []expr) (Collection, error) {
	return func(s *scope, in Collection, _ []expr) (Collection, error) {
		if len(in) == 0 {
			return nil, nil
		}
		text, err := oneText(in)
		if err != nil {
			return nil, err
		}
		if err := s.env.spendOn(len(text)); err != nil {
			return nil, err
		}
		return Collection{computedString(f(text))}, nil
	}
}

func toString(_ *scope, in Collection, _ []expr) (Collection, error) {
	if len(in) == 0 {
		return nil, nil
	}
	text, err := oneText(in)
	return Collection{computedString(text)}, err
}

// length counts characters.
func length(s *scope, in Collection, _ []expr) (Collection, error) {
	if len(in) == 0 {
		return nil, nil
	}
	text, err := oneText(in)
	if err != nil {
		return nil, err
	}
	return number(utf8.RuneCountInString(text)), s.env.spend(len(text) / bytesPerStep)
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

// sum is +: numbers that are integers, and strings.
func sum(env *Env, left, right Collection) (Collection, error) {
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
	return join(env, a, b)
}

// resolve is the target of references: a contained resource, or a value that has the target's
// type and nothing else.
func resolve(s *scope, in Collection, _ []expr) (Collection, error) {
	if err := s.env.spend(perValue * len(in)); err != nil {
		return nil, err
	}
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
