package fhirpath

import (
	"fmt"
	"strconv"

	"github.com/admitdev/admit/fhir/definitions"
)

// literal is a constant of one value.
type literal Collection

func literalOf(v Value) literal { return literal{v} }

func (l literal) eval(*scope, Collection) (Collection, error) { return Collection(l), nil }

// empty is {}.
type empty struct{}

func (empty) eval(*scope, Collection) (Collection, error) { return nil, nil }

// this is $this.
type this struct{}

func (this) eval(s *scope, _ Collection) (Collection, error) { return Collection{s.this}, nil }

// variable is %resource and its like.
type variable func(*scope) Value

func (v variable) eval(s *scope, _ Collection) (Collection, error) { return Collection{v(s)}, nil }

func variableOf(name string) (expr, error) {
	switch name {
	case "$this":
		return this{}, nil
	case "%resource":
		return variable(func(s *scope) Value { return s.env.Resource }), nil
	case "%rootResource":
		return variable(func(s *scope) Value { return s.env.Root }), nil
	case "%context":
		return variable(func(s *scope) Value { return s.context }), nil
	case "%ucum":
		return literalOf(computedString("http://unitsofmeasure.org")), nil
	}
	return nil, fmt.Errorf("%w: %s", ErrUnsupported, name)
}

// path is a chain of element names. The first, when nothing precedes it, may be the name of the
// focus's type.
type path struct {
	in    expr
	names []string
}

func (p *path) eval(s *scope, focus Collection) (Collection, error) {
	if p.in != nil {
		var err error
		if focus, err = p.in.eval(s, focus); err != nil {
			return nil, err
		}
	}
	var out Collection
	for _, v := range focus {
		visited := 1
		out = p.from(out, v, &visited)
		if err := s.env.spend(visited); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// from appends what the names lead to, and counts the values met on the way.
func (p *path) from(out Collection, v Value, visited *int) Collection {
	if p.in != nil || !isTypeName(p.names[0]) {
		return walk(out, v, p.names, visited)
	}
	if !v.Is(p.names[0]) {
		return out
	}
	return walk(out, v, p.names[1:], visited)
}

func walk(out Collection, v Value, names []string, visited *int) Collection {
	switch len(names) {
	case 0:
		*visited += perValue
		return append(out, v)
	case 1:
		before := len(out)
		out = v.Children(out, names[0])
		*visited += perValue * (len(out) - before)
		return out
	}
	var room [4]Value
	children := v.Children(room[:0], names[0])
	*visited += len(children)
	for _, child := range children {
		out = walk(out, child, names[1:], visited)
	}
	return out
}

func isTypeName(name string) bool { return 'A' <= name[0] && name[0] <= 'Z' }

// index is [n].
type index struct {
	in expr
	n  int
}

func indexOf(in expr, n string) (expr, error) {
	i, err := strconv.Atoi(n)
	return &index{in, i}, err
}

func (x *index) eval(s *scope, focus Collection) (Collection, error) {
	in, err := evalIn(x.in, s, focus)
	if err != nil || x.n >= len(in) {
		return nil, err
	}
	return in[x.n : x.n+1], s.env.spend(1)
}

// evalIn evaluates what a function or operator is applied to; nil is the focus.
func evalIn(in expr, s *scope, focus Collection) (Collection, error) {
	if in == nil {
		return focus, nil
	}
	return in.eval(s, focus)
}

// typeTest is is, as and ofType.
type typeTest struct {
	in   expr
	op   string
	name string
}

func (t *typeTest) eval(s *scope, focus Collection) (Collection, error) {
	in, err := evalIn(t.in, s, focus)
	if err != nil || len(in) == 0 {
		return nil, err
	}
	if err := s.env.spend(len(in)); err != nil {
		return nil, err
	}
	if t.op == "is" {
		if len(in) > 1 {
			return nil, fmt.Errorf("is: %w", ErrNotOne)
		}
		return boolean(t.holds(in[0])), nil
	}
	var out Collection // as of several values filters, as ofType does: search parameters rely on it
	for _, v := range in {
		if t.holds(v) {
			out = append(out, v)
		}
	}
	return out, nil
}

func (t *typeTest) holds(v Value) bool {
	if v.Is(t.name) {
		return true
	}
	// FHIR's primitives are FHIRPath's own in the invariants: answer is Boolean.
	kind, ok := systemKinds[t.name]
	vKind, _, prim := v.Primitive()
	return ok && prim && v.Type != nil && v.Type.Kind == definitions.Primitive && kind == vKind
}
