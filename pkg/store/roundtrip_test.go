package store_test

import (
	"context"
	"strings"
	"sync"
	"testing"

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
