// Package search turns a search as clients spell it (R4 search.html) into the predicate that the
// store renders as SQL, and decides the same predicate over the rows of one resource in memory.
// It knows no caller: policy narrows, repo runs. It does no I/O and has no clock.
//
//   - Whatever is not understood is refused: no parameter, modifier or prefix is ever ignored.
//   - A search is bounded before it is looked at: its length, its parameters, its alternatives
//     and the depth of its chains.
//   - Match holds exactly where the store's SQL selects.
//   - What only a Terminology knows is asked by Resolve; a search that waits for it does not run.
//   - A page that follows a link neither repeats nor loses a resource with equal sort keys.
package search

import (
	"errors"
	"reflect"
	"slices"

	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// The bounds of one search.
const (
	maxLength       = 64 << 10 // bytes of the query string
	maxParameters   = 40
	maxFilters      = 20   // parameters that narrow: a database's planner takes long over joins
	maxAlternatives = 2000 // comma-separated values in all
	maxConditions   = 100  // of those, the ones that are conditions of their own (strings, dates, …)
	maxChain        = 3    // hops of a chain or _has
	maxChains       = 64   // typed chains that one untyped chain may stand for
	maxSortKeys     = 5
	maxCount        = 1000
	defaultCount    = 20
	maxOffset       = 10000
)

// Total says whether a searchset names the number of matches.
type Total string

// The values of _total.
const (
	TotalNone     Total = "none"
	TotalEstimate Total = "estimate"
	TotalAccurate Total = "accurate"
)

// Summary is a value of _summary; empty or "false" asks for whole resources.
type Summary string

// The values of _summary.
const (
	SummaryTrue  Summary = "true"
	SummaryText  Summary = "text"
	SummaryData  Summary = "data"
	SummaryCount Summary = "count"
	SummaryFalse Summary = "false"
)

// Include is one _include or _revinclude: resources that the matches point at through Params of
// Source, or that point at the matches.
type Include struct {
	Source  string
	Params  []string
	Every   bool   // Params are all of the source: what may be hidden from the caller is left out
	Target  string // a type, or empty for any
	Reverse bool
	Iterate bool
}

// name is that of the parameter that asks for it.
func (in *Include) name() string {
	name := "_include"
	if in.Reverse {
		name = "_revinclude"
	}
	if in.Iterate {
		name += ":iterate"
	}
	return name
}

// Use is a search parameter that a request filters, sorts or follows by.
type Use struct {
	Type, Param string
	// Expression is that of a parameter which R4 does not have.
	Expression string
}

// Request is a search that has been understood.
type Request struct {
	// Types are the resource types searched; several for a system search.
	Types []string
	// Count is the greatest number of matches of a page, Offset how many are skipped.
	Count, Offset int
	Total         Total
	Summary       Summary
	Format        string // _format
	// Elements are the top-level elements asked for by _elements or _fields; empty asks for all.
	Elements []string
	Includes []Include
	// Uses are all parameters that can tell something about a resource by its being found.
	Uses []Use

	base    string
	path    string // of the links, when it is not the type alone
	system  bool   // the types are named by _type
	filters map[string]store.Predicate
	sort    []store.Sort
	cursor  string
	place   []string // what the cursor says
	back    bool     // it is the page before that place
	reaches []string
	params  []parameter // what the self link repeats
}

// Where is a search of one type by a predicate of our own, at most limit resources.
func Where(resourceType string, where store.Predicate, limit int) *Request {
	return &Request{
		Types: []string{resourceType}, Count: limit,
		filters: map[string]store.Predicate{resourceType: where},
	}
}

// Narrow is what a caller may see of a type: nil for everything. An outcome Forbidden leaves the
// type out.
type Narrow func(resourceType string) (store.Predicate, error)

// Reaches are the resource types that chains and _has look into, besides Types.
func (r *Request) Reaches() []string { return r.reaches }

// Query is the search within projects, narrowed to what the caller may see, in chains as well. Its
// Limit is one more than a page holds, so that the row too many says whether there is another page.
//
// Errors: outcome Forbidden when narrow leaves no type; a plain error when Resolve has not been done.
func (r *Request) Query(projects []string, narrow Narrow) (store.Query, error) {
	q := store.Query{Projects: projects, Sort: r.sort, After: r.place, Offset: r.Offset, Limit: r.Count + 1}
	if r.back {
		q.After, q.Before = nil, r.place
	}
	var visibles, wanteds store.Or
	var refused error
	for _, t := range r.Types {
		if hasCoded(r.filters[t]) { // in a Not it would hold for everything
			return store.Query{}, errors.New("search: a search was not resolved before it was run")
		}
		visible, err := narrow(t)
		if outcome.Has(err, outcome.Forbidden) {
			refused = err
			continue
		}
		if err != nil {
			return store.Query{}, err
		}
		wanted, err := narrowChains(r.filters[t], narrow)
		if err != nil {
			return store.Query{}, err
		}
		q.Types = append(q.Types, t)
		visibles, wanteds = append(visibles, visible), append(wanteds, wanted)
	}
	if len(q.Types) == 0 {
		return store.Query{}, refused
	}
	q.Visible, q.Where = perType(q.Types, visibles), perType(q.Types, wanteds)
	return q, nil
}

// perType holds when the predicate of the resource's type does. One that is the same for several types
// is asked once, and without them when it is the same for all.
func perType(types []string, predicates store.Or) store.Predicate {
	var distinct []store.Predicate
	var having []store.Or // the types of each
	for i, p := range predicates {
		at := slices.IndexFunc(distinct, func(d store.Predicate) bool { return reflect.DeepEqual(p, d) })
		if at < 0 {
			at = len(distinct)
			distinct, having = append(distinct, p), append(having, nil)
		}
		having[at] = append(having[at], store.TypeIs(types[i]))
	}
	if len(distinct) == 1 {
		return distinct[0]
	}
	joined := make(store.Or, len(distinct))
	for i, p := range distinct {
		joined[i] = both(having[i], p)
	}
	return joined
}

// both holds when a and b do; nil stands for what always holds.
func both(a, b store.Predicate) store.Predicate {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return store.And{a, b}
}

// narrowChains adds to each chain what the caller may see of the type it looks into. A type that
// may not be searched matches nothing, as if none of it were there.
func narrowChains(p store.Predicate, narrow Narrow) (store.Predicate, error) {
	switch p := p.(type) {
	case store.And:
		return narrowEach(p, narrow, func(parts []store.Predicate) store.Predicate { return store.And(parts) })
	case store.Or:
		return narrowEach(p, narrow, func(parts []store.Predicate) store.Predicate { return store.Or(parts) })
	case store.Chain:
		of, ok, err := narrowTarget(p.Type, p.Of, narrow)
		if err != nil || !ok {
			return store.Or{}, err
		}
		return store.Chain{Param: p.Param, Type: p.Type, Of: of}, nil
	case store.Has:
		of, ok, err := narrowTarget(p.Type, p.Of, narrow)
		if err != nil || !ok {
			return store.Or{}, err
		}
		return store.Has{Type: p.Type, Param: p.Param, Of: of}, nil
	case store.Not:
		of, err := narrowChains(p.Of, narrow)
		return store.Not{Of: of}, err
	}
	return p, nil
}

func narrowEach(parts []store.Predicate, narrow Narrow, join func([]store.Predicate) store.Predicate) (store.Predicate, error) {
	out := make([]store.Predicate, len(parts))
	for i, part := range parts {
		var err error
		if out[i], err = narrowChains(part, narrow); err != nil {
			return nil, err
		}
	}
	return join(out), nil
}

func narrowTarget(resourceType string, of store.Predicate, narrow Narrow) (store.Predicate, bool, error) {
	visible, err := narrow(resourceType)
	if outcome.Has(err, outcome.Forbidden) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	inner, err := narrowChains(of, narrow)
	return both(visible, inner), true, err
}
