package admin

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// isName says whether s can be a person's name.
func isName(s string) bool {
	return strings.TrimSpace(s) != "" && utf8.RuneCountInString(s) <= maxName && isPlain(s)
}

// isPlain says whether s shows itself as it is written: without control characters, line separators,
// and the format characters that turn, hide or split what stands beside them (U+202E). The joiners
// that some scripts need to spell names are no such characters.
func isPlain(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		const zeroWidthNonJoiner, zeroWidthJoiner = 0x200C, 0x200D
		return r != zeroWidthNonJoiner && r != zeroWidthJoiner && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
	})
}
