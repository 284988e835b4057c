package fhirpath

import (
	"errors"
	"fmt"

	"github.com/admitdev/admit/fhir/document"
)

// ErrTooCostly is wrapped when the evaluations on one budget have taken more steps than the size of
// their documents warrants, or would make too long a string.
var ErrTooCostly = errors.New("too many steps")

// stepsPerByte is several times what HL7's examples take at most: the invariants of a
// StructureDefinition 3 or 4, those of anything else about 1. A hostile document of a megabyte takes a
// second or two.
const stepsPerByte, leastSteps = 12, 200_000

// What a value costs: one that is found or put into a list, which takes memory, and one that is come
// upon by looking at every element.
const perValue, perDescendant = 4, 16

// maxMade is how long a string may be that an expression makes.
const maxMade = 64 << 10

// Budget is how many steps evaluations may take together: each value looked at is one and each that is found
// several, each operator and function carried out is one, and each byte of a string made. It is used by one goroutine.
type Budget struct{ steps int }

// NewBudget is the budget of a request about documents of so many bytes.
func NewBudget(bytes int) *Budget { return &Budget{leastSteps + stepsPerByte*bytes} }

// Grow adds what another document of so many bytes warrants.
func (b *Budget) Grow(bytes int) { b.steps += stepsPerByte * bytes }

// Env is the environment of a document that is a resource, evaluations on which spend the budget.
func (b *Budget) Env(doc *document.Node, resourceType string) *Env {
	root := Root(doc, resourceType)
	return &Env{Resource: root, Root: root, budget: b}
}

// spend counts steps.
func (e *Env) spend(steps int) error {
	if e.budget.steps -= steps; e.budget.steps < 0 {
		e.budget.steps = -1 // however much is asked for afterwards
		return ErrTooCostly
	}
	return nil
}

// spendOn counts a string of so many bytes before it is made.
func (e *Env) spendOn(bytes int) error {
	if bytes > maxMade {
		return fmt.Errorf("%w: a string of %d bytes", ErrTooCostly, bytes)
	}
	return e.spend(bytes)
}

// bytesPerStep is how much text is compared or searched in the time of a step.
const bytesPerStep = 16

// weight is how many steps it takes to compare a value with another.
func weight(v Value) int {
	if v.Node != nil {
		return 1 + len(v.Node.Raw)/bytesPerStep
	}
	return 1 + len(v.text)/bytesPerStep
}

// weights is how many steps it takes to find values among each other.
func weights(c Collection) int {
	sum := perValue * len(c)
	for _, v := range c {
		sum += weight(v)
	}
	return sum
}
