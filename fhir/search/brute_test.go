package search_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math/big"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/index"
	"github.com/admitdev/admit/fhir/search"
	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/store/storetest"
)

// How many worlds are made and how many searches each answers; ADMIT_LONG_TESTS asks for 20,000 on each database.
const (
	bruteWorlds     = 6
	bruteWorldsLong = 80
	bruteSearches   = 250
)

// TestEverySearchEqualsABruteForceFilter: for random resources and searches, what the engine finds on
// either database, page by page, is what a filter finds that is written from search.html alone.
func TestEverySearchEqualsABruteForceFilter(t *testing.T) {
	worlds := bruteWorlds
	if os.Getenv("ADMIT_LONG_TESTS") != "" {
		worlds = bruteWorldsLong
	}
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		s := storetest.Open(t, db)
		for seed := range uint64(worlds) {
			b := bruteCase{t: t, s: s, bruteWorld: newBruteWorld(seed), project: clock.System{}.NewID()}
			b.store()
			for range bruteSearches {
				b.search(seed)
			}
			if t.Failed() {
				return
			}
		}
	})
}

type bruteCase struct {
	*bruteWorld
	t       *testing.T
	s       *store.Store
	project string
}

func (b *bruteCase) store() {
	b.t.Helper()
	var writes []store.Write
	for _, r := range b.resources {
		raw, err := json.Marshal(r)
		if err != nil {
			b.t.Fatal(err)
		}
		doc, err := document.Parse(raw)
		if err != nil {
			b.t.Fatal(err)
		}
		ref := store.Ref{Project: b.project, Type: one(r, "resourceType"), ID: one(r, "id")}
		at := b.updated[ref.Type+"/"+ref.ID]
		doc = document.Stamp(doc, document.Identity{Type: ref.Type, ID: ref.ID, Version: "1", LastUpdated: at})
		writes = append(writes, store.Write{
			Resource: store.Resource{Ref: ref, Version: "1", LastUpdated: at, Content: doc.Raw}, Index: index.Extract(doc, ref.Type),
		})
	}
	if err := b.s.Put(context.Background(), writes...); err != nil {
		b.t.Fatal(err)
	}
}

// search draws a search, asks the engine and the filter, and compares.
func (b *bruteCase) search(seed uint64) {
	resourceType := pick(b.bruteWorld, "Patient", "Patient", "Observation", "Observation", "Encounter", "RiskAssessment", "Organization", "Practitioner", "ValueSet")
	var terms []term
	query := []string{fmt.Sprintf("_count=%d", pick(b.bruteWorld, 2, 5, 9, 30, 30))}
	for range 1 + b.IntN(3)*b.IntN(2) {
		one := b.term(resourceType, 2)
		terms, query = append(terms, one), append(query, one.String())
	}
	sorted := b.sorting(resourceType)
	if len(sorted) > 0 {
		var keys []string
		for _, key := range sorted {
			keys = append(keys, key.name)
		}
		query = append(query, "_sort="+strings.Join(keys, ","))
	}
	var want []string
	found := map[string]object{}
	for _, r := range b.resources {
		if one(r, "resourceType") == resourceType && !slices.ContainsFunc(terms, func(t term) bool { return !t.holds(r) }) {
			want, found[one(r, "id")] = append(want, one(r, "id")), r
		}
	}
	asked := strings.Join(query, "&")
	got, total := b.pages(resourceType, asked)
	plainly, _ := url.QueryUnescape(asked)
	if sorted != nil {
		for i := 1; i < len(got); i++ {
			if before(sorted, found[got[i]], found[got[i-1]]) {
				b.t.Errorf("seed %d: %s?%s: %s comes before %s", seed, resourceType, plainly, got[i-1], got[i])
			}
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) || total != len(want) {
		b.t.Errorf("seed %d: %s?%s\nfound %v (%d)\nwant  %v", seed, resourceType, plainly, got, total, want)
	}
}

// pages follows the links to the end.
func (b *bruteCase) pages(resourceType, query string) (ids []string, total int) {
	b.t.Helper()
	ctx := context.Background()
	for n := 0; ; n++ {
		r, err := search.Parse([]string{resourceType}, query, base)
		if err != nil {
			b.t.Fatalf("%s?%s: %v", resourceType, query, err)
		}
		if err := r.Resolve(bruteTerms{}); err != nil {
			b.t.Fatalf("%s?%s: %v", resourceType, query, err)
		}
		q, err := r.Query([]string{b.project}, everything)
		if err != nil {
			b.t.Fatal(err)
		}
		rows, err := b.s.Search(ctx, q)
		if err != nil {
			b.t.Fatalf("%s?%s: %v", resourceType, query, err)
		}
		if n == 0 {
			if total, err = b.s.Count(ctx, q); err != nil {
				b.t.Fatal(err)
			}
		}
		rows, links := r.Page(rows)
		for _, row := range rows {
			ids = append(ids, row.ID)
		}
		next := slices.IndexFunc(links, func(l search.Link) bool { return l.Relation == "next" })
		if next < 0 || n > len(b.resources) {
			return ids, total
		}
		_, query, _ = strings.Cut(links[next].URL, "?")
	}
}

// sortKey is a key of _sort: the least value of each resource, or going down the greatest; who has
// none is last.
type sortKey struct {
	name string
	less func(a, b object) int
}

func (b *bruteCase) sorting(resourceType string) []sortKey {
	var keys []sortKey
	for range b.IntN(3) {
		p := pick(b.bruteWorld, bruteParams[resourceType]...)
		order, ok := orders[p.kind]
		if !ok {
			continue
		}
		down := b.IntN(2) == 0
		key := sortKey{p.code, func(x, y object) int { return compareEnds(p.values(x), p.values(y), order, down) }}
		if down {
			key.name = "-" + key.name
		}
		keys = append(keys, key)
	}
	return keys
}

// orders compare two values by the end that counts.
var orders = map[string]func(a, b any, down bool) int{
	"string": func(a, b any, _ bool) int { return strings.Compare(plain(a.(string)), plain(b.(string))) },
	"code":   func(a, b any, _ bool) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) },
	"uri":    func(a, b any, _ bool) int { return strings.Compare(a.(string), b.(string)) },
	"number": func(a, b any, _ bool) int { return number(a).Cmp(number(b)) },
	"date": func(a, b any, down bool) int {
		if down {
			return cmp.Compare(spanOf(a).high, spanOf(b).high)
		}
		return cmp.Compare(spanOf(a).low, spanOf(b).low)
	},
}

func number(v any) *big.Rat { return rational(string(v.(json.Number))) }

func spanOf(v any) interval {
	if period, ok := v.(object); ok {
		return periodSpan(period)
	}
	return span(v.(string))
}

func compareEnds(x, y []any, order func(a, b any, down bool) int, down bool) int {
	switch {
	case len(x) == 0 || len(y) == 0:
		return cmp.Compare(min(len(y), 1), min(len(x), 1)) // missing is last either way
	case down:
		greatest := func(a, b any) int { return order(a, b, true) }
		return order(slices.MaxFunc(y, greatest), slices.MaxFunc(x, greatest), true)
	}
	least := func(a, b any) int { return order(a, b, false) }
	return order(slices.MinFunc(x, least), slices.MinFunc(y, least), false)
}

// before says whether a must come before b.
func before(keys []sortKey, a, b object) bool {
	for _, key := range keys {
		if c := key.less(a, b); c != 0 {
			return c < 0
		}
	}
	return false
}
