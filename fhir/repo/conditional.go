package repo

import (
	"context"

	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/search"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// Condition is the query of a conditional interaction with the search made from it
// (search.Condition).
type Condition struct {
	Type   string
	Query  string
	Search *search.Request
}

func (c Condition) name() string { return c.Type + "?" + c.Query }

// Match finds the one resource that the caller may see and that meets the condition.
//
// Errors: outcome MultipleMatches, Forbidden.
func (a *access) Match(ctx context.Context, c Condition) (store.Resource, bool, error) {
	matches, ok := a.matched[c.name()]
	if ok {
		delete(a.matched, c.name()) // what is written next may change it
		return one(matches, nil)
	}
	return one(a.Search(ctx, c.Search))
}

func one(matches []store.Row, err error) (store.Resource, bool, error) {
	switch {
	case err != nil || len(matches) == 0:
		return store.Resource{}, false, err
	case len(matches) > 1:
		return store.Resource{}, false, outcome.New(outcome.MultipleMatches, "")
	}
	return matches[0].Resource, true, nil
}

// MatchToMake is Match for an interaction that makes the resource when there is none. Until the
// transaction ends, others with the same condition wait.
func (t *Tx) MatchToMake(ctx context.Context, c Condition) (store.Resource, bool, error) {
	return t.matchToMake(ctx, c)
}

func (a *access) matchToMake(ctx context.Context, c Condition) (store.Resource, bool, error) {
	if !a.linedUp[c.name()] {
		if err := a.lineUp(ctx, c); err != nil {
			return store.Resource{}, false, err
		}
	}
	return a.Match(ctx, c)
}

// lineUp holds back others with the same conditions until the transaction ends.
func (a *access) lineUp(ctx context.Context, conditions ...Condition) error {
	keys := make([]store.Key, len(conditions))
	for i, c := range conditions {
		if a.linedUp != nil {
			a.linedUp[c.name()] = true
		}
		keys[i] = store.Key{Scope: a.who.Project, Kind: "condition", Value: c.name()}
	}
	return a.tx.LineUp(ctx, keys, store.Ref{Project: a.who.Project, Type: "condition", ID: a.newID()})
}

// CreateIfNone creates a resource unless one meets the condition; then that one is the answer.
//
// Errors: as Create's, MultipleMatches.
func (a *access) CreateIfNone(ctx context.Context, body []byte, c Condition) (made store.Resource, created bool, err error) {
	err = a.inTx(ctx, func(a *access) error {
		match, found, err := a.matchToMake(ctx, c)
		if made, created = match, false; err != nil || found {
			return err
		}
		made, err = a.Create(ctx, c.Type, body)
		created = true
		return err
	})
	return made, created, err
}

// UpdateOne updates the one resource that meets the condition, or creates it (R4
// http.html#cond-update). There is no update as create, so a body that names the id of what is
// not there is refused.
//
// Errors: as Update's, MultipleMatches.
func (a *access) UpdateOne(ctx context.Context, body []byte, c Condition, ifMatch string) (made store.Resource, created bool, err error) {
	err = a.inTx(ctx, func(a *access) error {
		match, found, err := a.matchToMake(ctx, c)
		if err != nil {
			return err
		}
		body, err := Addressed(body, match, found)
		if err != nil {
			return err
		}
		if created = !found; found {
			made, err = a.Update(ctx, c.Type, match.ID, body, ifMatch)
			return err
		}
		if ifMatch != "" {
			return outcome.New(outcome.PreconditionFailed, "")
		}
		made, err = a.Create(ctx, c.Type, body)
		return err
	})
	return made, created, err
}

// Addressed is the body of a conditional update with the id of what it matched.
func Addressed(body []byte, match store.Resource, found bool) ([]byte, error) {
	doc, err := document.Parse(body)
	if err != nil {
		return nil, err
	}
	given := doc.Text("id")
	switch at := doc.Text("resourceType") + ".id"; {
	case !found && given != "":
		return nil, outcome.New(outcome.Invalid, "Cannot perform create as update with client-assigned ID").At(at)
	case !found || given == match.ID:
		return body, nil
	case given != "":
		return nil, outcome.New(outcome.Invalid, "Resource ID did not match resolved ID").At(at)
	}
	if doc.Kind != document.Object {
		return body, nil // whoever parses it next refuses it
	}
	return replace(doc, "id", []byte(`"`+match.ID+`"`)), nil
}

// DeleteOne deletes the one resource that meets the condition; when there is none nothing is to be
// done (R4 http.html#2.21.0.10.1).
//
// Errors: as Delete's, MultipleMatches.
func (a *access) DeleteOne(ctx context.Context, c Condition, ifMatch string) error {
	return a.inTx(ctx, func(a *access) error {
		match, found, err := a.Match(ctx, c)
		if err != nil || !found {
			return err
		}
		return a.DeleteVersion(ctx, c.Type, match.ID, ifMatch)
	})
}

// PatchOne patches the one resource that meets the condition.
//
// Errors: as Patch's, MultipleMatches, NotFound when there is none.
func (a *access) PatchOne(ctx context.Context, c Condition, p Patch, ifMatch string) (store.Resource, error) {
	match, found, err := a.Match(ctx, c)
	switch {
	case err != nil:
		return store.Resource{}, err
	case !found:
		return store.Resource{}, outcome.New(outcome.NotFound, "")
	}
	return a.Patch(ctx, c.Type, match.ID, p, ifMatch)
}
