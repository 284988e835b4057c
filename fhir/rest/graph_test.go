package rest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo/repotest"
	"github.com/admitdev/admit/pkg/store/storetest"
)

// graph stores a GraphDefinition.
func (s *server) graph(t *testing.T, as, name, start, links string) {
	t.Helper()
	s.do(t, "POST", "/GraphDefinition", graphBody(name, start, links), "As", as).want(t, http.StatusCreated)
}

func graphBody(name, start, links string) string {
	return fmt.Sprintf(`{"resourceType":"GraphDefinition","name":%q,"url":"http://x.example/%s","version":"2","status":"active","start":%q,"link":[%s]}`, name, name, start, links)
}

// pathLink is a link by a path to a type, with links of its own.
func pathLink(path, to string, links ...string) string {
	return fmt.Sprintf(`{"path":%q,"target":[{"type":%q%s}]}`, path, to, nested(links))
}

// searchLink is a link by a search.
func searchLink(of, params string, links ...string) string {
	return fmt.Sprintf(`{"target":[{"type":%q,"params":%q%s}]}`, of, params, nested(links))
}

func nested(links []string) string {
	if len(links) == 0 {
		return ""
	}
	return `,"link":[` + strings.Join(links, ",") + `]`
}

func TestGraph(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		c := s.chart(t)
		weights := searchLink("Observation", "subject={ref}&status=final", pathLink("performer", "Practitioner"), pathLink("Observation.encounter", "Encounter"))
		for name, tc := range map[string]struct{ from, links, want string }{
			"Alone":    {"Patient/<ann>", pathLink("managingOrganization", "Organization"), "ann"},
			"Doctor":   {"Patient/<ann>", pathLink("Patient.generalPractitioner", "Practitioner"), "ann doctor"},
			"OfType":   {"Patient/<ann>", pathLink("generalPractitioner", "Organization"), "ann"},
			"Filtered": {"Patient/<ann>", pathLink("generalPractitioner.where(type = 'Organization')", "Practitioner"), "ann"},
			"Anywhere": {"Patient/<ann>", `{"path":"generalPractitioner"}`, "ann doctor"},
			"Care":     {"Patient/<ann>", weights, "ann weight doctor visit"},
			"All":      {"Patient/<ann>", searchLink("Observation", "subject={ref}") + "," + searchLink("Encounter", "patient={ref}"), "ann weight height visit"},
			"Two":      {"Patient/<ann>", `{"target":[{"type":"Observation","params":"subject={ref}&status=final"},{"type":"Encounter","params":"patient={ref}"}]}`, "ann weight visit"},
			"Circle": {"Patient/<ann>", searchLink("Observation", "subject={ref}", pathLink("subject", "Patient", searchLink("Observation", "patient={ref}",
				pathLink("subject", "Patient", pathLink("generalPractitioner", "Practitioner"))))), "ann weight height doctor"},
			"Chained": {"Practitioner/<doctor>", searchLink("Observation", "patient.general-practitioner={ref}"), "doctor weight height"},
		} {
			t.Run(name, func(t *testing.T) {
				start, _, _ := strings.Cut(tc.from, "/")
				s.graph(t, "staff", name, start, tc.links)
				got := s.do(t, "GET", c.fill("/"+tc.from+"/$graph?graph="+name), "")
				assert.Contains(t, got.body, `{"resourceType":"Bundle","type":"collection"`)
				found := strings.Fields(c.found(got.page(t)))
				assert.ElementsMatch(t, strings.Fields(tc.want), found, "each once")
				assert.Equal(t, strings.Fields(tc.want)[0], found[0], "what it begins with is first")
			})
		}
		for name, answer := range map[string]answer{
			"by URL":             s.do(t, "GET", c.fill("/Patient/<ann>/$graph?graph=http://x.example/Doctor"), ""),
			"by URL and version": s.do(t, "GET", c.fill("/Patient/<ann>/$graph?graph=http://x.example/Doctor%7C2"), ""),
			"by POST":            s.do(t, "POST", c.fill("/Patient/<ann>/$graph"), `{"resourceType":"Parameters","parameter":[{"name":"graph","valueUri":"Doctor"}]}`),
		} {
			assert.Equal(t, "ann doctor", c.found(answer.page(t)), name)
		}
		t.Run("in a batch", func(t *testing.T) {
			got := s.do(t, "POST", "/", bundleOf("batch", entry("GET", c.fill("Patient/<ann>/$graph?graph=Doctor"), ""))).bundle(t)
			require.Equal(t, "200", got.statuses())
			assert.Contains(t, string(got.Entry[0].Resource), c.fill("Practitioner/<doctor>"))
		})
	})
}

// TestGraphFollowsCanonicals: those of the version that is named.
func TestGraphFollowsCanonicals(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		ask := func(version string) string {
			return s.create(t, `{"resourceType":"Questionnaire","url":"urn:q","version":"`+version+`","status":"active"}`)
		}
		first, second := ask("1"), ask("2")
		s.graph(t, "staff", "Asked", "QuestionnaireResponse", pathLink("questionnaire", "Questionnaire"))
		s.members["noURL"] = s.With(t, s.A.ID, medplum.PolicyResource{ResourceType: "QuestionnaireResponse"}, medplum.PolicyResource{ResourceType: "GraphDefinition"},
			medplum.PolicyResource{ResourceType: "Questionnaire", HiddenFields: []string{"url"}}).Claims
		for _, tc := range []struct {
			as, canonical string
			want          []string
		}{
			{"staff", "urn:q|1", []string{first}}, {"staff", "urn:q", []string{first, second}}, {"staff", "urn:q|3", nil}, {"noURL", "urn:q", nil},
		} {
			answered := s.create(t, `{"resourceType":"QuestionnaireResponse","status":"completed","questionnaire":"`+tc.canonical+`"}`)
			var got []string
			for _, e := range s.do(t, "GET", "/QuestionnaireResponse/"+answered+"/$graph?graph=Asked", "", "As", tc.as).page(t).Entry[1:] {
				got = append(got, e.FullURL[strings.LastIndex(e.FullURL, "/")+1:])
			}
			assert.ElementsMatch(t, tc.want, got, tc.as+" "+tc.canonical)
		}
	})
}

func TestGraphKeepsToThePolicy(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		c := s.chart(t)
		s.graph(t, "staff", "Care", "Patient", pathLink("generalPractitioner", "Practitioner")+","+
			searchLink("Observation", "subject={ref}", pathLink("encounter", "Encounter"), pathLink("performer", "Practitioner")))
		s.graph(t, "staff", "Coded", "Patient", searchLink("Observation", "subject={ref}&code:text=x"))
		s.graph(t, "other", "Foreign", "Patient", pathLink("generalPractitioner", "Practitioner"))
		grant := func(name string, resources ...medplum.PolicyResource) {
			s.members[name] = s.With(t, s.A.ID, append(resources, medplum.PolicyResource{ResourceType: "Practitioner"})...).Claims
		}
		all := func(resourceType string) medplum.PolicyResource {
			return medplum.PolicyResource{ResourceType: resourceType}
		}
		hiding := func(resourceType string, fields ...string) medplum.PolicyResource {
			return medplum.PolicyResource{ResourceType: resourceType, HiddenFields: fields}
		}
		graphs := all("GraphDefinition")
		grant("all", graphs, all("Patient"), all("Observation"), all("Encounter"))
		grant("pathHidden", graphs, hiding("Patient", "generalPractitioner"), hiding("Observation", "performer"), all("Encounter"))
		grant("searchHidden", graphs, hiding("Patient", "gender"), hiding("Observation", "subject"), all("Encounter"))
		grant("codeHidden", graphs, all("Patient"), hiding("Observation", "code"))
		grant("finals", graphs, all("Patient"), medplum.PolicyResource{ResourceType: "Observation", Criteria: "Observation?status=preliminary"}, all("Encounter"))
		grant("noEncounters", graphs, all("Patient"), all("Observation"))
		grant("noGraphs", all("Patient"), all("Observation"), all("Encounter"))
		grant("noNames", hiding("GraphDefinition", "name"), all("Patient"))
		for _, tc := range []struct{ as, graph, want string }{
			{"all", "Care", "ann doctor weight height visit"},
			{"pathHidden", "Care", "ann weight height visit"},
			{"searchHidden", "Care", "ann doctor"},
			{"codeHidden", "Coded", "ann"},
			{"finals", "Care", "ann doctor height"},
			{"noEncounters", "Care", "ann doctor weight height"},
			{"noNames", "http://x.example/Care", "ann doctor"},
		} {
			t.Run(tc.as, func(t *testing.T) {
				got := s.do(t, "GET", c.fill("/Patient/<ann>/$graph?graph="+tc.graph), "", "As", tc.as)
				assert.ElementsMatch(t, strings.Fields(tc.want), strings.Fields(c.found(got.page(t))))
				if tc.as == "pathHidden" || tc.as == "searchHidden" {
					assert.NotContains(t, got.body, map[string]string{"pathHidden": `"performer"`, "searchHidden": `"gender"`}[tc.as])
				}
			})
		}
		for _, tc := range []struct{ as, graph string }{{"noGraphs", "Care"}, {"noNames", "Care"}, {"other", "Care"}, {"other", "Foreign"}, {"staff", "Foreign"}} {
			s.do(t, "GET", c.fill("/Patient/<ann>/$graph?graph="+tc.graph), "", "As", tc.as).want(t, http.StatusNotFound)
		}
		t.Run("another project's resources are not reached", func(t *testing.T) {
			mine, _ := s.do(t, "POST", "/Patient", c.fill(`{"resourceType":"Patient","generalPractitioner":[{"reference":"Practitioner/<doctor>"}]}`), "As", "other").made(t)
			s.do(t, "POST", "/Observation", c.fill(`{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/<ann>"}}`), "As", "other").want(t, http.StatusCreated)
			got := s.do(t, "GET", "/Patient/"+mine+"/$graph?graph=Foreign", "", "As", "other")
			assert.Len(t, got.page(t).Entry, 1)
			assert.ElementsMatch(t, strings.Fields("ann doctor weight height visit"), strings.Fields(c.found(s.do(t, "GET", c.fill("/Patient/<ann>/$graph?graph=Care"), "").page(t))))
		})
	})
}

func TestGraphsThatAreRefused(t *testing.T) {
	s := start(t, storetest.SQLite(t))
	c := s.chart(t)
	deep := pathLink("generalPractitioner", "Practitioner")
	for range 11 {
		deep = pathLink("link.other", "Patient", deep)
	}
	for name, tc := range map[string]struct {
		start, links string
	}{
		"Start":       {"Observation", ""},
		"NoPath":      {"Patient", pathLink("nope(", "Patient")},
		"NoReference": {"Patient", pathLink("gender", "Patient")},
		"NoParams":    {"Patient", `{"target":[{"type":"Observation"}]}`},
		"NoTarget":    {"Patient", `{"description":"x"}`},
		"NoRef":       {"Patient", searchLink("Observation", "status=final")},
		"TwoRefs":     {"Patient", searchLink("Observation", "subject={ref}&performer={ref}")},
		"Unknown":     {"Patient", searchLink("Observation", "nope={ref}")},
		"Paged":       {"Patient", searchLink("Observation", "subject={ref}&_count=1")},
		"Included":    {"Patient", searchLink("Observation", "subject={ref}&_include:iterate=Observation:subject")},
		"Both":        {"Patient", `{"path":"link.other","target":[{"type":"Patient","params":"link={ref}"}]}`},
		"Slice":       {"Patient", `{"path":"link.other","sliceName":"x"}`},
		"Compartment": {"Patient", `{"path":"link.other","target":[{"type":"Patient","compartment":[{"use":"requirement","code":"Patient","rule":"identical"}]}]}`},
		"Deep":        {"Patient", deep},
		"Wide":        {"Patient", strings.TrimSuffix(strings.Repeat(pathLink("link.other", "Patient")+",", 60), ",")},
	} {
		t.Run(name, func(t *testing.T) {
			body := strings.Replace(graphBody(name, tc.start, tc.links), `,"link":[]`, "", 1)
			s.do(t, "POST", "/GraphDefinition", body).want(t, http.StatusCreated)
			s.do(t, "GET", c.fill("/Patient/<ann>/$graph?graph="+name), "").want(t, http.StatusBadRequest)
		})
	}
	for _, address := range []string{"?graph=", "", "?graph=a&graph=b", "?graph=a&spam=1"} {
		s.do(t, "GET", c.fill("/Patient/<ann>/$graph"+address), "").want(t, http.StatusBadRequest)
	}
	for _, address := range []string{"/Patient/<ann>/$graph?graph=nobody", "/Patient/none/$graph?graph=NoPath"} {
		s.do(t, "GET", c.fill(address), "").want(t, http.StatusNotFound)
	}
	many := func(n int) string {
		var entries []string
		for range n {
			entries = append(entries, entry("POST", "Observation", c.fill(`{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/<bob>"}}`)))
		}
		return bundleOf("batch", entries...)
	}
	s.do(t, "POST", "/", many(2001)).want(t, http.StatusOK)
	s.graph(t, "staff", "Many", "Patient", searchLink("Observation", "subject={ref}"))
	s.do(t, "GET", c.fill("/Patient/<bob>/$graph?graph=Many"), "").wantIssue(t, http.StatusBadRequest, "", "too-costly", "A graph has at most 2000 resources, found by at most 200 searches")
}

// TestStatementsOfAGraph: one for each link, however many resources it leads from.
func TestStatementsOfAGraph(t *testing.T) {
	if !storetest.HavePostgres(t) {
		return
	}
	var executed atomic.Int64
	s := startIn(t, repotest.On(t, storetest.OpenFaulty(t, storetest.Postgres(t), func(context.Context, string) error {
		executed.Add(1)
		return nil
	})))
	c := s.chart(t)
	s.graph(t, "staff", "Care", "Patient", searchLink("Observation", "subject={ref}", pathLink("performer", "Practitioner"),
		searchLink("Provenance", "target={ref}"), pathLink("encounter", "Encounter", searchLink("Condition", "encounter={ref}"))))
	statements := func(address string) int64 {
		t.Helper()
		executed.Store(0)
		s.do(t, "GET", c.fill(address), "").want(t, http.StatusOK)
		return executed.Load()
	}
	address := "/Patient/<ann>/$graph?graph=Care"
	statements(address)
	read, before := statements("/Patient/<ann>"), statements(address)
	for range 30 {
		visit := s.create(t, c.fill(`{"resourceType":"Encounter","status":"finished","class":{"code":"AMB"},"subject":{"reference":"Patient/<ann>"}}`))
		s.create(t, c.fill(`{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/<ann>"},"encounter":{"reference":"Encounter/`+visit+`"}}`))
	}
	var got page
	require.NoError(t, json.Unmarshal([]byte(s.do(t, "GET", c.fill(address), "").body), &got))
	assert.Len(t, got.Entry, 65)
	assert.Equal(t, read+6, before, "the definition and five links")
	assert.Equal(t, before, statements(address))
}
