package jobs_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/admitdev/admit/pkg/jobs"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/store/storetest"
)

type greet struct{ Name string }

func (greet) Kind() string { return "greet" }

// start runs a worker of greet until the test's end.
func start(t *testing.T, db storetest.DB, work func(context.Context, greet) error) (*store.Store, *jobs.Client) {
	t.Helper()
	s := storetest.Open(t, db)
	client, err := jobs.New(s, []jobs.Worker{jobs.Work(work)}, jobs.RetryAfter(func(int) time.Duration { return 20 * time.Millisecond }))
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s, client
}

func receive(t *testing.T, from <-chan string) string {
	t.Helper()
	select {
	case got := <-from:
		return got
	case <-time.After(30 * time.Second):
		t.Fatal("no job ran")
		return ""
	}
}

func TestOnlyCommittedJobsRun(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		ran := make(chan string, 10)
		s, client := start(t, db, func(_ context.Context, g greet) error { ran <- g.Name; return nil })
		undo := errors.New("undo")
		err := s.InTx(t.Context(), func(tx *store.Tx) error {
			if err := client.Enqueue(t.Context(), tx, greet{"rolled back"}); err != nil {
				return err
			}
			return undo
		})
		if !errors.Is(err, undo) {
			t.Fatalf("got %v", err)
		}
		enqueue(t, s, client, greet{"committed"})
		if got := receive(t, ran); got != "committed" {
			t.Errorf("%q ran", got)
		}
	})
}

func TestAJobBeginsRightAfterItsCommit(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		ran := make(chan string, 10)
		s, client := start(t, db, func(_ context.Context, g greet) error { ran <- g.Name; return nil })
		enqueue(t, s, client, greet{"first"}) // the client is certainly running after this one
		receive(t, ran)
		best := time.Hour
		for range 5 {
			began := time.Now()
			enqueue(t, s, client, greet{"next"})
			receive(t, ran)
			best = min(best, time.Since(began))
		}
		// Polling alone takes half a second on average, and five times in a row hardly ever less.
		if best > 100*time.Millisecond {
			t.Errorf("the fastest of five began after %v", best)
		}
	})
}

func TestAFailingJobIsTriedAgain(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		ran := make(chan string, 10)
		var tries atomic.Int32
		s, client := start(t, db, func(_ context.Context, g greet) error {
			if tries.Add(1) < 3 {
				return errors.New("not yet")
			}
			ran <- g.Name
			return nil
		})
		enqueue(t, s, client, greet{"stubborn"})
		receive(t, ran)
		if n := tries.Load(); n != 3 {
			t.Errorf("tried %d times", n)
		}
	})
}

func TestManyJobsQueuedAtOnceAllRun(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		const n = 50
		ran := make(chan string, n)
		s, client := start(t, db, func(_ context.Context, g greet) error { ran <- g.Name; return nil })
		failed := make(chan error, n)
		for range n {
			go func() {
				failed <- s.InTx(t.Context(), func(tx *store.Tx) error { return client.Enqueue(t.Context(), tx, greet{"one"}) })
			}()
		}
		for range n {
			if err := <-failed; err != nil {
				t.Fatal(err)
			}
		}
		for range n {
			receive(t, ran)
		}
	})
}

func TestAKindWithoutAWorkerIsRefused(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		s, client := start(t, db, func(context.Context, greet) error { return nil })
		err := s.InTx(t.Context(), func(tx *store.Tx) error { return client.Enqueue(t.Context(), tx, unknown{}) })
		if err == nil {
			t.Error("a job that nobody can do was queued")
		}
	})
}

type unknown struct{}

func (unknown) Kind() string { return "unknown" }

func enqueue(t *testing.T, s *store.Store, client *jobs.Client, g greet) {
	t.Helper()
	if err := s.InTx(t.Context(), func(tx *store.Tx) error { return client.Enqueue(t.Context(), tx, g) }); err != nil {
		t.Fatal(err)
	}
}
