package policy

import (
	"slices"
	"strings"
	"testing"

	"github.com/gofhir/models/r4"
	"github.com/stretchr/testify/assert"

	"github.com/admitdev/admit/fhir/definitions"
)

// TestTheModelSaysWhatAnotherSaysOfR4 goes through every element of every type that both know.
func TestTheModelSaysWhatAnotherSaysOfR4(t *testing.T) {
	other, compared := r4.FHIRPathModel(), 0
	for _, structure := range definitions.Structures() {
		if root, _, _ := strings.Cut(structure.Name, "."); !other.IsResource(root) && other.ParentType(root) == "" {
			continue // Medplum's
		}
		if parent := other.ParentType(structure.Name); parent != "" {
			assert.Equal(t, parent, model{}.ParentType(structure.Name), structure.Name)
		}
		for _, e := range structure.Elements {
			path := structure.Name + "." + e.Name
			if choices := other.ChoiceTypes(path); choices != nil {
				assert.ElementsMatch(t, choices, model{}.ChoiceTypes(path), path)
				compared++
			}
			switch known := other.TypeOf(path); {
			case known == "" || strings.HasSuffix(known, "/System.String"): // where R4 has id and uri
			case known == "BackboneElement": // the other's even where R4 has Element, in data types
				assert.Contains(t, []string{known, "Element"}, model{}.TypeOf(path), path)
			default:
				assert.Equal(t, known, model{}.TypeOf(path), path)
				compared++
			}
			if targets := other.ReferenceTargets(path); len(targets) > 0 && !slices.Contains(targets, "Resource") {
				assert.ElementsMatch(t, targets, model{}.ReferenceTargets(path), path)
			}
			assert.Equal(t, other.ResolvePath(path), model{}.ResolvePath(path), path)
		}
	}
	assert.Greater(t, compared, 3000)
}
