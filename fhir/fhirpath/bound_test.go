package fhirpath

import (
	"errors"
	"strings"
	"testing"
)

// TestTooLarge holds that no source is parsed that is deep or long enough to exhaust anything. The
// sources are such as the stack bears without a bound.
func TestTooLarge(t *testing.T) {
	for name, source := range map[string]string{
		"parentheses":          strings.Repeat("(", 51) + "a" + strings.Repeat(")", 51),
		"unclosed parentheses": strings.Repeat("(", 300),
		"arguments":            strings.Repeat("where(", 51) + "a" + strings.Repeat(")", 51),
		"later arguments":      strings.Repeat("iif(a, ", 51) + "a" + strings.Repeat(")", 51),
		"many brackets":        "a" + strings.Repeat("[0]", 401),
		"brackets in text":     "'" + strings.Repeat("(", 401) + "'",
		"tokens":               "a" + strings.Repeat(".a", 1000),
		"bytes":                "'" + strings.Repeat("a", 8<<10) + "'",
	} {
		if _, err := Compile(source); !errors.Is(err, ErrTooLarge) || errors.Is(err, ErrUnsupported) {
			t.Errorf("%s: %.100v", name, err)
		} else if len(err.Error()) > 200 {
			t.Errorf("%s: the error repeats the source", name)
		}
	}
	if _, err := Compile(strings.Repeat("(", 49) + "a" + strings.Repeat(")", 49)); err != nil {
		t.Error(err)
	}
	if _, err := Compile("(a) | " + strings.Repeat("(a) | ", 60) + "(a)"); err != nil {
		t.Errorf("parentheses beside each other: %v", err)
	}
}
