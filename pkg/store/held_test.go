package store_test

import (
	"errors"
	"testing"

	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/store/storetest"
)

// TestWhoHoldsAKeyIsReadInOneStatement: with the credentials that were asked for, and no others.
func TestWhoHoldsAKeyIsReadInOneStatement(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		executed := &statementsOf{}
		s := storetest.OpenFaulty(t, db, executed.hook)
		w := patient(clock.System{}.NewID(), 1)
		key := store.Key{Scope: w.Project, Kind: "name", Value: "ada"}
		w.Keys = []store.Key{key}
		set := func(kind store.CredentialKind, hash string) {
			err := s.InTx(t.Context(), func(tx *store.Tx) error {
				return tx.SetCredential(t.Context(), store.Credential{Project: w.Project, Type: w.Type, ID: w.ID, Kind: kind, Hash: hash})
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Put(t.Context(), w); err != nil {
			t.Fatal(err)
		}
		want := func(hashes ...string) {
			t.Helper()
			executed.all = nil
			res, found, err := s.Held(t.Context(), key, store.ClientSecret, store.RetiringSecret)
			if err != nil || res.Ref != w.Ref || string(res.Content) != string(w.Content) || res.Version != w.Version || len(found) != len(hashes) {
				t.Fatalf("%+v with %+v, %v", res, found, err)
			}
			for _, hash := range hashes {
				if found[0].Hash != hash && found[len(found)-1].Hash != hash {
					t.Errorf("no %s in %+v", hash, found)
				}
			}
			if len(executed.all) != 1 {
				t.Errorf("%q", executed.all)
			}
		}
		want()
		set(store.TOTP, "none of it")
		want()
		set(store.ClientSecret, "one")
		set(store.RetiringSecret, "two")
		want("one", "two")
		if _, _, err := s.Held(t.Context(), store.Key{Scope: w.Project, Kind: "name", Value: "eve"}, store.ClientSecret, store.RetiringSecret); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a key that nobody holds: %v", err)
		}
	})
}

// TestResourcesOfSeveralProjectsAreReadTogether: all of them, in the order in which they are asked for.
func TestResourcesOfSeveralProjectsAreReadTogether(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		executed := &statementsOf{}
		s := storetest.OpenFaulty(t, db, executed.hook)
		one, two := patient(clock.System{}.NewID(), 1), patient(clock.System{}.NewID(), 2)
		gone := two
		gone.Version, gone.Replaces, gone.Deleted, gone.Content, gone.Index = "x", two.Version, true, nil, store.Index{}
		gone.LastUpdated = store.Later(two.LastUpdated, two.LastUpdated)
		for _, w := range []store.Write{one, two} {
			if err := s.Put(t.Context(), w); err != nil {
				t.Fatal(err)
			}
		}
		executed.all = nil
		got, err := s.GetAll(t.Context(), two.Ref, one.Ref)
		if err != nil || len(got) != 2 || string(got[0].Content) != string(two.Content) || got[1].Ref != one.Ref || got[1].Version != one.Version {
			t.Errorf("%+v, %v", got, err)
		}
		if db.Name == "postgres" && len(executed.all) != 1 {
			t.Errorf("%q", executed.all)
		}
		if err := s.Put(t.Context(), gone); err != nil {
			t.Fatal(err)
		}
		for _, missing := range []store.Ref{gone.Ref, {Project: one.Project, Type: one.Type, ID: "none"}, {Project: "x", Type: one.Type, ID: one.ID}} {
			if got, err := s.GetAll(t.Context(), one.Ref, missing); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%v: %+v, %v", missing, got, err)
			}
		}
	})
}

// TestHoldersAreReadWithTheirProjectsInOneStatement: in the order of their ids, without those that are deleted or in
// a Project that is.
func TestHoldersAreReadWithTheirProjectsInOneStatement(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		executed := &statementsOf{}
		s := storetest.OpenFaulty(t, db, executed.hook)
		put := func(w store.Write) store.Write {
			t.Helper()
			if err := s.Put(t.Context(), w); err != nil {
				t.Fatal(err)
			}
			return w
		}
		remove := func(w store.Write) {
			t.Helper()
			w.Replaces, w.Version, w.Deleted, w.Content, w.Index, w.Keys = w.Version, "x", true, nil, store.Index{}, nil
			w.LastUpdated = store.Later(w.LastUpdated, w.LastUpdated)
			put(w)
		}
		user := clock.System{}.NewID()
		var projects, members []store.Write
		for n := range 3 {
			w := patient(clock.System{}.NewID(), n)
			w.Ref, w.Index = store.Ref{Project: store.SystemProject, Type: "Project", ID: clock.System{}.NewID()}, store.Index{}
			projects = append(projects, put(w))
			for of, owner := range []string{user, "another"} {
				w := patient(projects[n].ID, 10*n+of)
				w.Keys = []store.Key{{Scope: store.SystemProject, Kind: "member", Value: owner + "/" + w.ID}}
				if members = append(members, put(w)); owner != user {
					members = members[:len(members)-1]
				}
			}
		}
		want := func(wanted ...int) {
			t.Helper()
			executed.all = nil
			found, err := s.HeldInProjects(t.Context(), store.SystemProject, "member", user+"/", 9)
			if err != nil || len(found) != len(wanted) {
				t.Fatalf("%+v, %v", found, err)
			}
			for i, n := range wanted {
				if found[i].Ref != members[n].Ref || string(found[i].Content) != string(members[n].Content) ||
					found[i].Of.Ref != projects[n].Ref || string(found[i].Of.Content) != string(projects[n].Content) {
					t.Errorf("%d: %+v", n, found[i])
				}
			}
			if len(executed.all) != 1 {
				t.Errorf("%q", executed.all)
			}
		}
		want(0, 1, 2)
		remove(projects[1])
		want(0, 2)
		remove(members[0])
		want(2)
	})
}
