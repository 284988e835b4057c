package storetest

import (
	"bytes"
	"strings"
	"testing"

	"github.com/admitdev/admit/pkg/store"
)

// writeRules: what one write promises.
func writeRules() map[string]func(*testing.T, fixture) {
	return map[string]func(*testing.T, fixture){
		"what was put is got, byte for byte": func(t *testing.T, f fixture) {
			w := f.create(f.patient("a"), store.Index{})
			w.Content = []byte(`{"resourceType":"Patient","id":"a","x":[1.00,1E-3,"é\u0000\ud83d\ude00` + "\U0001F600" + `%_'\\"]}`)
			f.put(w)
			got := f.get(w.Ref)
			if !bytes.Equal(got.Content, w.Content) || !bytes.Equal(got.Meta, w.Meta) || got.Ref != w.Ref || got.Version != "v1" || got.Deleted {
				t.Errorf("got %+v", got)
			}
		},
		"times are kept to the millisecond, in UTC": func(t *testing.T, f fixture) {
			f.put(f.create(f.patient("a"), store.Index{}))
			if got := f.get(f.patient("a")).LastUpdated; !got.Equal(epoch.Add(1e6)) || got.Location().String() != "UTC" {
				t.Errorf("got %v", got)
			}
		},
		"ids tell letter case apart": func(t *testing.T, f fixture) {
			f.put(f.create(f.patient("a"), store.Index{}), f.create(f.patient("A"), store.Index{}))
			f.wantFound(nil, "A", "a") // byte order
		},
		"a create of a taken id changes nothing": func(t *testing.T, f fixture) {
			f.put(f.create(f.patient("a"), tokens("x", "1")))
			second := f.create(f.patient("a"), tokens("x", "2"))
			second.Version = "other"
			f.wantError(f.s.Put(f.ctx, second), store.ErrExists)
			f.wantVersion(f.patient("a"), "v1")
			f.wantFound(hasCode("x", "1"), "a")
			f.wantFound(hasCode("x", "2"))
			f.wantHistory(f.patient("a"), "v1")
		},
		"an update replaces index rows and keeps the old version": func(t *testing.T, f fixture) {
			f.put(f.create(f.patient("a"), tokens("x", "1", "2")))
			f.put(f.version(f.patient("a"), 2, tokens("x", "2", "3")))
			f.wantFound(hasCode("x", "1"))
			f.wantFound(hasCode("x", "2"), "a")
			f.wantFound(hasCode("x", "3"), "a")
			f.wantHistory(f.patient("a"), "v2", "v1")
			for _, version := range []string{"v1", "v2"} {
				old, err := f.s.GetVersion(f.ctx, f.patient("a"), version)
				if err != nil || old.Version != version || !strings.Contains(string(old.Content), version) {
					t.Errorf("version %s: %+v, %v", version, old, err)
				}
			}
			_, err := f.s.GetVersion(f.ctx, f.patient("a"), "v3")
			f.wantError(err, store.ErrNotFound)
		},
		"an update of every kind of index row": func(t *testing.T, f fixture) {
			f.put(f.create(f.patient("a"), everyKind("1")))
			f.put(f.version(f.patient("a"), 2, everyKind("2")))
			f.put(f.version(f.patient("a"), 3, everyKind("2")))
			for _, p := range everyPredicate("2") {
				f.wantFound(p, "a")
			}
			for _, p := range everyPredicate("1") {
				f.wantFound(p)
			}
		},
		"an update that names another version changes nothing": func(t *testing.T, f fixture) {
			f.put(f.create(f.patient("a"), tokens("x", "1")))
			stale := f.version(f.patient("a"), 3, tokens("x", "2"))
			f.wantError(f.s.Put(f.ctx, stale), store.ErrVersion)
			f.wantError(f.s.Put(f.ctx, f.version(f.patient("unknown"), 2, store.Index{})), store.ErrVersion)
			f.wantVersion(f.patient("a"), "v1")
			f.wantFound(hasCode("x", "2"))
			f.wantHistory(f.patient("a"), "v1")
			f.wantHistory(f.patient("unknown"))
		},
		"a version is later than the one it replaces": func(t *testing.T, f fixture) {
			f.put(f.create(f.patient("a"), store.Index{}))
			same := f.version(f.patient("a"), 2, store.Index{})
			same.LastUpdated = epoch.Add(1e6)
			f.wantError(f.s.Put(f.ctx, same), store.ErrTime)
			f.wantVersion(f.patient("a"), "v1")
			if later := store.Later(same.LastUpdated, same.LastUpdated); !later.After(same.LastUpdated) {
				t.Errorf("%v is not later", later)
			}
		},
		"a deleted resource is known but not found, and can come back": func(t *testing.T, f fixture) {
			f.put(f.create(f.patient("a"), tokens("x", "1")))
			deletion := f.deletion(f.patient("a"), 2)
			deletion.Index = tokens("x", "1") // a deleted resource has no index rows, whatever it says
			f.put(deletion)
			if !f.get(f.patient("a")).Deleted {
				t.Error("not marked deleted")
			}
			f.wantFound(nil)
			f.wantFound(hasCode("x", "1"))
			_, err := f.s.Get(f.ctx, f.patient("a"), hasCode("x", "1"))
			f.wantError(err, store.ErrNotFound)
			f.wantError(f.s.Put(f.ctx, f.create(f.patient("a"), store.Index{})), store.ErrExists)
			f.put(f.version(f.patient("a"), 3, tokens("x", "1")))
			f.wantFound(hasCode("x", "1"), "a")
			f.wantHistory(f.patient("a"), "v3", "v2", "v1")
		},
		"history comes in pages, newest first": func(t *testing.T, f fixture) {
			for n := 1; n <= 12; n++ { // v10 is newer than v9, though not in byte order
				f.put(f.version(f.patient("a"), n, store.Index{}))
			}
			page, err := f.s.History(f.ctx, f.patient("a"), 2, 2)
			if err != nil || len(page) != 2 || page[0].Version != "v10" || page[1].Version != "v9" {
				t.Errorf("got %+v, %v", page, err)
			}
		},
		"a purged resource never was": func(t *testing.T, f fixture) {
			k := store.Key{Scope: f.project, Kind: "k", Value: "v"}
			f.put(f.create(f.patient("a"), everyKind("1"), k))
			f.put(f.version(f.patient("a"), 2, everyKind("1"), k))
			if err := f.s.Purge(f.ctx, f.patient("a")); err != nil {
				t.Fatal(err)
			}
			f.wantVersion(f.patient("a"), "")
			f.wantHistory(f.patient("a"))
			f.wantOwner(k, "")
			f.put(f.create(f.patient("a"), store.Index{}))
			for _, p := range everyPredicate("1") {
				f.wantFound(p)
			}
		},
		"projects do not see each other": func(t *testing.T, f fixture) {
			other := newFixture(t, f.s)
			f.put(f.create(f.patient("a"), tokens("x", "1")))
			other.wantVersion(other.patient("a"), "")
			other.wantFound(hasCode("x", "1"))
			other.put(other.create(other.patient("a"), tokens("x", "1")))
			other.put(other.version(other.patient("a"), 2, store.Index{}))
			f.wantVersion(f.patient("a"), "v1")
			f.wantFound(hasCode("x", "1"), "a")
		},
		"a project that is no UUID has nothing and takes nothing": func(t *testing.T, f fixture) {
			for _, project := range []string{"", "p1", strings.ToUpper(f.project), f.project + "'"} {
				ref := store.Ref{Project: project, Type: "Patient", ID: "a"}
				f.wantVersion(ref, "")
				f.wantHistory(ref)
				if err := f.s.Put(f.ctx, f.create(ref, store.Index{})); err == nil && project != f.project {
					t.Errorf("project %q took a resource", project)
				}
			}
		},
		"an id that cannot be is not found": func(t *testing.T, f fixture) {
			for _, id := range []string{"", "a\x00", "\xff", "'; DROP TABLE resource; --", strings.Repeat("x", 5000)} {
				f.wantVersion(f.patient(id), "")
			}
		},
		"content that is no text is refused": func(t *testing.T, f fixture) {
			for _, content := range []string{"{\"x\":\"\x00\"}", "{\"x\":\"\xff\"}"} {
				w := f.create(f.patient("a"), store.Index{})
				w.Content = []byte(content)
				if err := f.s.Put(f.ctx, w); err == nil {
					t.Errorf("%q was taken", content)
				}
				f.wantVersion(f.patient("a"), "")
			}
		},
		"values of any length can be indexed and found": func(t *testing.T, f fixture) {
			long := strings.Repeat("€", 5000)
			f.put(f.create(f.patient("a"), everyKind(long)), f.create(f.patient("b"), everyKind(long+"b")))
			for _, p := range everyPredicate(long)[:6] {
				f.wantFound(p, "a")
			}
			f.wantFound(store.String{Param: "s", Value: long}, "a", "b")
			f.wantFound(store.String{Param: "s", Value: long + "b"}, "b")
			f.wantFound(store.String{Param: "s", Value: "€b", Match: store.Contains}, "b")
		},
	}
}

// everyKind is one row in each index table.
func everyKind(v string) store.Index {
	return store.Index{
		Token:     []store.TokenRow{{Param: "t", System: "sys" + v, Code: v}},
		Reference: []store.ReferenceRow{{Param: "r", TargetType: "Patient", TargetID: v}, {Param: "u", URL: v}},
		String:    []store.StringRow{{Param: "s", Folded: v, Exact: v}},
		Date:      []store.DateRow{{Param: "d", Low: int64(len(v)) + int64(v[0]), High: int64(len(v)) + int64(v[0])}},
		Quantity:  []store.QuantityRow{{Param: "q", Code: v, Value: "1", Low: "1", High: "1"}},
		URI:       []store.URIRow{{Param: "l", URI: v}},
	}
}

// everyPredicate holds for exactly the resources with the rows of everyKind(v).
func everyPredicate(v string) []store.Predicate {
	return []store.Predicate{
		hasCode("t", v),
		store.Token{Param: "t", Values: []store.TokenValue{{System: pointer("sys" + v)}}},
		store.Reference{Param: "r", Values: []store.ReferenceValue{{Type: "Patient", ID: v}}},
		store.Reference{Param: "u", Values: []store.ReferenceValue{{URL: v}}},
		store.String{Param: "s", Match: store.Exact, Value: v, Folded: v},
		store.Quantity{Param: "q", Op: store.Eq, Low: "1", High: "1", Code: &v},
		store.URI{Param: "l", Value: v},
		store.Date{Param: "d", Op: store.Eq, Low: int64(len(v)) + int64(v[0]), High: int64(len(v)) + int64(v[0])},
	}
}

func pointer(s string) *string { return &s }
