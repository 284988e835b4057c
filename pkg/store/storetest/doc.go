// Package storetest gives tests a database of their own, on SQLite always and on PostgreSQL when
// its programs are installed, and holds the contract suite that the store passes on both.
//
//   - A test's database is migrated, empty and nobody else's.
//   - With CI=true a missing PostgreSQL fails the test; it is never skipped there.
//   - The PostgreSQL that it starts dies with the test binary, however that ends.
//
// ADMIT_TEST_POSTGRES_URL names a running server to use instead; its user must be allowed to
// create databases.
package storetest

import (
	"context"
	"os"
	"testing"

	"github.com/admitdev/admit/pkg/store"
)

// DB is one migrated, empty database.
type DB struct {
	Name string // "sqlite" or "postgres"
	URL  string
}

// runner is *testing.T and *testing.B.
type runner[T any] interface {
	testing.TB
	Run(name string, fn func(T)) bool
}

// Each runs fn once for each kind of database, with a fresh one.
func Each[T runner[T]](t T, fn func(t T, db DB)) {
	t.Helper()
	t.Run("sqlite", func(t T) { fn(t, SQLite(t)) })
	if !HavePostgres(t) {
		return
	}
	t.Run("postgres", func(t T) { fn(t, Postgres(t)) })
}

// HavePostgres says whether PostgreSQL can be tested here; in CI it must.
func HavePostgres(t testing.TB) bool {
	t.Helper()
	if os.Getenv("ADMIT_TEST_POSTGRES_URL") != "" {
		return true
	}
	if _, err := findPrograms(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("PostgreSQL is required in CI: %v", err)
		}
		t.Logf("on SQLite alone: %v", err)
		return false
	}
	return true
}

// Open opens the store of a test; it is closed at the test's end.
func Open(t testing.TB, db DB) *store.Store {
	t.Helper()
	return OpenWith(t, db, store.Options{})
}

// OpenWith is Open with a clock, a log or a wrapped driver.
func OpenWith(t testing.TB, db DB, o store.Options) *store.Store {
	t.Helper()
	o.URL = db.URL
	s, err := store.Open(context.Background(), o)
	if err != nil {
		t.Fatalf("open %s: %v", db.Name, err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close %s: %v", db.Name, err)
		}
	})
	return s
}
