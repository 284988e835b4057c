package rest

import (
	"context"

	"github.com/admitdev/admit/fhir/search"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// The bounds of what one page may include.
const (
	maxIncluded = 2000
	maxIterate  = 5
)

// inclusion collects what a page includes (R4 search.html#include). Each resource comes through
// the session's search, so nobody is shown more this way than by asking for it.
type inclusion struct {
	session actor
	seen    map[string]bool // Type/id
	found   []store.Row
}

// included follows the _include and _revinclude of a request from its matches.
func (h *Handler) included(ctx context.Context, session actor, request *search.Request, matches []store.Row) ([]store.Row, error) {
	if len(request.Includes) == 0 || len(matches) == 0 {
		return nil, nil
	}
	in := &inclusion{session: session, seen: map[string]bool{}}
	for _, row := range matches {
		in.seen[row.Type+"/"+row.ID] = true
	}
	from := matches
	for depth := range maxIterate {
		begun := len(in.found)
		for _, include := range request.Includes {
			if depth > 0 && !include.Iterate {
				continue
			}
			if err := in.follow(ctx, include, from); err != nil {
				return nil, err
			}
		}
		if from = in.found[begun:]; len(from) == 0 {
			break
		}
	}
	return in.found, nil
}

// follow includes what rows point at, or what points at them.
func (in *inclusion) follow(ctx context.Context, include search.Include, from []store.Row) error {
	if include.Reverse {
		var targets []store.ReferenceValue
		for _, row := range from {
			if include.Target == "" || include.Target == row.Type {
				targets = append(targets, store.ReferenceValue{Type: row.Type, ID: row.ID})
			}
		}
		if len(targets) == 0 || len(include.Params) == 0 {
			return nil
		}
		var pointing store.Or
		for _, param := range include.Params {
			pointing = append(pointing, store.Reference{Param: param, Values: targets})
		}
		return in.add(ctx, include.Source, pointing)
	}
	wanted := map[string]store.IDIn{}
	var types []string
	for _, row := range from {
		if row.Type != include.Source {
			continue
		}
		targets, err := in.targets(ctx, row.Resource, include.Params)
		if err != nil {
			return err
		}
		for _, t := range targets {
			if t.TargetID == "" || include.Target != "" && include.Target != t.TargetType || in.seen[t.TargetType+"/"+t.TargetID] {
				continue
			}
			if wanted[t.TargetType] == nil {
				types = append(types, t.TargetType)
			}
			wanted[t.TargetType] = append(wanted[t.TargetType], t.TargetID)
		}
	}
	for _, t := range types {
		if err := in.add(ctx, t, wanted[t]); err != nil {
			return err
		}
	}
	return nil
}

func (in *inclusion) targets(ctx context.Context, of store.Resource, params []string) (all []store.ReferenceRow, err error) {
	for _, param := range params {
		targets, err := in.session.Targets(ctx, of, param)
		if err != nil {
			return nil, err
		}
		all = append(all, targets...)
	}
	return all, nil
}

// add searches a type and keeps what is new. A type that the caller may not search is left out.
func (in *inclusion) add(ctx context.Context, resourceType string, where store.Predicate) error {
	if resourceType == "Binary" {
		return nil
	}
	rows, err := in.session.Search(ctx, search.Where(resourceType, where, maxIncluded))
	if outcome.Has(err, outcome.Forbidden) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, row := range rows {
		if key := row.Type + "/" + row.ID; !in.seen[key] {
			in.seen[key] = true
			in.found = append(in.found, row)
		}
	}
	if len(in.found) > maxIncluded {
		return outcome.New(outcome.Invalid, "A page would include more than %d resources: ask for fewer with _count", maxIncluded)
	}
	return nil
}
