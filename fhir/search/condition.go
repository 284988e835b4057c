package search

import "github.com/admitdev/admit/pkg/outcome"

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
