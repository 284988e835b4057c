package policy_test

import (
	"strings"
	"testing"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/policy"
)

// TestParametersAreValues holds that no value can say more than a value.
func TestParametersAreValues(t *testing.T) {
	entries := `{"resourceType":"Patient","criteria":"Patient?organization=%org"}`
	of := func(value string) medplum.Parameter { return medplum.Parameter{Name: "org", ValueString: &value} }
	for _, tc := range []struct {
		value   string
		granted bool
	}{
		{"Organization/x&y|z,w", false}, // no id, so a URL of nobody
		{"Organization/x", false},
		{"Organization/no,Organization/x", false},
		{"x&_id=homer", false},
		{"x&organization:missing=true", false},
		{`\`, false},
		{"%profile", false},
	} {
		p := compile(t, subject, entries, of(tc.value))
		if got := may(t, p, policy.Read, `{"resourceType":"Patient","id":"homer","managingOrganization":{"reference":"Organization/y"}}`); got != tc.granted {
			t.Errorf("%s: %v", tc.value, got)
		}
	}
	for value, want := range map[string]bool{"Organization/y": true, "y": true, "Organization/y,z": false, "z,Organization/y": false} {
		p := compile(t, subject, entries, of(value))
		if got := may(t, p, policy.Read, `{"resourceType":"Patient","id":"homer","managingOrganization":{"reference":"Organization/y"}}`); got != want {
			t.Errorf("%s: %v", value, got)
		}
	}
	prefixed := compile(t, subject, `{"resourceType":"Patient","criteria":"Patient?birthdate=1980"}`)
	if !may(t, prefixed, policy.Read, `{"resourceType":"Patient","id":"a","birthDate":"1980-01-01"}`) {
		t.Error("a plain date")
	}
	date := "ge1980"
	if _, err := policy.Compile([]policy.Source{{
		Policy:     read(t, `{"resourceType":"Patient","criteria":"Patient?birthdate=%d"}`),
		Parameters: []medplum.Parameter{{Name: "d", ValueString: &date}},
	}}, subject); err == nil {
		t.Error("a value brought its prefix")
	}
}

func TestLongerNamesAreOtherParameters(t *testing.T) {
	value := "Patient/bart"
	_, err := policy.Compile([]policy.Source{{Policy: read(t, `{"resourceType":"Observation","criteria":"Observation?subject=%profileX"}`)}}, subject)
	if err == nil || !strings.Contains(err.Error(), "Parameter profileX has no value") {
		t.Error(err)
	}
	p := compile(t, subject, `{"resourceType":"Observation","criteria":"Observation?subject=%profileX"}`, medplum.Parameter{Name: "profileX", ValueString: &value})
	if letters(t, p, mine) != "" || letters(t, p, others) == "" {
		t.Error("profileX is not profile")
	}
}
