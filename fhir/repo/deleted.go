package repo

import (
	"context"

	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// BeforeDeletion is what a deleted resource last was, with the version and time of the deletion.
//
// Errors: outcome NotFound, also for a resource that is not deleted.
func (t *Tx) BeforeDeletion(ctx context.Context, resourceType, id string) (store.Resource, error) {
	if t.system == "" || !ValidID(id) {
		return store.Resource{}, outcome.New(outcome.NotFound, "")
	}
	got, err := t.rows.Get(ctx, store.Ref{Project: t.home(resourceType), Type: resourceType, ID: id}, nil)
	if err != nil {
		return store.Resource{}, absent(err)
	}
	if !got.Deleted {
		return store.Resource{}, outcome.New(outcome.NotFound, "")
	}
	return t.whatWas(ctx, got)
}

// DeletedOf lists what was deleted of a type in a project, each as BeforeDeletion gives it, in the
// order of their ids from the one after the id given, with Admit's own rights.
func (r *Repo) DeletedOf(ctx context.Context, reason, project, resourceType, after string, limit int) ([]store.Resource, error) {
	s := r.System(reason, project)
	deleted, err := r.Store.Deleted(ctx, project, resourceType, after, limit)
	for i := range deleted {
		if err == nil {
			deleted[i], err = s.whatWas(ctx, deleted[i])
		}
	}
	return deleted, err
}

func (a *access) whatWas(ctx context.Context, deleted store.Resource) (store.Resource, error) {
	was, err := a.lastLive(ctx, deleted.Ref)
	was.Version, was.LastUpdated, was.Deleted = deleted.Version, deleted.LastUpdated, true
	return was, absent(err)
}
