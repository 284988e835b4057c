package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/store/storetest"
)

// TestSettledWaitsForOpenTransactions: what a transaction is writing cannot be seen before it ends, and
// SQLite has one that writes at a time.
func TestSettledWaitsForOpenTransactions(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		s := storetest.Open(t, db)
		var within error
		err := s.InTx(t.Context(), func(tx *store.Tx) error {
			ref := store.Ref{Project: clock.System{}.NewID(), Type: "Patient", ID: "a"}
			err := tx.Put(t.Context(), store.Write{Resource: store.Resource{Ref: ref, Version: "1", LastUpdated: tx.Now(), Content: []byte("{}")}})
			within = s.Settled(t.Context(), 0)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if want := map[string]error{"postgres": store.ErrUnsettled}[db.Name]; !errors.Is(within, want) {
			t.Errorf("within a transaction: %v", within)
		}
		if err := s.Settled(t.Context(), time.Minute); err != nil {
			t.Error(err)
		}
	})
}
