package apptest_test

import (
	"encoding/base64"
	"encoding/json"
	"testing"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jws"
	"github.com/stretchr/testify/require"
)

// unsigned is a JWT without a signature, which says that it has the algorithm alg.
func unsigned(t testing.TB, claims map[string]any, alg string) string {
	t.Helper()
	payload, err := json.Marshal(claims)
	require.NoError(t, err)
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"`+alg+`","typ":"JWT"}`)) + "." + encode(payload) + "."
}

// hmacSigned is a JWT that a shared secret has signed.
func hmacSigned(t testing.TB, claims map[string]any, with string) string {
	t.Helper()
	payload, err := json.Marshal(claims)
	require.NoError(t, err)
	signed, err := jws.Sign(payload, jws.WithKey(jwa.HS256, []byte(with)))
	require.NoError(t, err)
	return string(signed)
}
