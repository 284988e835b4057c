package secret

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
)

// envelopeBits is the size of the keys for which clients encrypt.
const envelopeBits = 2048

// Envelope opens what clients have encrypted for its public key, with RSAES-PKCS1-v1_5, the one
// scheme of theirs. Whoever may ask it about many cipher texts can learn what is in another
// (Bleichenbacher): a key is for one group of clients that may know each other's secrets.
type Envelope struct{ key *rsa.PrivateKey }

// ErrEnvelope says that a text was not encrypted for this key, whatever is wrong with it.
var ErrEnvelope = errors.New("secret: not encrypted for this key")

// EnvelopeKey is a new private key in its PKCS #8 form.
func EnvelopeKey() ([]byte, error) {
	key, err := rsa.GenerateKey(rand.Reader, envelopeBits)
	if err != nil {
		return nil, err
	}
	return x509.MarshalPKCS8PrivateKey(key)
}

// NewEnvelope makes an Envelope from an EnvelopeKey.
func NewEnvelope(key []byte) (*Envelope, error) {
	parsed, err := x509.ParsePKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("read an envelope key: %w", err)
	}
	private, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("an envelope key is an RSA key")
	}
	return &Envelope{private}, nil
}

// PublicKey is the public key in PEM.
func (e *Envelope) PublicKey() (string, error) {
	der, err := x509.MarshalPKIXPublicKey(&e.key.PublicKey)
	if err != nil {
		return "", err
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), nil
}

// Open gives back what was encrypted, which is in base64, or ErrEnvelope.
func (e *Envelope) Open(encrypted string) (string, error) {
	cipherText, err := base64.StdEncoding.DecodeString(encrypted)
	if err != nil {
		return "", ErrEnvelope
	}
	plain, err := rsa.DecryptPKCS1v15(nil, e.key, cipherText) //nolint:staticcheck // the clients know no other; see Envelope
	if err != nil || len(plain) == 0 {
		return "", ErrEnvelope
	}
	return string(plain), nil
}
