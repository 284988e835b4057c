package storetest_test

import (
	"context"
	"testing"

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
