package storetest

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"sync/atomic"
	"testing"

	"github.com/admitdev/admit/pkg/store"
)

// Hook is called before each statement of a store, "BEGIN", "COMMIT" and "ROLLBACK" among them.
// Its error takes the statement's place; a hook that counts can fail, or end the process, at the
// n-th.
type Hook func(ctx context.Context, statement string) error

// Statement is one statement on its way to the database.
type Statement struct {
	Conn int64  // on which connection: each has a number of its own, whatever pool it is of
	Text string // "BEGIN", "COMMIT" and "ROLLBACK" stand for the calls of the driver
	Args []driver.NamedValue
	Rows bool // it is a query
}

// Watch is a Hook that sees all of a statement.
type Watch func(ctx context.Context, statement Statement) error

// OpenFaulty opens the store of a test with a hook on its statements.
func OpenFaulty(t testing.TB, db DB, hook Hook) *store.Store {
	t.Helper()
	return OpenWith(t, db, store.Options{Wrap: hook.Wrap})
}

// Wrap is for store.Options.Wrap.
func (h Hook) Wrap(c driver.Connector) driver.Connector {
	return Watch(func(ctx context.Context, s Statement) error { return h(ctx, s.Text) }).Wrap(c)
}

// Wrap is for store.Options.Wrap.
func (w Watch) Wrap(c driver.Connector) driver.Connector {
	return &faultyConnector{Connector: c, watch: w}
}

type faultyConnector struct {
	driver.Connector
	watch Watch
}

// conns numbers the connections of all pools: SQLite has one for reads beside the one for writes.
var conns atomic.Int64

// Connect implements driver.Connector.
func (c *faultyConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &faultyConn{conn, conns.Add(1), c.watch}, nil
}

// faultyConn hands on what both drivers know and database/sql asks for.
type faultyConn struct {
	driver.Conn
	number int64
	watch  Watch
}

func (c *faultyConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	if err := c.watch(ctx, Statement{Conn: c.number, Text: "BEGIN"}); err != nil {
		return nil, err
	}
	tx, err := c.Conn.(driver.ConnBeginTx).BeginTx(ctx, o)
	if err != nil {
		return nil, err
	}
	return faultyTx{tx, c}, nil
}

func (c *faultyConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	statement, err := c.Conn.(driver.ConnPrepareContext).PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	return &faultyStmt{statement, query, c}, nil
}

func (c *faultyConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if err := c.watch(ctx, Statement{c.number, query, args, false}); err != nil {
		return nil, err
	}
	return c.Conn.(driver.ExecerContext).ExecContext(ctx, query, args)
}

func (c *faultyConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if err := c.watch(ctx, Statement{c.number, query, args, true}); err != nil {
		return nil, err
	}
	return c.Conn.(driver.QueryerContext).QueryContext(ctx, query, args)
}

func (c *faultyConn) Ping(ctx context.Context) error {
	if p, ok := c.Conn.(driver.Pinger); ok {
		return p.Ping(ctx)
	}
	return nil
}

func (c *faultyConn) ResetSession(ctx context.Context) error {
	if r, ok := c.Conn.(driver.SessionResetter); ok {
		return r.ResetSession(ctx)
	}
	return nil
}

func (c *faultyConn) IsValid() bool {
	if v, ok := c.Conn.(driver.Validator); ok {
		return v.IsValid()
	}
	return true
}

func (c *faultyConn) CheckNamedValue(v *driver.NamedValue) error {
	if checker, ok := c.Conn.(driver.NamedValueChecker); ok {
		return checker.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

type faultyStmt struct {
	driver.Stmt
	query string
	conn  *faultyConn
}

func (s *faultyStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	if err := s.conn.watch(ctx, Statement{s.conn.number, s.query, args, false}); err != nil {
		return nil, err
	}
	return s.Stmt.(driver.StmtExecContext).ExecContext(ctx, args)
}

func (s *faultyStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	if err := s.conn.watch(ctx, Statement{s.conn.number, s.query, args, true}); err != nil {
		return nil, err
	}
	return s.Stmt.(driver.StmtQueryContext).QueryContext(ctx, args)
}

type faultyTx struct {
	driver.Tx
	conn *faultyConn
}

// Commit does not commit when the hook fails, as when the disk is full or the server gone.
func (t faultyTx) Commit() error {
	if err := t.conn.watch(context.Background(), Statement{Conn: t.conn.number, Text: "COMMIT"}); err != nil {
		_ = t.Tx.Rollback() // the hook's error is what the test wants to see
		return err
	}
	return t.Tx.Commit()
}

// Rollback rolls back even when the hook fails: a lost connection does too.
func (t faultyTx) Rollback() error {
	err := t.conn.watch(context.Background(), Statement{Conn: t.conn.number, Text: "ROLLBACK"})
	if undo := t.Tx.Rollback(); err == nil {
		err = undo
	}
	return err
}

// SQL is what runs statements of a test's own in a transaction.
func SQL(t testing.TB, tx *store.Tx) *sql.Tx {
	t.Helper()
	within, err := tx.SQL(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return within
}
