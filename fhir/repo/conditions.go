package repo

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/admitdev/admit/fhir/policy"
	"github.com/admitdev/admit/fhir/search"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// Conditions are the conditions that a transaction will ask for: those of what it makes when they find
// nothing, and others.
type Conditions struct{ ToMake, ToFind []Condition }

// maxJoined is how many conditions are one search.
const maxJoined = 100

// ask asks the conditions before they are asked for, and gives what one alone was found for. Each is
// answered once: another time it is asked anew.
func (a *access) ask(ctx context.Context, asked Conditions) ([]Target, error) {
	a.linedUp = map[string]bool{}
	if err := a.lineUp(ctx, asked.ToMake...); err != nil {
		return nil, err
	}
	return a.matchAll(ctx, slices.Concat(asked.ToMake, asked.ToFind))
}

func (a *access) matchAll(ctx context.Context, conditions []Condition) ([]Target, error) {
	var err error
	if a.matched, err = a.metBy(ctx, conditions); err != nil {
		return nil, err
	}
	var targets []Target
	for _, rows := range a.matched {
		if len(rows) == 1 {
			targets = append(targets, Target{rows[0].Type, rows[0].ID})
		}
	}
	return targets, nil
}

// Matched is what Match finds for a condition. Err is an outcome.
type Matched struct {
	store.Resource
	Found bool
	Err   error
}

// MatchEach is Match of each of some conditions; they are asked together as far as can be.
func (a *access) MatchEach(ctx context.Context, conditions []Condition) ([]Matched, error) {
	met, err := a.metBy(ctx, conditions)
	if err != nil {
		return nil, err
	}
	matches := make([]Matched, len(conditions))
	for i, c := range conditions {
		rows, asked := met[c.name()]
		var err error
		if !asked {
			rows, err = a.Search(ctx, c.Search)
		}
		m := &matches[i]
		m.Resource, m.Found, m.Err = one(rows, err)
		if m.Err != nil && !errors.As(m.Err, new(*outcome.Outcome)) {
			return nil, m.Err
		}
	}
	return matches, nil
}

// metBy are the rows that meet conditions, by their names. Those that are not decided together are not
// among them.
func (a *access) metBy(ctx context.Context, conditions []Condition) (map[string][]store.Row, error) {
	groups := map[string][]Condition{}
	for _, c := range conditions {
		if name, ok := c.Search.JoinedBy(); ok {
			groups[name] = append(groups[name], c)
		}
	}
	met := map[string][]store.Row{}
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		for some := range slices.Chunk(groups[name], maxJoined) {
			if err := a.matchGroup(ctx, some, met); err != nil {
				return nil, err
			}
		}
	}
	return met, nil
}

// matchGroup asks conditions in one search, and tells in memory which of them a row meets. It leaves
// them to be asked one by one when that does not decide it.
func (a *access) matchGroup(ctx context.Context, group []Condition, all map[string][]store.Row) error {
	requests := make([]*search.Request, len(group))
	for i, c := range group {
		requests[i] = c.Search
	}
	joined, ok := search.Joined(requests)
	if !ok || len(group) < 2 {
		return nil
	}
	rows, err := a.found(ctx, joined)
	var told *outcome.Outcome
	switch {
	case errors.As(err, &told), len(rows) > joined.Count:
		return nil
	case err != nil:
		return err
	}
	met := make([][]store.Row, len(group))
	for _, row := range rows {
		_, ix, err := indexed(row.Resource)
		if err != nil {
			return err
		}
		if row.Resource, err = a.show(ctx, policy.Search, row.Resource); err != nil {
			return err
		}
		explained := false
		for i, r := range requests {
			if r.Holds(row.Ref, row.LastUpdated, ix) {
				met[i], explained = append(met[i], row), true
			}
		}
		if !explained {
			return nil
		}
	}
	for i, c := range group {
		all[c.name()] = met[i]
	}
	return nil
}
