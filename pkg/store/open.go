package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/admitdev/admit/pkg/clock"
)

// Options say which database to open and how.
type Options struct {
	// URL is sqlite:PATH, sqlite::memory: or postgres://… (every option of pgx, among them
	// default_query_exec_mode=exec for PgBouncer in transaction mode, and pool_max_conns).
	URL   string
	Clock clock.Clock // the machine's when nil
	Log   *slog.Logger
	// Wrap, when set, stands around the database driver; tests inject faults with it.
	Wrap func(driver.Connector) driver.Connector
}

func (o Options) wrapped(c driver.Connector) driver.Connector {
	if o.Wrap == nil {
		return c
	}
	return o.Wrap(c)
}

// Store is the database. Its reads see what is committed.
type Store struct {
	reader
	writes *sql.DB // every connection on PostgreSQL, the single writer's on SQLite
	reads  *sql.DB
	writer *writer  // nil on PostgreSQL
	shares *sharing // nil on SQLite
	path   string   // of the SQLite file
	onStop []func() error
}

// base is what Store and its transactions share.
type base struct {
	dialect   dialect
	clock     clock.Clock
	log       *slog.Logger
	orm       *gorm.DB
	listeners listeners
	grown     *statistics // nil on SQLite
}

// Open opens the database; it creates a SQLite file (and its directory) but migrates nothing.
func Open(ctx context.Context, o Options) (*Store, error) {
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	switch scheme, _, _ := strings.Cut(o.URL, ":"); scheme {
	case "sqlite":
		return openSQLite(ctx, o)
	case "postgres", "postgresql":
		return openPostgres(ctx, o)
	default:
		return nil, errors.New("database URL: want sqlite:PATH, sqlite::memory: or postgres://…")
	}
}

// ormConfig turns off what costs a transaction per statement and what could print values.
func ormConfig() *gorm.Config {
	return &gorm.Config{SkipDefaultTransaction: true, DisableAutomaticPing: true, Logger: logger.Discard}
}

// Ping asks the database whether it is there.
func (s *Store) Ping(ctx context.Context) error {
	var one int
	if err := first(ctx, s.reads, "SELECT 1", nil, &one); err != nil {
		return fmt.Errorf("ping database: %w", err)
	}
	return nil
}

// Close waits for the writes that have begun and closes the database.
func (s *Store) Close() error {
	var errs []error
	for _, stop := range s.onStop {
		errs = append(errs, stop())
	}
	return errors.Join(errs...)
}
