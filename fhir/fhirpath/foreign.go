package fhirpath

import (
	"fmt"
	"regexp"
	"strings"
)

// Foreign refuses, with ErrTooLarge or ErrUnsupported, a source that another engine must not be given
// because its evaluation could not be stopped: gofhir's asks for its deadline between the items of a
// list only, so nothing may make a list or a text much longer than those of the document. That leaves
// out &, + and *, unions but with a literal, and every function not named here; trace() besides, which
// writes what it sees to the standard error output.
func Foreign(source string) error {
	if err := Bounded(source); err != nil {
		return err
	}
	bare, err := withoutText(source)
	if err != nil {
		return err
	}
	for before := ""; before != bare; { // a match ends with what may begin the next
		before, bare = bare, unionWithText.ReplaceAllString(bare, "$1")
	}
	if !harmless.MatchString(bare) || strings.Contains(bare, "//") {
		return fmt.Errorf("%w: a sign that other engines are not given", ErrUnsupported)
	}
	walks := 0
	for _, called := range calls.FindAllStringSubmatch(bare, -1) {
		if called[1] == "descendants" {
			walks++
		} else if !foreignFunctions[called[1]] {
			return fmt.Errorf("%w: function %s", ErrUnsupported, called[1])
		}
	}
	if walks > 1 { // each walks through all that the one before has found
		return fmt.Errorf("%w: function descendants, more than once", ErrUnsupported)
	}
	return nil
}

var (
	unionWithText = regexp.MustCompile(`\|\s*''\s*([^\s.\[]|$)`)
	harmless      = regexp.MustCompile(`^[A-Za-z0-9_\s.,()\[\]{}=!<>~@:%$'/-]*$`)
	calls         = regexp.MustCompile(`([A-Za-z_][A-Za-z0-9_]*)\s*\(`)
)

// withoutText is a source with its string literals emptied.
func withoutText(source string) (string, error) {
	var out strings.Builder
	for {
		i := strings.IndexByte(source, '\'')
		if i < 0 {
			out.WriteString(source)
			return out.String(), nil
		}
		_, size, err := quoted(source[i:])
		if err != nil {
			return "", err
		}
		out.WriteString(source[:i] + "''")
		source = source[i+size:]
	}
}

// foreignFunctions are those of other engines that take no longer than their input is long, and the
// words that may stand before a parenthesis.
var foreignFunctions = func() map[string]bool {
	known := map[string]bool{}
	for _, name := range strings.Fields(`where select all exists empty not count first last tail skip take single
		is as ofType hasValue getValue extension hasExtension iif allTrue anyTrue allFalse anyFalse
		startsWith endsWith contains indexOf substring lower upper trim length matches
		toBoolean toInteger toDecimal toString toDate toDateTime toTime convertsToBoolean convertsToInteger
		convertsToDecimal convertsToString convertsToDate convertsToDateTime convertsToTime
		year month day hour minute second now today timeOfDay abs ceiling floor truncate sum min max avg
		and or xor implies in div mod`) {
		known[name] = true
	}
	return known
}()
