package rest_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/fhir/medplum"
)

// chart is two patients with their resources; names gives ids their names.
type chart struct{ ids map[string]string }

func (s *server) chart(t *testing.T) chart {
	t.Helper()
	c := chart{ids: map[string]string{}}
	make := func(name, resourceType, members string) {
		for known, id := range c.ids {
			members = strings.ReplaceAll(members, "<"+known+">", id)
		}
		c.ids[name], _ = s.do(t, "POST", "/"+resourceType, `{"resourceType":"`+resourceType+`"`+members+`}`).want(t, http.StatusCreated).made(t)
	}
	make("doctor", "Practitioner", `,"name":[{"family":"Who"}]`)
	make("stranger", "Practitioner", ``)
	make("ann", "Patient", `,"gender":"female","generalPractitioner":[{"reference":"Practitioner/<doctor>"}]`)
	make("bob", "Patient", ``)
	make("visit", "Encounter", `,"status":"finished","class":{"code":"AMB"},"subject":{"reference":"Patient/<ann>"},"period":{"start":"2020-03-01","end":"2020-03-02"}`)
	make("weight", "Observation", `,"status":"final","code":{"text":"=1+1"},"subject":{"reference":"Patient/<ann>"},"encounter":{"reference":"Encounter/<visit>"},"effectiveDateTime":"2020-03-01","performer":[{"reference":"Practitioner/<doctor>"}]`)
	make("height", "Observation", `,"status":"preliminary","code":{"text":"Height"},"subject":{"reference":"Patient/<ann>"},"effectiveDateTime":"2022-01-01"`)
	make("other", "Observation", `,"status":"final","code":{"text":"x"},"subject":{"reference":"Patient/<bob>"}`)
	return c
}

// found are the names of the entries, in their order but for ties.
func (c chart) found(p page) string {
	var all []string
	for _, e := range p.Entry {
		for name, id := range c.ids {
			if strings.HasSuffix(e.FullURL, "/"+id) {
				all = append(all, name)
			}
		}
	}
	return strings.Join(all, " ")
}

// fill puts ids into an address.
func (c chart) fill(address string) string {
	for name, id := range c.ids {
		address = strings.ReplaceAll(address, "<"+name+">", id)
	}
	return address
}

func TestCompartmentSearch(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		c := s.chart(t)
		for _, tc := range []struct{ address, want string }{
			{"/Patient/<ann>/Observation?_sort=date", "weight height"},
			{"/Patient/<ann>/Observation?status=final", "weight"},
			{"/Patient/<bob>/Observation", "other"},
			{"/Encounter/<visit>/Observation", "weight"},
			{"/Practitioner/<doctor>/Observation", "weight"},
			{"/Practitioner/<stranger>/Observation", ""},
			{"/Patient/<ann>/*", "ann visit weight height"},
			{"/Patient/<ann>/*?_type=Encounter,Patient", "ann visit"},
			{"/Patient/none/Observation", ""},
		} {
			t.Run(tc.address, func(t *testing.T) {
				assert.ElementsMatch(t, strings.Fields(tc.want), strings.Fields(c.found(s.do(t, "GET", c.fill(tc.address), "").page(t))))
			})
		}
		t.Run("by POST", func(t *testing.T) {
			got := s.do(t, "POST", c.fill("/Patient/<ann>/Observation/_search"), "status=final", "Content-Type", "application/x-www-form-urlencoded").page(t)
			assert.Equal(t, "weight", c.found(got))
		})
		t.Run("in a batch", func(t *testing.T) {
			got := s.do(t, "POST", "/", bundleOf("batch", entry("GET", c.fill("Patient/<ann>/Observation?status=final"), ""))).bundle(t)
			require.Equal(t, "200", got.statuses())
			assert.Contains(t, string(got.Entry[0].Resource), c.ids["weight"])
			assert.NotContains(t, string(got.Entry[0].Resource), c.ids["height"])
		})
		t.Run("by pages", func(t *testing.T) {
			var paged []string
			for at := c.fill("/Patient/<ann>/*?_count=1&_type=Observation,Encounter"); at != ""; {
				got := s.do(t, "GET", at, "").page(t)
				paged = append(paged, strings.Fields(c.found(got))...)
				at = got.next(t)
			}
			assert.ElementsMatch(t, []string{"visit", "weight", "height"}, paged)
		})
		for _, tc := range []struct {
			address string
			status  int
		}{
			{"/Patient/<ann>/Practitioner", http.StatusBadRequest},
			{"/Patient/<ann>/Nothing", http.StatusBadRequest},
			{"/Patient/<ann>/*?_type=Practitioner", http.StatusBadRequest},
			{"/Observation/<weight>/Patient", http.StatusNotFound},
			{"/Patient/<ann>/$nothing", http.StatusNotFound},
		} {
			s.do(t, "GET", c.fill(tc.address), "").want(t, tc.status)
		}
	})
}

func TestCompartmentsKeepToThePolicy(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		c := s.chart(t)
		s.members["finals"] = s.With(t, s.A.ID, medplum.PolicyResource{ResourceType: "Observation", Criteria: "Observation?status=final", HiddenFields: []string{"code"}},
			medplum.PolicyResource{ResourceType: "Patient", HiddenFields: []string{"gender"}}).Claims
		s.members["subjectless"] = s.With(t, s.A.ID, medplum.PolicyResource{ResourceType: "Observation", HiddenFields: []string{"subject"}}, medplum.PolicyResource{ResourceType: "Patient"}).Claims
		for _, tc := range []struct{ as, address, want string }{
			{"finals", "/Patient/<ann>/Observation", "weight"},
			{"finals", "/Patient/<ann>/*", "ann weight"},
			{"finals", "/Patient/<ann>/$everything", "ann weight"},
			{"other", "/Patient/<ann>/Observation", ""},
			{"other", "/Patient/<ann>/*", ""},
		} {
			t.Run(tc.as+tc.address, func(t *testing.T) {
				got := s.do(t, "GET", c.fill(tc.address), "", "As", tc.as)
				assert.ElementsMatch(t, strings.Fields(tc.want), strings.Fields(c.found(got.page(t))))
				assert.NotContains(t, got.body, `"gender"`)
				assert.NotContains(t, got.body, `"code"`)
			})
		}
		for _, address := range []string{"/Patient/<ann>/Observation", "/Patient/<ann>/*", "/Patient/<ann>/$everything"} {
			s.do(t, "GET", c.fill(address), "", "As", "subjectless").want(t, http.StatusForbidden)
		}
		s.do(t, "GET", c.fill("/Patient/<ann>/$everything"), "", "As", "other").want(t, http.StatusNotFound)
	})
}

func TestEverything(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		c := s.chart(t)
		for _, tc := range []struct{ address, want string }{
			{"", "ann visit weight height doctor"},
			{"?_type=Observation", "weight height doctor"},
			{"?start=2021-01-01", "ann height doctor"},
			{"?end=2020-12-31", "ann visit weight doctor"},
			{"?start=2020-03-02&end=2020-03-02", "ann visit doctor"},
			{"?_since=2999-01-01", ""},
		} {
			t.Run(tc.address, func(t *testing.T) {
				got := s.do(t, "GET", c.fill("/Patient/<ann>/$everything"+tc.address), "").page(t)
				assert.ElementsMatch(t, strings.Fields(tc.want), strings.Fields(c.found(got)))
				for _, e := range got.Entry {
					assert.Equal(t, strings.Contains(e.FullURL, "/Practitioner/"), e.Search.Mode == "include")
				}
			})
		}
		t.Run("by pages", func(t *testing.T) {
			var paged []string
			for at := c.fill("/Patient/<ann>/$everything?_count=1&_type=Observation,Encounter&start=2020-01-01"); at != ""; {
				got := s.do(t, "GET", at, "").page(t)
				paged = append(paged, strings.Fields(c.found(got))...)
				at = got.next(t)
			}
			assert.ElementsMatch(t, []string{"visit", "weight", "doctor", "height"}, paged)
		})
		t.Run("by POST", func(t *testing.T) {
			got := s.do(t, "POST", c.fill("/Patient/<ann>/$everything"), `{"resourceType":"Parameters","parameter":[{"name":"_type","valueCode":"Encounter"}]}`).page(t)
			assert.Equal(t, "visit", c.found(got))
		})
		for _, refused := range []string{"?start=soon", "?_type=Practitioner", "?_count=x", "?_elements=id", "?_cursor=x"} {
			s.do(t, "GET", c.fill("/Patient/<ann>/$everything"+refused), "").want(t, http.StatusBadRequest)
		}
	})
}

func TestCSV(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		c := s.chart(t)
		ask := func(as, address string) answer {
			return s.do(t, "GET", c.fill(address), "", "As", as)
		}
		fields := "&_fields=" + url.QueryEscape("status,code,subject,value-quantity")
		got := ask("staff", "/Observation/$csv?subject=Patient/<ann>&_sort=date"+fields)
		require.Equal(t, http.StatusOK, got.status, got.body)
		assert.Equal(t, "text/csv; charset=utf-8", got.header.Get("Content-Type"))
		assert.Equal(t, c.fill("status,code,subject,value-quantity\nfinal,'=1+1,Patient/<ann>,\npreliminary,Height,Patient/<ann>,\n"), got.body)
		s.members["codeless"] = s.With(t, s.A.ID, medplum.PolicyResource{ResourceType: "Observation", Criteria: "Observation?status=final", HiddenFields: []string{"code"}}).Claims
		assert.Equal(t, c.fill("status,code\nfinal,\n"), ask("codeless", "/Observation/$csv?subject=Patient/<ann>&_fields=status,code").body)
		assert.Equal(t, "id,_lastUpdated\n", ask("other", "/Observation/$csv?subject=Patient/<ann>").body)
		posted := s.do(t, "POST", "/Observation/$csv?_fields=status,code", c.fill("subject=Patient/<ann>&_sort=date"), "Content-Type", "application/x-www-form-urlencoded")
		assert.Equal(t, ask("staff", "/Observation/$csv?subject=Patient/<ann>&_sort=date&_fields=status,code").body, posted.body)
		s.do(t, "POST", "/Observation/$csv", `{"resourceType":"Parameters"}`).want(t, http.StatusUnsupportedMediaType)
		ask("staff", "/Observation/$csv?_fields=nothing").want(t, http.StatusBadRequest)
		ask("codeless", "/Patient/$csv").want(t, http.StatusForbidden)
		ask("staff", "/Nothing/$csv").want(t, http.StatusBadRequest)
	})
}
