package signin_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"

	"github.com/go-webauthn/webauthn/protocol/webauthncbor"
	"github.com/stretchr/testify/require"
)

const (
	userPresent  = 1
	userVerified = 4
	attested     = 64
)

// authenticator is one in software (WebAuthn L3 §6), which can do what no browser would.
type authenticator struct {
	w      *world
	origin string
	rpID   string
	flags  byte
	count  uint32
	id     []byte
	handle []byte
	key    *ecdsa.PrivateKey
}

func newAuthenticator(w *world) *authenticator {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(w.t, err)
	a := &authenticator{w: w, origin: "http://admit.example", rpID: "admit.example", flags: userPresent | userVerified, id: make([]byte, 32), key: key}
	_, _ = rand.Read(a.id)
	return a
}

func encode(raw []byte) string { return base64.RawURLEncoding.EncodeToString(raw) }

// asked are the publicKey options of a ceremony.
func (w *world) asked(path, token string, body any) object {
	w.t.Helper()
	got := w.post200(path, token, body)
	options, _ := got.json["publicKey"].(map[string]any)
	require.NotEmpty(w.t, options["challenge"], got.body)
	return options
}

func (a *authenticator) clientData(kind string, options object) []byte {
	raw, err := json.Marshal(object{"type": kind, "challenge": options["challenge"], "origin": a.origin, "crossOrigin": false})
	require.NoError(a.w.t, err)
	return raw
}

func (a *authenticator) data(flags byte, more []byte) []byte {
	rp := sha256.Sum256([]byte(a.rpID))
	data := append(rp[:], flags)
	data = binary.BigEndian.AppendUint32(data, a.count)
	return append(data, more...)
}

// create is the answer to options for a new passkey.
func (a *authenticator) create(options object) object {
	a.w.t.Helper()
	user, _ := options["user"].(map[string]any)
	handle, err := base64.RawURLEncoding.DecodeString(user["id"].(string))
	require.NoError(a.w.t, err)
	a.handle = handle
	point, err := a.key.PublicKey.Bytes()
	require.NoError(a.w.t, err)
	public, err := webauthncbor.Marshal(map[int]any{1: 2, 3: -7, -1: 1, -2: point[1:33], -3: point[33:]})
	require.NoError(a.w.t, err)
	credential := append(make([]byte, 16), 0, byte(len(a.id)))
	credential = append(append(credential, a.id...), public...)
	attestation, err := webauthncbor.Marshal(map[string]any{
		"fmt": "none", "attStmt": map[string]any{}, "authData": a.data(a.flags|attested, credential),
	})
	require.NoError(a.w.t, err)
	return object{
		"id": encode(a.id), "rawId": encode(a.id), "type": "public-key", "clientExtensionResults": object{},
		"response": object{"clientDataJSON": encode(a.clientData("webauthn.create", options)), "attestationObject": encode(attestation)},
	}
}

// get is the answer to options for a sign-in.
func (a *authenticator) get(options object) object {
	a.w.t.Helper()
	a.count++
	client, data := a.clientData("webauthn.get", options), a.data(a.flags, nil)
	hash := sha256.Sum256(client)
	signed := sha256.Sum256(append(append([]byte{}, data...), hash[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, a.key, signed[:])
	require.NoError(a.w.t, err)
	return object{
		"id": encode(a.id), "rawId": encode(a.id), "type": "public-key", "clientExtensionResults": object{},
		"response": object{
			"clientDataJSON": encode(client), "authenticatorData": encode(data), "signature": encode(signature), "userHandle": encode(a.handle),
		},
	}
}

// enrolled is an authenticator with a passkey of whoever holds the token.
func (w *world) enrolled(token string) *authenticator {
	w.t.Helper()
	a := newAuthenticator(w)
	w.post200("/auth/passkey/register", token, object{"name": "Key", "credential": a.create(w.asked("/auth/passkey/register-options", token, object{}))})
	return a
}
