package openid

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestWhatAProviderSaysOfAFactor: what it does not say, or says in another form, it has not done.
func TestWhatAProviderSaysOfAFactor(t *testing.T) {
	for _, tc := range []struct {
		claims  string
		several bool
	}{
		{`{}`, false},
		{`{"amr":["pwd"]}`, false},
		{`{"amr":["pwd","pin","kba"]}`, false},
		{`{"amr":["otp","hwk","sms"]}`, false},
		{`{"amr":["face","fpt"]}`, false},
		{`{"amr":["pwd","geo","rba","mca","user","wia"]}`, false},
		{`{"amr":["pwd","something"]}`, false},
		{`{"amr":"mfa"}`, false},
		{`{"amr":{"0":"mfa"}}`, false},
		{`{"amr":["MFA"]}`, false},
		{`{"acr":"gold"}`, false},
		{`{"acr":"phr phrh"}`, false},
		{`{"acr":["phr"]}`, false},
		{`{"acr":2}`, false},
		{`{"acr":null,"amr":null,"auth_time":null}`, false},
		{`{"amr":["mfa"]}`, true},
		{`{"amr":["pwd","otp"]}`, true},
		{`{"amr":["hwk","fpt"]}`, true},
		{`{"amr":["pin","sc"]}`, true},
		{`{"amr":["pwd","vbm"]}`, true},
		{`{"acr":"phr"}`, true},
		{`{"acr":"phrh","amr":["pwd"]}`, true},
		{`{"acr":"https://refeds.org/profile/mfa"}`, true},
	} {
		var claims strengthClaims
		require.NoError(t, json.Unmarshal([]byte(tc.claims), &claims), tc.claims)
		require.Equal(t, tc.several, claims.strength().Several(), tc.claims)
		require.NotContains(t, claims.strength().AMR, "something")
	}
	for said, want := range map[string]int64{`1700000000`: 1700000000, `1700000000.5`: 1700000000, `"1700000000"`: 0, `-5`: 0, `1e300`: 0, `[]`: 0} {
		var claims strengthClaims
		require.NoError(t, json.Unmarshal([]byte(`{"auth_time":`+said+`}`), &claims))
		if at := claims.strength().AuthTime; want == 0 {
			require.True(t, at.IsZero(), said)
		} else {
			require.Equal(t, time.Unix(want, 0), at, said)
		}
	}
}
