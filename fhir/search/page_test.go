package search_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/index"
	"github.com/admitdev/admit/fhir/search"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/store/storetest"
)

// TestLinks are the links that Medplum gives, as recorded, but for the next page.
func TestLinks(t *testing.T) {
	for _, tc := range []struct {
		search, self, first, previous string
		rows                          int
	}{
		{search: "Patient?name=Searchable", rows: 1, self: "Patient?_count=20&name=Searchable", first: "Patient?_count=20&name=Searchable"},
		{search: "Patient?name=Nobodyatall", self: "Patient?_count=20&name=Nobodyatall"},
		{search: "Patient?name:contains=archab", self: "Patient?_count=20&name:contains=archab"},
		{search: "Patient?identifier=urn:mrn|S-1", self: "Patient?_count=20&identifier=urn%3Amrn%7CS-1"},
		{search: "Patient?birthdate=ge1980-01-01&birthdate=lt1981-01-01&_count=1", self: "Patient?_count=1&birthdate=ge1980-01-01&birthdate=lt1981-01-01"},
		{search: "Observation?subject=Patient/9f&_sort=-date&_count=2", self: "Observation?_count=2&_sort=-date&subject=Patient%2F9f"},
		{
			search: "Observation?patient=9f&_sort=-date&_count=2&_offset=2", rows: 2,
			self:     "Observation?_count=2&_offset=2&_sort=-date&patient=9f",
			first:    "Observation?_count=2&_sort=-date&patient=9f",
			previous: "Observation?_count=2&_sort=-date&patient=9f",
		},
		{search: "Patient?_count=2&_offset=5", rows: 1, self: "Patient?_count=2&_offset=5", first: "Patient?_count=2", previous: "Patient?_count=2&_offset=3"},
		{search: "Observation?patient=9f&_total=accurate&_count=1", self: "Observation?_count=1&_total=accurate&patient=9f"},
		{search: "Observation?patient=9f&_summary=count", self: "Observation?_count=0&_total=accurate&patient=9f"},
		{search: "Observation?patient=9f&_count=0", self: "Observation?_count=0&_total=accurate&patient=9f"},
		{search: "Observation?patient=9f&_count=0&_total=none", rows: 1, self: "Observation?_count=0&_total=none&patient=9f"},
		{search: "Patient?_contained=false&_format=json&name=S", self: "Patient?_contained=false&_count=20&name=S"},
		{search: "Observation?_include:iterate=Observation:*&_revinclude=Provenance:target", self: "Observation?_count=20&_include:iterate=Observation:%2A&_revinclude=Provenance:target"},
		{search: "Patient?_count=5000", self: "Patient?_count=1000"},
		{search: "Patient?identifier=S&_elements=name", self: "Patient?_count=20&_fields=name&identifier=S"},
		{search: "Observation?patient=9f&_include=Observation:subject&_count=1", self: "Observation?_count=1&_include=Observation:subject&patient=9f"},
		{search: "Observation?subject:Patient.name=S&_count=1", self: "Observation?_count=1&subject:Patient.name=S"},
		{search: "Patient?_has:Observation:subject:code=8867-4&_count=1", self: "Patient?_count=1&_has:Observation:subject:code=8867-4"},
		{search: "Patient?gender=male,female&_count=1", self: "Patient?_count=1&gender=male%2Cfemale"},
		{search: "Patient?_lastUpdated=ge2020-01-01", self: "Patient?_count=20&_lastUpdated=ge2020-01-01"},
	} {
		t.Run(tc.search, func(t *testing.T) {
			_, links := parse(t, tc.search).Page(make([]store.Row, tc.rows))
			want := map[string]string{"self": tc.self, "first": tc.first, "previous": tc.previous}
			got := map[string]string{"first": "", "previous": ""}
			for _, l := range links {
				got[l.Relation] = strings.TrimPrefix(l.URL, base)
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("links\n %v, want\n %v", got, want)
			}
		})
	}
}

func TestSystemSearchLinksToItself(t *testing.T) {
	r, err := search.Parse(nil, "_type=Patient,Observation&_count=1", base)
	if err != nil {
		t.Fatal(err)
	}
	if _, links := r.Page(nil); links[0].URL != base+"?_count=1&_type=Patient,Observation" {
		t.Error(links[0].URL)
	}
}

// crowd are patients of whom many share each sort value, and some have none.
func crowd(t *testing.T, n int) (writes []store.Write) {
	for i := range n {
		text := fmt.Sprintf(`{"resourceType":"Patient","gender":"%s","birthDate":"19%d0","name":[{"family":"F%d"}]}`,
			[]string{"male", "female"}[i%2], 5+i%3, i%2)
		if i%5 == 0 {
			text = `{"resourceType":"Patient","active":true}`
		}
		doc, err := document.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		ref := store.Ref{Project: project, Type: "Patient", ID: fmt.Sprintf("p%02d", i*37%n)}
		doc = document.Stamp(doc, document.Identity{Type: ref.Type, ID: ref.ID, Version: "1", LastUpdated: lastUpdated})
		writes = append(writes, store.Write{
			Resource: store.Resource{Ref: ref, Version: "1", LastUpdated: lastUpdated, Content: doc.Raw},
			Index:    index.Extract(doc, ref.Type),
		})
	}
	return writes
}

// pageOf is a page and its links by their relations.
func pageOf(t *testing.T, s *store.Store, query string) (ids []string, links map[string]string) {
	t.Helper()
	r := parse(t, "Patient?"+query)
	rows, err := s.Search(context.Background(), queryOf(t, r))
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	page, given := r.Page(rows)
	links = map[string]string{}
	for _, l := range given {
		_, links[l.Relation], _ = strings.Cut(l.URL, "?")
	}
	for _, row := range page {
		ids = append(ids, row.ID)
	}
	return ids, links
}

// TestPagesNeitherLoseNorRepeat follows the next links to the end and the previous ones back.
func TestPagesNeitherLoseNorRepeat(t *testing.T) {
	const n = 23
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		ctx, s := context.Background(), storetest.Open(t, db)
		if err := s.Put(ctx, crowd(t, n)...); err != nil {
			t.Fatal(err)
		}
		for _, first := range []string{
			"", "_sort=gender", "_sort=-gender", "_sort=birthdate", "_sort=-birthdate", "_sort=family,-birthdate",
			"_sort=_lastUpdated", "_sort=-_lastUpdated", "_sort=-_id", "_sort=organization", "_offset=1", "_sort=-family&_offset=1",
		} {
			want := n
			if strings.Contains(first, "_offset=1") {
				want--
			}
			var forward, back []string
			at := first + "&_count=4"
			for next := at; next != ""; {
				page, links := pageOf(t, s, next)
				forward, at, next = append(forward, page...), next, links["next"]
			}
			if seen := slices.Compact(slices.Sorted(slices.Values(forward))); len(seen) != want || len(forward) != want {
				t.Errorf("%s: %d entries, %d of %d seen", first, len(forward), len(seen), want)
			}
			for previous := at; previous != ""; {
				page, links := pageOf(t, s, previous)
				back, previous = append(page, back...), links["previous"]
			}
			if !strings.Contains(first, "_offset") && !slices.Equal(forward, back) {
				t.Errorf("%s: forward %v, back %v", first, forward, back)
			}
		}
	})
}

// TestPagesAreStableUnderWrites: what is there all the time is on exactly one page, in whichever
// direction one goes, though resources come and go before and behind.
func TestPagesAreStableUnderWrites(t *testing.T) {
	const n = 23
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		ctx, s := context.Background(), storetest.Open(t, db)
		all := crowd(t, 4*n)
		stay, come := all[:n], all[n:]
		if err := s.Put(ctx, stay...); err != nil {
			t.Fatal(err)
		}
		staying := map[string]bool{}
		for _, w := range stay {
			staying[w.ID] = true
		}
		version := 0
		disturb := func() { // one comes or goes anywhere in the order
			version++
			w := come[version%len(come)]
			w.Version, w.LastUpdated = fmt.Sprint(version), w.LastUpdated.Add(time.Duration(version)*time.Second)
			if current, err := s.Get(ctx, w.Ref, nil); err == nil {
				w.Replaces = current.Version
				if w.Deleted = !current.Deleted; w.Deleted {
					w.Content, w.Index = nil, store.Index{}
				}
			}
			if err := s.Put(ctx, w); err != nil {
				t.Fatal(err)
			}
		}
		for _, sort := range []string{"", "_sort=gender", "_sort=-birthdate", "_sort=family,-birthdate", "_sort=-_id"} {
			at := sort + "&_count=3"
			for _, relation := range []string{"next", "previous"} {
				times := map[string]int{}
				for link := at; link != ""; {
					if link != at { // the last page is read once more as it was
						disturb()
					}
					page, links := pageOf(t, s, link)
					for _, id := range page {
						times[id]++
					}
					at, link = link, links[relation]
				}
				for id := range staying {
					if times[id] != 1 {
						t.Errorf("%s, %s: %s seen %d times", sort, relation, id, times[id])
					}
				}
			}
		}
	})
}

// TestCursorOfAnotherOrderIsRefused also holds for one that was tampered with.
func TestCursorOfAnotherOrderIsRefused(t *testing.T) {
	r := parse(t, "Patient?_sort=birthdate&_count=1")
	row := store.Row{Resource: store.Resource{Ref: store.Ref{Project: project, Type: "Patient", ID: "x"}}, SortValues: []string{"=12"}}
	_, links := r.Page([]store.Row{row, row})
	_, cursor, _ := strings.Cut(links[2].URL, "_cursor=")
	cursor, _, _ = strings.Cut(cursor, "&")
	if _, err := search.Parse([]string{"Patient"}, "_sort=birthdate&_cursor="+cursor, base); err != nil {
		t.Fatalf("its own cursor: %v", err)
	}
	for _, query := range []string{
		"_cursor=" + cursor, "_sort=-birthdate&_cursor=" + cursor, "_sort=name&_cursor=" + cursor,
		"_sort=birthdate&_cursor=" + cursor + "x", "_sort=birthdate&_cursor=x" + cursor,
	} {
		if _, err := search.Parse([]string{"Patient"}, query, base); err == nil {
			t.Errorf("%s is accepted", query)
		}
	}
}
