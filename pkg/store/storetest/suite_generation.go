package storetest

import (
	"fmt"
	"testing"

	"github.com/admitdev/admit/pkg/store"
)

// generationRules: rows are made by parameters that are known to be current.
func generationRules() map[string]func(*testing.T, fixture) {
	return map[string]func(*testing.T, fixture){
		"a write that knows older parameters is not taken": func(t *testing.T, f fixture) {
			f.put(f.create(f.patient("a"), tokens("x", "1")), f.create(f.ref("Basic", "a"), store.Index{}))
			f.define("p", parameter("Patient", "nick"))
			f.wantError(f.s.Put(f.ctx, f.create(f.patient("b"), store.Index{})), store.ErrGeneration)
			f.wantError(f.s.Put(f.ctx, f.create(f.patient("b"), store.Index{}), f.create(f.ref("Basic", "b"), store.Index{})), store.ErrGeneration)
			f.wantError(f.s.Put(f.ctx, f.version(f.patient("a"), 2, store.Index{})), store.ErrGeneration)
			key := store.Key{Scope: f.project, Kind: "k", Value: "v"}
			f.wantError(f.s.Put(f.ctx, f.create(f.patient("b"), store.Index{}, key)), store.ErrGeneration)
			f.wantError(f.s.Put(f.ctx, f.version(f.patient("a"), 2, store.Index{}, key)), store.ErrGeneration)
			f.wantFound(nil, "a")
			f.wantVersion(f.patient("a"), "v1")
			f.wantVersion(f.ref("Basic", "b"), "")
			f.wantFound(hasCode("x", "1"), "a")
			if _, err := f.s.Owner(f.ctx, key); err == nil {
				t.Error("the key of a write that was not taken is held")
			}
			knowing := f.version(f.patient("a"), 2, store.Index{})
			knowing.Generation = 1
			f.put(knowing, f.create(f.ref("Basic", "b"), store.Index{}))
			f.put(f.deletion(f.patient("a"), 3)) // which has no rows
		},
		"a transaction goes on after a write that was not taken": func(t *testing.T, f fixture) {
			f.define("p", parameter("Patient", "nick"))
			err := f.s.InTx(f.ctx, func(tx *store.Tx) error {
				a, b := f.create(f.patient("a"), store.Index{}), f.create(f.patient("b"), store.Index{})
				f.wantError(tx.Put(f.ctx, a), store.ErrGeneration)
				f.wantError(tx.Put(f.ctx, a, b), store.ErrGeneration)
				a.Generation, b.Generation = 1, 1
				return tx.Put(f.ctx, a, b)
			})
			f.wantError(err, nil)
			f.wantFound(nil, "a", "b")
		},
		"only what changes begins a generation": func(t *testing.T, f fixture) {
			f.wantChanged("p", "[Basic Patient]", parameter("Patient", "nick"), parameter("Basic", "nick"))
			f.wantChanged("p", "[]", parameter("Patient", "nick"), parameter("Basic", "nick"))
			f.wantChanged("q", "[Patient]", parameter("Patient", "other"))
			f.wantChanged("p", "[Basic]", parameter("Patient", "nick"))
			f.wantChanged("p", "[Patient]")
			all, err := f.s.IndexGenerations(f.ctx, f.project)
			if want := "[{Basic 2 0 []} {Patient 3 0 [{Patient other q token Patient.x [] 2}]}]"; err != nil || fmt.Sprint(all) != want {
				t.Errorf("got %v, %v, want %s", all, err, want)
			}
		},
		"a code is one SearchParameter's": func(t *testing.T, f fixture) {
			f.define("p", parameter("Patient", "nick"))
			err := f.s.InTx(f.ctx, func(tx *store.Tx) error {
				_, err := tx.DefineSearchParameters(f.ctx, f.project, "q", []store.SearchParameter{parameter("Patient", "nick")})
				return err
			})
			f.wantError(err, store.ErrCodeTaken)
		},
		"a generation is indexed once it is said": func(t *testing.T, f fixture) {
			f.define("p", parameter("Patient", "nick"))
			f.define("q", parameter("Patient", "other"))
			for _, g := range []int64{2, 1, 3} { // 1 is behind, 3 is not yet
				f.wantError(f.s.InTx(f.ctx, func(tx *store.Tx) error { return tx.Indexed(f.ctx, f.project, "Patient", g) }), nil)
			}
			if all, err := f.s.IndexGenerations(f.ctx, f.project); err != nil || len(all) != 1 || all[0].Indexed != 2 {
				t.Errorf("got %v, %v", all, err)
			}
		},
		"rows are made again, and nothing else": func(t *testing.T, f fixture) {
			f.put(f.create(f.patient("a"), everyKind("1")))
			before := f.get(f.patient("a"))
			again := f.create(f.patient("a"), tokens("x", "2"))
			f.wantIndexed(again, true)
			f.wantFound(hasCode("x", "2"), "a")
			f.wantFound(hasCode("token", "1"))
			after := f.get(f.patient("a"))
			if fmt.Sprint(before) != fmt.Sprint(after) {
				t.Errorf("it was %v and is %v", before, after)
			}
			f.wantHistory(f.patient("a"), "v1")
		},
		"rows of another version are not made": func(t *testing.T, f fixture) {
			f.put(f.create(f.patient("a"), tokens("x", "1")))
			f.put(f.version(f.patient("a"), 2, tokens("x", "2")))
			f.wantIndexed(f.create(f.patient("a"), tokens("x", "1")), false)
			f.put(f.deletion(f.patient("a"), 3))
			f.wantIndexed(f.version(f.patient("a"), 3, tokens("x", "2")), false)
			f.wantFound(hasCode("x", "1"))
			f.put(f.create(f.patient("b"), tokens("x", "1")))
			f.define("p", parameter("Patient", "nick"))
			f.wantIndexed(f.create(f.patient("b"), tokens("x", "2")), false)
			f.wantFound(hasCode("x", "1"), "b")
		},
		"current versions are listed in the order of their keys": func(t *testing.T, f fixture) {
			f.put(f.create(f.patient("b"), store.Index{}), f.create(f.ref("Basic", "z"), store.Index{}), f.create(f.patient("a"), store.Index{}), f.create(f.patient("c"), store.Index{}))
			f.put(f.deletion(f.patient("b"), 2))
			for _, tc := range []struct {
				only  string
				after store.Ref
				limit int
				want  string
			}{
				{"", store.Ref{}, 9, "[Basic/z Patient/a Patient/c]"}, {"", store.Ref{}, 2, "[Basic/z Patient/a]"},
				{"", f.ref("Basic", "z"), 9, "[Patient/a Patient/c]"}, {"Patient", store.Ref{}, 9, "[Patient/a Patient/c]"},
				{"Patient", f.patient("a"), 9, "[Patient/c]"}, {"Group", store.Ref{}, 9, "[]"},
			} {
				rows, err := f.s.ListCurrent(f.ctx, f.project, tc.only, tc.after, tc.limit)
				got := []string{}
				for _, r := range rows {
					got = append(got, r.Type+"/"+r.ID)
				}
				if err != nil || fmt.Sprint(got) != tc.want {
					t.Errorf("%+v: %v, %v", tc, got, err)
				}
			}
		},
		"a task moves on from where it is": func(t *testing.T, f fixture) {
			task := store.Reindex{Project: f.project, ID: "t", Type: "Patient", Generation: 1}
			f.wantError(f.s.InTx(f.ctx, func(tx *store.Tx) error { return tx.CreateReindex(f.ctx, task) }), nil)
			was, err := f.s.Reindex(f.ctx, f.project, "t")
			f.wantError(err, nil)
			is := was
			is.At, is.Done = f.patient("a"), 7
			f.wantAdvance(was, is, true)
			f.wantAdvance(was, is, false)
			end := is
			end.Finished = epoch
			f.wantAdvance(is, end, true)
			end.At = store.Ref{} // it is nowhere any more, and names nothing that may be erased
			f.wantAdvance(end, end, false)
			if got, err := f.s.Reindex(f.ctx, f.project, "t"); err != nil || fmt.Sprint(got) != fmt.Sprint(end) {
				t.Errorf("got %+v, %v, want %+v", got, err, end)
			}
			if open, err := f.s.Unfinished(f.ctx, f.project); err != nil || len(open) != 0 {
				t.Errorf("open: %v, %v", open, err)
			}
		},
	}
}

func parameter(resourceType, code string) store.SearchParameter {
	return store.SearchParameter{Type: resourceType, Code: code, Kind: "token", Expression: resourceType + ".x"}
}

func (f fixture) define(id string, params ...store.SearchParameter) []store.IndexGeneration {
	f.t.Helper()
	var changed []store.IndexGeneration
	err := f.s.InTx(f.ctx, func(tx *store.Tx) (err error) {
		changed, err = tx.DefineSearchParameters(f.ctx, f.project, id, params)
		return err
	})
	f.wantError(err, nil)
	return changed
}

func (f fixture) wantChanged(id, want string, params ...store.SearchParameter) {
	f.t.Helper()
	types := []string{}
	for _, g := range f.define(id, params...) {
		types = append(types, g.Type)
	}
	if fmt.Sprint(types) != want {
		f.t.Errorf("%v are changed, want %s", types, want)
	}
}

func (f fixture) wantIndexed(w store.Write, want bool) {
	f.t.Helper()
	err := f.s.InTx(f.ctx, func(tx *store.Tx) error {
		done, err := tx.PutIndex(f.ctx, w)
		if done != want {
			f.t.Errorf("the rows of %v are made: %v", w.Ref, done)
		}
		return err
	})
	f.wantError(err, nil)
}

func (f fixture) wantAdvance(was, is store.Reindex, want bool) {
	f.t.Helper()
	err := f.s.InTx(f.ctx, func(tx *store.Tx) error {
		moved, err := tx.Advance(f.ctx, was, is)
		if moved != want {
			f.t.Errorf("moved: %v", moved)
		}
		return err
	})
	f.wantError(err, nil)
}
