package store_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/store/storetest"
)

// TestWhatIsOneTooManyIsCountedAndNothingBehindIt: a try that its address may not make says nothing about the
// account.
func TestWhatIsOneTooManyIsCountedAndNothingBehindIt(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		executed := &statementsOf{}
		s := storetest.OpenFaulty(t, db, executed.hook)
		name := clock.System{}.NewID()
		address := store.Count{Name: name + " address", Window: 48 * time.Hour, Limit: 2}
		account := store.Count{Name: name + " account", Window: 72 * time.Hour, Limit: 5}
		executed.all = nil
		for i, want := range []bool{false, false, true, true} {
			_, over, ends, err := s.CountUpTo(t.Context(), address, account)
			last := account
			if want {
				last = address
			}
			if err != nil || over != want || ends.Sub(ends.Truncate(last.Window)) != 0 || time.Until(ends) <= 0 {
				t.Errorf("try %d: over %v until %v, %v", i, over, ends, err)
			}
		}
		if db.Name == "postgres" && len(executed.all) != 4 {
			t.Errorf("4 tries took %d statements: %q", len(executed.all), executed.all)
		}
		account.Limit = 3 // three have been counted when it is asked next: the two, and that one
		if _, over, _, err := s.CountUpTo(t.Context(), account); err != nil || over {
			t.Errorf("the account was counted with what its address might not do: %v, %v", over, err)
		}
		if _, over, _, err := s.CountUpTo(t.Context(), account); err != nil || !over {
			t.Errorf("the account may be asked more often than its limit: %v, %v", over, err)
		}
	})
}

// TestManyAtOnceAreCountedEach: no two come to the same number.
func TestManyAtOnceAreCountedEach(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		s := storetest.Open(t, db)
		name := clock.System{}.NewID()
		first, second := store.Count{Name: name + " 1", Window: 48 * time.Hour, Limit: 20}, store.Count{Name: name + " 2", Window: 48 * time.Hour, Limit: 10}
		var let atomic.Int32
		var wait sync.WaitGroup
		for range 40 {
			wait.Go(func() {
				_, over, _, err := s.CountUpTo(context.Background(), first, second)
				if err != nil {
					t.Error(err)
				}
				if !over {
					let.Add(1)
				}
			})
		}
		wait.Wait()
		if let.Load() != 10 {
			t.Errorf("%d of 40 were let through, want 10", let.Load())
		}
	})
}
