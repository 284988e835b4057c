package oauth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jws"
)

// minRSABits is the shortest RSA key that is believed (RFC 7518 §3.3).
const minRSABits = 2048

// assertionAlgorithms are those that SMART App Launch wants of servers; no other is accepted.
var assertionAlgorithms = []string{"RS384", "ES384"}

// publicKey is a key of somebody else's, publicKeys all that they publish.
type publicKey struct {
	kid       string
	algorithm jwa.SignatureAlgorithm
	key       any
	parsed    jwk.Key // of a proof alone
}

type publicKeys []publicKey

// parsePublicKeys reads a JWKS. What cannot verify an assertion is left out, as RFC 7517 §5 says of
// keys that one does not understand.
func parsePublicKeys(raw []byte) (publicKeys, error) {
	set, err := jwk.Parse(raw)
	if err != nil {
		return nil, errors.New("not a JWK Set")
	}
	var all publicKeys
	for i := range set.Len() {
		key, _ := set.Key(i)
		if known, ok := usable(key); ok {
			all = append(all, known)
		}
	}
	return all, nil
}

// usable reads a key that verifies signatures of an algorithm that we accept.
func usable(key jwk.Key) (publicKey, bool) {
	var raw any
	if key.KeyID() == "" || key.KeyUsage() != "" && key.KeyUsage() != "sig" || key.Raw(&raw) != nil {
		return publicKey{}, false
	}
	known := publicKey{kid: key.KeyID(), key: raw}
	switch raw := raw.(type) {
	case *rsa.PublicKey:
		known.algorithm = jwa.RS384
		if raw.N.BitLen() < minRSABits {
			return publicKey{}, false
		}
	case *ecdsa.PublicKey:
		known.algorithm = jwa.ES384
		if raw.Curve != elliptic.P384() {
			return publicKey{}, false
		}
	default: // a private key too, which its owner has given away
		return publicKey{}, false
	}
	said := key.Algorithm().String()
	return known, said == "" || said == known.algorithm.String()
}

func (s publicKeys) withID(kid string) (found []publicKey) {
	for _, key := range s {
		if key.kid == kid {
			found = append(found, key)
		}
	}
	return found
}

// verifies says whether the key has signed a compact token. The algorithm is the key's own.
func (k publicKey) verifies(token string) bool {
	_, err := jws.Verify([]byte(token), jws.WithKey(k.algorithm, k.key))
	return err == nil
}

// parsePublicKey reads the one key of a proof, which must be public and fit the algorithm.
func parsePublicKey(raw []byte, algorithm string) (publicKey, bool) {
	parsed, err := jwk.ParseKey(raw)
	if err != nil {
		return publicKey{}, false
	}
	known := publicKey{algorithm: jwa.SignatureAlgorithm(algorithm), parsed: parsed}
	if parsed.Raw(&known.key) != nil {
		return publicKey{}, false
	}
	switch key := known.key.(type) {
	case *rsa.PublicKey:
		return known, key.N.BitLen() >= minRSABits && algorithm[0] != 'E'
	case *ecdsa.PublicKey:
		return known, key.Curve == map[string]elliptic.Curve{"ES256": elliptic.P256(), "ES384": elliptic.P384()}[algorithm]
	}
	return publicKey{}, false // a private key too, which its owner has given away
}

// thumbprint is RFC 7638.
func (k publicKey) thumbprint(hash crypto.Hash) ([]byte, error) { return k.parsed.Thumbprint(hash) }

// joseHeader is what the header of an assertion says.
type joseHeader struct {
	Algorithm string          `json:"alg"`
	KeyID     string          `json:"kid"`
	SetURL    string          `json:"jku"`
	Critical  json.RawMessage `json:"crit"`
	Unencoded json.RawMessage `json:"b64"`
}

// peek reads a compact token without believing it.
func peek(token string, claims any) (header joseHeader, ok bool) {
	ok = peekInto(token, &header, claims)
	return header, ok
}

// peekInto is peek with a header that says more.
func peekInto(token string, header, claims any) bool {
	parts := strings.Split(token, ".")
	if len(token) > maxToken || len(parts) != 3 {
		return false
	}
	for i, into := range []any{header, claims} {
		raw, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil || json.Unmarshal(raw, into) != nil {
			return false
		}
	}
	return true
}
