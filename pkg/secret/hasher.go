package secret

import (
	"context"
	"fmt"
	"sync"

	"github.com/alexedwards/argon2id"
	"golang.org/x/text/unicode/norm"
)

// cost is OWASP's first choice for Argon2id.
func cost() *argon2id.Params {
	return &argon2id.Params{Memory: 19 << 10, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}
}

// Hasher hashes passwords, a few at a time. Two spellings of the same characters are one password
// (NFC, SP 800-63B-4 §3.1.1.2 and RFC 8265 §4.2).
type Hasher struct {
	slots  chan struct{}
	params *argon2id.Params
	// nobody is the hash that a password is compared with when there is no User.
	nobody func() (string, error)
}

// NewHasher makes a Hasher that works on so many passwords at once; each takes 19 MiB.
func NewHasher(parallel int) *Hasher { return newHasher(parallel, cost()) }

// NewTestHasher makes a Hasher for tests, which hash the passwords they know themselves thousands of
// times: its hashes cost next to nothing, and so protect nothing.
func NewTestHasher() *Hasher {
	params := cost()
	params.Memory, params.Iterations = 8, 1 // the least that RFC 9106 §3.1 allows
	return newHasher(2, params)
}

func newHasher(parallel int, params *argon2id.Params) *Hasher {
	return &Hasher{
		slots:  make(chan struct{}, max(1, parallel)),
		params: params,
		nobody: sync.OnceValues(func() (string, error) { return argon2id.CreateHash(Token(32), params) }),
	}
}

// Hash makes the hash that is stored. It waits for a slot as long as ctx lasts.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	var hash string
	err := h.inSlot(ctx, func() (err error) {
		hash, err = argon2id.CreateHash(norm.NFC.String(password), h.params)
		return err
	})
	return hash, err
}

// Verify says whether hash is that of password. It waits for a slot as long as ctx lasts.
func (h *Hasher) Verify(ctx context.Context, password, hash string) (match bool, err error) {
	err = h.inSlot(ctx, func() (err error) {
		match, err = argon2id.ComparePasswordAndHash(norm.NFC.String(password), hash)
		return err
	})
	return match, err
}

// VerifyNobody does the work of Verify for a User who does not exist or has no password, so that
// the time an answer takes does not tell.
func (h *Hasher) VerifyNobody(ctx context.Context, password string) error {
	return h.inSlot(ctx, func() error {
		hash, err := h.nobody()
		if err != nil {
			return err
		}
		_, err = argon2id.ComparePasswordAndHash(norm.NFC.String(password), hash)
		return err
	})
}

func (h *Hasher) inSlot(ctx context.Context, work func() error) error {
	select {
	case h.slots <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("wait to hash a password: %w", ctx.Err())
	}
	defer func() { <-h.slots }()
	if err := ctx.Err(); err != nil { // both were ready
		return fmt.Errorf("wait to hash a password: %w", err)
	}
	if err := work(); err != nil {
		return fmt.Errorf("hash a password: %w", err)
	}
	return nil
}
