package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/store"
)

// Run holds one kind of database to the contract of the store. A new promise starts here.
func Run(t *testing.T, database func(testing.TB) DB) {
	db := database(t)
	s := Open(t, db)
	for _, group := range []map[string]func(*testing.T, fixture){
		writeRules(), transactionRules(), keyRules(), raceRules(), searchRules(), orderRules(), historyRules(), generationRules(), pageRules(),
	} {
		for name, rule := range group {
			t.Run(name, func(t *testing.T) { rule(t, newFixture(t, s)) })
		}
	}
}

// fixture is what a rule works with: the store and a project that no other rule uses.
type fixture struct {
	t       *testing.T
	s       *store.Store
	ctx     context.Context
	project string
	ids     *atomic.Int64
}

func newFixture(t *testing.T, s *store.Store) fixture {
	return fixture{t: t, s: s, ctx: t.Context(), project: clock.System{}.NewID(), ids: &atomic.Int64{}}
}

// epoch is the time of the first version of everything here.
var epoch = time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)

func (f fixture) ref(typ, id string) store.Ref {
	return store.Ref{Project: f.project, Type: typ, ID: id}
}

func (f fixture) patient(id string) store.Ref { return f.ref("Patient", id) }

// version is the n-th version of a resource, n milliseconds after the epoch.
func (f fixture) version(ref store.Ref, n int, ix store.Index, keys ...store.Key) store.Write {
	w := store.Write{
		Resource: store.Resource{
			Ref: ref, Version: fmt.Sprintf("v%d", n), LastUpdated: epoch.Add(time.Duration(n) * time.Millisecond),
			Content: fmt.Appendf(nil, `{"resourceType":%q,"id":%q,"meta":{"versionId":"v%d"}}`, ref.Type, ref.ID, n),
			Meta:    fmt.Appendf(nil, `"project":%q`, ref.Project),
		},
		Index: ix, Keys: keys,
	}
	if n > 1 {
		w.Replaces = fmt.Sprintf("v%d", n-1)
	}
	return w
}

// create is the first version.
func (f fixture) create(ref store.Ref, ix store.Index, keys ...store.Key) store.Write {
	return f.version(ref, 1, ix, keys...)
}

func (f fixture) deletion(ref store.Ref, n int) store.Write {
	w := f.version(ref, n, store.Index{})
	w.Deleted, w.Content = true, nil
	return w
}

func (f fixture) put(w ...store.Write) {
	f.t.Helper()
	if err := f.s.Put(f.ctx, w...); err != nil {
		f.t.Fatalf("put: %v", err)
	}
}

func (f fixture) get(ref store.Ref) store.Resource {
	f.t.Helper()
	r, err := f.s.Get(f.ctx, ref, nil)
	if err != nil {
		f.t.Fatalf("get %v: %v", ref, err)
	}
	return r
}

// wantError holds that nothing but this error came.
func (f fixture) wantError(got, want error) {
	f.t.Helper()
	if !errors.Is(got, want) {
		f.t.Errorf("got error %v, want %v", got, want)
	}
}

// wantVersion holds that this version is the current one, or with "" that there is none.
func (f fixture) wantVersion(ref store.Ref, version string) {
	f.t.Helper()
	r, err := f.s.Get(f.ctx, ref, nil)
	switch {
	case version == "" && errors.Is(err, store.ErrNotFound):
	case err != nil:
		f.t.Errorf("get %v: %v", ref, err)
	case r.Version != version:
		f.t.Errorf("the current version of %v is %q, want %q", ref, r.Version, version)
	}
}

// wantHistory holds that these are the versions, newest first.
func (f fixture) wantHistory(ref store.Ref, versions ...string) {
	f.t.Helper()
	history, err := f.s.History(f.ctx, ref, 1000, 0)
	if err != nil {
		f.t.Fatal(err)
	}
	var got []string
	for _, r := range history {
		got = append(got, r.Version)
	}
	if fmt.Sprint(got) != fmt.Sprint(versions) {
		f.t.Errorf("history of %v is %v, want %v", ref, got, versions)
	}
	n, err := f.s.HistoryCount(f.ctx, ref)
	if err != nil || n != len(versions) {
		f.t.Errorf("history of %v counts %d, %v, want %d", ref, n, err, len(versions))
	}
}

// find is the ids, in their order, of the resources of a type for which p holds.
func (f fixture) find(typ string, p store.Predicate) []string {
	f.t.Helper()
	rows, err := f.s.Search(f.ctx, store.Query{Projects: []string{f.project}, Types: []string{typ}, Where: p, Limit: 1000})
	if err != nil {
		f.t.Fatalf("search %#v: %v", p, err)
	}
	var ids []string
	for _, row := range rows {
		ids = append(ids, row.ID)
	}
	return ids
}

// wantFound holds that a search and a read under p agree on these patients.
func (f fixture) wantFound(p store.Predicate, ids ...string) {
	f.t.Helper()
	got := f.find("Patient", p)
	if fmt.Sprint(got) != fmt.Sprint(ids) {
		f.t.Errorf("%#v finds %v, want %v", p, got, ids)
	}
	for _, id := range f.find("Patient", nil) {
		_, err := f.s.Get(f.ctx, f.patient(id), p)
		if visible := err == nil; visible != contains(ids, id) {
			f.t.Errorf("under %#v a read of %s answers %v, a search %v", p, id, err, got)
		}
	}
}

func contains(list []string, s string) bool {
	for _, one := range list {
		if one == s {
			return true
		}
	}
	return false
}

func tokens(param string, codes ...string) store.Index {
	var ix store.Index
	for _, code := range codes {
		ix.Token = append(ix.Token, store.TokenRow{Param: param, Code: code})
	}
	return ix
}

func hasCode(param, code string) store.Predicate {
	return store.Token{Param: param, Values: []store.TokenValue{{Code: &code}}}
}
