package storetest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/store"
)

// worlds and questions are how much the oracle is asked: each world is stored anew.
const (
	worlds    = 4
	questions = 150
)

// searchRules: what is found.
func searchRules() map[string]func(*testing.T, fixture) {
	return map[string]func(*testing.T, fixture){
		"every predicate means in SQL what it means in Go, in searches, counts and reads": func(t *testing.T, f fixture) {
			for n := range worlds {
				oracleAgrees(t, f, n)
			}
		},
		"a wildcard is a character": func(t *testing.T, f fixture) {
			for i, v := range []string{"a%c", "a_c", "abc", `a\c`, "A%C"} {
				f.put(f.create(f.patient(fmt.Sprint(i)), store.Index{String: []store.StringRow{{Param: "s", Folded: v, Exact: v}}}))
			}
			f.wantFound(store.String{Param: "s", Value: "a%"}, "0")
			f.wantFound(store.String{Param: "s", Value: "a_"}, "1")
			f.wantFound(store.String{Param: "s", Value: `\`, Match: store.Contains}, "3")
			f.wantFound(store.String{Param: "s", Value: "%", Match: store.Contains}, "0", "4")
			f.wantFound(store.String{Param: "s", Value: "A%C", Match: store.Exact}, "4")
		},
		"a NUL and broken UTF-8 are U+FFFD, in rows and in queries": func(t *testing.T, f fixture) {
			f.put(f.create(f.patient("nul"), everyKind("a\x00b")), f.create(f.patient("bad"), everyKind("x\xffy")), f.create(f.patient("none"), everyKind("ab")))
			for _, p := range everyPredicate("a\x00b")[:7] {
				f.wantFound(p, "nul")
			}
			f.wantFound(hasCode("t", "x\xffy"), "bad")
			f.wantFound(hasCode("t", "ab"), "none")
		},
		"a row given twice counts once": func(t *testing.T, f fixture) {
			ix := everyKind("1")
			f.put(f.create(f.patient("a"), store.Index{
				Token: append(ix.Token, ix.Token...), Reference: append(ix.Reference, ix.Reference...), String: append(ix.String, ix.String...),
				Date: append(ix.Date, ix.Date...), Quantity: append(ix.Quantity, ix.Quantity...), URI: append(ix.URI, ix.URI...),
			}))
			for _, p := range everyPredicate("1") {
				f.wantFound(p, "a")
			}
		},
		"a resource that matches in two ways is found once": func(t *testing.T, f fixture) {
			f.put(f.create(f.patient("a"), tokens("x", "1", "2")))
			one, two := "1", "2"
			f.wantFound(store.Or{hasCode("x", "1"), hasCode("x", "2")}, "a")
			f.wantFound(store.Token{Param: "x", Values: []store.TokenValue{{Code: &one}, {Code: &two}, {System: pointer("")}, {}}}, "a")
		},
		"a list may be long": func(t *testing.T, f fixture) {
			f.put(f.create(f.patient("a"), tokens("x", "7777")))
			var p store.Token
			var list store.IDIn
			for i := range 10000 {
				p.Values = append(p.Values, store.TokenValue{Code: pointer(fmt.Sprint(i))})
				list = append(list, fmt.Sprint(i))
			}
			p.Param = "x"
			f.wantFound(p, "a")
			f.wantFound(append(list, "a"), "a")
		},
		"chains do not leave the projects that are searched": func(t *testing.T, f fixture) {
			other := newFixture(t, f.s)
			other.put(other.create(other.patient("p"), tokens("x", "1")))
			refers := store.Index{Reference: []store.ReferenceRow{{Param: "subject", TargetType: "Patient", TargetID: "p"}}}
			f.put(f.create(f.ref("Observation", "o"), refers))
			chain := store.Chain{Param: "subject", Type: "Patient", Of: hasCode("x", "1")}
			if found := f.find("Observation", chain); found != nil {
				t.Errorf("%v found through another project", found)
			}
			rows, err := f.s.Search(f.ctx, store.Query{Projects: []string{f.project, other.project}, Types: []string{"Observation"}, Where: chain, Limit: 10})
			if err != nil || len(rows) != 1 {
				t.Errorf("with both projects: %v, %v", rows, err)
			}
		},
		"a deleted resource is no target of a chain": func(t *testing.T, f fixture) {
			f.put(f.create(f.patient("p"), store.Index{}))
			f.put(f.create(f.ref("Observation", "o"), store.Index{Reference: []store.ReferenceRow{{Param: "subject", TargetType: "Patient", TargetID: "p"}}}))
			chain := store.Chain{Param: "subject", Type: "Patient"}
			if found := f.find("Observation", chain); len(found) != 1 {
				t.Errorf("found %v", found)
			}
			f.put(f.deletion(f.patient("p"), 2))
			if found := f.find("Observation", chain); found != nil {
				t.Errorf("found %v", found)
			}
		},
		"no project, no type, no limit: nothing": func(t *testing.T, f fixture) {
			f.put(f.create(f.patient("a"), store.Index{}))
			for _, q := range []store.Query{
				{Types: []string{"Patient"}, Limit: 10},
				{Projects: []string{f.project}, Limit: 10},
				{Projects: []string{f.project}, Types: []string{"Patient"}},
				{Projects: []string{"no uuid"}, Types: []string{"Patient"}, Limit: 10},
				{Projects: []string{f.project}, Types: []string{"Patient"}, Where: store.Or{}, Limit: 10},
			} {
				if rows, err := f.s.Search(f.ctx, q); err != nil || len(rows) != 0 {
					t.Errorf("%+v: %v, %v", q, rows, err)
				}
			}
		},
	}
}

// oracleAgrees stores one random world and asks random questions of it.
func oracleAgrees(t *testing.T, f fixture, seed int) {
	projects := []string{clock.System{}.NewID(), clock.System{}.NewID(), clock.System{}.NewID()}
	items := rapid.Custom(func(rt *rapid.T) []store.Write { return drawWorld(rt, f, projects) }).Example(seed)
	f.put(items...)
	slices.SortFunc(items, func(a, b store.Write) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Project, b.Project))
	})
	question := rapid.Custom(func(rt *rapid.T) store.Query {
		return store.Query{
			Projects: projects[:rapid.IntRange(1, 2).Draw(rt, "projects")],
			Types:    types[:rapid.IntRange(1, 2).Draw(rt, "types")],
			Where:    drawPredicate(rt, 3), Limit: 1000,
		}
	})
	matched := 0
	for i := range questions {
		q := question.Example(seed*questions + i)
		matched += askOracle(t, f, world{projects: q.Projects, items: items}, q)
	}
	if matched == 0 {
		t.Error("no question had an answer, so nothing was compared")
	}
}

func askOracle(t *testing.T, f fixture, w world, q store.Query) (matched int) {
	t.Helper()
	var want []store.Ref
	for _, x := range w.items {
		if slices.Contains(q.Projects, x.Project) && slices.Contains(q.Types, x.Type) && w.holds(q.Where, x) {
			want = append(want, x.Ref)
		}
	}
	rows, err := f.s.Search(f.ctx, q)
	if err != nil {
		t.Fatalf("%#v: %v", q, err)
	}
	var got []store.Ref
	for _, row := range rows {
		got = append(got, row.Ref)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("%#v\nfinds %v\nwant  %v", q, got, want)
	}
	if n, err := f.s.Count(f.ctx, q); err != nil || n != len(want) {
		t.Fatalf("%#v counts %d, %v; want %d", q, n, err, len(want))
	}
	for _, x := range w.items[:4] { // a read sees its own project alone
		alone := world{projects: []string{x.Project}, items: w.items}
		_, err := f.s.Get(f.ctx, x.Ref, q.Where)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			t.Fatalf("%#v: %v", q.Where, err)
		}
		if (err == nil) != alone.holds(q.Where, x) {
			t.Fatalf("a read of %v under %#v answers %v", x.Ref, q.Where, err)
		}
	}
	return len(want)
}
