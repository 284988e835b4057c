package storetest

import (
	"fmt"
	"time"

	"pgregory.net/rapid"

	"github.com/admitdev/admit/pkg/store"
)

// Small alphabets, so that random rows and random predicates meet, with what has tripped
// databases: case, wildcards, quotes, accents, the empty string and the ends of Unicode.
var (
	words = []string{"", "a", "A", "ab", "a%", "a_", "%", "_", `\`, "'", `"`, "é", "z", "\uD7FF", "\uE000", "\U0010FFFF", "aa", "b"}
	ids   = []string{"1", "2", "3", "a", "A"}
	types = []string{"Patient", "Observation"}
	names = []string{"p", "q"}
	ops   = []store.Op{store.Eq, store.Ne, store.Gt, store.Lt, store.Ge, store.Le, store.Sa, store.Eb, store.Ap}
)

func word() *rapid.Generator[string]  { return rapid.SampledFrom(words) }
func id() *rapid.Generator[string]    { return rapid.SampledFrom(ids) }
func param() *rapid.Generator[string] { return rapid.SampledFrom(names) }
func kind() *rapid.Generator[store.Kind] {
	return rapid.SampledFrom([]store.Kind{store.TokenKind, store.ReferenceKind, store.StringKind, store.DateKind, store.QuantityKind, store.URIKind})
}

func interval(t *rapid.T, label string) (low, high int64) {
	low = rapid.Int64Range(0, 6).Draw(t, label)
	return low, low + rapid.Int64Range(0, 3).Draw(t, label+" length")
}

// optional is nil or one of the words.
func optional(t *rapid.T, label string) *string {
	if rapid.Bool().Draw(t, label+" given") {
		return pointer(word().Draw(t, label))
	}
	return nil
}

func drawIndex(t *rapid.T) store.Index {
	var ix store.Index
	rows := func(label string, add func()) {
		for range rapid.IntRange(0, 2).Draw(t, label) {
			add()
		}
	}
	rows("tokens", func() {
		ix.Token = append(ix.Token, store.TokenRow{Param: param().Draw(t, "param"), System: word().Draw(t, "system"), Code: word().Draw(t, "code")})
	})
	rows("references", func() {
		r := store.ReferenceRow{Param: param().Draw(t, "param"), TargetType: rapid.SampledFrom(types).Draw(t, "target"), TargetID: id().Draw(t, "target")}
		if rapid.IntRange(0, 4).Draw(t, "url") == 0 {
			r = store.ReferenceRow{Param: r.Param, URL: "urn:" + word().Draw(t, "url")}
		}
		ix.Reference = append(ix.Reference, r)
	})
	rows("strings", func() {
		w := word().Draw(t, "string")
		ix.String = append(ix.String, store.StringRow{Param: param().Draw(t, "param"), Folded: w + word().Draw(t, "rest"), Exact: w})
	})
	rows("dates", func() {
		low, high := interval(t, "date")
		ix.Date = append(ix.Date, store.DateRow{Param: param().Draw(t, "param"), Low: low, High: high})
	})
	rows("quantities", func() {
		low, high := interval(t, "quantity")
		ix.Quantity = append(ix.Quantity, store.QuantityRow{
			Param: param().Draw(t, "param"), System: word().Draw(t, "system"), Code: word().Draw(t, "code"), Unit: word().Draw(t, "unit"),
			Value: fmt.Sprint(low), Low: fmt.Sprint(low), High: fmt.Sprint(high),
		})
	})
	rows("uris", func() {
		ix.URI = append(ix.URI, store.URIRow{Param: param().Draw(t, "param"), URI: word().Draw(t, "uri") + word().Draw(t, "uri rest")})
	})
	return ix
}

// drawPredicate draws any predicate, nested at most deep times.
func drawPredicate(t *rapid.T, deep int) store.Predicate {
	kinds := 10
	if deep > 0 {
		kinds = 15
	}
	inner := func() store.Predicate { return drawPredicate(t, deep-1) }
	list := func() []store.Predicate {
		parts := make([]store.Predicate, rapid.IntRange(0, 3).Draw(t, "parts"))
		for i := range parts {
			parts[i] = inner()
		}
		return parts
	}
	switch rapid.IntRange(0, kinds-1).Draw(t, "predicate") {
	case 0:
		return store.IDIn(rapid.SliceOfN(id(), 0, 3).Draw(t, "ids"))
	case 1:
		return store.TypeIs(rapid.SampledFrom(types).Draw(t, "type"))
	case 2:
		low := epoch.UnixMicro() + rapid.Int64Range(-1, 6).Draw(t, "time")*1000
		return store.LastUpdated{Op: rapid.SampledFrom(ops).Draw(t, "op"), Low: low, High: low + 999 + 1000*rapid.Int64Range(0, 2).Draw(t, "length")}
	case 3:
		return store.Missing{Param: param().Draw(t, "param"), Kind: kind().Draw(t, "kind")}
	case 4:
		return drawToken(t)
	case 5:
		return drawReference(t)
	case 6:
		s := store.String{Param: param().Draw(t, "param"), Value: word().Draw(t, "value")}
		s.Match = rapid.SampledFrom([]store.StringMatch{store.StartsWith, store.Contains, store.Exact}).Draw(t, "match")
		return s
	case 7:
		low, high := interval(t, "date")
		return store.Date{Param: param().Draw(t, "param"), Op: rapid.SampledFrom(ops).Draw(t, "op"), Low: low, High: high}
	case 8:
		low, high := interval(t, "quantity")
		return store.Quantity{
			Param: param().Draw(t, "param"), Op: rapid.SampledFrom(ops).Draw(t, "op"), Low: fmt.Sprint(low), High: fmt.Sprint(high),
			System: optional(t, "system"), Code: optional(t, "code"), Unit: optional(t, "unit"),
		}
	case 9:
		return store.URI{
			Param: param().Draw(t, "param"), Value: word().Draw(t, "value") + word().Draw(t, "rest"),
			Match: rapid.SampledFrom([]store.URIMatch{store.URIExact, store.URIBelow, store.URIAbove}).Draw(t, "match"),
		}
	case 10:
		return store.And(list())
	case 11:
		return store.Or(list())
	case 12:
		return store.Not{Of: inner()}
	case 13:
		return store.Chain{Param: param().Draw(t, "param"), Type: rapid.SampledFrom(types).Draw(t, "type"), Of: inner()}
	default:
		return store.Has{Type: rapid.SampledFrom(types).Draw(t, "type"), Param: param().Draw(t, "param"), Of: inner()}
	}
}

func drawToken(t *rapid.T) store.Predicate {
	p := store.Token{Param: param().Draw(t, "param")}
	for range rapid.IntRange(0, 4).Draw(t, "values") {
		p.Values = append(p.Values, store.TokenValue{System: optional(t, "system"), Code: optional(t, "code")})
	}
	return p
}

func drawReference(t *rapid.T) store.Predicate {
	p := store.Reference{Param: param().Draw(t, "param")}
	for range rapid.IntRange(0, 4).Draw(t, "values") {
		v := store.ReferenceValue{ID: id().Draw(t, "id")}
		switch rapid.IntRange(0, 2).Draw(t, "form") {
		case 0:
			v.Type = rapid.SampledFrom(types).Draw(t, "type")
		case 1:
			v = store.ReferenceValue{URL: "urn:" + word().Draw(t, "url")}
		}
		p.Values = append(p.Values, v)
	}
	return p
}

// drawWorld is what is stored: in three projects the same few ids.
func drawWorld(t *rapid.T, f fixture, projects []string) []store.Write {
	var items []store.Write
	for _, project := range projects {
		for _, typ := range types {
			for _, id := range ids {
				w := f.create(store.Ref{Project: project, Type: typ, ID: id}, drawIndex(t))
				w.LastUpdated = epoch.Add(time.Duration(rapid.IntRange(0, 4).Draw(t, "updated")) * time.Millisecond)
				items = append(items, w)
			}
		}
	}
	return items
}
