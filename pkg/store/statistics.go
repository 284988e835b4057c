package store

import (
	"context"
	"database/sql"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
)

// statistics has PostgreSQL look at tables that have grown much. Without knowing how many rows
// share a project and a type, it looks through all of them for each that an index has found;
// autovacuum takes a minute to come, and a bundle fills a new database in less.
type statistics struct {
	db      *sql.DB
	log     *slog.Logger
	ctx     context.Context // ends with the store
	stop    context.CancelFunc
	written atomic.Int64
	next    atomic.Int64 // the number of writes at which to look again
	running sync.WaitGroup
}

// firstLook is the number of writes after which the tables are looked at; the next time comes
// after growth times as many.
const (
	firstLook = 300
	growth    = 3
)

func newStatistics(db *sql.DB, log *slog.Logger) *statistics {
	s := &statistics{db: db, log: log}
	s.ctx, s.stop = context.WithCancel(context.Background())
	s.next.Store(firstLook)
	return s
}

// wrote counts resources; on SQLite, which takes no statistics, there is nothing to do.
func (s *statistics) wrote(n int) {
	if s == nil {
		return
	}
	total, next := s.written.Add(int64(n)), s.next.Load()
	if total < next || !s.next.CompareAndSwap(next, total*growth) {
		return
	}
	s.running.Go(func() {
		if err := s.look(); err != nil && s.ctx.Err() == nil {
			s.log.Warn("take statistics of the tables", "error", err)
		}
	})
}

// look analyzes the tables when one of them never was or has become twice as large since.
func (s *statistics) look() error {
	tables := []string{"resource"}
	for _, t := range indexTables() {
		tables = append(tables, t.name)
	}
	const stale = `SELECT count(*) FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relname = ANY($1::text[])
AND (reltuples < 0 OR pg_relation_size(oid) > 2 * relpages * current_setting('block_size')::bigint)`
	var n int
	if err := first(s.ctx, s.db, stale, []any{tables}, &n); err != nil || n == 0 {
		return err
	}
	_, err := s.db.ExecContext(s.ctx, "ANALYZE "+strings.Join(tables, ", "))
	return err
}

func (s *statistics) close() error {
	s.stop()
	s.running.Wait()
	return nil
}
