package repo

import (
	"context"
	"errors"
	"slices"

	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/policy"
	"github.com/admitdev/admit/fhir/profile"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// Validation is what $validate is asked (R4 resource-operation-validate.html).
type Validation struct {
	// Type and ID are of the address; ID may be empty.
	Type, ID string
	// Mode is create, update, delete, or empty for the resource alone.
	Mode string
	Body []byte
	// Profiles are checked besides those that the resource names.
	Profiles []string
}

// errNotWritten ends the transaction of a write that is only tried.
var errNotWritten = errors.New("not meant to be written")

// Validate says what would stand in the way of a write, and writes nothing. The issues of a
// resource that passes are warnings.
//
// Errors: as those of the write that is tried; an outcome with all issues for what is invalid;
// NotFound for a profile asked for that is not known.
func (a *access) Validate(ctx context.Context, v Validation) ([]outcome.Issue, error) {
	if err := KnownType(v.Type); err != nil {
		return nil, err
	}
	if v.Mode == "delete" {
		return nil, a.tryDelete(ctx, v)
	}
	in, err := receive(v.Type, a.plain(v.Body))
	if err != nil {
		return nil, err
	}
	if err := a.knowAll(ctx, v.Profiles); err != nil {
		return nil, err
	}
	profiles := named(in.doc)
	for _, canonical := range v.Profiles {
		if !slices.Contains(profiles, canonical) {
			profiles = append(profiles, canonical)
		}
	}
	issues, err := a.conformance(in.doc, profiles,
		func(canonical string) (compiled, error) { return a.visibleProfile(ctx, canonical) })
	if err != nil {
		return nil, err
	}
	if err := refusal(issues); err != nil {
		return nil, err
	}
	return issues, a.tryWrite(ctx, v, in)
}

// knowAll refuses profiles that were asked for and are not known.
func (a *access) knowAll(ctx context.Context, profiles []string) error {
	for _, canonical := range profiles {
		if profile.IsCore(canonical) {
			continue
		}
		if made, err := a.visibleProfile(ctx, canonical); err != nil {
			return err
		} else if made.profile == nil && made.refused == nil {
			return outcome.New(outcome.NotFound, "Profile %s not found", canonical)
		}
	}
	return nil
}

// visibleProfile is a profile as far as the caller may read what it is made of: to whoever only
// asks, the rest does not exist.
func (a *access) visibleProfile(ctx context.Context, canonical string) (compiled, error) {
	return compileProfile(newProfileSource(func(resourceType, url string) ([]store.Row, error) {
		return a.definitions(ctx, resourceType, url)
	}), canonical)
}

// tryWrite composes the create or update that the mode names.
func (a *access) tryWrite(ctx context.Context, v Validation, in incoming) error {
	var try func(*access) error
	switch v.Mode {
	case "create":
		if _, err := a.writable(policy.Create, v.Type); err != nil {
			return err
		}
		try = func(a *access) error { return a.tryCreate(ctx, v, in) }
	case "update":
		visible, err := a.writable(policy.Update, v.Type)
		if err != nil {
			return err
		}
		try = func(a *access) error { return a.tryUpdate(ctx, v, in, visible) }
	default:
		return nil
	}
	return a.tried(ctx, try)
}

// tried runs try in a transaction of which nothing stays.
func (a *access) tried(ctx context.Context, try func(*access) error) error {
	err := a.inTx(ctx, func(a *access) error {
		if err := try(a); err != nil {
			return err
		}
		return errNotWritten
	})
	if errors.Is(err, errNotWritten) {
		return nil
	}
	return refused(err)
}

func (a *access) tryCreate(ctx context.Context, v Validation, in incoming) error {
	c := &change{interaction: policy.Create, in: in, version: a.newID(), at: a.now()}
	c.ref = store.Ref{Project: a.home(v.Type), Type: v.Type, ID: a.newID()}
	d, err := a.compose(ctx, c)
	if err != nil {
		return err
	}
	return d.mustBeIndexable()
}

func (a *access) tryUpdate(ctx context.Context, v Validation, in incoming, visible store.Predicate) error {
	id := v.ID
	if id == "" {
		id = in.doc.Text("id")
	}
	if id == "" || in.doc.Text("id") != id {
		return outcome.New(outcome.Invalid, "Incorrect resource ID")
	}
	got, err := a.writeTarget(ctx, v.Type, id, visible)
	if err != nil {
		return err
	}
	c := &change{interaction: policy.Update, ref: got.Ref, in: in, old: &got.Resource}
	c.version, c.at = a.newID(), store.Later(a.now(), got.LastUpdated)
	if err := a.before(ctx, c, got); err != nil {
		return err
	}
	d, err := a.compose(ctx, c)
	if err != nil {
		return err
	}
	return d.mustBeIndexable()
}

// tryDelete asks what a deletion asks first.
func (a *access) tryDelete(ctx context.Context, v Validation) error {
	if v.ID == "" {
		return outcome.New(outcome.Required, "What is to be deleted is named by its id in the address")
	}
	visible, err := a.writable(policy.Delete, v.Type)
	if err != nil {
		return err
	}
	return a.tried(ctx, func(a *access) error {
		got, err := a.writeTarget(ctx, v.Type, v.ID, visible)
		if err != nil || got.Deleted {
			return err
		}
		if err := a.mayDelete(got.Resource); err != nil {
			return err
		}
		return a.mayGo(ctx, got.Resource)
	})
}

// Canonical finds the resource of a type that has a canonical URL, as the caller may see it; ok is
// false when there is none. The project's own comes before those of the projects linked.
func (a *access) Canonical(ctx context.Context, resourceType, canonical string) (found store.Resource, ok bool, err error) {
	rows, err := a.definitions(ctx, resourceType, canonical)
	if err != nil {
		return store.Resource{}, false, err
	}
	for _, row := range rows {
		doc, err := document.Parse(row.Content)
		if err != nil {
			return store.Resource{}, false, err
		}
		if doc.Text("url") == canonical {
			return row.Resource, true, nil
		}
	}
	return store.Resource{}, false, nil
}
