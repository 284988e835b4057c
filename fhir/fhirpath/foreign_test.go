package fhirpath

import (
	"strings"
	"testing"
)

// TestForeign holds what another engine is given. It cannot be stopped within a function, so what
// makes texts or lists longer is refused, however it is written.
func TestForeign(t *testing.T) {
	for _, source := range []string{
		"name.last().exists()", "birthDate <= today()", "%before.exists() implies %before.status != 'final'",
		"status in ('a' | 'b + c' | 'replace(')", "(a ~ b) and (c or d)", "code.matches('^[a-z]+\\'*$') and name.single().exists()",
	} {
		if err := Foreign(source); err != nil {
			t.Errorf("%s: %v", source, err)
		}
	}
	for _, source := range []string{
		"'a'.replace('a', 'aa')", "'a'.replaceMatches('a', 'aa')", "name.repeat(given)", "name.given.join(',')", "a.aggregate($total)",
		"'a'.select($this & $this)", "'a' + 'b'", "2 * 3", "2.power(9)", "a.combine(a)", "a.union(a)", "a.descendants().descendants()", "a.distinct()",
		"trace('x')", "`trace`('x')", "re/**/peat(a)", "repeat // '\n(a)", "repeat (a)", "a.repeat\n(b)", "\"x\"", "a.repeat\u00a7(b)",
		"a | b", "a | 'x'.select(b)", "'x' | a", "'unfinished", strings.Repeat("(", 401),
	} {
		if Foreign(source) == nil {
			t.Errorf("%s is given to another engine", source)
		}
	}
}
