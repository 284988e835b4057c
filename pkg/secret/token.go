package secret

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"

	"github.com/google/uuid"
)

// Token is n random bytes in hexadecimal.
func Token(n int) string {
	random := make([]byte, n)
	_, _ = rand.Read(random) // never fails: the program stops when the system has no randomness
	return hex.EncodeToString(random)
}

// MinClientSecret is how long a client's secret must be. It is kept under a fast hash, which only a value
// that cannot be guessed withstands.
const MinClientSecret = 16

// Key is 32 random bytes.
func Key() []byte {
	random := make([]byte, 32)
	_, _ = rand.Read(random)
	return random
}

// ID is a random UUID (version 4) for what whoever holds it may go on with, as the id of a login:
// unlike clock.NewID's it does not say when it was made.
func ID() string { return uuid.NewString() }

// SHA256 is how a secret of high entropy is kept: its digest in hexadecimal.
func SHA256(secret string) string {
	digest := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(digest[:])
}

// Equal compares two secrets without telling by its time where they differ.
func Equal(a, b string) bool {
	left, right := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b)) // lengths do not tell either
	return subtle.ConstantTimeCompare(left[:], right[:]) == 1
}
