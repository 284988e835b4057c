package oauth

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jws"
)

// This file is the only one that knows the JOSE library.

// errToken: the token is not one that a key of ours has signed.
var errToken = errors.New("oauth: invalid token")

// signingKey is a private key with its kid.
type signingKey struct{ key jwk.Key }

// newSigningKey makes a P-256 key.
func newSigningKey(kid string) (signingKey, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return signingKey{}, fmt.Errorf("make signing key: %w", err)
	}
	key, err := jwk.FromRaw(private)
	if err != nil {
		return signingKey{}, fmt.Errorf("make signing key: %w", err)
	}
	err = errors.Join(key.Set(jwk.KeyIDKey, kid), key.Set(jwk.AlgorithmKey, jwa.ES256), key.Set(jwk.KeyUsageKey, "sig"))
	return signingKey{key}, err
}

func parseSigningKey(private []byte) (signingKey, error) {
	key, err := jwk.ParseKey(private)
	if err != nil {
		return signingKey{}, errors.New("a signing key is damaged") // the cause may quote the key
	}
	return signingKey{key}, nil
}

// private is the key as it is sealed, public as it is published.
func (k signingKey) private() ([]byte, error) { return json.Marshal(k.key) }

func (k signingKey) public() (jwk.Key, error) { return k.key.PublicKey() }

// sign makes a compact JWT of the claims.
func (k signingKey) sign(claims any) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	header := jws.NewHeaders()
	if err := header.Set(jws.TypeKey, "JWT"); err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	signed, err := jws.Sign(payload, jws.WithKey(jwa.ES256, k.key, jws.WithProtectedHeaders(header)))
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	return string(signed), nil
}

// keySet is what tokens are verified with; it marshals as a JWKS.
type keySet struct{ set jwk.Set }

func newKeySet(keys []signingKey) (keySet, error) {
	set := jwk.NewSet()
	for _, k := range keys {
		public, err := k.public()
		if err == nil {
			err = set.AddKey(public)
		}
		if err != nil {
			return keySet{}, fmt.Errorf("publish signing keys: %w", err)
		}
	}
	return keySet{set}, nil
}

// MarshalJSON implements json.Marshaler.
func (s keySet) MarshalJSON() ([]byte, error) { return json.Marshal(s.set) }

// unverified reads the claims of a compact token without believing them; false for what is none.
func unverified(token string, claims any) bool {
	message, err := jws.ParseString(token)
	return err == nil && json.Unmarshal(message.Payload(), claims) == nil
}

// maxToken bounds the work on a token that a stranger sends.
const maxToken = 8 << 10

// verify gives the payload of a compact token that a key of the set has signed. The algorithm is
// the key's, never the token's own choice. known is false when the kid is none of the set's.
func (s keySet) verify(token string) (payload []byte, known bool, err error) {
	if len(token) > maxToken || strings.Count(token, ".") != 2 {
		return nil, true, errToken
	}
	message, err := jws.ParseString(token)
	if err != nil || len(message.Signatures()) != 1 {
		return nil, true, errToken
	}
	kid := message.Signatures()[0].ProtectedHeaders().KeyID()
	key, found := s.set.LookupKeyID(kid)
	if kid == "" || !found {
		return nil, false, errToken
	}
	payload, err = jws.Verify([]byte(token), jws.WithKey(jwa.ES256, key))
	if err != nil {
		return nil, true, errToken
	}
	return payload, true, nil
}
