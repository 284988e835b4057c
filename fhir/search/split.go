package search

import (
	"strings"
	"unicode/utf8"

	"github.com/admitdev/admit/pkg/outcome"
)

// parameter is one parameter as it was given, decoded. In a criteria the value may hold
// placeholders (see placeholder).
type parameter struct{ name, value string }

// decode undoes the percent-encoding of a name or value.
type decode func(string) (string, error)

// split cuts a query string into its parameters, in order.
func split(query string, decoded decode) ([]parameter, error) {
	if len(query) > maxLength {
		return nil, outcome.New(outcome.Invalid, "Search is too long (max %d bytes)", maxLength)
	}
	if strings.Count(query, "&") >= maxParameters {
		return nil, outcome.New(outcome.Invalid, "Search has too many parameters (max %d)", maxParameters)
	}
	var params []parameter
	alternatives := 0
	for part := range strings.SplitSeq(query, "&") {
		if part == "" {
			continue
		}
		rawName, rawValue, _ := strings.Cut(part, "=")
		name, err := decoded(rawName)
		if err != nil {
			return nil, err
		}
		value, err := decoded(rawValue)
		if err != nil {
			return nil, err
		}
		// One value is one comma-separated part; escaped commas only make the bound stricter.
		if alternatives += 1 + strings.Count(value, ","); alternatives > maxAlternatives {
			return nil, outcome.New(outcome.Invalid, "Search has too many values (max %d)", maxAlternatives)
		}
		params = append(params, parameter{name, value})
	}
	return params, nil
}

// form decodes application/x-www-form-urlencoded text. NUL is refused because no database text
// holds it.
func form(s string) (string, error) {
	if strings.IndexByte(s, '%') < 0 && strings.IndexByte(s, '+') < 0 {
		return checked(s, s)
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '%':
			c, ok := hexByte(s[i+1:])
			if !ok {
				return "", outcome.New(outcome.Invalid, "Invalid percent-encoding in search")
			}
			out = append(out, c)
			i += 2
		case '+':
			out = append(out, ' ')
		default:
			out = append(out, s[i])
		}
	}
	return checked(string(out), s)
}

func checked(s, raw string) (string, error) {
	if !utf8.ValidString(s) || strings.IndexByte(s, 0) >= 0 {
		return "", outcome.New(outcome.Invalid, "Invalid characters in search").Because("%q", raw)
	}
	return s, nil
}

// hexByte reads the two digits of a percent-escape.
func hexByte(s string) (byte, bool) {
	if len(s) < 2 || !isHex(s[0]) || !isHex(s[1]) {
		return 0, false
	}
	return unhex(s[0])<<4 | unhex(s[1]), true
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func unhex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c <= 'F':
		return c - 'A' + 10
	}
	return c - 'a' + 10
}

// splitEscaped cuts at separators that no backslash escapes (R4 search.html#escaping); the parts
// are still escaped.
func splitEscaped(s string, separator byte) []string {
	if strings.IndexByte(s, separator) < 0 {
		return []string{s}
	}
	var parts []string
	start := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case separator:
			parts = append(parts, s[start:i])
			start = i + 1
		}
	}
	return append(parts, s[start:])
}

// cutEscaped is strings.Cut that heeds escapes.
func cutEscaped(s string, separator byte) (before, after string, found bool) {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case separator:
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}

// escapesRight says whether every backslash escapes what R4 search.html#escaping has escaped.
func escapesRight(s string) bool {
	for i := strings.IndexByte(s, '\\'); i >= 0 && i < len(s); i++ {
		if s[i] != '\\' {
			continue
		}
		if i++; i == len(s) || strings.IndexByte(`\,$|`, s[i]) < 0 {
			return false
		}
	}
	return true
}

// unescape undoes the escapes of R4 search.html#escaping: a backslash before \ , $ or |. Any other
// backslash is itself, which only a criteria can have.
func unescape(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) && strings.IndexByte(`\,$|`, s[i+1]) >= 0 {
			i++
		}
		out = append(out, s[i])
	}
	return string(out)
}
