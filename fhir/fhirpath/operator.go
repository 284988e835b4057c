package fhirpath

import (
	"fmt"

	"github.com/admitdev/admit/fhir/document"
)

// operator is a binary operator on evaluated operands.
type operator struct {
	op          string
	left, right expr
	apply       func(env *Env, left, right Collection) (Collection, error)
}

func (o *operator) eval(s *scope, focus Collection) (Collection, error) {
	left, err := o.left.eval(s, focus)
	if err != nil {
		return nil, err
	}
	right, err := o.right.eval(s, focus)
	if err != nil {
		return nil, err
	}
	if err := s.env.spend(1); err != nil {
		return nil, err
	}
	return o.apply(s.env, left, right)
}

func binaryOf(op string, left, right expr) (expr, error) {
	apply, ok := operators[op]
	if ok {
		return &operator{op, left, right, apply}, nil
	}
	logic, ok := logics[op]
	if !ok {
		return nil, fmt.Errorf("%w: operator %s", ErrUnsupported, op)
	}
	return &logical{logic, left, right}, nil
}

var operators = map[string]func(env *Env, left, right Collection) (Collection, error){
	"=":  func(env *Env, l, r Collection) (Collection, error) { return equality(env, l, r, true) },
	"!=": func(env *Env, l, r Collection) (Collection, error) { return equality(env, l, r, false) },
	"<":  inequality(func(c int) bool { return c < 0 }),
	"<=": inequality(func(c int) bool { return c <= 0 }),
	">":  inequality(func(c int) bool { return c > 0 }),
	">=": inequality(func(c int) bool { return c >= 0 }),
	"|": func(env *Env, l, r Collection) (Collection, error) {
		if err := env.spend(weights(l) + weights(r)); err != nil {
			return nil, err
		}
		return distinct(append(l[:len(l):len(l)], r...)), nil
	},
	"in": func(env *Env, l, r Collection) (Collection, error) { return memberOf(env, l, r) },
	"contains": func(env *Env, l, r Collection) (Collection, error) {
		return memberOf(env, r, l)
	},
	"&": func(env *Env, l, r Collection) (Collection, error) {
		left, err := oneText(l)
		if err != nil {
			return nil, err
		}
		right, err := oneText(r)
		if err != nil {
			return nil, err
		}
		return join(env, left, right)
	},
	"+": sum,
}

func computedString(s string) Value { return computed(document.String, s) }

func join(env *Env, left, right string) (Collection, error) {
	if err := env.spendOn(len(left) + len(right)); err != nil {
		return nil, err
	}
	return Collection{computedString(left + right)}, nil
}

// equality is = and !=: empty when a side is, or when it cannot be said (N1 §6.1.1).
func equality(env *Env, left, right Collection, want bool) (Collection, error) {
	if len(left) == 0 || len(right) == 0 {
		return nil, nil
	}
	if len(left) != len(right) {
		return boolean(!want), nil
	}
	for i := range left {
		if err := env.spend(min(weight(left[i]), weight(right[i]))); err != nil {
			return nil, err
		}
		same, known := equal(left[i], right[i])
		if !known {
			return nil, nil
		}
		if !same {
			return boolean(!want), nil
		}
	}
	return boolean(want), nil
}

func inequality(holds func(order int) bool) func(env *Env, left, right Collection) (Collection, error) {
	return func(env *Env, left, right Collection) (Collection, error) {
		if len(left) == 0 || len(right) == 0 {
			return nil, nil
		}
		if len(left) > 1 || len(right) > 1 {
			return nil, fmt.Errorf("comparison: %w", ErrNotOne)
		}
		if err := env.spend(max(weight(left[0]), weight(right[0]))); err != nil {
			return nil, err
		}
		order, known, err := compare(left[0], right[0])
		if err != nil || !known {
			return nil, err
		}
		return boolean(holds(order)), nil
	}
}

func memberOf(env *Env, item, list Collection) (Collection, error) {
	if len(item) == 0 {
		return nil, nil
	}
	if len(item) > 1 {
		return nil, fmt.Errorf("in: %w", ErrNotOne)
	}
	if err := env.spend(len(list) * weight(item[0])); err != nil {
		return nil, err
	}
	return boolean(list.has(item[0])), nil
}

func oneText(c Collection) (string, error) {
	if len(c) == 0 {
		return "", nil
	}
	_, text, ok := c[0].Primitive()
	if len(c) > 1 || !ok {
		return "", ErrNotOne
	}
	return text, nil
}

// truth is FHIRPath's three-valued logic.
type truth int

const (
	unknown truth = iota
	no
	yes
)

var logics = map[string]func(left truth, right func() (truth, error)) (truth, error){
	"and": func(l truth, right func() (truth, error)) (truth, error) {
		if l == no {
			return no, nil
		}
		r, err := right()
		if l == yes || r == no {
			return r, err
		}
		return unknown, err
	},
	"or": func(l truth, right func() (truth, error)) (truth, error) {
		if l == yes {
			return yes, nil
		}
		r, err := right()
		if l == no || r == yes {
			return r, err
		}
		return unknown, err
	},
	"xor": func(l truth, right func() (truth, error)) (truth, error) {
		r, err := right()
		switch {
		case l == unknown || r == unknown:
			return unknown, err
		case l != r:
			return yes, err
		}
		return no, err
	},
	"implies": func(l truth, right func() (truth, error)) (truth, error) {
		if l == no {
			return yes, nil
		}
		r, err := right()
		if l == yes || r == yes {
			return r, err
		}
		return unknown, err
	},
}

// logical is and, or, xor and implies; the right side is evaluated when it matters.
type logical struct {
	logic       func(left truth, right func() (truth, error)) (truth, error)
	left, right expr
}

func (l *logical) eval(s *scope, focus Collection) (Collection, error) {
	t, err := l.truth(s, focus)
	if err != nil || t == unknown {
		return nil, err
	}
	return boolean(t == yes), nil
}

func (l *logical) truth(s *scope, focus Collection) (truth, error) {
	if err := s.env.spend(1); err != nil {
		return unknown, err
	}
	left, err := truthOf(l.left, s, focus)
	if err != nil {
		return unknown, err
	}
	return l.logic(left, func() (truth, error) { return truthOf(l.right, s, focus) })
}

// truthOf evaluates to a boolean; one value that is none counts as true (N1 §4.5).
func truthOf(e expr, s *scope, focus Collection) (truth, error) {
	if l, ok := e.(*logical); ok {
		return l.truth(s, focus)
	}
	c, err := e.eval(s, focus)
	switch {
	case err != nil || len(c) == 0:
		return unknown, err
	case len(c) > 1:
		return unknown, fmt.Errorf("boolean: %w", ErrNotOne)
	}
	if kind, text, ok := c[0].Primitive(); ok && kind == document.Bool && text == "false" {
		return no, nil
	}
	return yes, nil
}
