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
