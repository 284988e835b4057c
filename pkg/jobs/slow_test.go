package jobs_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/pkg/jobs"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/store/storetest"
)

type toil struct{ N int }

func (toil) Kind() string { return "toil" }

// TestJobsThatTakeLongKeepNoOthersWaiting: somebody who has asked for many must not hold up the mails of all.
func TestJobsThatTakeLongKeepNoOthersWaiting(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		ran, begun, free := make(chan string, 1), make(chan int, 100), make(chan struct{})
		s := storetest.Open(t, db)
		client, err := jobs.New(s, []jobs.Worker{
			jobs.Work(func(_ context.Context, g greet) error { ran <- g.Name; return nil }),
			jobs.WorkFor(time.Hour, func(_ context.Context, j toil) error { begun <- j.N; <-free; return nil }),
		})
		require.NoError(t, err)
		require.NoError(t, client.Start(context.Background()))
		t.Cleanup(func() { require.NoError(t, client.Stop(context.Background())) })
		t.Cleanup(func() { close(free) })
		require.NoError(t, s.InTx(t.Context(), func(tx *store.Tx) error {
			for n := range 20 {
				if err := client.Enqueue(t.Context(), tx, toil{n}); err != nil {
					return err
				}
			}
			return nil
		}))
		<-begun
		enqueue(t, s, client, greet{"mail"})
		require.Equal(t, "mail", receive(t, ran))
	})
}
