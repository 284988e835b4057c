package search_test

import (
	"testing"

	"github.com/admitdev/admit/fhir/search"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

func TestWhatNoTerminologyKnowsIsRefused(t *testing.T) {
	for _, tc := range []struct {
		search string
		with   search.Terminology
		code   outcome.Code
	}{
		{"Observation?code:in=http://example.org/unknown", terms{}, outcome.Value},
		{"Observation?code:not-in=http://example.org/unknown", terms{}, outcome.Value},
		{"Observation?code:below=urn:x|unknown", terms{}, outcome.Value},
		{"Observation?subject:Patient._has:Observation:subject:code:in=http://example.org/unknown", terms{}, outcome.Value},
		{"Observation?code:in=http://example.org/vitals", nil, outcome.NotSupported},
	} {
		r := parse(t, tc.search)
		if _, err := r.Query([]string{project}, everything); err == nil {
			t.Errorf("%s runs without its codes", tc.search)
		}
		if err := r.Resolve(tc.with); !outcome.Has(err, tc.code) {
			t.Errorf("%s: %v", tc.search, err)
		}
	}
	if _, err := compile(t, "Observation?code:in=http://example.org/vitals"); !outcome.Has(err, outcome.NotSupported) {
		t.Errorf("a criteria asks a value set: %v", err)
	}
}

func compile(t *testing.T, criteria string) (store.Predicate, error) {
	t.Helper()
	read, err := search.ReadCriteria(criteria)
	if err != nil {
		t.Fatal(err)
	}
	return read.Compile(func(string) (string, error) { return "", nil })
}
