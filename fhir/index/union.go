package index

import (
	"slices"
	"strings"

	"github.com/admitdev/admit/fhir/definitions"
)

// Union are the parameters that a token or quantity parameter is made of when its expression is
// nothing but theirs (combo-code is code and component-code). It has no rows of its own: its
// values would all be written twice. Nil for any other.
func Union(resourceType string, p *definitions.SearchParam) []*definitions.SearchParam {
	if p.Type != definitions.Token && p.Type != definitions.Quantity || !strings.Contains(p.Expression, " | ") {
		return nil
	}
	all := branches(p.Expression)
	found := map[string]bool{}
	var parts []*definitions.SearchParam
	for _, other := range definitions.SearchParams(resourceType) {
		of := branches(other.Expression)
		if other.Type != p.Type || len(of) >= len(all) || Union(resourceType, other) != nil || slices.ContainsFunc(of, func(b string) bool { return !slices.Contains(all, b) || found[b] }) {
			continue
		}
		for _, branch := range of {
			found[branch] = true
		}
		parts = append(parts, other)
	}
	if len(found) < len(all) {
		return nil
	}
	return parts
}

// branches are the alternatives of an expression.
func branches(expression string) []string {
	parts := strings.Split(expression, " | ")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}
