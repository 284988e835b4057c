package repo_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/policy"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/fhir/repo/repotest"
)

// TestAnExplanationTellsNoAccountsThatAreHidden: what another member's write would inherit from a patient
// decides only as far as whoever asks sees the patient.
func TestAnExplanationTellsNoAccountsThatAreHidden(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		patient := w.Make(t, w.A.ID, "Patient", map[string]any{"resourceType": "Patient", "meta": map[string]any{"accounts": []any{map[string]any{"reference": "Organization/x"}}}})
		member := w.Caller(t, w.With(t, w.A.ID, medplum.PolicyResource{ResourceType: "Patient"},
			medplum.PolicyResource{ResourceType: "Observation", Criteria: "Observation?_compartment=Organization/x"}))
		body := `{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/` + patient + `"}}`
		for _, tc := range []struct {
			name    string
			rules   []medplum.PolicyResource
			allowed bool
		}{
			{"who sees the patient", []medplum.PolicyResource{{ResourceType: "Patient"}, {ResourceType: "Observation"}}, true},
			{"who does not", []medplum.PolicyResource{{ResourceType: "Observation"}}, false},
			{"who does not see the accounts", []medplum.PolicyResource{{ResourceType: "Patient", HiddenFields: []string{"meta.accounts"}}}, false},
		} {
			asker := w.As(t, w.With(t, w.A.ID, tc.rules...))
			d, err := asker.Explain(ctx, member, repo.Asked{Interaction: policy.Create, Type: "Observation", Body: []byte(body)})
			require.NoError(t, err)
			assert.Equal(t, tc.allowed, d.Allowed, tc.name)
		}
	})
}
