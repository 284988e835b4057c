// Package terminology works out which codes a value set holds and what a code system says of a
// code (R4 terminology-module.html), over R4's own definitions and over those that a Source
// finds. It does no I/O itself: a Source does, and knows who asks.
//
//   - What is found first counts: a project's own value set before R4's of the same URL.
//   - Whether a code is in a set is answered yes, no or unknown. It is unknown when that depends
//     on a code system whose content is not here (SNOMED CT, LOINC, units); nothing is guessed.
//   - Cycles, depth, the number of definitions and of codes, and what filters take are bounded; what
//     is over a bound is refused, never cut.
//   - Displays are those of the definitions. There are no translations, so a displayLanguage
//     changes nothing and is not named among the parameters of an expansion.
package terminology

import (
	"strings"
	"sync"

	"github.com/admitdev/admit/fhir/definitions"
)

// The bounds of one answer.
const (
	maxDepth       = 16     // value sets that import value sets
	maxDefinitions = 200    // value sets that one set is made of
	maxParts       = 10_000 // includes and excludes of a set and all that it imports
	maxCodes       = 50_000 // codes of one expansion, all pages together
	maxSteps       = 2_000_000
	maxCost        = 20_000 // steps of one question about a set
	maxFilters     = 20     // filters of an include or exclude
	maxAllFilters  = 500    // filters of a set and all that it imports
	maxPatterns    = 50     // regular expressions among them
	maxPattern     = 256    // bytes of a filter's regular expression
	stepEffort     = 64     // instructions of a regular expression's program on a byte that are one step
)

// Source finds definitions by URL and version; an empty version is any. What is not known is nil.
type Source interface {
	ValueSet(url, version string) (*definitions.ValueSet, error)
	CodeSystem(url, version string) (*System, error)
}

// Standard is R4's and Medplum's own terminology.
type Standard struct{}

// ValueSet implements Source.
func (Standard) ValueSet(url, version string) (*definitions.ValueSet, error) {
	set := definitions.ValueSetOf(url)
	if set == nil || !isVersion(version, set.Version) {
		return nil, nil
	}
	return set, nil
}

// compiled are the code systems of the tables that have been asked for.
var compiled sync.Map // URL → *System

// CodeSystem implements Source.
func (Standard) CodeSystem(url, version string) (*System, error) {
	if system, ok := compiled.Load(url); ok {
		return system.(*System).ofVersion(version), nil
	}
	definition := definitions.CodeSystemOf(url)
	if definition == nil {
		return nil, nil
	}
	system, _ := compiled.LoadOrStore(url, NewSystem(definition))
	return system.(*System).ofVersion(version), nil
}

func (s *System) ofVersion(version string) *System {
	if !isVersion(version, s.Version) {
		return nil
	}
	return s
}

// release is how definitions name R4's version when they mean whatever it has.
const release = "4.0"

func isVersion(asked, has string) bool {
	return asked == "" || asked == has || asked == release || strings.HasPrefix(asked, release+".")
}

// Then is a Source that asks first, and R4's own terminology when that knows nothing.
func Then(first Source) Source { return &layered{first} }

type layered struct{ first Source }

func (l *layered) ValueSet(url, version string) (*definitions.ValueSet, error) {
	if set, err := l.first.ValueSet(url, version); set != nil || err != nil {
		return set, err
	}
	return Standard{}.ValueSet(url, version)
}

func (l *layered) CodeSystem(url, version string) (*System, error) {
	if system, err := l.first.CodeSystem(url, version); system != nil || err != nil {
		return system, err
	}
	return Standard{}.CodeSystem(url, version)
}

// Canonical splits a canonical reference at its version.
func Canonical(reference string) (url, version string) {
	url, version, _ = strings.Cut(reference, "|")
	return url, version
}
