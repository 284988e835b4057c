package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
)

// lazy is a transaction on PostgreSQL. It begins with the first statement that needs one; what may wait (later)
// is written before the next statement and at the end. It implements querier and gorm.ConnPool.
type lazy struct {
	ctx     context.Context // the transaction's: when it ends, the transaction is undone
	store   *Store
	tx      *sql.Tx // nil until it begins
	waiting []later
}

// add has w wait, alone if need be.
func (l *lazy) add(ctx context.Context, w later) error {
	if slices.ContainsFunc(l.waiting, w.mayNotShare) {
		if _, err := l.begun(ctx); err != nil {
			return err
		}
	}
	l.waiting = append(l.waiting, w)
	return nil
}

// begun is the transaction, with what waited.
func (l *lazy) begun(ctx context.Context) (*sql.Tx, error) {
	if l.tx == nil {
		tx, err := l.store.writes.BeginTx(l.ctx, nil)
		if err != nil {
			return nil, fmt.Errorf("begin: %w", err)
		}
		l.tx = tx
	}
	return l.tx, l.flush(ctx, l.tx)
}

// flush writes what waits.
func (l *lazy) flush(ctx context.Context, q querier) error {
	waiting := l.waiting
	if len(waiting) == 0 {
		return nil
	}
	l.waiting = nil
	var does []string
	must := 0
	for _, w := range waiting {
		does = append(does, w.doing)
		if w.must != "" {
			must++
		}
	}
	query, args := oneStatement(l.store.dialect, waiting)
	there := 0
	err := first(ctx, q, query, args, &there)
	if divisionByZero(err) { // of oneStatement
		return ErrChanged
	}
	if err != nil {
		return doing(strings.Join(does, ", "), err)
	}
	if there < must {
		return ErrChanged
	}
	return nil
}

// commit ends it; again says that nothing is left of it and that it may be tried once more.
func (l *lazy) commit() (again bool, err error) {
	if l.tx == nil { // one statement is its own transaction, of which nobody knows what is left when the connection breaks
		err := l.flush(l.ctx, l.store.q)
		return serialization(err), err
	}
	if err := l.flush(l.ctx, l.tx); err != nil {
		return serialization(err) || lost(err), err
	}
	tx := l.tx
	l.tx = nil
	if err := tx.Commit(); err != nil {
		return serialization(err), fmt.Errorf("commit: %w", err)
	}
	return false, nil
}

// undo ends it if it has begun and is not committed.
func (l *lazy) undo() error {
	if l.tx == nil {
		return nil
	}
	return ignoreDone(l.tx.Rollback())
}

// ExecContext implements querier.
func (l *lazy) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	tx, err := l.begun(ctx)
	if err != nil {
		return nil, err
	}
	return tx.ExecContext(ctx, query, args...)
}

// QueryContext implements querier.
func (l *lazy) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	tx, err := l.begun(ctx)
	if err != nil {
		return nil, err
	}
	return tx.QueryContext(ctx, query, args...)
}

// QueryRowContext implements gorm.ConnPool. A row cannot say why there is no transaction, but that it ended.
func (l *lazy) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	tx, err := l.begun(ctx)
	if err != nil {
		ended, end := context.WithCancelCause(ctx)
		end(err)
		return l.store.writes.QueryRowContext(ended, query, args...)
	}
	return tx.QueryRowContext(ctx, query, args...)
}

// PrepareContext implements gorm.ConnPool.
func (l *lazy) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	tx, err := l.begun(ctx)
	if err != nil {
		return nil, err
	}
	return tx.PrepareContext(ctx, query)
}
