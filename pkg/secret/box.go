package secret

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
)

// Keys keeps the server's keys; *store.Store implements it.
type Keys interface {
	// ServerKey is the key of a name; fresh becomes it when there is none yet, for one process alone.
	ServerKey(ctx context.Context, name string, fresh []byte) ([]byte, error)
}

// Box seals what must be had in the plain again, with AES-256-GCM under a key of the server.
type Box struct {
	aead cipher.AEAD
	mac  []byte
}

// ErrSealed says that what was to be opened was sealed with another key or for another place, or is damaged.
var ErrSealed = errors.New("secret: cannot be opened")

// OpenBox makes the Box of this server; its key is made at first use.
func OpenBox(ctx context.Context, keys Keys) (*Box, error) {
	key, err := keys.ServerKey(ctx, "box", Key())
	if err != nil {
		return nil, err
	}
	return NewBox(key)
}

// NewBox makes a Box from a key of 32 bytes.
func NewBox(key []byte) (*Box, error) {
	if len(key) != 32 {
		return nil, fmt.Errorf("a server key has 32 bytes, not %d", len(key))
	}
	sealing, err := hkdf.Key(sha256.New, key, nil, "seal", 32)
	if err != nil {
		return nil, err
	}
	mac, err := hkdf.Key(sha256.New, key, nil, "fingerprint", 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(sealing)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	return &Box{aead, mac}, nil
}

// Seal encrypts plain for one place (the row it will stand in): moved to another it does not open.
func (b *Box) Seal(plain []byte, place string) []byte {
	nonce := make([]byte, b.aead.NonceSize())
	_, _ = rand.Read(nonce)
	return b.aead.Seal(nonce, nonce, plain, []byte(place))
}

// Open gives back what was sealed for this place, or ErrSealed.
func (b *Box) Open(sealed []byte, place string) ([]byte, error) {
	if len(sealed) < b.aead.NonceSize() {
		return nil, ErrSealed
	}
	nonce, cipherText := sealed[:b.aead.NonceSize()], sealed[b.aead.NonceSize():]
	plain, err := b.aead.Open(nil, nonce, cipherText, []byte(place))
	if err != nil {
		return nil, ErrSealed
	}
	return plain, nil
}

// Fingerprint is a keyed digest: equal for equal data, and of no use without the server's key.
func (b *Box) Fingerprint(data []byte) string {
	mac := hmac.New(sha256.New, b.mac)
	mac.Write(data)
	return hex.EncodeToString(mac.Sum(nil))
}
