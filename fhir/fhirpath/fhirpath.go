// Package fhirpath evaluates the part of FHIRPath (http://hl7.org/fhirpath/N1) in which search
// parameters and invariants are written, over a parsed document. It is there for speed: every
// write evaluates dozens of such expressions, and an engine that parses the bytes again for each
// takes longer than the write itself. Whatever it does not know is refused by Compile with
// ErrUnsupported; gofhir/fhirpath evaluates those, and is what the tests compare this with.
//
//   - An Expression is compiled once and evaluated by any number of goroutines.
//   - Evaluation does no I/O: resolve() looks at contained resources and otherwise knows of a
//     reference's target no more than its type.
//   - Types come from package definitions, so value[x] is one lookup, not a guess.
package fhirpath

import (
	"errors"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/document"
)

// ErrUnsupported is wrapped by Compile's error when the expression is outside of the part known.
var ErrUnsupported = errors.New("not supported here")

// ErrNotOne is wrapped when an operator that needs one value is given several.
var ErrNotOne = errors.New("expected a single value")

// Collection is an ordered list of values, the result of every expression.
type Collection []Value

// Env is the environment of evaluations on one document. It is used by one goroutine.
type Env struct {
	Resource Value // %resource: the resource that contains the focus
	Root     Value // %rootResource: the one that contains Resource, or Resource itself
	budget   *Budget

	contained map[string]Value // of Root, by id, when resolve() has needed them
}

// NewEnv is the environment of a document that is a resource, with a budget of its own.
func NewEnv(doc *document.Node, resourceType string) *Env {
	return NewBudget(len(doc.Raw)).Env(doc, resourceType)
}

// SetRoot makes another resource of the document the root, as an entry of a Bundle is its own.
func (e *Env) SetRoot(root Value) {
	if e.Root != root {
		e.Root, e.contained = root, nil
	}
}

// Expression is a compiled expression.
type Expression struct {
	source string
	root   expr
}

// String is the source.
func (e *Expression) String() string { return e.source }

// Compile parses an expression.
func Compile(source string) (*Expression, error) {
	root, err := parse(source)
	if err != nil {
		return nil, err
	}
	return &Expression{source: source, root: root}, nil
}

// Evaluate evaluates the expression with focus as $this and %context.
func (e *Expression) Evaluate(env *Env, focus Value) (Collection, error) {
	if p, ok := e.root.(*path); ok && p.in == nil { // most search parameters: no scope is needed
		var visited int
		out := p.from(nil, focus, &visited)
		return out, env.spend(1 + visited)
	}
	return e.root.eval(&scope{env: env, this: focus, context: focus}, Collection{focus})
}

// Holds says whether an invariant holds. Only a definite false breaks it: an empty result (dates
// of different precision, say) and an error do not, except ErrTooCostly.
func (e *Expression) Holds(env *Env, focus Value) bool {
	out, err := e.Evaluate(env, focus)
	if errors.Is(err, ErrTooCostly) {
		return false
	}
	if err != nil || len(out) != 1 {
		return true
	}
	kind, text, ok := out[0].Primitive()
	return !ok || kind != document.Bool || text == "true"
}

// scope is where an expression is evaluated.
type scope struct {
	env     *Env
	this    Value
	context Value
}

// expr is a compiled expression. A nil result is the empty collection.
type expr interface {
	eval(s *scope, focus Collection) (Collection, error)
}

// Root is a resource as a value.
func Root(doc *document.Node, resourceType string) Value {
	return Value{Type: definitions.StructureOf(resourceType), Node: doc}
}
