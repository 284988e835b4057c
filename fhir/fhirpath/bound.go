package fhirpath

import (
	"errors"
	"fmt"
	"strings"
)

// ErrTooLarge is wrapped by the error for an expression that is longer or deeper than anything
// anybody means. No other engine may be given what was refused for it.
var ErrTooLarge = errors.New("the expression is too large")

// The bounds of an expression. The longest of R4's, the invariant sdf-19, has 342 bytes.
const (
	maxLength   = 8 << 10
	maxBrackets = 400
	maxTokens   = 2000
	maxDepth    = 50
)

// Bounded refuses, with ErrTooLarge, a source that no parser should be given, whatever part of
// FHIRPath it knows. Brackets are counted wherever they stand: what is text and what is not, another
// parser may see differently.
func Bounded(source string) error {
	if len(source) > maxLength {
		return fmt.Errorf("%w: more than %d bytes", ErrTooLarge, maxLength)
	}
	brackets := 0
	for _, bracket := range []string{"(", "[", "{"} {
		brackets += strings.Count(source, bracket)
	}
	if brackets > maxBrackets {
		return fmt.Errorf("%w: more than %d brackets", ErrTooLarge, maxBrackets)
	}
	return nil
}
