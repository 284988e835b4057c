package store

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// asked is a query whose rows somebody waits for.
type asked struct {
	query string
	args  []any
	row   func(scanner) error
	err   error
}

// eachBounded is each for a query that looks at a bounded number of rows, by a plan that is kept: it may go to
// PostgreSQL with others of which the same holds.
func eachBounded(ctx context.Context, q querier, query string, args []any, row func(scanner) error) error {
	d, ok := q.(direct)
	if !ok {
		return each(ctx, q, query, args, row)
	}
	a, err := d.bounded.do(ctx, asked{query: query, args: args, row: row})
	if err != nil {
		return err
	}
	return a.err
}

// answer sends all in one pipeline. PostgreSQL leaves out what comes after a statement that fails; these are asked
// again, each by itself, and so is the one that failed, since a pipeline may fail as a whole.
func (d direct) answer(ctx context.Context, all []*asked) {
	answered := 0
	if len(all) > 1 {
		answered = d.together(ctx, all)
	}
	for _, a := range all[answered:] {
		a.err = d.each(ctx, a.query, a.args, a.row)
	}
}

// together says how many of all, from the first, have their answer.
func (d direct) together(ctx context.Context, all []*asked) (answered int) {
	batch := &pgx.Batch{}
	for _, a := range all {
		batch.Queue(a.query, a.args...)
	}
	_ = d.on(ctx, func(c *pgx.Conn) error {
		results := c.SendBatch(ctx, batch)
		defer results.Close()
		for _, a := range all {
			rows, err := results.Query()
			if err != nil {
				return err
			}
			begun := false
			err = allOf(rows, func(s scanner) error { begun = true; return a.row(s) })
			if err != nil && !begun {
				return err
			}
			a.err = err
			answered++
		}
		return nil
	})
	return answered
}
