package store_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/store/storetest"
)

func open(t *testing.T, url string) *store.Store {
	t.Helper()
	return storetest.Open(t, storetest.DB{Name: url, URL: url})
}

func TestOpenRefusesWhatItDoesNotKnow(t *testing.T) {
	for _, url := range []string{"", "admit.db", "mysql://x", "sqlite:", "postgres://u:secret@localhost:1/x?connect_timeout=1", "postgres://u:secret@:x:y/", "postgres:///x?pool_max_conns=one"} {
		s, err := store.Open(t.Context(), store.Options{URL: url})
		if err == nil {
			t.Errorf("%q was opened", url)
			_ = s.Close()
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("the error shows the password: %v", err)
		}
	}
}

func TestTheDirectoryOfASQLiteFileIsPrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a b?#%")
	s := open(t, "sqlite:"+filepath.Join(dir, "admit.db"))
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if _, err := os.Stat(filepath.Join(dir, "admit.db")); err != nil {
		t.Error(err)
	}
}

func TestDatabasesInMemoryAreApartAndLeaveNothing(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	a, err := store.Open(t.Context(), store.Options{URL: "sqlite::memory:"})
	if err != nil {
		t.Fatal(err)
	}
	b := open(t, "sqlite::memory:")
	for _, s := range []*store.Store{a, b} {
		if err := s.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	project := clock.System{}.NewID()
	if err := a.Put(t.Context(), two(project, 0)...); err != nil {
		t.Fatal(err)
	}
	wantState(t, a, project, 0)
	if _, err := b.Get(t.Context(), store.Ref{Project: project, Type: "Patient", ID: "old"}, nil); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the other one answers %v", err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if left, err := filepath.Glob(filepath.Join(os.Getenv("TMPDIR"), "*")); err != nil || len(left) != 1 { // b's
		t.Errorf("left %v, %v", left, err)
	}
}

func TestAClosedStoreWritesNothing(t *testing.T) {
	s, err := store.Open(t.Context(), store.Options{URL: storetest.SQLite(t).URL})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), two(clock.System{}.NewID(), 0)...); !errors.Is(err, store.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

func TestManyStartersMigrateOnce(t *testing.T) {
	databases := map[string]string{"sqlite": "sqlite:" + filepath.Join(t.TempDir(), "admit.db")}
	if storetest.HavePostgres(t) {
		databases["postgres"] = storetest.EmptyPostgres(t).URL
	}
	for name, url := range databases {
		t.Run(name, func(t *testing.T) {
			failed := make(chan error)
			for range 4 {
				s := open(t, url)
				go func() { failed <- s.Migrate(context.Background()) }()
			}
			for range 4 {
				if err := <-failed; err != nil {
					t.Error(err)
				}
			}
			s := open(t, url)
			wantMigrated(t, s)
			if err := s.Put(t.Context(), two(clock.System{}.NewID(), 0)...); err != nil {
				t.Error(err)
			}
		})
	}
}

func wantMigrated(t *testing.T, s *store.Store) {
	t.Helper()
	states, err := s.MigrationStatus(t.Context())
	if err != nil || len(states) == 0 {
		t.Fatal(states, err)
	}
	for _, state := range states {
		if state.Applied.IsZero() {
			t.Errorf("%s waits", state.Name)
		}
	}
}

func TestAnUnmigratedDatabaseSaysSo(t *testing.T) {
	s := open(t, "sqlite::memory:")
	states, err := s.MigrationStatus(t.Context())
	if err != nil || len(states) == 0 || !states[0].Applied.IsZero() || states[0].Name != "00001_resource.sql" {
		t.Errorf("%+v, %v", states, err)
	}
}

// TestWithoutPreparedStatements: what PgBouncer in transaction mode asks for must keep the whole
// contract.
func TestWithoutPreparedStatements(t *testing.T) {
	if !storetest.HavePostgres(t) {
		return
	}
	storetest.Run(t, func(t testing.TB) storetest.DB {
		db := storetest.Postgres(t)
		u, err := url.Parse(db.URL)
		if err != nil {
			t.Fatal(err)
		}
		query := u.Query()
		query.Set("default_query_exec_mode", "exec")
		u.RawQuery = query.Encode()
		return storetest.DB{Name: "postgres without prepared statements", URL: u.String()}
	})
}

// TestReadsGoOnDuringATransaction: on SQLite too readers do not wait for the writer.
func TestReadsGoOnDuringATransaction(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		s := storetest.Open(t, db)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		err := s.InTx(ctx, func(tx *store.Tx) error {
			for i := range 20 {
				if _, err := s.Get(ctx, store.Ref{Project: clock.System{}.NewID(), Type: "Patient", ID: fmt.Sprint(i)}, nil); !errors.Is(err, store.ErrNotFound) {
					return fmt.Errorf("read %d: %w", i, err)
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}

func TestASlipInThePathBeginsNoNewDatabase(t *testing.T) {
	dir := t.TempDir()
	open(t, "sqlite:"+filepath.Join(dir, "data", "admit.db"))
	s, err := store.Open(t.Context(), store.Options{URL: "sqlite:" + filepath.Join(dir, "dta", "admit", "admit.db")})
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
		_ = s.Close()
	}
}

func TestPostgresCompilesNoSearch(t *testing.T) {
	if !storetest.HavePostgres(t) {
		return
	}
	s := storetest.Open(t, storetest.Postgres(t))
	err := s.InTx(t.Context(), func(tx *store.Tx) error {
		var jit string
		if err := storetest.SQL(t, tx).QueryRowContext(t.Context(), "SHOW jit").Scan(&jit); err != nil || jit != "off" {
			t.Errorf("jit is %q, %v", jit, err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
