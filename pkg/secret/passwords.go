package secret

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/admitdev/admit/pkg/outcome"
)

// MaxPassword is the greatest length in bytes. It only keeps hashing cheap: Argon2id cuts nothing,
// unlike the bcrypt for which Medplum stops at 72.
const MaxPassword = 1024

// Rules say which passwords are good enough.
type Rules struct {
	MinLength int // in characters
	BlockList bool
	AppName   string
}

// Passwords judges passwords and hashes them.
type Passwords struct {
	Rules
	*Hasher
}

// Check refuses a password that is too short, too long or common. The outcome names the field.
func (r Rules) Check(field, password string) error { return r.CheckFor(field, password) }

// CheckFor also refuses what anybody would guess of this person: their e-mail address, its local
// part, the name of this server.
func (r Rules) CheckFor(field, password string, emails ...string) error {
	length := utf8.RuneCountInString(norm.NFC.String(password)) // as it is hashed
	switch {
	case length < r.MinLength:
		return r.failed(field, "Invalid password, must be at least %d characters", r.MinLength)
	case len(password) > MaxPassword:
		return r.failed(field, "Invalid password, must be at most %d bytes", MaxPassword)
	case !r.BlockList:
		return nil
	}
	folded := fold(password)
	if blocked(folded) {
		return outcome.New(outcome.Invalid, "Password found in breach database").At(field)
	}
	for _, known := range append(emails, r.AppName) {
		known = fold(known)
		local, _, _ := strings.Cut(known, "@")
		if known != "" && (folded == known || folded == local) {
			return outcome.New(outcome.Invalid, "Password is too easy to guess").At(field)
		}
	}
	return nil
}

// failed is the outcome of a failed field rule.
func (r Rules) failed(field, text string, limit int) error {
	failed := outcome.New(outcome.Invalid, text, limit).At(field)
	failed.Validation = true
	return failed
}

// fold makes spellings alike that a guesser would try together.
func fold(s string) string { return strings.ToLower(norm.NFKC.String(strings.TrimSpace(s))) }
