package fhirpath

import (
	"fmt"
	"strings"
	"unicode"
)

// tokenKind is what a token is.
type tokenKind int

const (
	endToken tokenKind = iota
	nameToken
	stringToken
	numberToken
	symbolToken
	variableToken
)

type token struct {
	kind tokenKind
	text string
}

func (t token) is(symbol string) bool { return t.kind == symbolToken && t.text == symbol }

// word says whether the token is an operator written as a word.
func (t token) word(name string) bool { return t.kind == nameToken && t.text == name }

func lex(source string) ([]token, error) {
	var out []token
	for i := 0; i < len(source); {
		c := source[i]
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
		case c == '\'':
			text, size, err := quoted(source[i:])
			if err != nil {
				return nil, err
			}
			out = append(out, token{stringToken, text})
			i += size
		case isNameStart(c):
			size := span(source[i:], isNamePart)
			out = append(out, token{nameToken, source[i : i+size]})
			i += size
		case '0' <= c && c <= '9':
			size := span(source[i:], func(c byte) bool { return '0' <= c && c <= '9' })
			if rest := source[i+size:]; len(rest) > 1 && rest[0] == '.' && unicode.IsDigit(rune(rest[1])) {
				size += 1 + span(rest[1:], func(c byte) bool { return '0' <= c && c <= '9' })
			}
			out = append(out, token{numberToken, source[i : i+size]})
			i += size
		case c == '%' || c == '$':
			size := 1 + span(source[i+1:], isNamePart)
			out = append(out, token{variableToken, source[i : i+size]})
			i += size
		default:
			symbol := symbolAt(source[i:])
			if symbol == "" {
				return nil, fmt.Errorf("%w: %q in %q", ErrUnsupported, c, source)
			}
			out = append(out, token{symbolToken, symbol})
			i += len(symbol)
		}
	}
	return append(out, token{kind: endToken}), nil
}

// symbols, longest first.
var symbols = []string{"<=", ">=", "!=", "=", "<", ">", "|", "&", "+", "-", "(", ")", "[", "]", ".", ",", "{", "}"}

func symbolAt(s string) string {
	for _, symbol := range symbols {
		if strings.HasPrefix(s, symbol) {
			return symbol
		}
	}
	return ""
}

func isNameStart(c byte) bool {
	return c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func isNamePart(c byte) bool { return isNameStart(c) || '0' <= c && c <= '9' }

func span(s string, in func(byte) bool) int {
	n := 0
	for n < len(s) && in(s[n]) {
		n++
	}
	return n
}

// quoted reads a string literal and its escapes (N1 §3.3).
func quoted(s string) (text string, size int, err error) {
	var out strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\'':
			return out.String(), i + 1, nil
		case s[i] != '\\':
			out.WriteByte(s[i])
		case i+1 < len(s):
			i++
			if s[i] == 'u' {
				return "", 0, fmt.Errorf("%w: \\u in %s", ErrUnsupported, s)
			}
			out.WriteByte(unescaped(s[i]))
		}
	}
	return "", 0, fmt.Errorf("unfinished string in %s", s)
}

func unescaped(c byte) byte {
	switch c {
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case 'f':
		return '\f'
	}
	return c
}
