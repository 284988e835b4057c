package rest_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/fhir/medplum"
)

// page is a Bundle of many entries.
type page struct {
	Type  string
	Total *int
	Link  []struct{ Relation, URL string }
	Entry []struct {
		FullURL  string
		Request  struct{ Method, URL string }
		Response struct{ Status, LastModified string }
		Search   struct{ Mode string }
		Resource json.RawMessage
	}
}

func (a answer) page(t *testing.T) page {
	t.Helper()
	a.want(t, http.StatusOK)
	var p page
	require.NoError(t, json.Unmarshal([]byte(a.body), &p), a.body)
	return p
}

// next is the address of the next page, below the surface; empty on the last.
func (p page) next(t *testing.T) string {
	t.Helper()
	for _, link := range p.Link {
		if link.Relation == "next" {
			require.True(t, strings.HasPrefix(link.URL, base), link.URL)
			return "/" + strings.TrimPrefix(link.URL, base)
		}
	}
	return ""
}

// linked are the addresses of the pages around a page, below the surface.
func (p page) linked() map[string]string {
	all := map[string]string{}
	for _, link := range p.Link {
		all[link.Relation] = "/" + strings.TrimPrefix(link.URL, base)
	}
	return all
}

// did is what the entries of a history say was done, by the names that known gives to ids.
func (p page) did(known ...string) string {
	names := strings.NewReplacer(known...)
	var all []string
	for _, e := range p.Entry {
		all = append(all, names.Replace(e.Request.Method+" "+e.Request.URL))
	}
	return strings.Join(all, ", ")
}

// past is a patient who was active and is not, one who was deleted, and an observation.
type past struct {
	s                *server
	ann, bob, weight string
	since            string // after ann and bob were made
}

func (s *server) past(t *testing.T) past {
	t.Helper()
	p := past{s: s}
	p.ann, _ = s.do(t, "POST", "/Patient", `{"resourceType":"Patient","active":true,"gender":"female"}`).want(t, http.StatusCreated).made(t)
	p.bob, _ = s.do(t, "POST", "/Patient", `{"resourceType":"Patient","active":false}`).want(t, http.StatusCreated).made(t)
	made := s.do(t, "POST", "/Observation", `{"resourceType":"Observation","status":"final","code":{"text":"Weight"},"subject":{"reference":"Patient/`+p.ann+`"}}`).want(t, http.StatusCreated)
	p.weight, _ = made.made(t)
	var observation struct{ Meta struct{ LastUpdated string } }
	require.NoError(t, json.Unmarshal([]byte(made.body), &observation))
	p.since = observation.Meta.LastUpdated
	s.do(t, "PUT", "/Patient/"+p.ann, `{"resourceType":"Patient","id":"`+p.ann+`","active":false,"gender":"female"}`).want(t, http.StatusOK)
	s.do(t, "DELETE", "/Patient/"+p.bob, "").want(t, http.StatusOK)
	return p
}

func (p past) names() []string {
	return []string{p.ann, "ann", p.bob, "bob", p.weight, "weight"}
}

func TestHistoryOfATypeAndOfTheProject(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		p := s.past(t)
		for _, tc := range []struct{ name, address, want string }{
			{"a resource", "/Patient/" + p.ann + "/_history", "PUT Patient/ann, POST Patient"},
			{"a deleted resource", "/Patient/" + p.bob + "/_history", "DELETE Patient/bob, POST Patient"},
			{"a type", "/Patient/_history?_count=4", "DELETE Patient/bob, PUT Patient/ann, POST Patient, POST Patient"},
			{"the project", "/_history?_count=4", "DELETE Patient/bob, PUT Patient/ann, POST Observation, POST Patient"},
			{"since a time", "/Patient/_history?_since=" + p.since, "DELETE Patient/bob, PUT Patient/ann"},
			{"since a time, of the project", "/_history?_since=" + p.since, "DELETE Patient/bob, PUT Patient/ann, POST Observation"},
			{"at a time", "/Observation/_history?_at=" + p.since, "POST Observation"},
			{"at a time, of one that is no more", "/Patient/" + p.bob + "/_history?_at=" + p.since, "POST Patient"},
			{"at a time to come", "/Patient/" + p.bob + "/_history?_at=2999", "DELETE Patient/bob"},
			{"at a time long ago", "/Patient/_history?_at=1999-12", ""},
			{"a type that there is none of", "/Encounter/_history", ""},
		} {
			t.Run(tc.name, func(t *testing.T) {
				got := s.do(t, "GET", tc.address, "").page(t)
				assert.Equal(t, "history", got.Type)
				assert.Equal(t, tc.want, got.did(p.names()...))
				for _, e := range got.Entry {
					assert.Equal(t, e.Request.Method == "DELETE", e.Resource == nil, "a deletion has no resource")
					assert.NotEmpty(t, e.Response.LastModified)
				}
			})
		}
		t.Run("nothing of another project", func(t *testing.T) {
			for _, address := range []string{"/_history?_count=1000", "/Patient/_history?_count=1000"} {
				body := s.do(t, "GET", address, "", "As", "other").want(t, http.StatusOK).body
				for _, id := range []string{p.ann, p.bob, p.weight} {
					assert.NotContains(t, body, id)
				}
			}
		})
	})
}

func TestHistoryPagesByLink(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		p := s.past(t)
		for _, address := range []string{"/Patient/_history", "/_history", "/Patient/" + p.ann + "/_history", "/Patient/_history?_since=" + url.QueryEscape(p.since)} {
			separator := "?"
			if strings.Contains(address, "?") {
				separator = "&"
			}
			whole := s.do(t, "GET", address+separator+"_count=1000", "").page(t)
			require.NotNil(t, whole.Total)
			assert.Equal(t, len(whole.Entry), *whole.Total)
			var paged []string
			for at := address + separator + "_count=1"; at != ""; {
				got := s.do(t, "GET", at, "").page(t)
				paged = append(paged, got.did())
				at = got.next(t)
				// What is written meanwhile is newer, and shifts nothing.
				s.do(t, "POST", "/Patient", `{"resourceType":"Patient"}`).want(t, http.StatusCreated)
			}
			assert.Equal(t, whole.did(), strings.Join(paged, ", "), address)
		}
	})
}

// TestHistoryPagesGoBack: from the last page the previous links lead to the first, past what is hidden.
func TestHistoryPagesGoBack(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		p := s.past(t)
		for range 3 {
			s.create(t, `{"resourceType":"Patient","active":false}`)
			s.create(t, eve)
		}
		s.members["inactive"] = s.With(t, s.A.ID, medplum.PolicyResource{ResourceType: "Patient", Criteria: "Patient?active=false"}).Claims
		for _, as := range []string{"staff", "inactive"} {
			for _, address := range []string{"/Patient/_history", "/_history", "/Patient/" + p.ann + "/_history", "/Patient/_history?_since=" + url.QueryEscape(p.since)} {
				separator := "?"
				if strings.Contains(address, "?") {
					separator = "&"
				}
				for _, count := range []string{"1", "2"} {
					var pages []string
					last := ""
					for at := address + separator + "_count=" + count; at != ""; {
						got := s.do(t, "GET", at, "", "As", as).page(t)
						assert.Equal(t, len(pages) > 0, got.linked()["previous"] != "", at)
						pages, last = append(pages, got.did()), at
						at = got.next(t)
					}
					var back []string
					for at := last; at != ""; {
						got := s.do(t, "GET", at, "", "As", as).page(t)
						back = append([]string{got.did()}, back...)
						if len(back) > 1 {
							onward := s.do(t, "GET", got.next(t), "", "As", as).page(t)
							assert.Equal(t, back[1], onward.did(), "the next of the previous")
						}
						at = got.linked()["previous"]
					}
					assert.Equal(t, pages, back, "%s as %s", address, as)
				}
			}
		}
		for _, cursor := range []string{"/back", "1/back", "1/Patient/x/back/back", "x/Patient/x/back", "1/Patient/ /back"} {
			at := "/_history?_cursor=" + base64.RawURLEncoding.EncodeToString([]byte(cursor))
			s.do(t, "GET", at, "").wantIssue(t, http.StatusBadRequest, "", "invalid", "Invalid value of _cursor")
		}
	})
}

func TestHistoryLinksToTheFirstAndThePreviousPage(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		p := s.past(t)
		for _, path := range []string{"/_history", "/Patient/_history", "/Patient/" + p.ann + "/_history"} {
			for _, tc := range []struct{ query, first, previous string }{
				{"", "", ""},
				{"?_count=1", "?_count=1", ""},
				{"?_count=1&_offset=1", "?_count=1", "?_count=1"},
				{"?_at=2999&_count=1&_offset=3", "?_at=2999&_count=1", "?_at=2999&_count=1&_offset=2"},
				{"?_count=2&_offset=1&_since=1999", "?_count=2&_since=1999", "?_count=2&_since=1999"},
				{"?_offset=150", "", "?_count=100&_offset=50"},
				{"?_count=0&_offset=1", "?_count=0", ""},
			} {
				got := s.do(t, "GET", path+tc.query, "").page(t).linked()
				assert.Equal(t, path+tc.query, got["self"])
				assert.Equal(t, path+tc.first, got["first"], path+tc.query)
				if previous, ok := got["previous"]; assert.Equal(t, tc.previous != "", ok, path+tc.query) && ok {
					assert.Equal(t, path+tc.previous, previous)
				}
			}
			start := s.do(t, "GET", path+"?_count=1", "").page(t)
			second := s.do(t, "GET", start.next(t), "").page(t).linked()
			assert.Equal(t, path+"?_count=1", second["first"], "from a cursor")
		}
	})
}

func TestHistoryShowsNoVersionOutsideThePolicy(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		p := s.past(t)
		for name, rules := range map[string][]medplum.PolicyResource{
			"active":    {{ResourceType: "Patient", Criteria: "Patient?active=true"}},
			"inactive":  {{ResourceType: "Patient", Criteria: "Patient?active=false", HiddenFields: []string{"gender"}}},
			"no-past":   {{ResourceType: "Patient", Interaction: []string{"read", "search"}}},
			"weights":   {{ResourceType: "Observation"}},
			"narrowest": {{ResourceType: "Patient", Criteria: "Patient?_id=none"}},
		} {
			s.members[name] = s.With(t, s.A.ID, rules...).Claims
		}
		for _, tc := range []struct {
			as, address, want string
			total             int
		}{
			{"inactive", "/Patient/_history", "DELETE Patient/bob, PUT Patient/ann, POST Patient", 3}, // ann was active at first
			{"inactive", "/Patient/" + p.ann + "/_history", "PUT Patient/ann", 1},
			{"inactive", "/Patient/" + p.ann + "/_history?_count=1", "PUT Patient/ann", 1},
			{"active", "/Patient/_history", "", 0}, // ann is not active any more, and bob never was
			{"active", "/_history", "", 0},
			{"narrowest", "/_history", "", 0},
			{"weights", "/_history", "POST Observation", 1},
			{"no-past", "/_history", "", 0}, // everybody may see the history of SearchParameters
		} {
			t.Run(tc.as+tc.address, func(t *testing.T) {
				got := s.do(t, "GET", tc.address, "", "As", tc.as).page(t)
				assert.Equal(t, tc.want, got.did(p.names()...))
				require.NotNil(t, got.Total)
				assert.Equal(t, tc.total, *got.Total)
				assert.NotContains(t, fmt.Sprint(got.Entry), "gender")
				assert.Empty(t, got.next(t))
			})
		}
		for _, tc := range []struct{ as, address string }{
			{"weights", "/Patient/_history"}, {"no-past", "/Patient/_history"},
		} {
			t.Run(tc.as+tc.address, func(t *testing.T) {
				s.do(t, "GET", tc.address, "", "As", tc.as).wantIssue(t, http.StatusForbidden, "forbidden", "forbidden", "Forbidden")
			})
		}
		t.Run("in a batch", func(t *testing.T) {
			got := s.do(t, "POST", "/", bundleOf("batch", entry("GET", "_history", ""), entry("GET", "Patient/_history?_since=2000", "")), "As", "inactive").bundle(t)
			require.Equal(t, "200 200", got.statuses())
			for _, e := range got.Entry {
				assert.NotContains(t, string(e.Resource), "gender")
				assert.Contains(t, string(e.Resource), `"total":3`)
			}
		})
	})
}

func TestHistoryRefuses(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		for _, tc := range []struct{ address, text string }{
			{"/Patient/_history?_since=yesterday", "Invalid value of _since: yesterday"},
			{"/Patient/_history?_at=x", "Invalid value of _at: x"},
			{"/Patient/_history?_count=-1", "Invalid value of _count: a number from 0 is wanted"},
			{"/Patient/_history?_cursor=x", "Invalid value of _cursor"},
			{"/Patient/_history?_cursor=MS9QYXRpZW50L18", "Invalid value of _cursor"},
			{"/Patient/_history?_cursor=MS8v&_offset=1", "Cannot use both offset and cursor"},
			{"/Patient/_history?gender=male", "Unknown parameter: gender"},
		} {
			t.Run(tc.address, func(t *testing.T) {
				s.do(t, "GET", tc.address, "").wantIssue(t, http.StatusBadRequest, "", "invalid", tc.text)
			})
		}
		s.do(t, "GET", "/Nothing/_history", "").want(t, http.StatusBadRequest)
	})
}
