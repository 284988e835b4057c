package store

import (
	"context"
	"database/sql"

	"gorm.io/gorm"
)

// querier runs statements: a pool, or one transaction.
type querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// reader is what Store and Tx have in common: every read is a method of reader, so it works
// outside and inside of a transaction.
type reader struct {
	*base
	q    querier
	pool gorm.ConnPool // what gorm runs on: the read pool or the transaction
}

// gorm is how the files of relational tables reach their rows, in reads (methods of reader) and
// in writes (methods of *Tx).
func (r reader) gorm(ctx context.Context) *gorm.DB {
	session := r.orm.Session(&gorm.Session{NewDB: true, Context: r.dialect.statementContext(ctx)})
	session.Statement.ConnPool = r.pool
	return session
}

// first runs a query and scans its first row; sql.ErrNoRows when there is none.
func first(ctx context.Context, q querier, query string, args []any, into ...any) error {
	return firstOf(func(row func(scanner) error) error { return each(ctx, q, query, args, row) }, into)
}

// firstOf scans the first of rows.
func firstOf(rows func(row func(scanner) error) error, into []any) error {
	found := false
	err := rows(func(row scanner) error {
		if found {
			return nil
		}
		found = true
		return row.Scan(into...)
	})
	if err == nil && !found {
		return sql.ErrNoRows
	}
	return err
}

// affected runs a statement and tells how many rows it changed.
func affected(ctx context.Context, q querier, query string, args ...any) (int64, error) {
	result, err := q.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}
