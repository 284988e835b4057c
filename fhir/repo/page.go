package repo

import (
	"context"
	"fmt"
	"slices"

	"github.com/admitdev/admit/fhir/policy"
	"github.com/admitdev/admit/pkg/store"
)

// Page reads resources of a type in the order of their ids, from the one after the id given, for
// services that know what they look for better than a search parameter says it. It is narrowed as a
// search is.
//
// Errors: outcome Forbidden when the type is not granted.
func (a *access) Page(ctx context.Context, resourceType string, where store.Predicate, after string, limit int) ([]store.Resource, error) {
	return a.pageBy(ctx, resourceType, where, after, limit, false)
}

// PageFrom is Page of those behind the first ones, for surfaces whose pages have numbers.
//
// Errors: as Page's.
func (a *access) PageFrom(ctx context.Context, resourceType string, where store.Predicate, offset, limit int) ([]store.Resource, error) {
	q, err := a.pageOf(resourceType, where)
	if err != nil {
		return nil, err
	}
	q.Offset, q.Limit = offset, limit
	return a.pageFor(ctx, resourceType, q)
}

func (a *access) pageBy(ctx context.Context, resourceType string, where store.Predicate, after string, limit int, probe bool) ([]store.Resource, error) {
	q, err := a.pageOf(resourceType, where)
	if err != nil {
		return nil, err
	}
	if q.Limit, q.Probe = limit, probe; after != "" {
		q.After = []string{after}
	}
	return a.pageFor(ctx, resourceType, q)
}

func (a *access) pageFor(ctx context.Context, resourceType string, q store.Query) ([]store.Resource, error) {
	rows, err := a.rows.Search(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("page of %s: %w", resourceType, err)
	}
	found := make([]store.Resource, len(rows))
	for i, row := range rows {
		if found[i], err = a.show(ctx, policy.Search, row.Resource); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// rareWord is how many rows of the index a word may have to be one that finds resources. One with more
// is common, and soon met by asking each resource in turn.
const rareWord = 4000

// PageBeginning is Page of those of which a string of param begins with each of the folded words.
//
// Errors: as Page's.
func (a *access) PageBeginning(ctx context.Context, resourceType, param string, words []string, where store.Predicate, after string, limit int) ([]store.Resource, error) {
	all := store.And{where}
	for _, word := range words {
		all = append(all, store.String{Param: param, Match: store.StartsWith, Value: word})
	}
	var rare []string
	found := false // a rare word
	for _, word := range words {
		ids, err := a.rows.Beginning(ctx, a.home(resourceType), resourceType, param, word, after, rareWord)
		if err != nil {
			return nil, err
		}
		if len(ids) < rareWord {
			rare, found = both(rare, ids, found), true
		}
	}
	if found {
		return a.pageAmong(ctx, resourceType, all, after, limit, among(rare))
	}
	return a.pageBy(ctx, resourceType, all, after, limit, true)
}

// both are the ids in order that are in each of two lists, or those of the second when it is the first.
func both(known, ids []string, also bool) []string {
	slices.Sort(ids)
	ids = slices.Compact(ids)
	if !also {
		return ids
	}
	return slices.DeleteFunc(ids, func(id string) bool {
		_, found := slices.BinarySearch(known, id)
		return !found
	})
}

// PagePointing is Page of those that also point with param at a target, which may be very many: only
// as many as the page needs are looked at.
//
// Errors: as Page's.
func (a *access) PagePointing(ctx context.Context, resourceType, param string, at store.ReferenceValue, where store.Predicate, after string, limit int) ([]store.Resource, error) {
	return a.pageAmong(ctx, resourceType, where, after, limit, func(after string, n int) ([]string, error) {
		return a.rows.Pointing(ctx, a.home(resourceType), resourceType, param, at, after, n)
	})
}

// window gives the next n ids, in their order, from behind the one given; fewer when there are no more.
type window func(after string, n int) ([]string, error)

// among is the window of ids that are in order.
func among(ids []string) window {
	return func(after string, n int) ([]string, error) {
		begin, found := slices.BinarySearch(ids, after)
		if found {
			begin++
		}
		return ids[begin:min(begin+n, len(ids))], nil
	}
}

// lookedAt is how many candidates are looked at together, for each resource that is wanted.
const lookedAt = 2

// pageAmong is Page of those that a window gives.
func (a *access) pageAmong(ctx context.Context, resourceType string, where store.Predicate, after string, limit int, next window) ([]store.Resource, error) {
	var found []store.Resource
	for n := lookedAt * limit; ; {
		ids, err := next(after, n)
		if err != nil || len(ids) == 0 {
			return found, err
		}
		rows, err := a.pageBy(ctx, resourceType, store.And{store.IDIn(ids), where}, "", limit-len(found), true)
		if err != nil {
			return nil, err
		}
		if found = append(found, rows...); len(found) == limit || len(ids) < n {
			return found, nil
		}
		after = ids[len(ids)-1]
	}
}

// Selection is a page of what a predicate holds for, in an order, for services whose clients count in
// offsets.
type Selection struct {
	Where         store.Predicate
	Sort          []store.Sort
	Offset, Limit int
}

// Select reads a page and says how many there are on all pages.
//
// Errors: as Page's.
func (a *access) Select(ctx context.Context, resourceType string, s Selection) (found []store.Resource, total int, err error) {
	q, err := a.pageOf(resourceType, s.Where)
	if err != nil {
		return nil, 0, err
	}
	q.Sort, q.Offset, q.Limit = s.Sort, s.Offset, s.Limit
	rows, err := a.rows.Search(ctx, q)
	if err != nil {
		return nil, 0, fmt.Errorf("page of %s: %w", resourceType, err)
	}
	for _, row := range rows {
		res, err := a.show(ctx, policy.Search, row.Resource)
		if err != nil {
			return nil, 0, err
		}
		found = append(found, res)
	}
	if total = s.Offset + len(rows); len(rows) < s.Limit && (len(rows) > 0 || s.Offset == 0) { // the last page tells
		return found, total, nil
	}
	total, err = a.rows.Count(ctx, q)
	return found, total, err
}

// CountWhere says how many resources Page would read without its limit.
//
// Errors: as Page's.
func (a *access) CountWhere(ctx context.Context, resourceType string, where store.Predicate) (int, error) {
	q, err := a.pageOf(resourceType, where)
	if err != nil {
		return 0, err
	}
	return a.rows.Count(ctx, q)
}

func (a *access) pageOf(resourceType string, where store.Predicate) (store.Query, error) {
	visible, err := a.narrow(policy.Search, resourceType)
	if err != nil {
		return store.Query{}, err
	}
	q := store.Query{Projects: []string{a.home(resourceType)}, Types: []string{resourceType}, Where: where}
	if visible != nil {
		q.Where = store.And{visible, where}
	}
	return q, nil
}
