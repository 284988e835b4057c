package oauth

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/lestrrat-go/jwx/v2/jws"
)

// SignForTest signs any claims with the server's current key.
func SignForTest(s *Server) func(t *testing.T, claims map[string]any) string {
	return func(t *testing.T, claims map[string]any) string {
		t.Helper()
		signed, err := s.keys.sign(context.Background(), claims)
		if err != nil {
			t.Fatal(err)
		}
		return signed[0]
	}
}

// RotateForTest does at once what Run does every minute.
func RotateForTest(s *Server) error { return s.keys.rotate(context.Background()) }

// KidsForTest are the ids of the published keys, oldest first.
func KidsForTest(t *testing.T, s *Server) []string {
	t.Helper()
	state, err := s.keys.current(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(state.published)
	if err != nil {
		t.Fatal(err)
	}
	var jwks struct{ Keys []struct{ Kid string } }
	if err := json.Unmarshal(raw, &jwks); err != nil {
		t.Fatal(err)
	}
	var kids []string
	for _, key := range jwks.Keys {
		kids = append(kids, key.Kid)
	}
	return kids
}

// KidForTest is the id of the key that signed a token.
func KidForTest(t *testing.T, token string) string {
	t.Helper()
	message, err := jws.ParseString(token)
	if err != nil {
		t.Fatal(err)
	}
	return message.Signatures()[0].ProtectedHeaders().KeyID()
}

// VerifyForTest verifies a token's signature, AccessForTest what a request's token is worth.
func VerifyForTest(s *Server) func(token string) error {
	return func(token string) error {
		_, err := s.keys.verify(context.Background(), token)
		return err
	}
}

func AccessForTest(s *Server) func(token string) error {
	return func(token string) error {
		_, err := s.access(context.Background(), token)
		return err
	}
}
