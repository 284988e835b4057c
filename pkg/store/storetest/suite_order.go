package storetest

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/store"
)

// orderRules: how what is found is ordered and paged.
func orderRules() map[string]func(*testing.T, fixture) {
	return map[string]func(*testing.T, fixture){
		"values are in byte order, missing ones last, ties by id": func(t *testing.T, f fixture) {
			for id, code := range map[string]string{"a": "b", "b": "B", "c": "é", "d": "z", "e": "_", "f": "a", "g": "a"} {
				f.put(f.create(f.patient(id), everyKindOrdered(code)))
			}
			f.put(f.create(f.patient("none"), store.Index{}), f.create(f.patient("empty"), everyKindOrdered("")))
			for _, kind := range []store.Kind{store.TokenKind, store.StringKind, store.URIKind, store.QuantityKind} {
				f.wantOrder([]store.Sort{{Param: "o", Kind: kind}}, "empty", "b", "e", "f", "g", "a", "d", "c", "none")
				f.wantOrder([]store.Sort{{Param: "o", Kind: kind, Desc: true}}, "c", "d", "a", "g", "f", "e", "b", "empty", "none")
			}
		},
		"the smallest value counts upwards, the largest downwards": func(t *testing.T, f fixture) {
			f.put(f.create(f.patient("wide"), tokens("o", "a", "z")), f.create(f.patient("narrow"), tokens("o", "b", "c")))
			f.wantOrder([]store.Sort{{Param: "o", Kind: store.TokenKind}}, "wide", "narrow")
			f.wantOrder([]store.Sort{{Param: "o", Kind: store.TokenKind, Desc: true}}, "wide", "narrow")
		},
		"dates order as numbers, to the ends of time": func(t *testing.T, f fixture) {
			for id, low := range map[string]int64{"a": 9, "b": 10, "c": -5, "d": store.MinDate, "e": store.MaxDate} {
				f.put(f.create(f.patient(id), store.Index{Date: []store.DateRow{{Param: "o", Low: low, High: low}}}))
			}
			f.wantOrder([]store.Sort{{Param: "o", Kind: store.DateKind}}, "d", "c", "a", "b", "e")
		},
		"references order by what they point at": func(t *testing.T, f fixture) {
			for id, row := range map[string]store.ReferenceRow{
				"a": {Param: "o", TargetType: "Patient", TargetID: "1"}, "b": {Param: "o", TargetType: "Group", TargetID: "2"}, "c": {Param: "o", URL: "urn:x"},
			} {
				f.put(f.create(f.patient(id), store.Index{Reference: []store.ReferenceRow{row}}))
			}
			f.wantOrder([]store.Sort{{Param: "o", Kind: store.ReferenceKind}}, "b", "a", "c")
		},
		"what refers to one target is in order from new to old, by any way": timelineIsInOrder,
		"a key that is in no index is an error": func(t *testing.T, f fixture) {
			_, err := f.s.Search(f.ctx, store.Query{Projects: []string{f.project}, Types: []string{"Patient"}, Sort: []store.Sort{{Param: "x"}}, Limit: 1})
			if err == nil {
				t.Error("no error")
			}
		},
		"pages neither repeat nor drop a row, whatever the order": pagesAreWhole,
		"a page goes on where the last one ended, though rows were added before it": func(t *testing.T, f fixture) {
			f.put(f.create(f.patient("b"), store.Index{}), f.create(f.patient("d"), store.Index{}), f.create(f.patient("e"), store.Index{}))
			q := store.Query{Projects: []string{f.project}, Types: []string{"Patient"}, Limit: 2}
			first, err := f.s.Search(f.ctx, q)
			if err != nil || len(first) != 2 {
				t.Fatal(first, err)
			}
			f.put(f.create(f.patient("a"), store.Index{}))
			q.After = first[1].Position()
			second, err := f.s.Search(f.ctx, q)
			if err != nil || len(second) != 1 || second[0].ID != "e" {
				t.Errorf("got %v, %v", second, err)
			}
		},
		"a position of another query is an error": func(t *testing.T, f fixture) {
			for _, after := range [][]string{{"x"}, {"x", "id", "Patient", "no uuid"}, {"=x", "id", "Patient", f.project}, {"", "id", "Patient", f.project}} {
				q := store.Query{Projects: []string{f.project}, Types: []string{"Patient"}, Sort: []store.Sort{{Param: "_lastUpdated"}}, After: after, Limit: 1}
				if _, err := f.s.Search(f.ctx, q); err == nil {
					t.Errorf("%v was taken", after)
				}
			}
		},
	}
}

// everyKindOrdered is one value in each table that orders by text.
func everyKindOrdered(v string) store.Index {
	return store.Index{
		Token: []store.TokenRow{{Param: "o", Code: v}}, String: []store.StringRow{{Param: "o", Folded: v, Exact: v}},
		URI: []store.URIRow{{Param: "o", URI: v}}, Quantity: []store.QuantityRow{{Param: "o", Value: v, Low: v, High: v}},
	}
}

// wantOrder holds that the order is this, in one page and in pages of one row.
func (f fixture) wantOrder(sort []store.Sort, want ...string) {
	f.t.Helper()
	q := store.Query{Projects: []string{f.project}, Types: []string{"Patient"}, Sort: sort, Limit: 1000}
	rows, err := f.s.Search(f.ctx, q)
	if err != nil {
		f.t.Fatal(err)
	}
	for name, rows := range map[string][]store.Row{"one page": rows, "pages": f.pages(q, 1), "pages backward": f.pagesBackward(q, rows, 1)} {
		var got []string
		for _, row := range rows {
			got = append(got, row.ID)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			f.t.Errorf("%+v in %s: %v, want %v", sort, name, got, want)
		}
	}
}

// pages reads everything page by page.
func (f fixture) pages(q store.Query, size int) []store.Row {
	f.t.Helper()
	var all []store.Row
	q.Limit = size
	for {
		page, err := f.s.Search(f.ctx, q)
		if err != nil {
			f.t.Fatal(err)
		}
		all = append(all, page...)
		if len(page) < size {
			return all
		}
		q.After = page[len(page)-1].Position()
	}
}

// pagesBackward reads what comes before the last row, page by page, and that row.
func (f fixture) pagesBackward(q store.Query, whole []store.Row, size int) []store.Row {
	f.t.Helper()
	q.Limit, q.Before = size, whole[len(whole)-1].Position()
	all := slices.Clone(whole[len(whole)-1:])
	for {
		page, err := f.s.Search(f.ctx, q)
		if err != nil {
			f.t.Fatal(err)
		}
		all = append(page, all...)
		if len(page) < size {
			return all
		}
		q.Before = page[0].Position()
	}
}

// pagesAreWhole: few values on many rows, so that most keys are equal; in two projects and two
// types the same ids.
func pagesAreWhole(t *testing.T, f fixture) {
	random := rand.New(rand.NewPCG(1, 2))
	projects := []string{clock.System{}.NewID(), clock.System{}.NewID()}
	var items []store.Write
	for _, project := range projects {
		for _, typ := range types {
			for i := range 12 {
				w := f.create(store.Ref{Project: project, Type: typ, ID: fmt.Sprint(i)}, orderedAtRandom(random))
				w.LastUpdated = epoch.Add(time.Duration(random.IntN(3)) * time.Millisecond)
				items = append(items, w)
			}
		}
	}
	f.put(items...)
	keys := []store.Sort{
		{Param: "_id"}, {Param: "_lastUpdated"}, {Param: "o", Kind: store.TokenKind}, {Param: "o", Kind: store.ReferenceKind}, {Param: "o", Kind: store.StringKind},
		{Param: "o", Kind: store.DateKind}, {Param: "o", Kind: store.QuantityKind}, {Param: "o", Kind: store.URIKind},
	}
	for range 60 {
		var sort []store.Sort
		for range random.IntN(3) {
			key := keys[random.IntN(len(keys))]
			key.Desc = random.IntN(2) == 0
			sort = append(sort, key)
		}
		q := store.Query{Projects: projects[:1+random.IntN(2)], Types: types[:1+random.IntN(2)], Sort: sort, Limit: 1000}
		whole, err := f.s.Search(f.ctx, q)
		if err != nil {
			t.Fatal(err)
		}
		want := 12 * len(q.Projects) * len(q.Types)
		if paged := f.pages(q, 5); !slices.EqualFunc(whole, paged, sameRow) || len(whole) != want {
			t.Fatalf("%+v: %d rows in one page, %d in pages, want %d", q, len(whole), len(paged), want)
		}
		if back := f.pagesBackward(q, whole, 5); !slices.EqualFunc(whole, back, sameRow) {
			t.Fatalf("%+v: %d rows in one page, %d in pages backward", q, len(whole), len(back))
		}
		q.Limit, q.Offset = 7, 4
		if offset, err := f.s.Search(f.ctx, q); err != nil || !slices.EqualFunc(offset, whole[4:11], sameRow) {
			t.Fatalf("%+v: offset: %v", q, err)
		}
		wantSorted(t, q, whole, items)
	}
}

func sameRow(a, b store.Row) bool { return a.Ref == b.Ref }

func orderedAtRandom(random *rand.Rand) store.Index {
	values := []string{"", "a", "b"}
	var ix store.Index
	for range random.IntN(3) {
		v := values[random.IntN(len(values))]
		ix.Token = append(ix.Token, store.TokenRow{Param: "o", Code: v})
		ix.Reference = append(ix.Reference, store.ReferenceRow{Param: "o", TargetType: "Patient", TargetID: v + "1"})
		ix.String = append(ix.String, store.StringRow{Param: "o", Folded: v, Exact: v})
		n := int64(random.IntN(3))
		ix.Date = append(ix.Date, store.DateRow{Param: "o", Low: n, High: n + 1})
		ix.Quantity = append(ix.Quantity, store.QuantityRow{Param: "o", Value: v, Low: v, High: v})
		ix.URI = append(ix.URI, store.URIRow{Param: "o", URI: v})
	}
	return ix
}

// wantSorted compares the first key of neighbours with what the rows hold.
func wantSorted(t *testing.T, q store.Query, rows []store.Row, items []store.Write) {
	t.Helper()
	if len(q.Sort) == 0 || q.Sort[0].Kind != store.TokenKind {
		return
	}
	codes := map[store.Ref][]string{}
	for _, x := range items {
		for _, r := range x.Index.Token {
			codes[x.Ref] = append(codes[x.Ref], r.Code)
		}
	}
	for i := 1; i < len(rows); i++ {
		a, b := codes[rows[i-1].Ref], codes[rows[i].Ref]
		switch {
		case len(a) == 0 && len(b) > 0:
			t.Fatalf("%+v: a missing value comes before another", q)
		case len(a) == 0 || len(b) == 0:
		case q.Sort[0].Desc && cmp.Less(slices.Max(a), slices.Max(b)), !q.Sort[0].Desc && cmp.Less(slices.Min(b), slices.Min(a)):
			t.Fatalf("%+v: %v comes before %v", q, a, b)
		}
	}
}

// timelineIsInOrder compares the order that the references are kept in with the one that is worked
// out: a second key asks for that, and changes nothing.
func timelineIsInOrder(t *testing.T, f fixture) {
	at := func(days ...int64) []store.DateRow {
		var rows []store.DateRow
		for _, day := range days {
			rows = append(rows, store.DateRow{Param: "date", Low: day * 10, High: day*10 + 9}, store.DateRow{Param: "other", Low: -day, High: -day})
		}
		return rows
	}
	local := store.ReferenceRow{Param: "subject", TargetType: "Patient", TargetID: "p"}
	remote := store.ReferenceRow{Param: "subject", URL: "http://base/Patient/p"}
	other := store.ReferenceRow{Param: "subject", TargetType: "Group", TargetID: "p"}
	for id, ix := range map[string]store.Index{
		"a": {Date: at(5), Reference: []store.ReferenceRow{local}},
		"b": {Date: at(5), Reference: []store.ReferenceRow{remote}},
		"c": {Date: at(1, 7), Reference: []store.ReferenceRow{remote, local}},
		"d": {Reference: []store.ReferenceRow{local}},
		"e": {Date: []store.DateRow{{Param: "date", Low: 3, High: store.MaxDate}}, Reference: []store.ReferenceRow{local}},
		"f": {Date: at(6), Reference: []store.ReferenceRow{other}},
		"g": {Date: at(2), Reference: []store.ReferenceRow{local, other}},
		"h": {Reference: []store.ReferenceRow{remote}},
	} {
		ix.Token = []store.TokenRow{{Param: "code", Code: "x"}}
		f.put(f.create(f.ref("Observation", id), ix))
	}
	x, none := "x", "none"
	target := store.Reference{Param: "subject", Values: []store.ReferenceValue{{Type: "Patient", ID: "p"}, {URL: "http://base/Patient/p"}}}
	newer := store.Index{Date: at(9), Reference: []store.ReferenceRow{local}, Token: []store.TokenRow{{Param: "code", Code: "x"}}}
	for _, change := range []func(){
		func() {},
		func() { f.put(f.version(f.ref("Observation", "g"), 2, newer)) },
		func() { f.put(f.deletion(f.ref("Observation", "a"), 2)) },
	} {
		change()
		for name, where := range map[string]store.Predicate{
			"local": store.Reference{Param: "subject", Values: target.Values[:1]}, "remote": store.Reference{Param: "subject", Values: target.Values[1:]},
			"either": target, "and": store.And{store.Token{Param: "code", Values: []store.TokenValue{{Code: &x}}}, target},
			"and not": store.And{target, store.Not{Of: store.IDIn{"c", "d"}}, store.TypeIs("Observation")},
			"nothing": store.And{target, store.Token{Param: "code", Values: []store.TokenValue{{Code: &none}}}},
		} {
			q := store.Query{Projects: []string{f.project}, Types: []string{"Observation"}, Where: where}
			newest := store.Sort{Param: "date", Kind: store.DateKind, Desc: true}
			q.Sort = []store.Sort{newest, {Param: "_id", Desc: true}}
			want := idsOf(f.pages(q, 100))
			q.Sort = []store.Sort{newest}
			for _, size := range []int{1, 2, 3, 100} {
				if got := idsOf(f.pages(q, size)); !slices.Equal(got, want) {
					t.Errorf("%s by %d: %v, want %v", name, size, got, want)
				}
			}
		}
	}
}

func idsOf(rows []store.Row) []string {
	var ids []string
	for _, row := range rows {
		ids = append(ids, row.ID)
	}
	return ids
}
