package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"sync"
)

// prepared keeps compiled statements: SQLite's driver compiles a statement on each use, pgx
// keeps its own.
type prepared struct {
	db         *sql.DB
	mu         sync.RWMutex
	statements map[string]*sql.Stmt
}

// maxPrepared bounds the cache: the shapes of searches are without end.
const maxPrepared = 512

func newPrepared(db *sql.DB) *prepared {
	return &prepared{db: db, statements: map[string]*sql.Stmt{}}
}

func (p *prepared) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return p.db.ExecContext(ctx, query, args...)
}

func (p *prepared) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	statement, err := p.prepare(ctx, query)
	if err != nil {
		return nil, err
	}
	if statement == nil {
		return p.db.QueryContext(ctx, query, args...)
	}
	return statement.QueryContext(ctx, args...)
}

// QueryRowContext implements gorm.ConnPool.
func (p *prepared) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	statement, err := p.prepare(ctx, query)
	if err != nil || statement == nil { // what failed fails again, in the row
		return p.db.QueryRowContext(ctx, query, args...)
	}
	return statement.QueryRowContext(ctx, args...)
}

// PrepareContext implements gorm.ConnPool.
func (p *prepared) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	return p.db.PrepareContext(ctx, query)
}

func (p *prepared) cached(query string) *sql.Stmt {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.statements[query]
}

// prepare gives the kept statement, or nil when the cache is full.
func (p *prepared) prepare(ctx context.Context, query string) (*sql.Stmt, error) {
	if statement := p.cached(query); statement != nil {
		return statement, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if statement := p.statements[query]; statement != nil || len(p.statements) >= maxPrepared {
		return statement, nil
	}
	statement, err := p.db.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	p.statements[query] = statement
	return statement, nil
}

func (p *prepared) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var errs []error
	for _, statement := range p.statements {
		errs = append(errs, statement.Close())
	}
	p.statements = map[string]*sql.Stmt{}
	return errors.Join(errs...)
}

// jsonList is a list as one parameter for json_each.
func jsonList(values []string) string {
	text, err := json.Marshal(values)
	if err != nil { // a []string always marshals
		return "[]"
	}
	return string(text)
}
