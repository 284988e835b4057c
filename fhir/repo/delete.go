package repo

import (
	"context"
	"errors"

	"github.com/admitdev/admit/fhir/policy"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// Delete deletes a resource; deleting a deleted one does nothing.
//
// Errors: outcome Forbidden, NotFound, Conflict while a membership stands on the resource.
func (a *access) Delete(ctx context.Context, resourceType, id string) error {
	return a.DeleteVersion(ctx, resourceType, id, "")
}

// DeleteVersion is Delete of a resource that must have the version ifMatch.
//
// Errors: as Delete's, PreconditionFailed.
func (a *access) DeleteVersion(ctx context.Context, resourceType, id, ifMatch string) error {
	visible, err := a.writable(policy.Delete, resourceType)
	if err != nil {
		return err
	}
	attempt := func() error {
		return a.inTx(ctx, func(a *access) error { return a.remove(ctx, resourceType, id, ifMatch, visible) })
	}
	if err = attempt(); errors.Is(err, store.ErrVersion) && ifMatch == "" && a.tx == nil {
		err = attempt()
	}
	return refused(err)
}

func (a *access) remove(ctx context.Context, resourceType, id, ifMatch string, visible store.Predicate) error {
	got, err := a.writeTarget(ctx, resourceType, id, visible)
	if err != nil || got.Deleted {
		return err
	}
	if ifMatch != "" && ifMatch != got.Version {
		return outcome.New(outcome.PreconditionFailed, "")
	}
	if err := a.mayDelete(got.Resource); err != nil {
		return err
	}
	if err := a.mayGo(ctx, got.Resource); err != nil {
		return err
	}
	w := store.Write{Replaces: got.Version}
	w.Resource = store.Resource{Ref: got.Ref, Version: a.newID(), LastUpdated: store.Later(a.now(), got.LastUpdated), Deleted: true}
	w.Meta = a.fragment(got.Ref, nil, nil)
	if w.Audit, err = a.recordedDelete(got.Resource, w.Resource); err != nil {
		return err
	}
	if err := a.rows.Put(ctx, w); err != nil {
		return err
	}
	a.forgetAccounts(got.Ref)
	if err := a.forgetSecrets(ctx, got.Ref); err != nil {
		return err
	}
	if resourceType == typeSearchParameter {
		return a.define(ctx, got.Ref, nil)
	}
	return a.after(ctx, w.Resource, &change{ref: got.Ref})
}

// mayDelete asks the writeConstraint of the rule that grants the deletion.
func (a *access) mayDelete(res store.Resource) error {
	if a.system != "" {
		return nil
	}
	doc, ix, err := indexed(res)
	if err != nil {
		return err
	}
	rule, ok := a.who.Policy.Rule(policy.Delete, res.Ref, res.LastUpdated, ix)
	if !ok || rule.Constrained() && !rule.Permits(doc.Raw, nil) {
		return outcome.New(outcome.Forbidden, "")
	}
	return nil
}
