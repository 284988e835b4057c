package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/admitdev/admit/pkg/jobs"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/store/storetest"
)

// running makes the queued job of a name look as if a process had begun it so long ago.
func running(t *testing.T, s *store.Store, name string, ago time.Duration) {
	t.Helper()
	at := time.Now().Add(-ago).UTC().Format("2006-01-02 15:04:05-07:00")
	run(t, s, fmt.Sprintf("UPDATE river_job SET state = 'running', attempt = 1, attempted_at = '%s' WHERE %s", at, named(name)))
}

func named(name string) string {
	return fmt.Sprintf("CAST(args AS text) LIKE '%%%s%%'", name)
}

func run(t *testing.T, s *store.Store, statement string) {
	t.Helper()
	err := s.InTx(t.Context(), func(tx *store.Tx) error {
		_, err := storetest.SQL(t, tx).ExecContext(t.Context(), statement)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// look is a column of the job of a name.
func look(t *testing.T, s *store.Store, column, name string) (value string) {
	t.Helper()
	err := s.InTx(t.Context(), func(tx *store.Tx) error {
		return storetest.SQL(t, tx).QueryRowContext(t.Context(), "SELECT CAST("+column+" AS text) FROM river_job WHERE "+named(name)).Scan(&value)
	})
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// begin is start with jobs that may take an hour.
func begin(t *testing.T, s *store.Store, beat time.Duration, work func(context.Context, greet) error) *jobs.Client {
	t.Helper()
	client, err := jobs.New(s, []jobs.Worker{jobs.WorkFor(time.Hour, work)}, jobs.RetryAfter(func(int) time.Duration { return 20 * time.Millisecond }))
	if err != nil {
		t.Fatal(err)
	}
	client.Beat(beat)
	if err := client.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return client
}

func TestAJobWhoseProcessDiedIsTriedAgain(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		s := storetest.Open(t, db)
		queuing, err := jobs.New(s, nil)
		if err != nil {
			t.Fatal(err)
		}
		enqueue(t, s, queuing, greet{"of the dead"})
		enqueue(t, s, queuing, greet{"of the living"})
		running(t, s, "of the dead", 61*time.Second)
		running(t, s, "of the living", 15*time.Second)
		ran := make(chan string, 10)
		begin(t, s, time.Minute, func(_ context.Context, g greet) error { ran <- g.Name; return nil })
		if got := receive(t, ran); got != "of the dead" {
			t.Errorf("%q ran", got)
		}
		if state := look(t, s, "state", "of the living"); state != "running" {
			t.Errorf("the job of a living process is %s", state)
		}
	})
}

func TestAJobThatRunsSaysSo(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		s := storetest.Open(t, db)
		ran, end := make(chan string, 10), make(chan struct{})
		client := begin(t, s, 10*time.Millisecond, func(_ context.Context, g greet) error {
			ran <- g.Name
			<-end
			return nil
		})
		enqueue(t, s, client, greet{"long"})
		receive(t, ran)
		running(t, s, "long", time.Hour)
		deadline := time.Now().Add(30 * time.Second)
		for before := time.Now().Add(-time.Minute).UTC().Format(time.DateTime); look(t, s, "attempted_at", "long") < before; {
			if time.Now().After(deadline) {
				t.Fatal("it looks as if nobody ran the job")
			}
		}
		close(end)
	})
}

func TestAJobThatOthersTookOverEnds(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		s := storetest.Open(t, db)
		ran := make(chan string, 10)
		client := begin(t, s, 10*time.Millisecond, func(ctx context.Context, g greet) error {
			ran <- g.Name
			<-ctx.Done()
			ran <- context.Cause(ctx).Error()
			return jobs.Cancel(errors.New("lost"))
		})
		enqueue(t, s, client, greet{"lost"})
		receive(t, ran)
		run(t, s, "UPDATE river_job SET attempt = 2 WHERE "+named("lost"))
		if got := receive(t, ran); got != "the job is not this process's any more" {
			t.Errorf("it ended because: %s", got)
		}
	})
}
