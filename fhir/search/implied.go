package search

import (
	"slices"
	"strings"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/pkg/store"
)

// impliedToo adds to a token with a system the one by which a code element is indexed: such an
// element has no system of its own, the value sets to which it is bound imply it (R4 search.html#token).
func impliedToo(param *definitions.SearchParam, v store.TokenValue) []store.TokenValue {
	if v.System == nil { // most have none
		return []store.TokenValue{v}
	}
	return boundToo(boundSets(param.Expression), v)
}

// boundToo is impliedToo, of a token with a system, for code elements that are bound to value sets.
func boundToo(sets []string, v store.TokenValue) []store.TokenValue {
	if *v.System == "" || !slices.ContainsFunc(sets, func(set string) bool { return holds(set, *v.System, v.Code, 0) }) {
		return []store.TokenValue{v}
	}
	none := ""
	return []store.TokenValue{v, {System: &none, Code: v.Code}}
}

// boundSets are the value sets to which the code elements at the ends of an expression are bound.
func boundSets(expression string) []string {
	var sets []string
	for path := range strings.SplitSeq(expression, " | ") {
		steps := strings.Split(strings.TrimSpace(path), ".")
		at := definitions.StructureOf(steps[0])
		var last *definitions.Element
		for _, step := range steps[1:] {
			if last = nil; at == nil {
				break
			}
			if last = at.Element(step); last == nil {
				break
			}
			at = last.Types[0].Structure
		}
		if last != nil && last.ValueSet != "" && at != nil && at.Name == "code" {
			sets = append(sets, last.ValueSet)
		}
	}
	return sets
}

// maxImports bounds how deep value sets of R4 import each other.
const maxImports = 8

// holds says whether a value set of R4 has codes of a system, and the code if one is given.
func holds(url, system string, code *string, depth int) bool {
	url, _, _ = strings.Cut(url, "|")
	set := definitions.ValueSetOf(url)
	if set == nil || set.Compose == nil || depth > maxImports {
		return false
	}
	for _, include := range set.Compose.Include {
		if include.System == system && includes(include, code) {
			return true
		}
		for _, imported := range include.ValueSet {
			if holds(imported, system, code, depth+1) {
				return true
			}
		}
	}
	return false
}

// includes decides by the codes that are listed; where there is no list, the system is enough.
func includes(include definitions.Include, code *string) bool {
	concepts := include.Concept
	if len(concepts) == 0 {
		if system := definitions.CodeSystemOf(include.System); system != nil {
			concepts = system.Concept
		}
	}
	return code == nil || len(concepts) == 0 || among(concepts, *code)
}

func among(concepts []definitions.Concept, code string) bool {
	for _, c := range concepts {
		if c.Code == code || among(c.Concept, code) {
			return true
		}
	}
	return false
}
