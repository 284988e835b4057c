package rest

import (
	"context"
	"errors"
	"strings"

	"github.com/admitdev/admit/fhir/bundle"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/outcome"
)

// This file finds what the conditional references of a transaction mean (R4 http.html#trules): last of all,
// for they may mean what the Bundle itself writes. All that are open are asked together.

// resolved is what a conditional reference means, Type/id; empty when it matches nothing so far.
type resolved struct {
	to  string
	err error
}

// fewConditions bounds how much is asked.
func (t *transaction) fewConditions() error {
	different := map[string]bool{}
	for i, references := range t.conditional {
		for _, c := range references {
			if different[c.Reference] = true; len(different) > t.h.limits.Searches {
				return inEntry(i, outcome.New(outcome.TooLong, "A Bundle has at most %d searches and conditions", t.h.limits.Searches).At(c.At))
			}
		}
	}
	return nil
}

// refersToItself says that a conditional reference may mean what the Bundle writes.
func (t *transaction) refersToItself() bool {
	written := map[string]bool{}
	for i := range t.entries {
		if e := &t.entries[i]; e.Phase() != bundle.Reads && len(e.Path) > 0 {
			written[e.Path[0]] = true
		}
	}
	for _, references := range t.conditional {
		for _, c := range references {
			if resourceType, _, _ := strings.Cut(c.Reference, "?"); written[resourceType] {
				return true
			}
		}
	}
	return false
}

// resolve asks for the open references of entries, and says whether any of them is open no more.
func (t *transaction) resolve(ctx context.Context, as actor, entries []int) (some bool, err error) {
	var conditions []repo.Condition
	var references []string
	asked := map[string]bool{}
	for _, i := range entries {
		for _, c := range t.conditional[i] {
			if asked[c.Reference] || t.resolved[c.Reference] != (resolved{}) {
				continue
			}
			asked[c.Reference] = true
			resourceType, query, _ := strings.Cut(c.Reference, "?")
			condition, err := t.h.condition(ctx, as, resourceType, query)
			if err != nil {
				t.resolved[c.Reference], some = resolved{err: err}, true
				continue
			}
			conditions, references = append(conditions, condition), append(references, c.Reference)
		}
	}
	if len(conditions) == 0 {
		return some, nil
	}
	if err := t.left.err(); err != nil {
		return false, err
	}
	matches, err := as.MatchEach(ctx, conditions)
	if err != nil {
		return false, err
	}
	for k, m := range matches {
		switch {
		case outcome.Has(m.Err, outcome.MultipleMatches):
			t.resolved[references[k]] = resolved{err: outcome.New(outcome.MultipleMatches, "A conditional reference matches several resources: %.200s", references[k])}
		case m.Err != nil:
			t.resolved[references[k]] = resolved{err: m.Err}
		case m.Found:
			t.resolved[references[k]] = resolved{to: m.Type + "/" + m.ID}
		}
		some = some || t.resolved[references[k]] != (resolved{})
	}
	return some, nil
}

// open says whether an entry has references of which nothing is known so far.
func (t *transaction) open(i int) bool {
	for _, c := range t.conditional[i] {
		if t.resolved[c.Reference] == (resolved{}) {
			return true
		}
	}
	return false
}

// resolution is what a conditional reference means, at a place of a resource.
func (t *transaction) resolution(reference, at string) (string, error) {
	is := t.resolved[reference]
	var refused *outcome.Outcome
	if errors.As(is.err, &refused) {
		placed := *refused
		placed.Issues = append([]outcome.Issue(nil), refused.Issues...)
		return "", placed.At(at)
	}
	return is.to, is.err
}

// nothing tells all references of an entry that match nothing.
func (t *transaction) nothing(i int) error {
	failed := &outcome.Outcome{Code: outcome.Invalid}
	for _, c := range t.conditional[i] {
		if t.resolved[c.Reference] == (resolved{}) {
			issue := outcome.New(outcome.Invalid, "A conditional reference matches nothing: %.200s", c.Reference).At(c.At).Issues
			failed.Issues = append(failed.Issues, issue...)
		}
	}
	return inEntry(i, failed)
}
