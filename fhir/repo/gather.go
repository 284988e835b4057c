package repo

import (
	"context"
	"slices"
	"strings"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/store"
)

// Gather runs fn, whose creates are written when it ends: those of a project in one statement. What fn
// reads it sees with them, and what many creates look up, a Project or a policy, is read once. It
// tells what was created.
//
// Errors: fn's, and as Create's; the transaction then has to end.
func (t *Tx) Gather(ctx context.Context, fn func(*Tx) error) (made map[store.Ref]store.Resource, err error) {
	a := t.access
	kept := &gathering{writeBehind{keeper{rows: a.rows}}, map[store.Ref]store.Resource{}, map[store.Ref]store.Resource{}, map[string]bool{}}
	a.rows = kept
	err = a.tx.Collect(ctx, func() error {
		if err := fn(&Tx{a}); err != nil {
			return err
		}
		return kept.flush(ctx)
	})
	return kept.made, err
}

// gathering is a transaction's rows within Gather.
type gathering struct {
	writeBehind
	made, looked map[store.Ref]store.Resource
	fitting      map[string]bool // which policies compile, with what of a membership
}

// flush writes what is one statement together.
func (g *gathering) flush(ctx context.Context) error {
	slices.SortStableFunc(g.writes, func(a, b store.Write) int { return strings.Compare(a.Project, b.Project) })
	return g.write(ctx)
}

func (g *gathering) Put(ctx context.Context, w ...store.Write) error {
	for _, one := range w {
		if one.Replaces == "" {
			g.writes = append(g.writes, one)
			g.made[one.Ref] = one.Resource
			continue
		}
		if err := g.flush(ctx); err != nil {
			return err
		}
		if err := putIndexed(ctx, g.rows, one); err != nil {
			return err
		}
	}
	return nil
}

func (g *gathering) Get(ctx context.Context, ref store.Ref, visible store.Predicate) (store.Resource, error) {
	if visible != nil {
		return g.writeBehind.Get(ctx, ref, visible)
	}
	for _, known := range []map[store.Ref]store.Resource{g.made, g.looked} {
		if res, ok := known[ref]; ok {
			return res, nil
		}
	}
	res, err := g.rows.Get(ctx, ref, nil)
	if err == nil && (ref.Type == medplum.TypeProject || ref.Type == medplum.TypeAccessPolicy) {
		g.looked[ref] = res
	}
	return res, err
}
