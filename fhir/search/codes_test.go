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

// countedTerms counts what is asked.
type countedTerms struct {
	terms
	sets *int
}

func (c countedTerms) ValueSet(url string) ([]store.TokenValue, error) {
	*c.sets++
	return c.terms.ValueSet(url)
}

// TestAValueSetCountsOnceForAllTypes that ask it in the same way.
func TestAValueSetCountsOnceForAllTypes(t *testing.T) {
	const vitals, others = "http://example.org/vitals", ",1,2,3,4,5,6,7,8,9"
	for query, asked := range map[string]int{
		"_tag:in=" + vitals: 1,
		"_tag:in=" + vitals + "&_security:not-in=" + vitals:             2,
		"_type=Patient,Observation,Condition&_tag:in=" + vitals:         1,
		"_tag:in=" + vitals + "," + vitals + "&_tag:in=" + vitals + ",": 0,
		"_tag:in=" + vitals + others + ",10":                            0,
	} {
		sets := 0
		r, err := search.Parse(nil, query, base)
		if asked == 0 {
			if !outcome.Has(err, outcome.Invalid) {
				t.Errorf("%s: %v", query, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", query, err)
			continue
		}
		if err := r.Resolve(countedTerms{sets: &sets}); err != nil || sets != asked {
			t.Errorf("%s asks %d value sets: %v", query, sets, err)
		}
	}
	if _, err := search.Parse(nil, "_tag:in="+vitals+others, base); err != nil {
		t.Errorf("ten sets: %v", err)
	}
}
