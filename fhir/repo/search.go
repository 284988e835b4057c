package repo

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/index"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/policy"
	"github.com/admitdev/admit/fhir/search"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// Search runs a search narrowed to what the caller may see; hidden fields are removed.
//
// Errors: outcome Forbidden when a type is not granted, TooCostly when it takes too long.
func (a *access) Search(ctx context.Context, req *search.Request) ([]store.Row, error) {
	rows, err := a.found(ctx, req)
	if err != nil {
		return nil, err
	}
	for i := range rows {
		if rows[i].Resource, err = a.show(ctx, policy.Search, rows[i].Resource); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// found is what Search finds, with the fields that are hidden.
func (a *access) found(ctx context.Context, req *search.Request) ([]store.Row, error) {
	q, err := a.query(ctx, req)
	if err == nil {
		err = a.seal(ctx, q.Types)
	}
	if err != nil {
		return nil, err
	}
	rows, err := inTime(ctx, a, func(ctx context.Context) ([]store.Row, error) { return a.rows.Search(ctx, q) })
	if err != nil {
		return nil, fmt.Errorf("search %v: %w", q.Types, err)
	}
	return rows, a.noteSearch(ctx, req, rows)
}

// Count says how many resources Search would find without its limit.
func (a *access) Count(ctx context.Context, req *search.Request) (int, error) {
	q, err := a.query(ctx, req)
	if err == nil {
		err = a.seal(ctx, q.Types)
	}
	if err != nil {
		return 0, err
	}
	return inTime(ctx, a, func(ctx context.Context) (int, error) { return a.rows.Count(ctx, q) })
}

// defaultSearchTime is how long a statement of a caller's search may take: well within what a client
// and the connection wait for, and far from what a search takes that an index helps.
const defaultSearchTime = 30 * time.Second

// inTime runs a statement of a search. A caller's is interrupted when it takes too long, Admit's own
// is not.
func inTime[T any](ctx context.Context, a *access, statement func(ctx context.Context) (T, error)) (T, error) {
	if a.system != "" {
		return statement(ctx)
	}
	limited, stop := context.WithTimeout(ctx, cmp.Or(a.repo.SearchTime, defaultSearchTime))
	defer stop()
	found, err := statement(limited)
	if err != nil && ctx.Err() == nil && limited.Err() != nil {
		return found, outcome.New(outcome.TooCostly, "The search takes too long")
	}
	return found, err
}

// query compiles a request, narrowed to what the caller may see, in chains as well.
func (a *access) query(ctx context.Context, req *search.Request) (store.Query, error) {
	for _, resourceType := range req.Types {
		if err := KnownType(resourceType); err != nil {
			return store.Query{}, err
		}
	}
	if a.system == "" && a.who.Policy != nil {
		if err := a.who.Policy.CheckSearch(req); err != nil {
			return store.Query{}, err
		}
	}
	if err := req.Resolve(codes{a.Terminology(ctx), func(id string) (*definitions.ValueSet, error) { return a.valueSet(ctx, id) }}); err != nil {
		return store.Query{}, err
	}
	if a.everywhere() {
		projects, err := a.rows.Partitions(ctx)
		if err != nil {
			return store.Query{}, err
		}
		return req.Query(projects, func(t string) (store.Predicate, error) { return a.narrow(policy.Search, t) })
	}
	projects := a.searched(req)
	return req.Query(projects, func(resourceType string) (store.Predicate, error) {
		visible, err := a.narrow(policy.Search, resourceType)
		if inside := a.inside(resourceType, projects); err == nil && inside != nil && visible != nil {
			return store.And{inside, visible}, nil
		} else if inside != nil {
			return inside, err
		}
		return visible, err
	})
}

// searched are the partitions of all types that a request looks at.
func (a *access) searched(req *search.Request) []string {
	var projects []string
	for _, resourceType := range slices.Concat(req.Types, req.Reaches()) {
		for _, project := range a.partitions(resourceType) {
			if !slices.Contains(projects, project) {
				projects = append(projects, project)
			}
		}
	}
	return projects
}

// inside keeps a type within its own partitions when a search looks at more: every resource of a
// project is in that project's compartment. Projects themselves are kept apart by narrow.
func (a *access) inside(resourceType string, searched []string) store.Predicate {
	own := a.partitions(resourceType)
	if len(own) == len(searched) || resourceType == medplum.TypeProject {
		return nil
	}
	var projects []store.ReferenceValue
	for _, project := range own {
		projects = append(projects, store.ReferenceValue{Type: medplum.TypeProject, ID: project})
	}
	return store.Reference{Param: index.CompartmentParam, Values: projects}
}
