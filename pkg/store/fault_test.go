package store_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/store/storetest"
)

var errFault = errors.New("fault")

// faultAt fails the n-th statement from when it is armed; n = 0 fails none.
type faultAt struct {
	n, seen atomic.Int64
	err     error
}

func (f *faultAt) arm(n int64) { f.seen.Store(0); f.n.Store(n) }

func (f *faultAt) hook(context.Context, string) error {
	if f.seen.Add(1) == f.n.Load() {
		return f.err
	}
	return nil
}

// two are writes that belong together: an update with a changed key and a create.
func two(project string, n int) []store.Write {
	at := clock.System{}.Now()
	write := func(id string) store.Write {
		return store.Write{
			Resource: store.Resource{Ref: store.Ref{Project: project, Type: "Patient", ID: id}, Version: fmt.Sprint(n), LastUpdated: at, Content: fmt.Appendf(nil, `{"n":%d}`, n)},
			Index:    everyIndex(n), Keys: []store.Key{{Scope: project, Kind: id, Value: fmt.Sprint(n)}},
		}
	}
	old, fresh := write("old"), write(fmt.Sprint("new", n))
	if n > 0 {
		old.Replaces = fmt.Sprint(n - 1)
	}
	return []store.Write{old, fresh}
}

func TestAFaultAtAnyStatementLeavesAllOrNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		fault := &faultAt{err: errFault}
		s := storetest.OpenFaulty(t, db, fault.hook)
		project := clock.System{}.NewID()
		if err := s.Put(t.Context(), two(project, 0)...); err != nil {
			t.Fatal(err)
		}
		n := int64(1)
		for ; ; n++ {
			fault.arm(n)
			err := s.Put(t.Context(), two(project, 1)...)
			fault.arm(0)
			if err == nil {
				break // the fault lies behind the last statement
			}
			if !errors.Is(err, errFault) {
				t.Fatalf("statement %d: %v", n, err)
			}
			wantState(t, s, project, 0)
		}
		if n < 5 {
			t.Errorf("only %d statements were failed", n-1)
		}
		wantState(t, s, project, 1)
	})
}

// wantState holds that all of two(project, n) is there and nothing of what came after.
func wantState(t *testing.T, s *store.Store, project string, n int) {
	t.Helper()
	old, err := s.Get(t.Context(), store.Ref{Project: project, Type: "Patient", ID: "old"}, nil)
	if err != nil || old.Version != fmt.Sprint(n) {
		t.Fatalf("old is %q, %v; want %d", old.Version, err, n)
	}
	history, err := s.HistoryCount(t.Context(), old.Ref)
	if err != nil || history != n+1 {
		t.Fatalf("%d versions, %v", history, err)
	}
	for i, want := range map[int]int{n: 2, n + 1: 0} {
		code := fmt.Sprintf("v%05d", i)
		q := store.Query{Projects: []string{project}, Types: []string{"Patient"}, Where: store.Token{Param: "identifier", Values: []store.TokenValue{{Code: &code}}}}
		if n > 0 && i == n {
			want = 2
		}
		if found, err := s.Count(t.Context(), q); err != nil || found != want {
			t.Fatalf("%d of %d have the index rows of %d, %v", found, want, i, err)
		}
		_, err := s.Owner(t.Context(), store.Key{Scope: project, Kind: "old", Value: fmt.Sprint(i)})
		if (err == nil) != (i == n) {
			t.Fatalf("key %d at state %d: %v", i, n, err)
		}
	}
}

// TestAFaultHarmsNoNeighbour: on SQLite many share a transaction; whoever is told that his write
// is kept finds it, and whoever is told otherwise does not.
func TestAFaultHarmsNoNeighbour(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		var seen atomic.Int64
		s := storetest.OpenFaulty(t, db, func(_ context.Context, statement string) error {
			if seen.Add(1)%61 == 0 && !strings.HasPrefix(statement, "SELECT") {
				return errFault
			}
			return nil
		})
		project := clock.System{}.NewID()
		const writers = 40
		told := make([]error, writers)
		var wait sync.WaitGroup
		for i := range writers {
			wait.Go(func() { told[i] = s.Put(context.Background(), two(fmt.Sprintf("%s%02d", project[:34], i), 0)...) })
		}
		wait.Wait()
		good := 0
		for i, err := range told {
			_, missing := s.Get(t.Context(), store.Ref{Project: fmt.Sprintf("%s%02d", project[:34], i), Type: "Patient", ID: "old"}, nil)
			if (err == nil) != (missing == nil) {
				t.Errorf("writer %d was told %v and finds %v", i, err, missing)
			}
			if err == nil {
				good++
			}
		}
		if good == 0 || good == writers {
			t.Errorf("%d of %d came through, so nothing was shown", good, writers)
		}
	})
}

// TestALostTransactionIsTriedAgain: PostgreSQL ends transactions for others' sake, and servers
// restart. The transaction runs again, whole; after the commit was sent it does not.
func TestALostTransactionIsTriedAgain(t *testing.T) {
	if !storetest.HavePostgres(t) {
		return
	}
	db := storetest.Postgres(t)
	for name, lost := range map[string]error{
		"serialization": &pgconn.PgError{Code: "40001"}, "deadlock": &pgconn.PgError{Code: "40P01"},
		"shutdown": &pgconn.PgError{Code: "57P01"}, "broken connection": io.ErrUnexpectedEOF, "bad connection": driver.ErrBadConn,
	} {
		t.Run(name, func(t *testing.T) {
			fault := &faultAt{err: lost}
			s := storetest.OpenFaulty(t, db, fault.hook)
			project := clock.System{}.NewID()
			fault.arm(3)
			runs := 0
			err := s.InTx(t.Context(), func(tx *store.Tx) error {
				runs++
				return tx.Put(t.Context(), two(project, 0)...)
			})
			if err != nil || runs != 2 {
				t.Errorf("ran %d times, %v", runs, err)
			}
			wantState(t, s, project, 0)
		})
	}
	t.Run("at the commit", func(t *testing.T) {
		s := storetest.OpenFaulty(t, db, func(_ context.Context, statement string) error {
			if statement == "COMMIT" {
				return io.ErrUnexpectedEOF
			}
			return nil
		})
		runs := 0
		err := s.InTx(t.Context(), func(tx *store.Tx) error {
			runs++
			_, err := tx.SQL(t.Context()) // it begins
			return err
		})
		if !errors.Is(err, io.ErrUnexpectedEOF) || runs != 1 {
			t.Errorf("ran %d times, %v", runs, err)
		}
	})
	for name, tc := range map[string]struct {
		err  error
		runs int
	}{"of one statement": {io.ErrUnexpectedEOF, 1}, "of one statement that was undone": {&pgconn.PgError{Code: "40P01"}, 2}} {
		t.Run(name, func(t *testing.T) {
			fault := &faultAt{err: tc.err}
			s := storetest.OpenFaulty(t, db, fault.hook)
			event := store.AuditEvent{Project: clock.System{}.NewID(), ID: "1", Content: "{}"}
			fault.arm(1)
			runs := 0
			err := s.InTx(t.Context(), func(tx *store.Tx) error { runs++; return tx.AddAudit(t.Context(), event) })
			if (err == nil) != (tc.runs == 2) || runs != tc.runs {
				t.Errorf("ran %d times, %v", runs, err)
			}
		})
	}
}
