package store_test

import (
	"testing"
	"time"

	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/store/storetest"
)

// ahead is the machine's clock, moved by hand.
type ahead struct {
	clock.System
	by *time.Duration
}

func (c ahead) Now() time.Time { return c.System.Now().Add(*c.by) }

func TestAFirstAnswerIsKeptForADay(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		var by time.Duration
		s := storetest.OpenWith(t, db, store.Options{Clock: ahead{by: &by}})
		request := store.Idempotent{Project: store.SystemProject, Caller: "c", Key: "k", Fingerprint: "f"}
		begin := func(r store.Idempotent) (answer store.FirstAnswer, first bool) {
			t.Helper()
			err := s.InTx(t.Context(), func(tx *store.Tx) (err error) {
				if answer, first, err = tx.Begin(t.Context(), r); err != nil || !first {
					return err
				}
				return tx.Answered(t.Context(), r, "answer of "+r.Fingerprint)
			})
			if err != nil {
				t.Fatal(err)
			}
			return answer, first
		}
		wantFirst := func(r store.Idempotent, want bool) {
			t.Helper()
			answer, first := begin(r)
			if first != want {
				t.Fatalf("first: %v", first)
			}
			if !first && answer != (store.FirstAnswer{Fingerprint: "f", Answer: "answer of f"}) {
				t.Fatalf("%+v", answer)
			}
		}
		wantFirst(request, true)
		wantFirst(request, false)
		other := request
		other.Fingerprint = "g"
		wantFirst(other, false)
		for _, change := range []func(*store.Idempotent){
			func(r *store.Idempotent) { r.Caller = "d" }, func(r *store.Idempotent) { r.Key = "K" },
			func(r *store.Idempotent) { r.Project = "0193f3a0-0000-7000-8000-000000000001" },
		} {
			another := request
			change(&another)
			wantFirst(another, true)
		}
		by = 23*time.Hour + 59*time.Minute
		wantFirst(request, false)
		by = 24*time.Hour + time.Minute
		wantFirst(request, true)
	})
}
