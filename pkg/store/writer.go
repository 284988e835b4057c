package store

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"sync/atomic"
)

// writer is SQLite's only way to write. Tasks that wait share one transaction and its one
// fsync: each runs in a savepoint, so a task that fails undoes itself alone, and all of them
// learn together whether the commit went well. A task runs on its caller's goroutine, so a panic
// ends where it belongs.
type writer struct {
	db         *sql.DB
	tasks      chan *task
	closing    chan struct{}
	closeOnce  sync.Once
	stopped    chan struct{}
	statements *prepared
	wanted     []string // statements to compile before the next group
}

// maxGroup bounds how long the first task of a group waits for the last.
const maxGroup = 256

// task is one transaction that waits for its turn.
type task struct {
	begun     atomic.Bool
	turn      chan *group
	done      chan error // what the task itself came to
	committed chan error
}

// group is one SQLite transaction that several tasks share.
type group struct {
	writer     *writer
	tx         *sql.Tx
	statements map[string]*sql.Stmt
	broken     error // set when the transaction is gone
}

func newWriter(db *sql.DB) *writer {
	w := &writer{
		db: db, tasks: make(chan *task), closing: make(chan struct{}), stopped: make(chan struct{}),
		statements: newPrepared(db),
	}
	go w.run()
	return w
}

// do runs fn within a group and answers when the group is committed.
func (w *writer) do(ctx context.Context, fn func(*group) error) error {
	t := &task{turn: make(chan *group), done: make(chan error), committed: make(chan error, 1)}
	select {
	case w.tasks <- t:
	case <-ctx.Done():
		return ctx.Err()
	case <-w.closing:
		return ErrClosed
	}
	select {
	case g := <-t.turn:
		if err := t.perform(ctx, g, fn); err != nil {
			return err
		}
	case <-ctx.Done():
		if t.begun.CompareAndSwap(false, true) {
			return ctx.Err()
		}
		<-t.turn
		t.done <- ctx.Err()
		return ctx.Err()
	case err := <-t.committed:
		return err
	}
	return <-t.committed
}

// perform runs fn in a savepoint and always gives the turn back.
func (t *task) perform(ctx context.Context, g *group, fn func(*group) error) (err error) {
	defer func() { t.done <- err }()
	if err = ctx.Err(); err != nil {
		return err
	}
	if err = g.exec("SAVEPOINT task"); err != nil {
		return err
	}
	finished := false
	defer func() {
		if finished && err == nil {
			if err = g.exec("RELEASE task"); err == nil {
				return
			}
		}
		if undo := g.undo(); undo != nil {
			g.broken = undo
		}
		if err == nil { // a panic passes through: nothing was kept
			err = context.Canceled
		}
	}()
	err = fn(g)
	finished = true
	return err
}

func (g *group) exec(query string) error {
	_, err := g.ExecContext(context.Background(), query)
	return err
}

func (g *group) undo() error {
	if err := g.exec("ROLLBACK TO task"); err != nil {
		return err
	}
	return g.exec("RELEASE task")
}

func (w *writer) run() {
	defer close(w.stopped)
	for {
		select {
		case t := <-w.tasks:
			w.group(t)
		case <-w.closing:
			return
		}
	}
}

// group runs the task and those that wait meanwhile, then commits.
func (w *writer) group(t *task) {
	w.compileWanted()
	g, err := w.begin()
	if err != nil {
		t.refuse(err)
		return
	}
	var kept []*task
	for n := 0; t != nil; n++ {
		if t.begun.CompareAndSwap(false, true) {
			t.turn <- g
			if err := <-t.done; err == nil {
				kept = append(kept, t)
			}
		}
		t = nil
		if g.broken == nil && n < maxGroup {
			select {
			case t = <-w.tasks:
			default:
			}
		}
	}
	err = g.end(len(kept) > 0)
	for _, t := range kept {
		t.committed <- err
	}
}

// refuse answers a task that will not get a turn.
func (t *task) refuse(err error) {
	if t.begun.CompareAndSwap(false, true) {
		t.committed <- err
	}
}

func (w *writer) begin() (*group, error) {
	tx, err := w.db.BeginTx(context.Background(), nil)
	if err != nil {
		return nil, fmt.Errorf("begin: %w", err)
	}
	return &group{writer: w, tx: tx, statements: map[string]*sql.Stmt{}}, nil
}

// end commits; after a failure the driver has rolled everything back.
func (g *group) end(keep bool) error {
	if g.broken != nil || !keep {
		err := g.tx.Rollback()
		if g.broken != nil {
			return fmt.Errorf("transaction lost: %w", g.broken)
		}
		return err
	}
	if err := g.tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// compileWanted compiles what the last group had to run uncompiled. It cannot happen within a
// group, which holds the only connection.
func (w *writer) compileWanted() {
	for _, query := range w.wanted {
		if _, err := w.statements.prepare(context.Background(), query); err != nil {
			break // the statement itself will tell when it runs
		}
	}
	w.wanted = w.wanted[:0]
}

func (w *writer) close() error {
	w.closeOnce.Do(func() { close(w.closing) })
	<-w.stopped
	return w.statements.close()
}

// statement is the compiled form of query for this group, nil when there is none yet.
func (g *group) statement(ctx context.Context, query string) *sql.Stmt {
	if statement := g.statements[query]; statement != nil {
		return statement
	}
	kept := g.writer.statements.cached(query)
	if kept == nil {
		g.writer.wanted = append(g.writer.wanted, query)
		return nil
	}
	statement := g.tx.StmtContext(ctx, kept)
	g.statements[query] = statement
	return statement
}

// ExecContext implements querier. Cancelling is heeded before a statement, never within.
func (g *group) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	ctx = context.WithoutCancel(ctx)
	if statement := g.statement(ctx, query); statement != nil {
		return statement.ExecContext(ctx, args...)
	}
	return g.tx.ExecContext(ctx, query, args...)
}

// QueryContext implements querier.
func (g *group) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	ctx = context.WithoutCancel(ctx)
	if statement := g.statement(ctx, query); statement != nil {
		return statement.QueryContext(ctx, args...)
	}
	return g.tx.QueryContext(ctx, query, args...)
}

// QueryRowContext implements gorm.ConnPool.
func (g *group) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if ctx.Err() == nil {
		ctx = context.WithoutCancel(ctx)
	}
	if statement := g.statement(ctx, query); statement != nil {
		return statement.QueryRowContext(ctx, args...)
	}
	return g.tx.QueryRowContext(ctx, query, args...)
}

// PrepareContext implements gorm.ConnPool.
func (g *group) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	return g.tx.PrepareContext(ctx, query)
}
