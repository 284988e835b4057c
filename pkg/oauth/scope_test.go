package oauth_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/admitdev/admit/pkg/oauth"
)

func TestAScopeThatIsNotUnderstoodRestrictsAllTheSame(t *testing.T) {
	for _, tc := range []struct {
		granted, chosen string
		covered         bool
	}{
		{"openid", "user/Patient.rs", true},
		{"openid patient/*.rs", "openid patient/Observation.r", true},
		{"openid patient/*.rs", "openid patient/Observation.u", false},
		{"openid patient/*.rs", "openid", false},
		{"openid patient/all.everything", "openid", false},
		{"openid patient/all.everything", "openid patient/*.rs", false},
		{"openid patient/all.everything", "openid patient/all.everything", true},
	} {
		assert.Equal(t, tc.covered, oauth.Covers(tc.granted, tc.chosen), "%s of %s", tc.chosen, tc.granted)
	}
}

// TestAMisspeltScopeIsNone: it would restrict nothing.
func TestAMisspeltScopeIsNone(t *testing.T) {
	for scope, valid := range map[string]bool{
		"": true, "openid profile fhirUser offline_access": true, "launch launch/patient": true, "anything-else": true,
		"patient/*.rs user/Observation.read system/*.*": true, "user/Observation.rs?code=http://loinc.org|1": true,
		"openid Patient/*.read": false, "System/Patient.rs": false, "systems/Patient.rs": false, "foo/bar": false,
		"Patient.rs": false, "*.read": false, "/": false,
	} {
		assert.Equal(t, valid, oauth.ValidScope(scope), scope)
	}
}
