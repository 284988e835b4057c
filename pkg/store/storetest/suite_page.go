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
		"a page of what is visible is one of what meets both conditions": pagesOfVisible,
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

// pagesOfVisible walks through what is found and visible, forward and back.
func pagesOfVisible(t *testing.T, f fixture) {
	yes, no, red := "true", "false", "red"
	for i, id := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		ix := store.Index{
			String:    []store.StringRow{{Param: "name", Folded: "smith", Exact: "Smith"}, {Param: "name", Folded: "smithers", Exact: "Smithers"}},
			Token:     []store.TokenRow{{Param: "active", Code: []string{yes, yes, no}[i%3]}, {Param: "color", System: "s", Code: red}},
			Reference: []store.ReferenceRow{{Param: "subject", TargetType: "Patient", TargetID: "a"}},
		}
		f.put(f.create(f.patient(id), ix), f.create(f.ref("Observation", id), ix))
	}
	f.put(f.deletion(f.patient("d"), 2))
	active := store.Token{Param: "active", Values: []store.TokenValue{{Code: &yes}}}
	for _, where := range []store.Predicate{
		store.String{Param: "name", Value: "smi"}, store.Token{Param: "color", Values: []store.TokenValue{{Code: &red}}},
		store.And{store.String{Param: "name", Value: "smi"}, store.Token{Param: "color", Values: []store.TokenValue{{Code: &red}}}},
	} {
		for _, visible := range []store.Predicate{
			active, store.Not{Of: active}, store.Or{active, store.IDIn{"c"}}, store.And{store.TypeIs("Patient"), active}, store.Or{},
			store.Has{Type: "Observation", Param: "subject", Of: active}, store.Missing{Param: "active", Kind: store.TokenKind},
		} {
			found := func(q store.Query) (rows []string, all []store.Row) {
				q.Projects, q.Types = []string{f.project}, []string{"Patient"}
				all, err := f.s.Search(f.ctx, q)
				f.wantError(err, nil)
				for _, row := range all {
					rows = append(rows, row.ID+" "+row.Version+" "+string(row.Content))
				}
				return rows, all
			}
			want, _ := found(store.Query{Where: store.And{where, visible}, Limit: 9})
			var got []string
			q := store.Query{Where: where, Visible: visible, Limit: 2}
			for page, all := found(q); len(page) > 0; page, all = found(q) {
				got = append(got, page...)
				if len(got) > 2 {
					before, _ := found(store.Query{Where: where, Visible: visible, Limit: 2, Before: all[0].Position()})
					if !slices.Equal(before, got[len(got)-len(page)-2:len(got)-len(page)]) {
						t.Errorf("%T seen by %#v before %s: %q", where, visible, all[0].ID, before)
					}
				}
				q.After = all[len(all)-1].Position()
			}
			if !slices.Equal(got, want) {
				t.Errorf("%T seen by %#v: %q, want %q", where, visible, got, want)
			}
			if rest, _ := found(store.Query{Where: where, Visible: visible, Limit: 9, Offset: 1}); !slices.Equal(rest, want[min(1, len(want)):]) {
				t.Errorf("%T seen by %#v from the second: %q", where, visible, rest)
			}
		}
	}
}
