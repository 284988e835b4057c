package policy

import (
	"slices"

	gofhir "github.com/gofhir/fhirpath"
	"github.com/gofhir/fhirpath/types"

	"github.com/admitdev/admit/fhir/fhirpath"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/outcome"
)

// constraint is a writeConstraint: a FHIRPath over the resource with %before and %after.
type constraint struct {
	expression *gofhir.Expression
	variables  map[string]types.Collection
}

// compileConstraint understands an expression. Parameters are variables of FHIRPath, so their
// values are no part of its text.
func compileConstraint(e medplum.Expression, v values) (constraint, error) {
	if e.Language != "text/fhirpath" {
		return constraint{}, at(outcome.New(outcome.Invalid, "The language must be text/fhirpath"), "language")
	}
	if err := fhirpath.Foreign(e.Expression); err != nil {
		return constraint{}, at(outcome.New(outcome.Invalid, "Invalid FHIRPath: %v", err), "expression")
	}
	compiled, err := gofhir.Compile(e.Expression)
	if err != nil {
		return constraint{}, at(outcome.New(outcome.Invalid, "Invalid FHIRPath: %v", err), "expression")
	}
	c := constraint{compiled, map[string]types.Collection{}}
	for name, value := range v.named {
		c.variables[name] = types.Collection{types.NewString(value)}
	}
	return c, nil
}

// Constrained says whether the rule has a writeConstraint, for which Permits needs documents.
func (r *Rule) Constrained() bool { return len(r.constraints) > 0 }

// Permits evaluates the rule's writeConstraint over the stored document (nil on create) and the
// new one (nil on delete). All must be true: an error or an empty result is a no.
func (r *Rule) Permits(before, after []byte) bool { return r.forbids(before, after) < 0 }

// forbids is the position of the first writeConstraint that is not met, -1 when all are.
func (r *Rule) forbids(before, after []byte) int {
	return slices.IndexFunc(r.constraints, func(c constraint) bool { return !c.holds(before, after) })
}

func (c constraint) holds(before, after []byte) bool {
	focus := after
	if focus == nil {
		focus = before
	}
	options := []gofhir.EvalOption{
		gofhir.WithModel(model{}),
		gofhir.WithVariable("before", object(before)),
		gofhir.WithVariable("after", object(after)),
	}
	for name, value := range c.variables {
		if name != "before" && name != "after" {
			options = append(options, gofhir.WithVariable(name, value))
		}
	}
	result, err := c.expression.EvaluateWithOptions(focus, options...)
	if err != nil || len(result) != 1 {
		return false
	}
	held, ok := result[0].(types.Boolean)
	return ok && held.Bool()
}

func object(document []byte) types.Collection {
	if document == nil {
		return types.Collection{}
	}
	return types.Collection{types.NewObjectValue(document)}
}
