package repo

import (
	"context"
	"errors"

	"github.com/admitdev/admit/fhir/policy"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// Read gives the current version, as the caller may see it.
//
// Errors: outcome Forbidden (no rule for the type), NotFound, Gone.
func (a *access) Read(ctx context.Context, resourceType, id string) (store.Resource, error) {
	visible, err := a.narrow(policy.Read, resourceType)
	if err != nil {
		return store.Resource{}, err
	}
	got, err := a.get(ctx, resourceType, id, a.partitions(resourceType), visible)
	if err != nil {
		return store.Resource{}, absent(err)
	}
	if got.Deleted {
		return store.Resource{}, outcome.New(outcome.Gone, "")
	}
	return a.show(ctx, policy.Read, got.Resource)
}

// VRead gives one version. Both the current version and the one asked for must be visible: what a
// resource once was does not open it again, and what it is now does not open its past.
//
// Errors: outcome Forbidden, NotFound; Gone for the version that is a deletion.
func (a *access) VRead(ctx context.Context, resourceType, id, version string) (store.Resource, error) {
	visible, err := a.narrow(policy.VRead, resourceType)
	if err != nil {
		return store.Resource{}, err
	}
	current, err := a.get(ctx, resourceType, id, a.partitions(resourceType), visible)
	if err != nil {
		return store.Resource{}, absent(err)
	}
	got := current.Resource
	if got.Version != version {
		if got, err = a.rows.GetVersion(ctx, current.Ref, version); err != nil {
			return store.Resource{}, absent(err)
		}
	}
	if got.Deleted {
		return store.Resource{}, outcome.New(outcome.Gone, "")
	}
	if err := a.mustMatch(visible, got); err != nil {
		return store.Resource{}, absent(err)
	}
	return a.show(ctx, policy.VRead, got)
}

// History lists versions, newest first, and says how many the resource has. Versions that the
// caller could not have read are left out.
//
// Errors: outcome Forbidden, NotFound.
func (a *access) History(ctx context.Context, resourceType, id string, limit, offset int) ([]store.Resource, int, error) {
	visible, err := a.narrow(policy.History, resourceType)
	if err != nil {
		return nil, 0, err
	}
	current, err := a.get(ctx, resourceType, id, a.partitions(resourceType), visible)
	if err != nil {
		return nil, 0, absent(err)
	}
	total, err := a.rows.HistoryCount(ctx, current.Ref)
	if err != nil {
		return nil, 0, err
	}
	versions, err := a.rows.History(ctx, current.Ref, limit, offset)
	if err != nil {
		return nil, 0, err
	}
	shown := make([]store.Resource, 0, len(versions))
	for _, v := range versions {
		switch v, err = a.showVersion(ctx, visible, v); {
		case errors.Is(err, store.ErrNotFound):
			total--
		case err != nil:
			return nil, 0, err
		default:
			shown = append(shown, v)
		}
	}
	return shown, total, nil
}

// showVersion is an entry of a history; store.ErrNotFound when the caller may not see it.
func (a *access) showVersion(ctx context.Context, visible store.Predicate, v store.Resource) (store.Resource, error) {
	if v.Deleted {
		return v, nil
	}
	if err := a.mustMatch(visible, v); err != nil {
		return store.Resource{}, err
	}
	return a.show(ctx, policy.History, v)
}

// Record is the current version of an identity resource, read with Admit's own rights.
//
// Errors: store.ErrNotFound for a deleted or unknown one.
func (r *Repo) Record(ctx context.Context, reason string, ref store.Ref) (store.Resource, error) {
	got, err := r.System(reason, ref.Project).rows.Get(ctx, ref, nil)
	if err == nil && got.Deleted {
		return store.Resource{}, store.ErrNotFound
	}
	return got, err
}
