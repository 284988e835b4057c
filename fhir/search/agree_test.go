package search_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/admitdev/admit/fhir/index"
	"github.com/admitdev/admit/fhir/search"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/store/storetest"
)

// TestStoreAndMatchAgree holds that the store's SQL and Match mean the same by every predicate:
// the one narrows searches, the other judges what is about to be written.
func TestStoreAndMatchAgree(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		ctx, s := context.Background(), storetest.Open(t, db)
		round := 0
		rapid.Check(t, func(t *rapid.T) {
			round++
			project := fmt.Sprintf("00000000-0000-4000-8000-%012d", round)
			writes := rapid.SliceOfN(rapid.Custom(drawWrite), 1, 5).Draw(t, "resources")
			for i := range writes {
				writes[i].Project, writes[i].ID = project, fmt.Sprintf("id%d", i)
			}
			if err := s.Put(ctx, writes...); err != nil {
				t.Fatal(err)
			}
			for range 8 {
				p := drawPredicate(t, 3)
				rows, err := s.Search(ctx, store.Query{Projects: []string{project}, Types: types, Where: p, Limit: 100})
				if err != nil {
					t.Fatalf("%#v: %v", p, err)
				}
				selected := map[store.Ref]bool{}
				for _, row := range rows {
					selected[row.Ref] = true
				}
				for _, w := range writes {
					if got := search.Match(p, w.Ref, w.LastUpdated, w.Index); got != selected[w.Ref] {
						t.Fatalf("%#v of %#v: Match says %v, the store %v", p, w, got, selected[w.Ref])
					}
				}
			}
		})
	})
}

// Few values, so that they meet often.
var (
	types   = []string{"Patient", "Observation"}
	params  = rapid.SampledFrom([]string{"a", "b"})
	systems = rapid.SampledFrom([]string{"", "s", "S"})
	codes   = rapid.SampledFrom([]string{"", "x", "X", "x%", "é"})
	texts   = rapid.SampledFrom([]string{"Ana", "ana maria", "Añá", "%", "_", "a_a", `\`, "x'y", "An", "ß", "日本"})
	uris    = rapid.SampledFrom([]string{"http://e", "http://e/a", "http://e/a/b", "HTTP://e", "urn:x", "h"})
	ids     = rapid.SampledFrom([]string{"1", "2", "id0", "id1"})
	days    = rapid.Int64Range(-3, 3)
	numbers = rapid.SampledFrom([]string{"-100", "-1.5", "-1", "0", "0.00", "1", "1.0", "1.05", "10", "99.5", "100", "1e3"})
	moments = rapid.SampledFrom([]time.Time{time.UnixMilli(-1), time.UnixMilli(0), time.UnixMilli(1), time.UnixMilli(2000)})
	ops     = rapid.SampledFrom([]store.Op{store.Eq, store.Ne, store.Gt, store.Lt, store.Ge, store.Le, store.Sa, store.Eb, store.Ap})
)

func drawWrite(t *rapid.T) store.Write {
	w := store.Write{Resource: store.Resource{
		Ref: store.Ref{Type: rapid.SampledFrom(types).Draw(t, "type")}, Version: "1",
		LastUpdated: moments.Draw(t, "lastUpdated").UTC(), Content: []byte("{}"),
	}}
	for range rapid.IntRange(0, 3).Draw(t, "rows") {
		switch p := params.Draw(t, "param"); rapid.IntRange(1, 6).Draw(t, "kind") {
		case 1:
			w.Index.Token = append(w.Index.Token, store.TokenRow{Param: p, System: systems.Draw(t, "system"), Code: codes.Draw(t, "code")})
		case 2:
			row := store.ReferenceRow{Param: p, URL: uris.Draw(t, "url")}
			if rapid.Bool().Draw(t, "local") {
				row = store.ReferenceRow{Param: p, TargetType: rapid.SampledFrom(types).Draw(t, "target"), TargetID: ids.Draw(t, "id")}
			}
			w.Index.Reference = append(w.Index.Reference, row)
		case 3:
			text := texts.Draw(t, "text")
			w.Index.String = append(w.Index.String, store.StringRow{Param: p, Folded: index.Fold(text), Exact: text})
		case 4:
			low := days.Draw(t, "low")
			w.Index.Date = append(w.Index.Date, store.DateRow{Param: p, Low: low, High: low + rapid.Int64Range(0, 3).Draw(t, "length")})
		case 5:
			value, low, high, _ := index.Decimal(numbers.Draw(t, "number"))
			if rapid.Bool().Draw(t, "exact") {
				low, high = value, value
			}
			w.Index.Quantity = append(w.Index.Quantity, store.QuantityRow{
				Param: p, System: systems.Draw(t, "system"), Code: codes.Draw(t, "code"), Unit: codes.Draw(t, "unit"), Value: value, Low: low, High: high,
			})
		case 6:
			w.Index.URI = append(w.Index.URI, store.URIRow{Param: p, URI: uris.Draw(t, "uri")})
		}
	}
	return w
}

func drawPredicate(t *rapid.T, depth int) store.Predicate {
	kind := rapid.IntRange(0, 13).Draw(t, "predicate")
	if depth == 0 {
		kind = max(kind, 3)
	}
	parts := func() []store.Predicate {
		out := make([]store.Predicate, rapid.IntRange(0, 3).Draw(t, "parts"))
		for i := range out {
			out[i] = drawPredicate(t, depth-1)
		}
		return out
	}
	switch kind {
	case 0:
		return store.And(parts())
	case 1:
		return store.Or(parts())
	case 2:
		return store.Not{Of: drawPredicate(t, depth-1)}
	case 3:
		return store.IDIn(rapid.SliceOfN(ids, 0, 3).Draw(t, "ids"))
	case 4:
		return store.TypeIs(rapid.SampledFrom(types).Draw(t, "type"))
	case 5:
		low := rapid.SampledFrom([]int64{-1000, -1, 0, 500, 999, 1000, 1001, 1999, 2_000_000}).Draw(t, "low")
		return store.LastUpdated{Op: ops.Draw(t, "op"), Low: low, High: low + rapid.SampledFrom([]int64{0, 1, 999, 5000}).Draw(t, "length")}
	case 6:
		return store.Missing{Param: params.Draw(t, "param"), Kind: store.Kind(rapid.IntRange(1, 6).Draw(t, "kind"))}
	}
	return drawRowPredicate(t, kind, params.Draw(t, "param"))
}

func drawRowPredicate(t *rapid.T, kind int, param string) store.Predicate {
	maybe := func(g *rapid.Generator[string]) *string {
		if rapid.Bool().Draw(t, "any") {
			return nil
		}
		return new(g.Draw(t, "value"))
	}
	switch kind {
	case 7:
		p := store.Token{Param: param}
		for range rapid.IntRange(0, 3).Draw(t, "values") {
			p.Values = append(p.Values, store.TokenValue{System: maybe(systems), Code: maybe(codes)})
		}
		return p
	case 8:
		p := store.Reference{Param: param}
		for range rapid.IntRange(0, 3).Draw(t, "values") {
			p.Values = append(p.Values, rapid.SampledFrom([]store.ReferenceValue{
				{Type: "Patient", ID: "1"}, {Type: "Observation", ID: "1"}, {ID: "1"}, {ID: "2"}, {URL: "http://e"}, {URL: "urn:x"},
			}).Draw(t, "target"))
		}
		return p
	case 9:
		text := texts.Draw(t, "text")
		match := store.StringMatch(rapid.IntRange(0, 4).Draw(t, "match"))
		if match == store.Exact {
			return store.String{Param: param, Match: match, Value: text, Folded: index.Fold(text)}
		}
		return store.String{Param: param, Match: match, Value: index.Fold(text)}
	case 10:
		low := days.Draw(t, "low")
		return store.Date{Param: param, Op: ops.Draw(t, "op"), Low: low, High: low + rapid.Int64Range(0, 3).Draw(t, "length")}
	case 11:
		value, low, high, _ := index.Decimal(numbers.Draw(t, "number"))
		if rapid.Bool().Draw(t, "exact") {
			low, high = value, value
		}
		return store.Quantity{Param: param, Op: ops.Draw(t, "op"), Low: low, High: high, System: maybe(systems), Code: maybe(codes), Unit: maybe(codes)}
	case 12:
		end := func(name string) store.Quantity {
			_, low, high, _ := index.Decimal(numbers.Draw(t, name))
			return store.Quantity{Op: ops.Draw(t, "op"), Low: low, High: high}
		}
		return store.Span{Param: param, Start: end("start"), End: end("end")}
	}
	return store.URI{Param: param, Match: store.URIMatch(rapid.IntRange(0, 2).Draw(t, "match")), Value: uris.Draw(t, "uri")}
}
