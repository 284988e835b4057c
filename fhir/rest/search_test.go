package rest_test

import (
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

// searchset is what a search answers.
type searchset struct {
	ResourceType, Type string
	Total              *int
	Entry              []struct {
		FullURL  string
		Search   struct{ Mode string }
		Resource json.RawMessage
	}
	Link []struct{ Relation, URL string }
}

func (a answer) searchset(t *testing.T) searchset {
	t.Helper()
	a.want(t, http.StatusOK)
	var b searchset
	require.NoError(t, json.Unmarshal([]byte(a.body), &b))
	assert.Equal(t, "Bundle searchset", b.ResourceType+" "+b.Type)
	return b
}

// found are the entries as mode Type/id, in order.
func (b searchset) found() string {
	var out []string
	for _, e := range b.Entry {
		out = append(out, e.Search.Mode+" "+strings.TrimPrefix(e.FullURL, base))
	}
	return strings.Join(out, ", ")
}

func (b searchset) link(relation string) string {
	for _, l := range b.Link {
		if l.Relation == relation {
			return strings.TrimPrefix(l.URL, base)
		}
	}
	return ""
}

func (s *server) search(t *testing.T, path string, headers ...string) searchset {
	t.Helper()
	return s.do(t, http.MethodGet, path, "", headers...).searchset(t)
}

func (s *server) create(t *testing.T, body string) string {
	t.Helper()
	var r struct{ ResourceType string }
	require.NoError(t, json.Unmarshal([]byte(body), &r))
	id, _ := s.do(t, http.MethodPost, "/"+r.ResourceType, body).made(t)
	return id
}

const searchable = `{"resourceType":"Patient","meta":{"tag":[{"code":"t"}]},"text":{"status":"empty","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">x</div>"},` +
	`"identifier":[{"system":"urn:mrn","value":"S-1"}],"name":[{"family":"Searchable"}],"birthDate":"1980-02-03","_birthDate":{"extension":[{"url":"urn:e","valueString":"x"}]},"multipleBirthInteger":2}`

func TestSearchsetAsRecorded(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		id := s.create(t, searchable)
		stored := s.do(t, http.MethodGet, "/Patient/"+id, "").body
		a := s.do(t, http.MethodGet, "/Patient?name=Searchable", "")
		assert.Equal(t, fmt.Sprintf(`{"resourceType":"Bundle","type":"searchset","entry":[{"fullUrl":"%[1]sPatient/%[2]s","search":{"mode":"match"},"resource":%[3]s}],`+
			`"link":[{"relation":"self","url":"%[1]sPatient?_count=20&name=Searchable"},{"relation":"first","url":"%[1]sPatient?_count=20&name=Searchable"}]}`, base, id, stored), a.body)
		a = s.do(t, http.MethodGet, "/Patient?name=Nobodyatall", "")
		assert.Equal(t, `{"resourceType":"Bundle","type":"searchset","link":[{"relation":"self","url":"`+base+`Patient?_count=20&name=Nobodyatall"}]}`, a.body)
		a = s.do(t, http.MethodGet, "/Patient?name=Searchable&_summary=count", "")
		assert.Equal(t, `{"resourceType":"Bundle","type":"searchset","total":1,"link":[{"relation":"self","url":"`+base+`Patient?_count=0&_total=accurate&name=Searchable"}]}`, a.body)

		byPost := s.do(t, http.MethodPost, "/Patient/_search", url.Values{"identifier": {"S-1"}}.Encode(), "Content-Type", "application/x-www-form-urlencoded")
		assert.Equal(t, "match Patient/"+id, byPost.searchset(t).found())
		assert.Equal(t, "Patient?_count=20&identifier=S-1", byPost.searchset(t).link("self"))
		both := s.do(t, http.MethodPost, "/Patient/_search?name=nobody", "identifier=S-1", "Content-Type", "application/x-www-form-urlencoded")
		assert.Empty(t, both.searchset(t).found())

		system := s.search(t, "/?_type=Patient,Observation&_tag=t")
		assert.Equal(t, "match Patient/"+id, system.found())
		assert.Equal(t, "?_count=20&_tag=t&_type=Patient,Observation", system.link("self"))
		require.NotNil(t, s.search(t, "/Patient?name=Searchable&_total=accurate").Total)
		assert.Nil(t, s.search(t, "/Patient?name=Searchable&_total=none").Total)
		assert.Contains(t, s.do(t, "GET", "/Patient?name=Searchable&_count=0", "").body, `"total":1`)
	})
}

func TestSearchRefuses(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		for path, want := range map[string][2]string{
			"/Patient?nope=1":              {"invalid", "Unknown search parameter: nope"},
			"/Patient?name:nope=1":         {"invalid", "Unknown modifier of search parameter name: nope"},
			"/Patient?birthdate=yesterday": {"invalid", "Invalid format for date search parameter: yesterday"},
			"/Patient?_offset=100000":      {"invalid", "Search offset exceeds maximum (got 100000, max 10000)"},
			"/Nothing?x=1":                 {"structure", "Unknown resource type"},
			"/?name=x":                     {"invalid", "Unknown search parameter: name"},
			"/?_sort=_lastUpdated":         {"not-supported", "A search of all types must name them by _type or have a criterion"},
		} {
			s.do(t, http.MethodGet, path, "").wantIssue(t, http.StatusBadRequest, "", want[0], want[1])
		}
		assert.Equal(t, http.StatusUnauthorized, s.do(t, http.MethodGet, "/Patient", "", "As", "nobody").status)
		assert.Equal(t, http.StatusNotAcceptable, s.do(t, http.MethodGet, "/Patient?_format=xml", "").status)
		assert.Equal(t, http.StatusUnsupportedMediaType, s.do(t, http.MethodPost, "/Patient/_search", `{"name":"x"}`).status)
	})
}

func TestSubsets(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		s.create(t, searchable)
		for query, want := range map[string]string{
			"_elements=name":          "resourceType id meta name",
			"_fields=name,birthDate":  "resourceType id meta name birthDate _birthDate",
			"_elements=multipleBirth": "resourceType id meta multipleBirthInteger",
			"_elements=nothing":       "resourceType id meta",
			"_summary=true":           "resourceType id meta identifier name birthDate _birthDate",
			"_summary=text":           "resourceType id meta text",
			"_summary=data":           "resourceType id meta identifier name birthDate _birthDate multipleBirthInteger",
			"_summary=false":          "resourceType id meta text identifier name birthDate _birthDate multipleBirthInteger",
		} {
			entry := s.search(t, "/Patient?name=Searchable&"+query).Entry
			require.Len(t, entry, 1, query)
			assert.Equal(t, want, strings.Join(keys(t, entry[0].Resource), " "), query)
			marked := strings.Contains(string(entry[0].Resource), `"tag":[{"code":"t"},{"system":"http://hl7.org/fhir/v3/ObservationValue","code":"SUBSETTED"},{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}]`)
			assert.Equal(t, query != "_summary=false", marked, query)
		}
		s.create(t, `{"resourceType":"Observation","status":"final","code":{"text":"x"},"issued":"2024-01-01T00:00:00Z"}`)
		entry := s.search(t, "/Observation?_elements=issued").Entry
		require.Len(t, entry, 1)
		assert.Equal(t, "resourceType id meta status code issued", strings.Join(keys(t, entry[0].Resource), " "), "what must be there stays")
	})
}

func keys(t *testing.T, object json.RawMessage) (out []string) {
	d := json.NewDecoder(strings.NewReader(string(object)))
	depth := 0
	for expectKey := false; ; {
		token, err := d.Token()
		if err != nil {
			return out
		}
		switch delim, ok := token.(json.Delim); {
		case ok && (delim == '{' || delim == '['):
			depth++
			expectKey = depth == 1
		case ok:
			depth--
			expectKey = depth == 1
		case depth == 1 && expectKey:
			out = append(out, token.(string))
			expectKey = false
		case depth == 1:
			expectKey = true
		}
	}
}

func TestIncludes(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		org := s.create(t, `{"resourceType":"Organization","name":"Acme"}`)
		ana := s.create(t, `{"resourceType":"Patient","name":[{"family":"Ana"}],"managingOrganization":{"reference":"Organization/`+org+`"}}`)
		bob := s.create(t, `{"resourceType":"Patient","name":[{"family":"Bob"}]}`)
		observation := func(patient string) string {
			return s.create(t, `{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/`+patient+`"}}`)
		}
		one, two, three := observation(ana), observation(ana), observation(bob)
		for _, tc := range []struct{ rule, search, found string }{
			{"what a match points at", "/Observation?_id=" + one + "&_include=Observation:subject", "match Observation/" + one + ", include Patient/" + ana},
			{"once", "/Observation?patient=" + ana + "&_include=Observation:subject", "match Observation/" + one + ", match Observation/" + two + ", include Patient/" + ana},
			{"of one target type", "/Observation?_id=" + one + "&_include=Observation:subject:Group", "match Observation/" + one},
			{"without iterate no further", "/Observation?_id=" + one + "&_include=Observation:subject&_include=Patient:organization", "match Observation/" + one + ", include Patient/" + ana},
			{"with iterate further", "/Observation?_id=" + one + "&_include=Observation:subject&_include:iterate=Patient:organization",
				"match Observation/" + one + ", include Patient/" + ana + ", include Organization/" + org},
			{"by every reference", "/Observation?_id=" + one + "&_include=Observation:*", "match Observation/" + one + ", include Patient/" + ana},
			{"by every reference, further", "/Observation?_id=" + one + "&_include:iterate=Observation:*&_include:iterate=Patient:*",
				"match Observation/" + one + ", include Patient/" + ana + ", include Organization/" + org},
			{"what points at a match by any reference", "/Patient?_id=" + bob + "&_revinclude=Observation:*", "match Patient/" + bob + ", include Observation/" + three},
			{"what points at what points at a match", "/Organization?_revinclude=Patient:organization&_revinclude:iterate=Observation:subject",
				"match Organization/" + org + ", include Patient/" + ana + ", include Observation/" + one + ", include Observation/" + two},
			{"what points at a match", "/Patient?_id=" + ana + "&_revinclude=Observation:subject", "match Patient/" + ana + ", include Observation/" + one + ", include Observation/" + two},
			{"a match is not included again", "/Patient?_include=Patient:link&family=bob&_revinclude=Observation:patient", "match Patient/" + bob + ", include Observation/" + three},
		} {
			assert.Equal(t, tc.found, s.search(t, tc.search).found(), tc.rule)
		}
	})
}

// TestABareIdMeansEveryType: what else has the id is not looked for, so the client names the type.
func TestABareIdMeansEveryType(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		of := func(subject string) string {
			return s.create(t, `{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"`+subject+`/same"}}`)
		}
		patient, group := of("Patient"), of("Group")
		assert.ElementsMatch(t, []string{"match Observation/" + patient, "match Observation/" + group}, strings.Split(s.search(t, "/Observation?subject=same").found(), ", "))
		assert.Equal(t, "match Observation/"+patient, s.search(t, "/Observation?subject:Patient=same").found())
		assert.Equal(t, "match Observation/"+group, s.search(t, "/Observation?subject=Group/same").found())
	})
}

// TestContainedResourcesAreNotSearched, which the README and the CapabilityStatement say.
func TestContainedResourcesAreNotSearched(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		id := s.create(t, `{"resourceType":"Observation","status":"final","code":{"text":"x"},"contained":[{"resourceType":"Patient","id":"p1","name":[{"family":"Inside"}]}],"subject":{"reference":"#p1"}}`)
		assert.Empty(t, s.search(t, "/Observation?subject:Patient.name=inside").found())
		assert.Empty(t, s.search(t, "/Patient?name=inside").found())
		assert.Equal(t, "match Observation/"+id, s.search(t, "/Observation?_id="+id+"&_include=Observation:subject").found())
		assert.Contains(t, s.do(t, http.MethodGet, "/metadata", "").body, "Searches do not look into contained resources")
	})
}

// TestNobodyIsShownMoreBySearching holds for matches, chains, includes and hidden fields.
func TestNobodyIsShownMoreBySearching(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		org := s.create(t, `{"resourceType":"Organization","name":"Acme"}`)
		ana := s.create(t, `{"resourceType":"Patient","gender":"female","name":[{"family":"Ana"}],"telecom":[{"system":"phone","value":"7"}],"managingOrganization":{"reference":"Organization/`+org+`"}}`)
		bob := s.create(t, `{"resourceType":"Patient","gender":"male","name":[{"family":"Bob"}],"managingOrganization":{"reference":"Organization/`+org+`"}}`)
		of := func(patient string) string {
			return s.create(t, `{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/`+patient+`"}}`)
		}
		anas, bobs := of(ana), of(bob)
		s.members["limited"] = s.With(t, s.A.ID,
			medplum.PolicyResource{ResourceType: "Patient", Criteria: "Patient?gender=female", HiddenFields: []string{"telecom", "managingOrganization"}},
			medplum.PolicyResource{ResourceType: "Observation"},
		).Claims
		as := []string{"As", "limited"}
		for _, tc := range []struct{ rule, search, found string }{
			{"matches are narrowed", "/Patient?", "match Patient/" + ana},
			{"also by id", "/Patient?_id=" + bob, ""},
			{"also negated", "/Patient?gender:not=female", ""},
			{"chains are narrowed", "/Observation?patient.family=ana", "match Observation/" + anas},
			{"so nothing is guessed through them", "/Observation?patient.family=bob", ""},
			{"nor through _has", "/Patient?_has:Observation:patient:status=final", "match Patient/" + ana},
			{"includes are narrowed", "/Observation?_id=" + bobs + "&_include=Observation:subject", "match Observation/" + bobs},
			{"an included patient may be seen", "/Observation?_id=" + anas + "&_include=Observation:subject", "match Observation/" + anas + ", include Patient/" + ana},
			{"a type without a rule is not included", "/Patient?_revinclude=Encounter:subject", "match Patient/" + ana},
		} {
			b := s.search(t, tc.search, as...)
			assert.Equal(t, tc.found, b.found(), tc.rule)
			for _, e := range b.Entry {
				assert.NotContains(t, string(e.Resource), "telecom", tc.rule)
				assert.NotContains(t, string(e.Resource), "Organization", tc.rule)
			}
		}
		assert.Equal(t, 1, *s.search(t, "/Patient?_summary=count", as...).Total)
		for _, path := range []string{
			"/Organization", "/Patient?phone=7", "/Patient?_sort=phone", "/Patient?phone:missing=false", "/Patient?organization=" + org,
			"/Patient?organization.name=acme", "/Patient?_include=Patient:organization", "/Observation?patient.phone=7", "/Organization?_count=0", "/?_type=Organization",
		} {
			assert.Equal(t, http.StatusForbidden, s.do(t, http.MethodGet, path, "", as...).status, path)
		}
		assert.Equal(t, "match Patient/"+ana, s.search(t, "/?_type=Organization,Patient", as...).found(), "types that may not be searched are left out")
		assert.Empty(t, s.search(t, "/Patient?_id="+ana, "As", "other").found(), "another project has none of it")
		assert.Empty(t, s.search(t, "/Patient?_project="+s.A.ID, "As", "other").found())
		assert.Empty(t, s.search(t, "/Observation?patient.family=ana", "As", "other").found())
	})
}

func TestPagesFollowTheNextLink(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		for range 7 {
			s.create(t, eve)
		}
		seen := map[string]bool{}
		pages := 0
		for next := "Patient?active=true&_sort=-active&_count=3"; next != ""; pages++ {
			b := s.search(t, "/"+next)
			for _, e := range b.Entry {
				assert.False(t, seen[e.FullURL], e.FullURL)
				seen[e.FullURL] = true
			}
			next = b.link("next")
		}
		assert.Len(t, seen, 7)
		assert.Equal(t, 3, pages)
		b := s.search(t, "/Patient?active=true&_count=3&_offset=3")
		assert.Len(t, b.Entry, 3)
		assert.Equal(t, "Patient?_count=3&_offset=6&active=true", b.link("next"))
		assert.Equal(t, "Patient?_count=3&active=true", b.link("previous"))
	})
}
