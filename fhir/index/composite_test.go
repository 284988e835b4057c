package index

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/admitdev/admit/fhir/definitions"
)

// TestEveryCompositeIsUnderstood holds that no composite parameter of R4 is left out, and says
// which have rows.
func TestEveryCompositeIsUnderstood(t *testing.T) {
	var whole, either, span, rows []string
	for _, resourceType := range definitions.ResourceTypes() {
		for _, p := range definitions.SearchParams(resourceType) {
			if p.Type != definitions.Composite {
				continue
			}
			c, ok := CompositeOf(resourceType, p)
			name := resourceType + " " + p.Code
			switch {
			case !ok:
				t.Errorf("%s is not understood: %+v", name, c)
			case c.Either != nil:
				either = append(either, name)
			case c.Whole:
				whole = append(whole, name)
			case c.Span:
				span = append(span, name)
			case !slices.Contains([]string{"context-type-quantity", "context-type-value"}, p.Code):
				rows = append(rows, name)
			}
		}
	}
	for _, tc := range []struct {
		form      string
		got, want []string
	}{
		{"what has one base needs no rows", whole, []string{
			"MolecularSequence chromosome-window-coordinate", "MolecularSequence referenceseqid-window-coordinate",
			"Observation code-value-concept", "Observation code-value-date", "Observation code-value-quantity", "Observation code-value-string",
		}},
		{"what has several is each of them", either, []string{"Observation combo-code-value-concept", "Observation combo-code-value-quantity"}},
		{"two numbers are one row", span, []string{"MolecularSequence chromosome-variant-coordinate", "MolecularSequence referenceseqid-variant-coordinate"}},
		{"the others are named by their token", rows, []string{
			"DocumentReference relationship", "Group characteristic-value",
			"Observation component-code-value-concept", "Observation component-code-value-quantity",
		}},
	} {
		if diff := cmp.Diff(tc.want, tc.got); diff != "" {
			t.Errorf("%s: %s", tc.form, diff)
		}
	}
}
