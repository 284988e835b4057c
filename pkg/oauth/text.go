package oauth

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Text is a header as it may be stored: valid, printable, of at most limit bytes.
func Text(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, s)
	for len(s) > limit {
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
	}
	return s
}
