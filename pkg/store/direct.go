package store

import (
	"context"
	"database/sql"

	"github.com/jackc/pgx/v5"
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
	byKey   *gather[wanted]
	bounded *gather[asked]
}

func newDirect(db *sql.DB) direct {
	d := direct{DB: db}
	d.byKey = &gather[wanted]{run: d.current}
	d.bounded = &gather[asked]{run: d.answer, slow: slowGathering}
	return d
}

func (d direct) each(ctx context.Context, query string, args []any, row func(scanner) error) error {
	return d.on(ctx, func(c *pgx.Conn) error {
		rows, err := c.Query(ctx, query, args...)
		if err != nil {
			return err
		}
		return allOf(rows, row)
	})
}

// on lends a connection of the pool.
func (d direct) on(ctx context.Context, do func(*pgx.Conn) error) error {
	conn, err := d.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.Raw(func(c any) error { return do(c.(*stdlib.Conn).Conn()) })
}

func allOf(rows pgx.Rows, row func(scanner) error) error {
	defer rows.Close()
	if err := eachOf(rows, row); err != nil {
		return err
	}
	return rows.Err()
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
