package store_test

import (
	"cmp"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/store/storetest"
)

// TestPlacesOfEarlierSignInsAreReadOnce: however often somebody came from there, of the newest logins, with what is
// counted in all windows.
func TestPlacesOfEarlierSignInsAreReadOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		s := storetest.Open(t, db)
		user := store.Ref{Project: clock.System{}.NewID(), Type: "User", ID: clock.System{}.NewID()}
		want := func(limit, failures int, wanted ...store.Place) {
			t.Helper()
			count, places, err := s.Before(t.Context(), "failures "+user.ID, user, limit)
			slices.SortFunc(places, func(a, b store.Place) int { return cmp.Compare(a.Address+a.Agent, b.Address+b.Agent) })
			if err != nil || count != failures || !slices.Equal(places, wanted) {
				t.Errorf("%d, %v, %v; want %d, %v", count, places, err, failures, wanted)
			}
		}
		want(9, 0)
		at := time.Now()
		for i, l := range []store.Login{
			{UserID: user.ID, AuthMethod: "password", RemoteAddress: "1", UserAgent: "a"},
			{UserID: user.ID, AuthMethod: "password", RemoteAddress: "2", UserAgent: "b"},
			{UserID: user.ID, AuthMethod: "passkey", RemoteAddress: "2", UserAgent: "b"},
			{UserID: user.ID, AuthMethod: "external", RemoteAddress: "2", UserAgent: "a"},
			{UserID: user.ID, AuthMethod: "client", RemoteAddress: "3", UserAgent: "c"},
			{UserID: "another", AuthMethod: "password", RemoteAddress: "4", UserAgent: "d"},
		} {
			l.ID, l.UserProject, l.UserType = clock.System{}.NewID(), user.Project, user.Type
			l.AuthTime, l.ExpiresAt = store.At(at.Add(time.Duration(i)*time.Second)), store.At(at.Add(time.Hour))
			if err := s.AddLogin(t.Context(), l); err != nil {
				t.Fatal(err)
			}
		}
		_, _, _, err := s.CountUpTo(t.Context(), store.Count{Name: "failures " + user.ID, Window: time.Minute, Limit: 9})
		_, _, _, err2 := s.CountUpTo(t.Context(), store.Count{Name: "failures " + user.ID, Window: 7 * time.Hour, Limit: 9})
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		want(9, 2, store.Place{Address: "1", Agent: "a"}, store.Place{Address: "2", Agent: "a"}, store.Place{Address: "2", Agent: "b"})
		want(2, 2, store.Place{Address: "2", Agent: "a"}, store.Place{Address: "2", Agent: "b"})
		want(1, 2, store.Place{Address: "2", Agent: "a"})
	})
}
