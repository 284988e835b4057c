package repo

import (
	"context"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/policy"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// Read gives the current version, as the caller may see it.
//
// Errors: outcome Forbidden (no rule for the type), NotFound, Gone.
func (a *access) Read(ctx context.Context, resourceType, id string) (store.Resource, error) {
	visible, err := a.narrow(policy.Read, resourceType)
	if err == nil {
		err = a.seal(ctx, []string{resourceType})
	}
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
	if err := a.noted(ctx, policy.Read, got.Resource); err != nil {
		return store.Resource{}, err
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
	if err := a.noted(ctx, policy.VRead, got); err != nil {
		return store.Resource{}, err
	}
	return a.show(ctx, policy.VRead, got)
}

// MembershipsOf are the memberships of a profile in its project, oldest first, read with Admit's own
// rights.
func (r *Repo) MembershipsOf(ctx context.Context, reason, project string, profile medplum.Reference) ([]store.Resource, error) {
	resourceType, id := profile.Split()
	rows, err := r.System(reason, store.SystemProject).rows.Search(ctx, store.Query{
		Projects: []string{project},
		Types:    []string{medplum.TypeProjectMembership},
		Where:    store.Reference{Param: "profile", Values: []store.ReferenceValue{{Type: resourceType, ID: id}}},
		Limit:    maxMemberships,
	})
	found := make([]store.Resource, len(rows))
	for i, row := range rows {
		found[i] = row.Resource
	}
	return found, err
}

// Records are the current versions of identity resources, read with Admit's own rights.
//
// Errors: store.ErrNotFound when one of them is deleted or unknown.
func (r *Repo) Records(ctx context.Context, refs ...store.Ref) ([]store.Resource, error) {
	return r.Store.GetAll(ctx, refs...)
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
