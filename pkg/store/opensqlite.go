package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"gorm.io/gorm"
	"modernc.org/sqlite"
)

// openSQLite opens one writing connection and a pool of reading ones. River's client shares the
// writing connection: it waits in database/sql's queue while a group of writes is open, and the
// group waits while River works.
func openSQLite(ctx context.Context, o Options) (*Store, error) {
	path, cleanup, err := sqlitePath(strings.TrimPrefix(o.URL, "sqlite:"))
	if err != nil {
		return nil, err
	}
	synchronous := "FULL"
	if cleanup != nil { // a database in memory survives nothing, so it need not wait for the disk
		synchronous = "OFF"
	}
	s := &Store{path: path}
	fail := func(err error) (*Store, error) {
		return nil, errors.Join(fmt.Errorf("open SQLite database %s: %w", path, err), s.Close())
	}
	if cleanup != nil {
		s.onStop = append(s.onStop, cleanup)
	}
	if s.writes, err = openFile(o, path, "_txlock=immediate&_journal_mode=WAL&_synchronous="+synchronous, 1); err != nil {
		return fail(err)
	}
	s.onStop = append([]func() error{s.writes.Close}, s.onStop...)
	if err := s.writes.PingContext(ctx); err != nil { // creates the file, in WAL mode, before readers come
		return fail(err)
	}
	if s.reads, err = openFile(o, path, "_query_only=1", max(4, runtime.GOMAXPROCS(0))); err != nil {
		return fail(err)
	}
	readStatements := newPrepared(s.reads)
	s.onStop = append([]func() error{readStatements.close, s.reads.Close}, s.onStop...)
	orm, err := gorm.Open(ormSQLite{s.reads}, ormConfig())
	if err != nil {
		return fail(err)
	}
	s.reader = reader{base: &base{dialect: lite{tables: indexTables()}, clock: o.Clock, log: o.Log, orm: orm}, q: readStatements, pool: readStatements}
	s.writer = newWriter(s.writes)
	s.onStop = append([]func() error{s.writer.close}, s.onStop...)
	return s, nil
}

func openFile(o Options, path, options string, conns int) (*sql.DB, error) {
	dsn := "file:" + (&url.URL{Path: path}).EscapedPath() + "?_time_format=sqlite&_busy_timeout=10000&_error_rc=1&" + options
	connector, err := sqlite.NewConnector(dsn)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(o.wrapped(connector))
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	return db, nil
}

// sqlitePath makes the directory of the file, but not what that lies in: a slip in a path must not
// begin a new database. A database in memory is a file in a directory of
// its own that goes away with the store: SQLite's own memory databases cannot be read while
// they are written.
func sqlitePath(path string) (string, func() error, error) {
	switch path {
	case "":
		return "", nil, errors.New("database URL: sqlite needs a path, or :memory: for none")
	case ":memory:":
		dir, err := os.MkdirTemp("", "admit-memory-")
		if err != nil {
			return "", nil, fmt.Errorf("make a directory for the database in memory: %w", err)
		}
		return filepath.Join(dir, "admit.db"), func() error { return os.RemoveAll(dir) }, nil
	}
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return "", nil, fmt.Errorf("make the directory of the database: %w", err)
	}
	return path, nil, nil
}

func (lite) list(values []string) any { return jsonList(values) }
