package main

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/admitdev/admit/fhir/definitions"
)

// paramTable is the search parameters of one resource type.
type paramTable struct {
	Type   string                    `json:"type"`
	Params []definitions.SearchParam `json:"params"`
}

// examples are search parameters that HL7 publishes as examples only.
var examples = []string{"example", "example-extension", "example-reference"}

// params spreads the search parameters over the resource types, each with its part of the
// expression.
func (s *source) params(structures []*definitions.Structure) []paramTable {
	byName := map[string]*definitions.Structure{}
	var out []paramTable
	for _, st := range structures {
		byName[st.Name] = st
		if st.Kind == definitions.Resource {
			out = append(out, paramTable{Type: st.Name})
		}
	}
	for i := range out {
		out[i].Params = s.paramsOf(out[i].Type, byName)
	}
	return out
}

func (s *source) paramsOf(resourceType string, byName map[string]*definitions.Structure) []definitions.SearchParam {
	found := map[string]definitions.SearchParam{}
	for _, p := range s.searchParameters {
		expression, ok := expressionFor(p, resourceType)
		if _, known := found[p.Code]; known || !ok || slices.Contains(examples, p.ID) {
			continue
		}
		if expression != "" && !exists(expression, resourceType, byName) {
			continue // of a later release of FHIR
		}
		found[p.Code] = paramOf(p, expression)
	}
	out := make([]definitions.SearchParam, 0, len(found))
	for _, p := range found {
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b definitions.SearchParam) int { return cmp.Compare(a.Code, b.Code) })
	return out
}

func paramOf(p searchParameter, expression string) definitions.SearchParam {
	out := definitions.SearchParam{
		Code: p.Code, Type: definitions.ParamType(p.Type), URL: p.URL, Expression: expression, Targets: p.Target,
	}
	for _, c := range p.Component {
		out.Components = append(out.Components, definitions.Component{Definition: c.Definition, Expression: c.Expression})
	}
	return out
}

// expressionFor is the part of p's expression that is about the type; ok is false when p is not
// a parameter of the type. _text and _content have no expression.
func expressionFor(p searchParameter, resourceType string) (string, bool) {
	forAll := len(p.Base) == 1 && (p.Base[0] == "Resource" || p.Base[0] == "DomainResource")
	if !forAll && !slices.Contains(p.Base, resourceType) {
		return "", false
	}
	if p.Expression == "" {
		return "", forAll
	}
	var own []string
	for _, branch := range union(p.Expression) {
		head := firstName.FindString(strings.TrimLeft(branch, "("))
		switch {
		case head == resourceType, head == "iif":
			own = append(own, branch)
		case head == "Resource" || head == "DomainResource":
			own = append(own, resourceType+strings.TrimPrefix(branch, head))
		case len(p.Base) == 1 && strings.ToLower(head) == head: // InsurancePlan's "name | alias"
			own = append(own, resourceType+"."+branch)
		}
	}
	return strings.Join(own, " | "), len(own) > 0
}

var (
	firstName = regexp.MustCompile(`^[A-Za-z]+`)
	plainPath = regexp.MustCompile(`^[A-Za-z]+(\.[a-z][A-Za-z]*)+$`)
)

// union splits an expression at its outermost bars.
func union(expression string) []string {
	var out []string
	depth, quoted, start := 0, false, 0
	for i, c := range expression {
		switch {
		case c == '\'':
			quoted = !quoted
		case quoted:
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == '|' && depth == 0:
			out = append(out, strings.TrimSpace(expression[start:i]))
			start = i + 1
		}
	}
	return append(out, strings.TrimSpace(expression[start:]))
}

// exists says whether every plain path of the expression is one of elements that R4 has.
// Medplum's package has parameters for elements of R5 that it adds to R4 types.
func exists(expression, resourceType string, byName map[string]*definitions.Structure) bool {
	for _, branch := range union(expression) {
		if plainPath.MatchString(branch) && !pathExists(strings.Split(branch, ".")[1:], byName[resourceType], byName) {
			return false
		}
	}
	return true
}

func pathExists(path []string, in *definitions.Structure, byName map[string]*definitions.Structure) bool {
	if len(path) == 0 {
		return true
	}
	if in == nil {
		return false
	}
	for _, e := range in.Elements {
		for _, t := range e.Types {
			if e.Name == path[0] && (t.Code == "Resource" || pathExists(path[1:], byName[t.Code], byName)) {
				return true
			}
			if e.Choice && strings.EqualFold(path[0], e.Name+t.Code) && pathExists(path[1:], byName[t.Code], byName) {
				return true
			}
		}
	}
	return false
}
