package mail

import (
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The limits of RFC 5321 §4.5.3.1 for the part before the @ and for a whole path.
const (
	maxLocal   = 64
	maxAddress = 254
)

// ValidAddress says whether s is one mailbox as RFC 5321 §4.1.2 writes it, without display name,
// comment or route. Only that form compares with itself: "A <a@b>" and a(x)@b are other spellings
// of an address that is taken already.
func ValidAddress(s string) bool {
	if len(s) > maxAddress || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return false
	}
	at := strings.LastIndexByte(s, '@')
	if at < 1 || at > maxLocal || !validDomain(s[at+1:]) {
		return false
	}
	parsed, err := mail.ParseAddress(s)
	return err == nil && parsed.Name == "" && parsed.Address == s
}

// validDomain says whether s is a host name (RFC 1035 §2.3.1, RFC 1123 §2.1) or an international
// one in its own script (RFC 6531). Address literals are refused: nobody is invited by one.
func validDomain(s string) bool {
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		if strings.ContainsFunc(label, func(r rune) bool {
			return r < 0x80 && r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
		}) {
			return false
		}
	}
	return strings.Contains(s, ".") || s == "localhost"
}

// Canonical is the spelling by which addresses are compared: Admit, like Medplum, takes
// Alice@Example.com and alice@example.com for one person. A letter of another alphabet that folds to one
// of ASCII (the Kelvin sign, a dotted I) stays what it is: that mailbox is another's.
func Canonical(address string) string {
	return strings.Map(func(r rune) rune {
		if lower := unicode.ToLower(r); r < utf8.RuneSelf || lower >= utf8.RuneSelf {
			return lower
		}
		return r
	}, address)
}
