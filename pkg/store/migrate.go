package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	"modernc.org/sqlite"

	"github.com/admitdev/admit/migrations"
)

// MigrationState is one migration: Applied is zero while it waits.
type MigrationState struct {
	Version int64
	Name    string
	Applied time.Time
}

// Migrate brings the schema up to date: Admit's own tables, then River's. Of several processes
// that start at once one works and the others wait.
func (s *Store) Migrate(ctx context.Context) error {
	unlock, err := s.lockMigrations(ctx)
	if err != nil {
		return fmt.Errorf("lock migrations: %w", err)
	}
	err = s.migrate(ctx)
	return errors.Join(err, unlock())
}

func (s *Store) migrate(ctx context.Context) error {
	provider, err := s.migrations()
	if err != nil {
		return err
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	jobs, err := rivermigrate.New(s.JobDriver(), &rivermigrate.Config{Logger: s.log})
	if err != nil {
		return fmt.Errorf("migrate jobs: %w", err)
	}
	if _, err := jobs.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return fmt.Errorf("migrate jobs: %w", err)
	}
	return nil
}

// MigrationStatus lists the migrations in their order.
func (s *Store) MigrationStatus(ctx context.Context) ([]MigrationState, error) {
	provider, err := s.migrations()
	if err != nil {
		return nil, err
	}
	statuses, err := provider.Status(ctx)
	if err != nil {
		return nil, fmt.Errorf("migration status: %w", err)
	}
	states := make([]MigrationState, len(statuses))
	for i, status := range statuses {
		states[i] = MigrationState{Version: status.Source.Version, Name: path.Base(status.Source.Path), Applied: status.AppliedAt}
	}
	return states, nil
}

// JobDriver is for pkg/jobs alone: River on this database. On SQLite it shares the writer's
// connection.
func (s *Store) JobDriver() riverdriver.Driver[*sql.Tx] {
	if s.writer != nil {
		return riversqlite.New(s.writes)
	}
	return riverdatabasesql.New(s.writes)
}

func (s *Store) migrations() (*goose.Provider, error) {
	folder, dialect := "postgres", goose.DialectPostgres
	if s.writer != nil {
		folder, dialect = "sqlite", goose.DialectSQLite3
	}
	files, err := fs.Sub(migrations.Files, folder)
	if err != nil {
		return nil, err
	}
	provider, err := goose.NewProvider(dialect, s.writes, files, goose.WithDisableGlobalRegistry(true), goose.WithAllowOutofOrder(true))
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	return provider, nil
}

// migrationLock is an arbitrary number that only Admit's migrations lock.
const migrationLock = 0x41646d6974

// lockMigrations keeps other processes from migrating. On PostgreSQL it is an advisory lock of an
// open transaction, which PgBouncer leaves alone where a session's lock would stray to another
// client. SQLite has none, so a second file beside the database is locked for writing; the
// operating system lets go of it when the process dies.
func (s *Store) lockMigrations(ctx context.Context) (unlock func() error, err error) {
	db, statement, args := s.writes, `SELECT pg_advisory_xact_lock($1)`, []any{int64(migrationLock)}
	closeLock := func() error { return nil }
	if s.writer != nil {
		connector, err := sqlite.NewConnector("file:" + (&url.URL{Path: s.path + ".lock"}).EscapedPath() + "?_txlock=exclusive&_busy_timeout=60000")
		if err != nil {
			return nil, err
		}
		db, statement, args = sql.OpenDB(connector), `SELECT 1`, nil
		closeLock = db.Close
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return nil, errors.Join(err, closeLock())
	}
	if _, err := tx.ExecContext(ctx, statement, args...); err != nil {
		return nil, errors.Join(err, tx.Rollback(), closeLock())
	}
	return func() error { return errors.Join(tx.Rollback(), closeLock()) }, nil
}
