package store

import (
	"context"
	"database/sql"

	"github.com/jackc/pgx/v5/stdlib"
)

// scanner reads the row at hand.
type scanner interface{ Scan(into ...any) error }

// each runs a query and calls row for each of its rows.
func each(ctx context.Context, q querier, query string, args []any, row func(scanner) error) error {
	if d, ok := q.(direct); ok {
		return d.each(ctx, query, args, row)
	}
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	if err := eachOf(rows, row); err != nil {
		return err
	}
	return rows.Err()
}

// direct is PostgreSQL's pool, whose reads pgx itself carries out: database/sql would start a goroutine
// for each of them and copy what it finds.
type direct struct {
	*sql.DB
	byKey *gather
}

func newDirect(db *sql.DB) direct {
	d := direct{DB: db, byKey: &gather{}}
	d.byKey.run = d.current
	return d
}

// current reads the current versions of resources in one statement.
func (d direct) current(ctx context.Context, all []*wanted) error {
	if len(all) == 1 {
		return d.one(ctx, all[0])
	}
	return readCurrent(ctx, d, all)
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

func (d direct) each(ctx context.Context, query string, args []any, row func(scanner) error) error {
	conn, err := d.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.Raw(func(c any) error {
		rows, err := c.(*stdlib.Conn).Conn().Query(ctx, query, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		if err := eachOf(rows, row); err != nil {
			return err
		}
		return rows.Err()
	})
}

// found is what *sql.Rows and pgx.Rows have in common.
type found interface {
	scanner
	Next() bool
}

func eachOf(rows found, row func(scanner) error) error {
	for rows.Next() {
		if err := row(rows); err != nil {
			return err
		}
	}
	return nil
}
