package secret_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/secret"
)

func rules() secret.Rules {
	return secret.Rules{MinLength: 8, BlockList: true, AppName: "Sunny Clinic"}
}

func TestPasswordsAreJudged(t *testing.T) {
	for _, tc := range []struct{ name, password, refusal string }{
		{"seven characters", "x7#kQ2!", "Invalid password, must be at least 8 characters"},
		{"eight characters count as characters", "пассаржы", ""},
		{"seven characters of many bytes", "пассарж", "Invalid password, must be at least 8 characters"},
		{"seven characters in fourteen code points", strings.Repeat("e\u0301", 7), "Invalid password, must be at least 8 characters"},
		{"lower case alone", "quiet otter under bridges", ""},
		{"digits alone", "8315520947716", ""},
		{"a hundred characters", strings.Repeat("correct horse ", 8), ""},
		{"longer than bcrypt reads", strings.Repeat("a", 71) + "é" + "z", ""},
		{"1024 bytes", strings.Repeat("ab", 512), ""},
		{"1025 bytes", strings.Repeat("ab", 512) + "c", "Invalid password, must be at most 1024 bytes"},
		{"common", "password1", "Password found in breach database"},
		{"common in another case", "PassWord1", "Password found in breach database"},
		{"common with spaces around", " iloveyou1 ", "Password found in breach database"},
		{"common in full width", "ｐａｓｓｗｏｒｄ", "Password found in breach database"},
		{"their address", "ada.lovelace@example.com", "Password is too easy to guess"},
		{"their address's local part", "Ada.Lovelace", "Password is too easy to guess"},
		{"the server's name", "sunny clinic", "Password is too easy to guess"},
		{"more than their address", "ada.lovelace-and-a-cat", ""},
		{"what the tests of the server use", "Correct-horse-battery-24", ""},
		{"demo", "Super-admin-1", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := rules().CheckFor("password", tc.password, "ada.lovelace@example.com")
			if tc.refusal == "" {
				require.NoError(t, err)
				return
			}
			var refused *outcome.Outcome
			require.ErrorAs(t, err, &refused)
			require.Equal(t, tc.refusal, refused.Issues[0].Text)
			require.Equal(t, []string{"password"}, refused.Issues[0].Expression)
			require.NotContains(t, err.Error(), tc.password)
		})
	}
}

func TestTheBlockListCanBeOff(t *testing.T) {
	r := rules()
	r.BlockList = false
	require.NoError(t, r.Check("password", "password1"))
	require.Error(t, r.Check("password", "short"))
}

func TestAHashOfTestsIsReadByEverybody(t *testing.T) {
	hash, err := secret.NewTestHasher().Hash(t.Context(), "correct horse")
	require.NoError(t, err)
	for password, want := range map[string]bool{"correct horse": true, "correct house": false} {
		match, err := secret.NewHasher(1).Verify(t.Context(), password, hash)
		require.NoError(t, err)
		require.Equal(t, want, match, password)
	}
}

func TestAHashVerifiesItsPasswordAlone(t *testing.T) {
	h := secret.NewHasher(2)
	long := strings.Repeat("a", 100)
	hash, err := h.Hash(t.Context(), long)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$"), hash)
	for password, want := range map[string]bool{long: true, long[:72]: false, long + "a": false, "": false} {
		match, err := h.Verify(t.Context(), password, hash)
		require.NoError(t, err)
		require.Equal(t, want, match, len(password))
	}
	again, err := h.Hash(t.Context(), long)
	require.NoError(t, err)
	require.NotEqual(t, hash, again, "salted")
	require.NoError(t, h.VerifyNobody(t.Context(), long))
}

func TestTwoSpellingsOfTheSameCharactersAreOnePassword(t *testing.T) {
	h := secret.NewHasher(1)
	hash, err := h.Hash(t.Context(), "caf\u00e9 au lait")
	require.NoError(t, err)
	match, err := h.Verify(t.Context(), "cafe\u0301 au lait", hash)
	require.NoError(t, err)
	require.True(t, match)
	match, err = h.Verify(t.Context(), "café ａu lait", hash)
	require.NoError(t, err)
	require.False(t, match, "another character that looks alike is another")
}

func TestHashingWaitsNoLongerThanItsContext(t *testing.T) {
	h := secret.NewHasher(1)
	release := secret.HoldSlotForTest(h)
	defer release()
	ctx, cancel := context.WithCancel(t.Context())
	waiting := make(chan error, 1)
	go func() {
		_, err := h.Hash(ctx, "whatever it is")
		waiting <- err
	}()
	cancel()
	require.ErrorIs(t, <-waiting, context.Canceled)
}

// keys keeps the first key that comes, as the table does.
type keys struct {
	mu   sync.Mutex
	kept []byte
	err  error
}

func (k *keys) ServerKey(_ context.Context, _ string, fresh []byte) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.kept == nil {
		k.kept = fresh
	}
	return k.kept, k.err
}

func TestASealedSecretOpensInItsPlaceAlone(t *testing.T) {
	shared := &keys{}
	box, err := secret.OpenBox(t.Context(), shared)
	require.NoError(t, err)
	other, err := secret.OpenBox(t.Context(), shared)
	require.NoError(t, err)
	stranger, err := secret.NewBox(secret.Key())
	require.NoError(t, err)

	sealed := box.Seal([]byte("top secret"), "mail/1")
	require.NotContains(t, string(sealed), "secret")
	plain, err := other.Open(sealed, "mail/1")
	require.NoError(t, err)
	require.Equal(t, "top secret", string(plain))
	require.NotEqual(t, sealed, box.Seal([]byte("top secret"), "mail/1"))

	damaged := bytes.Clone(sealed)
	damaged[len(damaged)-1] ^= 1
	for name, open := range map[string]func() ([]byte, error){
		"another place": func() ([]byte, error) { return box.Open(sealed, "mail/2") },
		"another key":   func() ([]byte, error) { return stranger.Open(sealed, "mail/1") },
		"damaged":       func() ([]byte, error) { return box.Open(damaged, "mail/1") },
		"empty":         func() ([]byte, error) { return box.Open(nil, "mail/1") },
	} {
		_, err := open()
		require.ErrorIs(t, err, secret.ErrSealed, name)
	}
	require.Equal(t, box.Fingerprint([]byte("x")), other.Fingerprint([]byte("x")))
	require.NotEqual(t, box.Fingerprint([]byte("x")), stranger.Fingerprint([]byte("x")))
}

func TestABoxNeedsItsKey(t *testing.T) {
	_, err := secret.NewBox([]byte("short"))
	require.Error(t, err)
	broken := errors.New("database is away")
	_, err = secret.OpenBox(t.Context(), &keys{err: broken})
	require.ErrorIs(t, err, broken)
}

func TestTokensAreRandomAndCompared(t *testing.T) {
	require.Len(t, secret.Token(16), 32)
	require.NotEqual(t, secret.Token(16), secret.Token(16))
	require.NotEqual(t, secret.ID(), secret.ID())
	require.Equal(t, byte('4'), secret.ID()[14], "not a time-ordered id")
	require.True(t, secret.Equal("a", "a"))
	for _, other := range []string{"", "b", "aa"} {
		require.False(t, secret.Equal("a", other))
	}
	require.Equal(t, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", secret.SHA256("abc"))
}

// BenchmarkHash is the raw hash that sign-ins are compared with.
func BenchmarkHash(b *testing.B) {
	h := secret.NewHasher(2)
	for b.Loop() {
		if _, err := h.Hash(b.Context(), "a password of a usual length"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	r := rules()
	for b.Loop() {
		if err := r.Check("password", "a password of a usual length"); err != nil {
			b.Fatal(err)
		}
	}
}
