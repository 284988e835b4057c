package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/store/storetest"
)

func TestAWriteIsOneRoundTripOnPostgres(t *testing.T) {
	if !storetest.HavePostgres(t) {
		return
	}
	executed := &statementsOf{}
	s := storetest.OpenFaulty(t, storetest.Postgres(t), executed.hook)
	created := two(clock.System{}.NewID(), 0)[0]
	created.Keys = nil
	updated := created
	updated.Version, updated.Replaces, updated.Index = "1", "0", everyIndex(1)
	updated.LastUpdated = store.Later(created.LastUpdated, created.LastUpdated)
	for _, w := range []store.Write{created, updated} {
		executed.all = nil
		if err := s.Put(t.Context(), w); err != nil {
			t.Fatal(err)
		}
		if len(executed.all) != 1 {
			t.Errorf("version %s took %d statements: %q", w.Version, len(executed.all), executed.all)
		}
	}
}

// TestManyCreatesAreOneRoundTripOnPostgres: what a statement for one and a statement for many
// leave behind is the same.
func TestManyCreatesAreOneRoundTripOnPostgres(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		executed := &statementsOf{}
		s := storetest.OpenFaulty(t, db, executed.hook)
		project := clock.System{}.NewID()
		many := make([]store.Write, 20)
		for i := range many {
			many[i] = patient(project, i)
			many[i].Index = everyIndex(i)
		}
		many[7].Index = store.Index{}
		executed.all = nil
		if err := s.Put(t.Context(), many...); err != nil {
			t.Fatal(err)
		}
		if db.Name == "postgres" && len(executed.all) != 1 {
			t.Errorf("%d creates took %d statements", len(many), len(executed.all))
		}
		for _, w := range many {
			one := w
			one.ID += "x"
			if err := s.Put(t.Context(), one); err != nil {
				t.Fatal(err)
			}
			got, err := s.Get(t.Context(), w.Ref, nil)
			if err != nil || string(got.Content) != string(w.Content) || string(got.Meta) != string(w.Meta) || !got.LastUpdated.Equal(w.LastUpdated) {
				t.Errorf("%s: %v", w.ID, err)
			}
		}
		for _, table := range []string{"token", "reference", "string", "date", "quantity", "uri"} {
			rows, err := s.Columns(t.Context(), "SELECT count(*), count(DISTINCT id) FROM "+table+"_index WHERE id LIKE '%x'")
			all, err2 := s.Columns(t.Context(), "SELECT count(*), count(DISTINCT id) FROM "+table+"_index WHERE id NOT LIKE '%x'")
			if err != nil || err2 != nil || strings.Join(rows, "") != strings.Join(all, "") {
				t.Errorf("%s: %q and %q, %v %v", table, rows, all, err, err2)
			}
		}
		again := []store.Write{patient(project, 100), many[3]}
		if err := s.Put(t.Context(), again...); !errors.Is(err, store.ErrExists) {
			t.Errorf("an id that is taken: %v", err)
		}
		if _, err := s.Get(t.Context(), again[0].Ref, nil); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("half was written: %v", err)
		}
	})
}

// TestManyUpdatesAreOneRoundTripOnPostgres: what a statement for one and a statement for many leave
// behind is the same, and one that cannot be done keeps the others from it.
func TestManyUpdatesAreOneRoundTripOnPostgres(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		executed := &statementsOf{}
		s := storetest.OpenFaulty(t, db, executed.hook)
		together, apart := clock.System{}.NewID(), clock.System{}.NewID()
		updates := func(project string, from, to int) []store.Write {
			many := make([]store.Write, 20)
			for i := range many {
				many[i].Ref = store.Ref{Project: project, Type: "Patient", ID: fmt.Sprint(i)}
				many[i].Version, many[i].LastUpdated = fmt.Sprint(to), time.UnixMilli(int64(1e12+to)).UTC()
				many[i].Content, many[i].Index = fmt.Appendf(nil, `{"n":%d}`, to), everyIndex(i/2+to)
				if from < to {
					many[i].Replaces = fmt.Sprint(from)
				}
			}
			many[to].Index = store.Index{}
			return many
		}
		for to := range 3 {
			for _, w := range updates(apart, max(0, to-1), to) {
				if err := s.Put(t.Context(), w); err != nil {
					t.Fatal(err)
				}
			}
			executed.all = nil
			if err := s.Put(t.Context(), updates(together, max(0, to-1), to)...); err != nil {
				t.Fatal(err)
			}
			if db.Name == "postgres" && len(executed.all) != 1 {
				t.Errorf("%d took %d statements", to, len(executed.all))
			}
		}
		for table, columns := range copied {
			if table == "unique_key" {
				continue
			}
			var rows [2]string
			for i, project := range []string{together, apart} {
				for _, table := range []string{table, strings.Replace(table, "resource", "resource_history", 1)} {
					all, err := s.Columns(t.Context(), fmt.Sprintf("SELECT %s FROM %s WHERE project_id = '%s' ORDER BY %[1]s", columns, table, project))
					if err != nil || len(all) == 0 {
						t.Fatalf("%s: %d rows, %v", table, len(all), err)
					}
					rows[i] += strings.ReplaceAll(fmt.Sprint(all), project, "")
				}
			}
			if rows[0] != rows[1] {
				t.Errorf("%s together: %s\napart: %s", table, rows[0], rows[1])
			}
		}
		late := updates(together, 2, 3)
		late[11].Replaces = "1"
		if err := s.Put(t.Context(), late...); !errors.Is(err, store.ErrVersion) {
			t.Errorf("a version that is not current: %v", err)
		}
		if got, err := s.Get(t.Context(), late[0].Ref, nil); err != nil || got.Version != "2" {
			t.Errorf("half was written: version %s, %v", got.Version, err)
		}
	})
}

// TestSQLiteWritersShareACommit: those that wait while others are written are committed together.
func TestSQLiteWritersShareACommit(t *testing.T) {
	executed := &statementsOf{}
	s := storetest.OpenFaulty(t, storetest.SQLite(t), executed.hook)
	project := clock.System{}.NewID()
	const writers = 32
	first, last := make(chan struct{}), make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() { // holds the writer until the others wait for it
		_ = s.InTx(context.Background(), func(*store.Tx) error { close(first); <-last; return nil })
	})
	<-first
	ready := make(chan struct{}, writers)
	for i := range writers {
		wait.Go(func() {
			ready <- struct{}{}
			if err := s.Put(context.Background(), patient(project, i)); err != nil {
				t.Error(err)
			}
		})
	}
	for range writers {
		<-ready
	}
	close(last)
	wait.Wait()
	commits := 0
	for _, statement := range executed.all {
		if strings.EqualFold(statement, "COMMIT") {
			commits++
		}
	}
	if commits == 0 || commits > writers/2 {
		t.Errorf("%d transactions took %d commits", writers+1, commits)
	}
}
