package patch_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/fhir/patch"
	"github.com/admitdev/admit/pkg/outcome"
)

// TestOperationsShareOneBudget: what one operation may take, ten may not take each.
func TestOperationsShareOneBudget(t *testing.T) {
	doc := []byte(`{"resourceType":"Patient","name":[{"given":[` + strings.Repeat(`"a",`, 150) + `"b"]}]}`)
	costly := `{"name":"operation","part":[{"name":"type","valueCode":"delete"},{"name":"path","valueString":"Patient.name.given.where(%resource.name.given.count() = 1)"}]}`
	for operations, refused := range map[int]bool{1: false, 10: true} {
		p, err := patch.Parameters([]byte(`{"resourceType":"Parameters","parameter":[` + strings.Repeat(costly+",", operations-1) + costly + `]}`))
		require.NoError(t, err)
		out, err := p.Apply(doc, "Patient")
		if !refused {
			require.NoError(t, err)
			assert.Equal(t, string(doc), string(out))
			continue
		}
		var o *outcome.Outcome
		require.True(t, errors.As(err, &o), "%v", err)
		assert.Equal(t, "too-costly", o.Code.Issue)
		assert.Nil(t, out)
	}
}
