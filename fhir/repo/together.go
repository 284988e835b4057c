package repo

import (
	"context"

	"github.com/admitdev/admit/pkg/store"
)

// Together runs fn, whose creates are written when it ends: all of them in one statement, or none.
// It costs no transaction, so nothing but creates of types that are Plain may be made in it, and
// what it makes is not read in it.
//
// Errors: as Create's.
func (s *Session) Together(ctx context.Context, fn func(*Session) error) error {
	a := s.access
	kept := &keeper{rows: a.rows}
	a.rows = kept
	if err := fn(&Session{a}); err != nil {
		return err
	}
	return refused(kept.write(ctx))
}

// Plain says that a create of the type writes its own row and nothing else, and looks nothing up.
func (s *Session) Plain(resourceType string) bool {
	return !needsTx(resourceType) && len(draft{ref: store.Ref{Type: resourceType}}.keys()) == 0 && !ownRules(resourceType) &&
		(s.system != "" || !s.who.CheckReferences && !s.who.SuperAdmin)
}

// Transaction is InTx, in which creates are kept back until something is read or fn ends: then they
// are one statement.
func (s *Session) Transaction(ctx context.Context, fn func(*Tx) error) error {
	return s.InTx(ctx, func(tx *Tx) error {
		a := tx.access
		kept := &writeBehind{keeper{rows: a.rows}}
		a.rows = kept
		if err := fn(&Tx{a}); err != nil {
			return err
		}
		return refused(kept.write(ctx))
	})
}

// maxTogether is how many creates the store writes in one statement.
const maxTogether = 500

// keeper keeps writes back.
type keeper struct {
	rows
	writes []store.Write
}

func (k *keeper) Put(_ context.Context, w ...store.Write) error {
	k.writes = append(k.writes, w...)
	return nil
}

func (k *keeper) write(ctx context.Context) error {
	if len(k.writes) == 0 {
		return nil
	}
	writes := k.writes
	k.writes = nil
	if _, within := k.rows.(*store.Tx); !within {
		return putIndexed(ctx, k.rows, writes...)
	}
	for len(writes) > 0 { // in a transaction only what is one statement can be put again
		n := 1
		for n < len(writes) && n < maxTogether && writes[n].Project == writes[0].Project {
			n++
		}
		if err := putIndexed(ctx, k.rows, writes[:n]...); err != nil {
			return err
		}
		writes = writes[n:]
	}
	return nil
}

// writeBehind is a transaction's rows: every read sees what was written before it.
type writeBehind struct{ keeper }

func (b *writeBehind) Put(ctx context.Context, w ...store.Write) error {
	for _, one := range w {
		if one.Replaces == "" && len(one.Keys) == 0 {
			b.writes = append(b.writes, one)
			continue
		}
		if err := b.write(ctx); err != nil {
			return err
		}
		if err := putIndexed(ctx, b.rows, one); err != nil {
			return err
		}
	}
	return nil
}

func (b *writeBehind) Get(ctx context.Context, ref store.Ref, visible store.Predicate) (store.Resource, error) {
	if err := b.write(ctx); err != nil {
		return store.Resource{}, err
	}
	return b.rows.Get(ctx, ref, visible)
}

func (b *writeBehind) GetVersion(ctx context.Context, ref store.Ref, version string) (store.Resource, error) {
	if err := b.write(ctx); err != nil {
		return store.Resource{}, err
	}
	return b.rows.GetVersion(ctx, ref, version)
}

func (b *writeBehind) History(ctx context.Context, ref store.Ref, limit, offset int) ([]store.Resource, error) {
	if err := b.write(ctx); err != nil {
		return nil, err
	}
	return b.rows.History(ctx, ref, limit, offset)
}

func (b *writeBehind) EachVersion(ctx context.Context, q store.HistoryQuery, fn func(store.HistoryRow) (bool, error)) error {
	if err := b.write(ctx); err != nil {
		return err
	}
	return b.rows.EachVersion(ctx, q, fn)
}

func (b *writeBehind) HistoryCount(ctx context.Context, ref store.Ref) (int, error) {
	if err := b.write(ctx); err != nil {
		return 0, err
	}
	return b.rows.HistoryCount(ctx, ref)
}

func (b *writeBehind) Search(ctx context.Context, q store.Query) ([]store.Row, error) {
	if err := b.write(ctx); err != nil {
		return nil, err
	}
	return b.rows.Search(ctx, q)
}

func (b *writeBehind) Count(ctx context.Context, q store.Query) (int, error) {
	if err := b.write(ctx); err != nil {
		return 0, err
	}
	return b.rows.Count(ctx, q)
}

func (b *writeBehind) Locate(ctx context.Context, resourceType, id string) (store.Ref, error) {
	if err := b.write(ctx); err != nil {
		return store.Ref{}, err
	}
	return b.rows.Locate(ctx, resourceType, id)
}

func (b *writeBehind) Owners(ctx context.Context, scope, kind, valuePrefix string, limit int) ([]store.Ref, error) {
	if err := b.write(ctx); err != nil {
		return nil, err
	}
	return b.rows.Owners(ctx, scope, kind, valuePrefix, limit)
}

func (b *writeBehind) Partitions(ctx context.Context) ([]string, error) {
	if err := b.write(ctx); err != nil {
		return nil, err
	}
	return b.rows.Partitions(ctx)
}
