package repo

import (
	"context"
	"errors"
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
	groups := map[string][]Condition{}
	for _, c := range conditions {
		if name, ok := c.Search.JoinedBy(); ok {
			groups[name] = append(groups[name], c)
		}
	}
	a.matched = map[string][]store.Row{}
	for _, group := range groups {
		for some := range slices.Chunk(group, maxJoined) {
			if err := a.matchGroup(ctx, some); err != nil {
				return nil, err
			}
		}
	}
	var targets []Target
	for _, rows := range a.matched {
		if len(rows) == 1 {
			targets = append(targets, Target{rows[0].Type, rows[0].ID})
		}
	}
	return targets, nil
}

// matchGroup asks conditions in one search, and tells in memory which of them a row meets. It leaves
// them to be asked one by one when that does not decide it.
func (a *access) matchGroup(ctx context.Context, group []Condition) error {
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
		a.matched[c.name()] = met[i]
	}
	return nil
}
