package store

import (
	"context"
	"database/sql"
	"errors"

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
	return errors.Join(eachOf(rows, row), rows.Close())
}

// direct is PostgreSQL's pool, whose reads pgx itself carries out: database/sql would start a goroutine
// for each of them and copy what it finds.
type direct struct{ *sql.DB }

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
		return eachOf(rows, row)
	})
}

// found is what *sql.Rows and pgx.Rows have in common.
type found interface {
	scanner
	Next() bool
	Err() error
}

func eachOf(rows found, row func(scanner) error) error {
	for rows.Next() {
		if err := row(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
