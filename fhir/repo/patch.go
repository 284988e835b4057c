package repo

import (
	"context"

	"github.com/admitdev/admit/fhir/policy"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// Patch changes a document; fhir/patch makes it.
type Patch interface {
	Apply(content []byte, resourceType string) ([]byte, error)
}

// maxPatchAttempts is how often a patch is made again because somebody else's write came between.
const maxPatchAttempts = 5

// Patch changes a resource as an update by the same caller would. It works on what the caller sees:
// to its tests and paths hidden elements are not there, and they come back afterwards.
//
// Errors: as Update's, Gone, what the patch itself refuses.
func (a *access) Patch(ctx context.Context, resourceType, id string, p Patch, ifMatch string) (made store.Resource, err error) {
	visible, err := a.writable(policy.Update, resourceType)
	if err != nil {
		return store.Resource{}, err
	}
	attempt := func(a *access) (err error) {
		made, err = a.patch(ctx, resourceType, id, p, ifMatch, visible)
		return refused(err)
	}
	for n := range maxPatchAttempts {
		if needsTx(resourceType) || n > 0 { // a transaction sees what is written but not yet committed
			err = a.inTx(ctx, attempt)
		} else {
			err = attempt(a)
		}
		if a.tx != nil || !Raced(err) {
			break
		}
	}
	if err != nil {
		return store.Resource{}, err
	}
	return a.show(ctx, policy.Update, made)
}

// MayPatch refuses a patch that no rule of the policy could grant, before anything of it is read.
//
// Errors: as those of Update.
func (a *access) MayPatch(resourceType string) error {
	_, err := a.writable(policy.Update, resourceType)
	return err
}

func (a *access) patch(ctx context.Context, resourceType, id string, p Patch, ifMatch string, visible store.Predicate) (store.Resource, error) {
	got, err := a.writeTarget(ctx, resourceType, id, visible)
	switch {
	case err != nil:
		return store.Resource{}, err
	case got.Deleted:
		return store.Resource{}, outcome.New(outcome.Gone, "")
	case ifMatch != "" && ifMatch != got.Version:
		return store.Resource{}, outcome.New(outcome.PreconditionFailed, "")
	}
	in, err := a.patched(ctx, got.Resource, p)
	if err != nil {
		return store.Resource{}, err
	}
	return a.over(ctx, got, in)
}

// patched is what an update would bring: the patch on what the caller sees, and what it does not
// see as it was.
func (a *access) patched(ctx context.Context, res store.Resource, p Patch) (incoming, error) {
	plain := *a
	plain.who.Extended = false
	seen, err := plain.show(ctx, policy.Update, res)
	if err != nil {
		return incoming{}, err
	}
	content, err := p.Apply(seen.Content, res.Type)
	if err != nil {
		return incoming{}, err
	}
	content = a.plain(content)
	if !a.hasFields(res.Type) {
		return receiveUpdate(res.Type, res.ID, content)
	}
	_, hidden, err := a.mask(policy.Update, res, nil)
	if err != nil {
		return incoming{}, err
	}
	if len(hidden) == 0 {
		return receiveUpdate(res.Type, res.ID, content)
	}
	return restored(res, content, hidden)
}

// restored is what a caller made of what it sees of res, with what it does not see put back.
func restored(res store.Resource, content []byte, hidden []string) (incoming, error) {
	old, err := parsed(res)
	if err != nil {
		return incoming{}, err
	}
	doc, err := addressedTo(res.Type, res.ID, content)
	if err != nil {
		return incoming{}, err
	}
	if doc, err = restoreAll(doc, old, hidden); err != nil {
		return incoming{}, err
	}
	in, err := withoutSecrets(res.Type, doc)
	if err != nil {
		return incoming{}, err
	}
	return in, validSeen(in.doc, old, res.Type, hidden)
}
