package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/admitdev/admit/pkg/store"
)

// wantIDs compares ids without regard to order and repetition.
func (f fixture) wantIDs(got []string, err error, want ...string) {
	f.t.Helper()
	f.wantError(err, nil)
	slices.Sort(got)
	if got = slices.Compact(got); !slices.Equal(got, want) {
		f.t.Errorf("got %v, want %v", got, want)
	}
}

// pageRules: what an index gives by itself, and who signs in by a named token.
func pageRules() map[string]func(*testing.T, fixture) {
	return map[string]func(*testing.T, fixture){
		"what points at a target comes in the order of ids, from behind one": func(_ *testing.T, f fixture) {
			at := store.ReferenceValue{Type: "Group", ID: "g"}
			for _, id := range []string{"c", "a", "b"} {
				f.put(f.create(f.patient(id), store.Index{Reference: []store.ReferenceRow{{Param: "p", TargetType: "Group", TargetID: "g"}}}))
			}
			f.put(f.create(f.patient("d"), store.Index{Reference: []store.ReferenceRow{{Param: "p", TargetType: "Group", TargetID: "other"}}}))
			f.put(f.create(f.patient("e"), store.Index{
				Reference: []store.ReferenceRow{{Param: "p", TargetType: "Group", TargetID: "g"}}, Date: []store.DateRow{{Param: "date", Low: 1, High: 2}},
			})) // has a timeline, whose order is another
			all, err := f.s.Pointing(f.ctx, f.project, "Patient", "p", at, "", 10)
			f.wantIDs(all, err, "a", "b", "c")
			rest, err := f.s.Pointing(f.ctx, f.project, "Patient", "p", at, "a", 1)
			f.wantIDs(rest, err, "b")
			none, err := f.s.Pointing(f.ctx, f.ref("", "").Project, "Patient", "other", at, "", 10)
			f.wantIDs(none, err)
		},
		"what begins with a prefix is found, and no more than was asked for": func(t *testing.T, f fixture) {
			for id, word := range map[string]string{"a": "smith", "b": "smithers", "c": "smit", "d": "%"} {
				f.put(f.create(f.patient(id), store.Index{String: []store.StringRow{{Param: "w", Folded: word, Exact: word}}}))
			}
			found, err := f.s.Beginning(f.ctx, f.project, "Patient", "w", "smith", "", 10)
			f.wantIDs(found, err, "a", "b")
			behind, err := f.s.Beginning(f.ctx, f.project, "Patient", "w", "smith", "a", 10)
			f.wantIDs(behind, err, "b")
			percent, err := f.s.Beginning(f.ctx, f.project, "Patient", "w", "%", "", 10)
			f.wantIDs(percent, err, "d")
			if some, err := f.s.Beginning(f.ctx, f.project, "Patient", "w", "s", "", 2); err != nil || len(some) != 2 {
				t.Errorf("got %v, %v", some, err)
			}
		},
		"what was deleted is listed until it is back": func(t *testing.T, f fixture) {
			f.put(f.create(f.patient("a"), store.Index{}))
			f.put(f.create(f.patient("b"), store.Index{}))
			gone := f.version(f.patient("a"), 2, store.Index{})
			gone.Deleted, gone.Content = true, nil
			f.put(gone)
			deleted, err := f.s.Deleted(f.ctx, f.project, "Patient", "", 10)
			if err != nil || len(deleted) != 1 || deleted[0].ID != "a" || deleted[0].Version != "v2" {
				t.Errorf("got %v, %v", deleted, err)
			}
			f.put(f.version(f.patient("a"), 3, store.Index{}))
			if deleted, err = f.s.Deleted(f.ctx, f.project, "Patient", "", 10); err != nil || len(deleted) != 0 {
				t.Errorf("got %v, %v", deleted, err)
			}
		},
		"a member has one token of a name, until its time": func(t *testing.T, f fixture) {
			set := func(hash string, lasts time.Duration) {
				f.t.Helper()
				f.wantError(f.s.InTx(f.ctx, func(tx *store.Tx) error {
					return tx.SetMemberToken(f.ctx, store.MemberToken{
						Project: f.project, Membership: "m", User: "u", Name: "app", Hash: hash, ExpiresAt: store.At(tx.Now().Add(lasts)),
					})
				}), nil)
			}
			set(f.project+"1", time.Hour)
			set(f.project+"2", time.Hour)
			_, err := f.s.MemberTokenByHash(f.ctx, f.project+"1")
			f.wantError(err, store.ErrNotFound)
			found, err := f.s.MemberTokenByHash(f.ctx, f.project+"2")
			if err != nil || found.User != "u" {
				t.Errorf("got %v, %v", found, err)
			}
			set(f.project+"3", -time.Second)
			_, err = f.s.MemberTokenByHash(f.ctx, f.project+"3")
			f.wantError(err, store.ErrNotFound)
			still := true
			f.wantError(f.s.InTx(f.ctx, func(tx *store.Tx) (err error) {
				still, err = tx.ConfirmMemberToken(f.ctx, found)
				return err
			}), nil)
			if still {
				t.Error("a token that was replaced is confirmed")
			}
		},
	}
}
