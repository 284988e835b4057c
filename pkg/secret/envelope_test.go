package secret_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/pkg/secret"
)

func TestAnEnvelopeOpensWhatIsForItAlone(t *testing.T) {
	open := func() *secret.Envelope {
		key, err := secret.EnvelopeKey()
		require.NoError(t, err)
		envelope, err := secret.NewEnvelope(key)
		require.NoError(t, err)
		return envelope
	}
	ours, theirs := open(), open()
	public, err := ours.PublicKey()
	require.NoError(t, err)
	block, _ := pem.Decode([]byte(public))
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	require.NoError(t, err)
	seal := func(text string) string {
		sealed, err := rsa.EncryptPKCS1v15(rand.Reader, parsed.(*rsa.PublicKey), []byte(text)) //nolint:staticcheck // as the clients do
		require.NoError(t, err)
		return base64.StdEncoding.EncodeToString(sealed)
	}
	plain, err := ours.Open(seal("correct horse"))
	require.NoError(t, err)
	require.Equal(t, "correct horse", plain)
	_, err = theirs.Open(seal("correct horse"))
	require.ErrorIs(t, err, secret.ErrEnvelope)
	for _, bad := range []string{"", "?", "correct horse", seal("")[:40], seal(""), base64.StdEncoding.EncodeToString(make([]byte, 256)), strings.Repeat("A", 1<<16)} {
		_, err := ours.Open(bad)
		require.ErrorIs(t, err, secret.ErrEnvelope, "%.40s", bad)
	}
	_, err = secret.NewEnvelope([]byte("no key"))
	require.Error(t, err)
}
