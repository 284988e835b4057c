package apptest

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/pkg/store/storetest"
)

// driven runs statements on a driver, with nothing of ours in between.
type driven interface {
	// prepare is told of all statements that will be run.
	prepare(statements []storetest.Statement) error
	// run runs statements and reads all that they give, args being the arguments of each.
	run(statements []storetest.Statement, args [][]any) error
}

// raw is a driver for one worker: a pgx connection of its own, or what the workers share on
// SQLite, which knows one writer.
func raw(b *testing.B, db storetest.DB, workers int) []driven {
	b.Helper()
	all := make([]driven, workers)
	if db.Name == "sqlite" {
		shared := newRawSQLite(b, strings.TrimPrefix(db.URL, "sqlite:"))
		for i := range all {
			all[i] = shared
		}
		return all
	}
	for i := range all {
		conn, err := pgx.Connect(b.Context(), db.URL)
		require.NoError(b, err)
		b.Cleanup(func() { _ = conn.Close(context.WithoutCancel(b.Context())) })
		all[i] = rawPostgres{b.Context(), conn}
	}
	return all
}

// rawPostgres is pgx as it comes: it prepares each statement when it first sees it, and keeps it.
type rawPostgres struct {
	ctx  context.Context
	conn *pgx.Conn
}

func (rawPostgres) prepare([]storetest.Statement) error { return nil }

func (p rawPostgres) run(statements []storetest.Statement, args [][]any) error {
	for i, s := range statements {
		if !s.Rows {
			if _, err := p.conn.Exec(p.ctx, s.Text, args[i]...); err != nil {
				return err
			}
			continue
		}
		rows, err := p.conn.Query(p.ctx, s.Text, args[i]...)
		if err != nil {
			return err
		}
		for rows.Next() {
			if _, err := rows.Values(); err != nil {
				return err
			}
		}
		if err := rows.Err(); err != nil {
			return err
		}
	}
	return nil
}

// rawSQLite is modernc.org/sqlite under database/sql, with statements prepared beforehand and the
// pragmas of the server.
type rawSQLite struct {
	ctx            context.Context
	reads, writes  *sql.DB
	reader, writer map[string]*sql.Stmt
}

func newRawSQLite(b *testing.B, path string) *rawSQLite {
	b.Helper()
	const options = "?_time_format=sqlite&_busy_timeout=10000&_error_rc=1&"
	s := &rawSQLite{ctx: b.Context(), reader: map[string]*sql.Stmt{}, writer: map[string]*sql.Stmt{}}
	var err, err2 error
	s.writes, err = sql.Open("sqlite", "file:"+path+options+"_txlock=immediate&_journal_mode=WAL&_synchronous=FULL")
	s.reads, err2 = sql.Open("sqlite", "file:"+path+options+"_query_only=1")
	require.NoError(b, errors.Join(err, err2))
	s.writes.SetMaxOpenConns(1)
	s.reads.SetMaxOpenConns(8)
	s.reads.SetMaxIdleConns(8)
	b.Cleanup(func() { _ = errors.Join(s.writes.Close(), s.reads.Close()) })
	return s
}

func (s *rawSQLite) prepare(statements []storetest.Statement) (err error) {
	db, kept := s.reads, s.reader
	for _, one := range statements {
		switch {
		case one.Text == "BEGIN":
			db, kept = s.writes, s.writer
		case one.Text == "COMMIT":
			db, kept = s.reads, s.reader
		case kept[one.Text] == nil:
			if kept[one.Text], err = db.PrepareContext(s.ctx, one.Text); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *rawSQLite) run(statements []storetest.Statement, args [][]any) (err error) {
	var tx *sql.Tx
	for i, one := range statements {
		switch {
		case one.Text == "BEGIN":
			tx, err = s.writes.BeginTx(s.ctx, nil)
		case one.Text == "COMMIT":
			err, tx = tx.Commit(), nil
		case tx != nil:
			err = s.one(tx.StmtContext(s.ctx, s.writer[one.Text]), one.Rows, args[i])
		default:
			err = s.one(s.reader[one.Text], one.Rows, args[i])
		}
		if err != nil {
			if tx != nil {
				_ = tx.Rollback() // the first error says more
			}
			return err
		}
	}
	return nil
}

func (s *rawSQLite) one(statement *sql.Stmt, gives bool, args []any) error {
	if !gives {
		_, err := statement.ExecContext(s.ctx, args...)
		return err
	}
	rows, err := statement.QueryContext(s.ctx, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	values := make([]any, len(columns))
	for i := range values {
		values[i] = new(any)
	}
	for rows.Next() {
		if err := rows.Scan(values...); err != nil {
			return err
		}
	}
	return rows.Err()
}
