package storetest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/admitdev/admit/pkg/store"
)

// wantOwner holds that this patient holds the key, or with "" that nobody does.
func (f fixture) wantOwner(k store.Key, id string) {
	f.t.Helper()
	owner, err := f.s.Owner(f.ctx, k)
	switch {
	case id == "" && errors.Is(err, store.ErrNotFound):
	case err != nil || owner != f.patient(id):
		f.t.Errorf("%v is held by %v (%v), want %q", k, owner, err, id)
	}
}

// claim claims a key for a patient in a transaction of its own.
func (f fixture) claim(k store.Key, id string) (holder store.Ref, claimed bool) {
	f.t.Helper()
	err := f.s.InTx(f.ctx, func(tx *store.Tx) (err error) {
		holder, claimed, err = tx.Claim(f.ctx, k, f.patient(id))
		return err
	})
	f.wantError(err, nil)
	return holder, claimed
}

// keyRules: a key has one holder.
func keyRules() map[string]func(*testing.T, fixture) {
	key := func(f fixture, value string) store.Key { return store.Key{Scope: f.project, Kind: "k", Value: value} }
	return map[string]func(*testing.T, fixture){
		"a key that another holds refuses the write and names the holder": func(t *testing.T, f fixture) {
			f.put(f.create(f.patient("a"), store.Index{}, key(f, "1")))
			f.put(f.create(f.patient("b"), tokens("x", "1"), key(f, "2")))
			for name, w := range map[string]store.Write{
				"create": f.create(f.patient("c"), tokens("x", "2"), key(f, "0"), key(f, "1")),
				"update": f.version(f.patient("b"), 2, tokens("x", "2"), key(f, "0"), key(f, "1")),
			} {
				var conflict *store.KeyConflict
				if err := f.s.Put(f.ctx, w); !errors.As(err, &conflict) || conflict.Holder != f.patient("a") || conflict.Key != key(f, "1") {
					t.Errorf("%s: got %v", name, err)
				}
			}
			f.wantVersion(f.patient("c"), "")
			f.wantVersion(f.patient("b"), "v1")
			f.wantFound(hasCode("x", "2"))
			f.wantOwner(key(f, "0"), "")
			f.wantOwner(key(f, "1"), "a")
			f.wantOwner(key(f, "2"), "b")
		},
		"an update takes the keys it names and lets go of the others": func(t *testing.T, f fixture) {
			f.put(f.create(f.patient("a"), store.Index{}, key(f, "1"), key(f, "2"), key(f, "2")))
			f.put(f.version(f.patient("a"), 2, store.Index{}, key(f, "2"), key(f, "3")))
			for value, owner := range map[string]string{"1": "", "2": "a", "3": "a"} {
				f.wantOwner(key(f, value), owner)
			}
			f.put(f.version(f.patient("a"), 3, store.Index{}))
			f.wantOwner(key(f, "2"), "")
			f.put(f.create(f.patient("b"), store.Index{}, key(f, "1"), key(f, "2"), key(f, "3")))
			f.wantOwner(key(f, "3"), "b")
		},
		"a deleted resource holds no key": func(t *testing.T, f fixture) {
			f.put(f.create(f.patient("a"), store.Index{}, key(f, "1")))
			f.claim(key(f, "2"), "a")
			w := f.deletion(f.patient("a"), 2)
			w.Keys = []store.Key{key(f, "1")}
			f.put(w)
			f.wantOwner(key(f, "1"), "")
			f.wantOwner(key(f, "2"), "")
		},
		"keys tell letter case, scope and kind apart": func(t *testing.T, f fixture) {
			f.put(f.create(f.patient("a"), store.Index{}, key(f, "x")), f.create(f.patient("b"), store.Index{}, key(f, "X"),
				store.Key{Scope: f.project, Kind: "other", Value: "x"}, store.Key{Scope: "other" + f.project, Kind: "k", Value: "x"}))
			f.wantOwner(key(f, "x"), "a")
			f.wantOwner(key(f, "X"), "b")
		},
		"a claim is the first one's": func(t *testing.T, f fixture) {
			for _, step := range []struct {
				by      string
				holder  string
				claimed bool
			}{{"a", "a", true}, {"b", "a", false}, {"a", "a", true}} {
				if holder, claimed := f.claim(key(f, "1"), step.by); holder != f.patient(step.holder) || claimed != step.claimed {
					t.Errorf("%s claims: %v, %v", step.by, holder, claimed)
				}
			}
			f.wantError(f.s.InTx(f.ctx, func(tx *store.Tx) error { return tx.Release(f.ctx, key(f, "1")) }), nil)
			if holder, claimed := f.claim(key(f, "1"), "b"); holder != f.patient("b") || !claimed {
				t.Errorf("after the release: %v, %v", holder, claimed)
			}
		},
		"a claimed key outlives writes that do not name it": func(t *testing.T, f fixture) {
			f.claim(key(f, "1"), "a")
			f.put(f.create(f.patient("a"), store.Index{}, key(f, "2")))
			f.put(f.version(f.patient("a"), 2, store.Index{}))
			f.wantOwner(key(f, "1"), "a")
			f.wantOwner(key(f, "2"), "")
		},
		"a claimed key that a write names follows the writes": func(t *testing.T, f fixture) {
			f.claim(key(f, "1"), "a")
			f.put(f.create(f.patient("a"), store.Index{}, key(f, "1")))
			f.claim(key(f, "1"), "a") // claiming what a write holds pins nothing
			f.put(f.version(f.patient("a"), 2, store.Index{}, key(f, "2")))
			f.wantOwner(key(f, "1"), "")
		},
		"holders are listed by the beginning of the value": func(t *testing.T, f fixture) {
			for _, value := range []string{"u/1/a", "u/1/b", "u/10/c", "u_1/d", "u/1\U0010FFFF", "U/1/e"} {
				f.put(f.create(f.patient(fmt.Sprintf("p%x", value)), store.Index{}, key(f, value)))
			}
			for prefix, want := range map[string]int{"u/1/": 2, "u/1": 4, "u_": 1, "u": 5, "%": 0, "": 6, "u/1\U0010FFFF": 1} {
				if owners, err := f.s.Owners(f.ctx, f.project, "k", prefix, 100); err != nil || len(owners) != want {
					t.Errorf("%q lists %v, %v; want %d", prefix, owners, err, want)
				}
			}
			if owners, err := f.s.Owners(f.ctx, f.project, "k", "u/", 1); err != nil || len(owners) != 1 || owners[0] != f.patient(fmt.Sprintf("p%x", "u/1/a")) {
				t.Errorf("got %v, %v", owners, err)
			}
		},
		"keys of any length and any text are kept apart": func(t *testing.T, f fixture) {
			long := fmt.Sprintf("%05000d", 1)
			f.put(f.create(f.patient("a"), store.Index{}, key(f, long+"a"), key(f, "nul\x00")))
			f.put(f.create(f.patient("b"), store.Index{}, key(f, long+"b"), key(f, "nul")))
			f.wantOwner(key(f, long+"a"), "a")
			f.wantOwner(key(f, long+"b"), "b")
			f.wantOwner(key(f, "nul\x00"), "a")
		},
	}
}
