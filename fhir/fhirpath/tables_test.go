package fhirpath

import (
	"testing"

	"github.com/admitdev/admit/fhir/definitions"
)

// TestEverySearchExpressionCompiles holds that no search parameter needs another engine.
func TestEverySearchExpressionCompiles(t *testing.T) {
	for _, name := range definitions.ResourceTypes() {
		for _, p := range definitions.SearchParams(name) {
			if _, err := Compile(p.Expression); p.Expression != "" && err != nil {
				t.Errorf("%s %s: %v", name, p.Code, err)
			}
		}
	}
}

// TestEveryInvariantCompiles holds that no invariant of a known structure needs another engine.
func TestEveryInvariantCompiles(t *testing.T) {
	for _, s := range definitions.Structures() {
		check := func(invariants []definitions.Invariant) {
			for _, i := range invariants {
				if _, err := Compile(i.Expression); err != nil {
					t.Errorf("%s %s: %v", s.Name, i.Key, err)
				}
			}
		}
		check(s.Invariants)
		for _, e := range s.Elements {
			check(e.Invariants)
		}
	}
}
