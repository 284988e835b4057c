package search

import (
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// Condition parses the query of a conditional interaction (R4 http.html#cond-update): criteria
// alone, at least one, and two matches are as many as anybody needs to see.
//
// Errors: as Parse's.
func Condition(resourceType, query, base string) (*Request, error) {
	return Language{Base: base}.Condition(resourceType, query)
}

// Condition is Condition with the parameters of the language.
func (l Language) Condition(resourceType, query string) (*Request, error) {
	r, err := l.Parse([]string{resourceType}, query)
	switch {
	case err != nil:
		return nil, err
	case r.filters[resourceType] == nil:
		return nil, outcome.New(outcome.Invalid, "A condition needs at least one criterion")
	case len(r.sort) > 0, len(r.Includes) > 0, r.cursor != "", r.Offset > 0, len(r.Elements) > 0, r.Summary != "":
		return nil, outcome.New(outcome.Invalid, "A condition has nothing but criteria")
	}
	r.Count = 1 // a search reads one row more
	return r, nil
}

// Joined is one search for what any of the conditions finds, twice as many and one more at most. It is
// possible for those that ask for one token of one parameter each: identifiers mostly.
func Joined(conditions []*Request) (*Request, bool) {
	var all store.Token
	for i, r := range conditions {
		token, ok := r.filters[r.Types[0]].(store.Token)
		if !ok || r.Types[0] != conditions[0].Types[0] || i > 0 && token.Param != all.Param || len(r.Uses) != 1 || r.Uses[0].Expression != "" {
			return nil, false
		}
		all.Param, all.Values = token.Param, append(all.Values, token.Values...)
	}
	joined := Where(conditions[0].Types[0], all, 2*len(conditions))
	joined.Uses, joined.base, joined.params = conditions[0].Uses, conditions[0].base, conditions[0].params
	return joined, true
}

// JoinedBy is what conditions have in common that can be joined.
func (r *Request) JoinedBy() (name string, ok bool) {
	token, ok := r.filters[r.Types[0]].(store.Token)
	return r.Types[0] + "?" + token.Param, ok
}
