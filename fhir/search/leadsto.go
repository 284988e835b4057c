package search

import (
	"regexp"
	"strings"

	"github.com/admitdev/admit/fhir/definitions"
)

// call is a function in a path, which picks among values of one type.
var call = regexp.MustCompile(`\.\w+\([^()]*\)`)

// leadsTo are the types of the elements that an expression finds; "unknown" stands for what is no plain
// path.
func leadsTo(expression string) (types []string) {
	for path := range strings.SplitSeq(expression, " | ") {
		types = append(types, typesAt(strings.Trim(call.ReplaceAllString(path, ""), " ()"))...)
	}
	return types
}

// typesAt are the types of the element that a plain path leads to.
func typesAt(path string) (types []string) {
	path, as, cast := strings.Cut(path, " as ")
	if cast {
		return []string{as}
	}
	steps := strings.Split(path, ".")
	at := definitions.StructureOf(steps[0])
	for i, step := range steps[1:] {
		if at == nil || at.Element(step) == nil {
			return []string{"unknown"}
		}
		element := at.Element(step)
		if i == len(steps)-2 {
			for _, t := range element.Types {
				types = append(types, t.Code)
			}
		}
		at = element.Types[0].Structure
	}
	return types
}
