package index

import (
	"slices"
	"strings"
	"sync"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/pkg/store"
)

// Union is how a parameter of R4 shares the rows of others, so that no value is written twice.
type Union struct {
	// Parts are the parameters of the type whose rows count as the parameter's: combo-code is code and
	// component-code, telecom has what phone and email have. None for most.
	Parts []*definitions.SearchParam
	// Own says that there are values besides, in rows of the parameter itself.
	Own bool
}

// UnionOf tells it of a parameter; one of a project's own has all of its rows itself.
func UnionOf(resourceType string, p *definitions.SearchParam) Union {
	if u, ok := unionsOf(resourceType)[p]; ok {
		return u
	}
	return Union{Own: true}
}

// Codes are the parameters whose rows are p's.
func Codes(resourceType string, p *definitions.SearchParam) []string {
	u := UnionOf(resourceType, p)
	var codes []string
	if u.Own {
		codes = append(codes, p.Code)
	}
	for _, part := range u.Parts {
		codes = append(codes, Codes(resourceType, part)...)
	}
	return codes
}

// unions remembers them by resource type: a map of those that have parts.
var unions sync.Map

func unionsOf(resourceType string) map[*definitions.SearchParam]Union {
	if kept, ok := unions.Load(resourceType); ok {
		return kept.(map[*definitions.SearchParam]Union)
	}
	all := map[*definitions.SearchParam]Union{}
	params := definitions.SearchParams(resourceType)
	for _, p := range params {
		switch {
		case p.Expression == "":
		case p.Type == definitions.Token && strings.Contains(p.Expression, " | "), p.Type == definitions.Quantity:
			if parts := sum(resourceType, p); parts != nil {
				all[p] = Union{Parts: parts}
			}
		case p.Type == definitions.Token || p.Type == definitions.String:
			if u := covered(params, p); u.Parts != nil {
				all[p] = u
			}
		}
	}
	if len(params) > 0 { // an unknown type is the client's; it is not kept
		unions.Store(resourceType, all)
	}
	return all
}

// sum are the parameters of which p's expression is made, nil when it is not.
func sum(resourceType string, p *definitions.SearchParam) []*definitions.SearchParam {
	all := branches(p.Expression)
	found := map[string]bool{}
	var parts []*definitions.SearchParam
	for _, other := range definitions.SearchParams(resourceType) {
		of := branches(other.Expression)
		if other.Type != p.Type || len(of) >= len(all) || sum(resourceType, other) != nil || slices.ContainsFunc(of, func(b string) bool { return !slices.Contains(all, b) || found[b] }) {
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

// covered tells of a parameter that another equals (phonetic is name), or of which others have what
// follows its expression (family has a part of name).
func covered(params []*definitions.SearchParam, p *definitions.SearchParam) Union {
	u := Union{Own: true}
	for _, other := range params {
		switch {
		case other.Type != p.Type || other == p:
		case other.Expression == p.Expression && other.Code < p.Code:
			return Union{Parts: []*definitions.SearchParam{other}}
		case strings.HasPrefix(other.Expression, p.Expression+".") && !strings.Contains(other.Expression, " | "):
			u.Parts = append(u.Parts, other)
		}
	}
	return u
}

// branches are the alternatives of an expression.
func branches(expression string) []string {
	parts := strings.Split(expression, " | ")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

// share drops the rows of a parameter that stand among its parts'.
func (b *builder) share(resourceType string) {
	for p, u := range unionsOf(resourceType) {
		switch {
		case !u.Own:
		case p.Type == definitions.String:
			b.rows.String = without(b.rows.String, p.Code, u, func(r store.StringRow) string { return r.Param }, func(r *store.StringRow) { r.Param = p.Code })
		default:
			b.rows.Token = without(b.rows.Token, p.Code, u, func(r store.TokenRow) string { return r.Param }, func(r *store.TokenRow) { r.Param = p.Code })
		}
	}
}

// without drops the rows of code that one of the parts has as well; as gives a row the code.
func without[R comparable](rows []R, code string, u Union, param func(R) string, as func(*R)) []R {
	there := map[R]bool{}
	for _, row := range rows {
		if slices.ContainsFunc(u.Parts, func(part *definitions.SearchParam) bool { return part.Code == param(row) }) {
			as(&row)
			there[row] = true
		}
	}
	return slices.DeleteFunc(rows, func(row R) bool { return param(row) == code && there[row] })
}
