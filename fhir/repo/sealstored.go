package repo

import (
	"context"
	"errors"

	"github.com/admitdev/admit/pkg/store"
)

// sealPage is how many resources, or versions of one, are read at once.
const sealPage = 100

// SealStored takes the secrets out of what was stored before they were kept apart. It goes on where a
// process that died left off, and several may do it at once.
func (r *Repo) SealStored(ctx context.Context) error {
	for {
		refs, err := r.Store.Unsealed(ctx, sealPage)
		if err != nil || len(refs) == 0 {
			return err
		}
		for _, ref := range refs {
			err := r.System("take secrets out of what is stored", ref.Project).InTx(ctx, func(tx *Tx) error { return tx.sealStored(ctx, ref) })
			if err != nil {
				return err
			}
		}
	}
}

// sealStored holds the resource, so that no version comes between what is read and what is kept sealed.
func (t *Tx) sealStored(ctx context.Context, ref store.Ref) error {
	current, err := t.tx.Hold(ctx, ref)
	if errors.Is(err, store.ErrNotFound) {
		return t.tx.MarkSealed(ctx, ref)
	}
	if err != nil {
		return err
	}
	for offset := 0; ; offset += sealPage {
		versions, err := t.rows.History(ctx, ref, sealPage, offset)
		if err != nil {
			return err
		}
		for _, v := range versions {
			if err := t.sealVersion(ctx, v, v.Version == current); err != nil {
				return err
			}
		}
		if len(versions) < sealPage {
			return t.tx.MarkSealed(ctx, ref)
		}
	}
}

// sealVersion keeps what it takes out of the current version alone.
func (t *Tx) sealVersion(ctx context.Context, v store.Resource, current bool) error {
	if v.Deleted {
		return nil
	}
	doc, err := parsed(v)
	if err != nil {
		return err
	}
	left, err := open(v.Type, doc)
	if err != nil || left == doc {
		return err
	}
	if current {
		if err := t.repo.Secrets.SetSealed(ctx, t.tx, v.Ref, doc.Raw); err != nil {
			return err
		}
	}
	return t.tx.Censor(ctx, v.Ref, v.Version, left.Raw)
}
