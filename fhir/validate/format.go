package validate

import (
	"strconv"
	"strings"
	"unicode"

	"github.com/admitdev/admit/fhir/fhirpath"
)

// isText refuses control characters but for tab, line feed and carriage return.
func isText(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' && c != '\n' && c != '\r' {
			return false
		}
	}
	return true
}

func isSpaceOrControl(r rune) bool { return r <= ' ' || r > 0x7f && unicode.IsSpace(r) }

// isCode allows single spaces inside.
func isCode(s string) bool {
	before := true
	for _, r := range s {
		space := isSpaceOrControl(r)
		if space && (before || r != ' ') {
			return false
		}
		before = space
	}
	return !before
}

func isID(s string) bool {
	for i := range len(s) {
		if c := s[i]; !isAlphanumeric(c) && c != '-' && c != '.' {
			return false
		}
	}
	return len(s) <= 64
}

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// isDateTime allows a year, a month, a day, or a time to the second at least, with a zone.
func isDateTime(s string) bool {
	if _, _, ok := fhirpath.Interval(s); !ok {
		return false
	}
	return len(s) <= 10 || len(s) >= len("2006-01-02T15:04:05Z") && s[16] == ':' && hasZone(s)
}

func hasZone(s string) bool {
	return s[len(s)-1] == 'Z' || s[len(s)-6] == '+' || s[len(s)-6] == '-'
}

func isTime(s string) bool {
	return len(s) >= len("15:04:05") && !hasZone(s) && isDateTime("2000-01-01T"+s+"Z")
}

// isInteger allows 32 bits, spelled as digits.
func isInteger(code, s string) bool {
	n, err := strconv.ParseInt(s, 10, 32)
	switch {
	case err != nil || s == "-0":
		return false
	case code == "positiveInt":
		return n > 0
	case code == "unsignedInt":
		return n >= 0
	}
	return true
}

// isBase64 allows white space between the groups, as R4 does.
func isBase64(s string) bool {
	count, padding := 0, 0
	for i := range len(s) {
		switch c := s[i]; {
		case c == ' ' || c == '\n' || c == '\r' || c == '\t':
			continue
		case c == '=':
			padding++
		case !isAlphanumeric(c) && c != '+' && c != '/', padding > 0:
			return false
		}
		count++
	}
	return count > 0 && count%4 == 0 && padding <= 2
}

func isOID(s string) bool {
	arcs, ok := strings.CutPrefix(s, "urn:oid:")
	if !ok || arcs == "" || arcs[0] > '2' {
		return false
	}
	parts := strings.Split(arcs, ".")
	for _, arc := range parts {
		if arc == "" || arc != "0" && arc[0] == '0' || strings.Trim(arc, "0123456789") != "" {
			return false
		}
	}
	return len(parts) > 1 && len(parts[0]) == 1
}

func isUUID(s string) bool {
	id, ok := strings.CutPrefix(s, "urn:uuid:")
	if !ok || len(id) != 36 {
		return false
	}
	for i := range len(id) {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		if dash != (id[i] == '-') || !dash && !isHex(id[i]) {
			return false
		}
	}
	return true
}

func isHex(c byte) bool { return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' }
