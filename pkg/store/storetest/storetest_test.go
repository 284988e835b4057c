package storetest_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/store/storetest"
)

func TestEachGivesAMigratedDatabase(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		s := storetest.Open(t, db)
		states, err := s.MigrationStatus(context.Background())
		if err != nil || len(states) == 0 {
			t.Fatalf("status %v, %v", states, err)
		}
		for _, state := range states {
			if state.Applied.IsZero() {
				t.Errorf("%s is not applied", state.Name)
			}
		}
	})
}

func TestAReadBesideATransactionIsOnAConnectionOfItsOwn(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		ctx := context.Background()
		var (
			mu    sync.Mutex
			conns []int64
		)
		s := storetest.OpenWith(t, db, store.Options{Wrap: storetest.Watch(func(_ context.Context, statement storetest.Statement) error {
			mu.Lock()
			defer mu.Unlock()
			conns = append(conns, statement.Conn)
			return nil
		}).Wrap})
		seen := func() []int64 {
			mu.Lock()
			defer mu.Unlock()
			got := slices.Compact(slices.Sorted(slices.Values(conns)))
			conns = nil
			return got
		}

		seen()
		var writing, reading []int64
		if err := s.InTx(ctx, func(tx *store.Tx) error {
			if _, err := tx.Get(ctx, store.Ref{Project: store.SystemProject, Type: "User", ID: "1"}, nil); !errors.Is(err, store.ErrNotFound) {
				t.Error(err) // on PostgreSQL a transaction begins with its first statement
			}
			writing = seen()
			_, err := s.Unsealed(ctx, 1)
			reading = seen()
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if len(writing) != 1 || len(reading) == 0 || slices.Contains(reading, writing[0]) {
			t.Errorf("the transaction was on %v, a read beside it on %v", writing, reading)
		}
	})
}
