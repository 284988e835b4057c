package store

import (
	"context"
	"fmt"
)

// wanted is a resource that somebody waits for.
type wanted struct {
	Resource
	found bool
	err   error
}

// get reads the current version, in one statement with others that are wanted at the time.
func (d direct) get(ctx context.Context, ref Ref) (Resource, error) {
	w, err := d.byKey.do(ctx, wanted{Resource: Resource{Ref: ref}})
	if err == nil {
		err = w.err
	}
	switch {
	case err != nil:
		return Resource{}, fmt.Errorf("read %s/%s: %w", ref.Type, ref.ID, err)
	case !w.found:
		return Resource{}, ErrNotFound
	}
	return w.Resource, nil
}

// current reads the current versions of resources in one statement.
func (d direct) current(ctx context.Context, all []*wanted) {
	var err error
	if len(all) == 1 {
		err = d.one(ctx, all[0])
	} else {
		err = readCurrent(ctx, d, all)
	}
	for _, w := range all {
		w.err = err
	}
}

// readCurrent is one statement on PostgreSQL.
func readCurrent(ctx context.Context, q querier, all []*wanted) error {
	projects, types, ids := make([]string, len(all)), make([]string, len(all)), make([]string, len(all))
	for i, w := range all {
		projects[i], types[i], ids[i] = w.Project, w.Type, w.ID
	}
	const query = `SELECT k.n, ` + versionColumns + ` FROM unnest($1::uuid[], $2::text[], $3::text[]) WITH ORDINALITY k (project_id, type, id, n)
JOIN resource r ON r.project_id = k.project_id AND r.type = k.type AND r.id = k.id`
	return each(ctx, q, query, []any{projects, types, ids}, func(row scanner) error {
		var n int64
		var res Resource
		version := versionScan{resource: &res}
		if err := row.Scan(append([]any{&n}, version.into()...)...); err != nil {
			return err
		}
		version.finish()
		w := all[n-1]
		res.Ref = w.Ref
		w.Resource, w.found = res, true
		return nil
	})
}

// one is current of a single resource, scanned to where it belongs.
func (d direct) one(ctx context.Context, w *wanted) error {
	return d.each(ctx, `SELECT `+currentVersion, []any{w.Project, w.Type, w.ID}, func(row scanner) error {
		version := versionScan{resource: &w.Resource}
		if err := row.Scan(version.into()...); err != nil {
			return err
		}
		version.finish()
		w.found = true
		return nil
	})
}
