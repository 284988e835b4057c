package rest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestSearchResultsFollowR4 has what R4 search.html says of the answer, one rule a line: a search and
// what is found, as mode Type/name, in any order. The rules of what matches are in fhir/search.
func TestSearchResultsFollowR4(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		names := map[string]string{}
		add := func(name, body string) {
			for known, id := range names {
				body = strings.ReplaceAll(body, "/"+known+`"`, "/"+id+`"`)
			}
			names[name] = s.create(t, body)
		}
		add("acme", `{"resourceType":"Organization","name":"Rules Acme"}`)
		add("doc", `{"resourceType":"Practitioner","name":[{"family":"Rules Doc"}]}`)
		add("ana", `{"resourceType":"Patient","name":[{"family":"Rules"}],"gender":"female","managingOrganization":{"reference":"Organization/acme"},"generalPractitioner":[{"reference":"Practitioner/doc"}]}`)
		add("bob", `{"resourceType":"Patient","name":[{"family":"Rules"}],"gender":"male","managingOrganization":{"reference":"Organization/acme"}}`)
		add("obs", `{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/ana"},"performer":[{"reference":"Practitioner/doc"}]}`)
		for _, tc := range []struct{ rule, prefer, query, found, self string }{
			{"#errors: a parameter without a value is left out", "", "Patient?family=Rules&gender=", "match Patient/ana, match Patient/bob", "Patient?_count=20&family=Rules"},
			{"so is one without an equals sign", "", "Patient?gender&family=Rules", "match Patient/ana, match Patient/bob", "Patient?_count=20&family=Rules"},
			{"and one that shapes the answer", "", "Patient?family=Rules&_count=&_sort=", "match Patient/ana, match Patient/bob", "Patient?_count=20&family=Rules"},
			{"it is no error when asked to be strict", "handling=strict", "Patient?family=Rules&gender=", "match Patient/ana, match Patient/bob", "Patient?_count=20&family=Rules"},
			{"#include: what the matches refer to", "", "Patient?gender=female&family=Rules&_include=Patient:organization", "match Patient/ana, include Organization/acme", ""},
			{"once, however many do", "", "Patient?family=Rules&_include=Patient:organization", "match Patient/ana, match Patient/bob, include Organization/acme", ""},
			{"of one type", "", "Patient?family=Rules&_include=Patient:general-practitioner:Organization", "match Patient/ana, match Patient/bob", ""},
			{"every reference of a type", "", "Patient?gender=female&family=Rules&_include=Patient:*", "match Patient/ana, include Practitioner/doc, include Organization/acme", ""},
			{"every reference of what is searched", "", "Patient?gender=female&family=Rules&_include=*", "match Patient/ana, include Practitioner/doc, include Organization/acme", "Patient?_count=20&_include=%2A&family=Rules&gender=female"},
			{"of several types", "", "?_type=Patient,Observation&_id={ana},{obs}&_include=*", "match Observation/obs, match Patient/ana, include Practitioner/doc, include Organization/acme", ""},
			{"what refers to the matches", "", "Patient?family=Rules&_revinclude=Observation:subject", "match Patient/ana, match Patient/bob, include Observation/obs", ""},
			{"by every reference of a type", "", "Practitioner?family=Rules&_revinclude=Observation:*", "match Practitioner/doc, include Observation/obs", ""},
			{"not what the included refer to", "", "Observation?_id={obs}&_include=Observation:subject&_include=Patient:organization", "match Observation/obs, include Patient/ana", ""},
			{"unless it is iterated", "", "Observation?_id={obs}&_include=Observation:subject&_include:iterate=Patient:organization", "match Observation/obs, include Patient/ana, include Organization/acme", ""},
			{"#count: includes do not count", "", "Patient?family=Rules&_count=1&_include=Patient:organization", "match Patient/ana, include Organization/acme", ""},
			{"a page of none counts and leads nowhere", "", "Patient?family=Rules&_count=0", "", "Patient?_count=0&_total=accurate&family=Rules"},
			{"#summary: so does a count", "", "Patient?family=Rules&_summary=count", "", "Patient?_count=0&_total=accurate&family=Rules"},
			{"#elements: names that are no element select nothing", "", "Patient?gender=male&family=Rules&_elements=nope", "match Patient/bob", ""},
			{"#sort: decreasing", "", "Patient?family=Rules&_sort=-gender", "match Patient/bob, match Patient/ana", ""},
			{"#type: only the type itself where one is searched", "", "Patient?family=Rules&gender=male&_type=Patient", "match Patient/bob", "Patient?_count=20&family=Rules&gender=male"},
		} {
			t.Run(tc.rule, func(t *testing.T) {
				for name, id := range names {
					tc.query = strings.ReplaceAll(tc.query, "{"+name+"}", id)
				}
				got := s.search(t, "/"+tc.query, "Prefer", tc.prefer)
				found, self := got.found(), got.link("self")
				for name, id := range names {
					found = strings.ReplaceAll(found, "/"+id, "/"+name)
				}
				assert.ElementsMatch(t, strings.Split(tc.found, ", "), strings.Split(found, ", "))
				if tc.self != "" {
					assert.Equal(t, tc.self, self)
				}
				if strings.Contains(tc.query, "_count=0") || strings.Contains(tc.query, "_summary=count") {
					assert.Len(t, got.Link, 1)
				}
			})
		}
	})
}

// TestAllTypesAreSearched is R4 search.html#searchcontexts: criteria that all types have, and what the
// caller may see.
func TestAllTypesAreSearched(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		tag := `"meta":{"tag":[{"system":"urn:all","code":"x"}]}`
		patient := s.create(t, `{"resourceType":"Patient",`+tag+`,"name":[{"family":"All"}]}`)
		org := s.create(t, `{"resourceType":"Organization",`+tag+`,"name":"All"}`)
		list := s.create(t, `{"resourceType":"List","status":"current","mode":"working","entry":[{"item":{"reference":"Patient/`+patient+`"}},{"item":{"reference":"Organization/`+org+`"}}]}`)
		both := "match Organization/" + org + ", match Patient/" + patient
		for _, query := range []string{
			"_tag=urn:all|x", "_id=" + patient + "," + org, "_list=" + list, "_lastUpdated=gt2020&_tag=urn:all|x", "_tag=urn:all|x&_sort=_id", "_filter=_tag%20eq%20urn:all|x",
		} {
			got := s.search(t, "/?"+query)
			assert.ElementsMatch(t, strings.Split(both, ", "), strings.Split(got.found(), ", "), query)
			assert.NotContains(t, got.link("self"), "_type", query)
			assert.Empty(t, s.search(t, "/?"+query, "As", "other").found(), query)
		}
		assert.Equal(t, 2, s.count(t, "?_tag=urn:all|x"))
		assert.Equal(t, "match Patient/"+patient, s.search(t, "/?_tag=urn:all|x&_type=Patient").found())
		first := s.search(t, "/?_tag=urn:all|x&_count=1")
		second := s.search(t, "/"+first.link("next"))
		assert.ElementsMatch(t, strings.Split(both, ", "), []string{first.found(), second.found()})
		form := s.do(t, http.MethodPost, "/_search", "_id="+patient, "Content-Type", "application/x-www-form-urlencoded").searchset(t)
		assert.Equal(t, "match Patient/"+patient, form.found())
		assert.NotContains(t, s.search(t, "/?_tag=urn:all|x", "As", "patient").found(), "Patient/"+patient, "another's record")
	})
}

func TestAValueSetIsFoundByItsAddress(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		male := s.create(t, `{"resourceType":"Patient","gender":"male","name":[{"family":"Inset"}]}`)
		s.create(t, `{"resourceType":"Patient","gender":"female","name":[{"family":"Inset"}]}`)
		id, _ := s.do(t, http.MethodPost, "/ValueSet", `{"resourceType":"ValueSet","status":"active","compose":{"include":[{"system":"http://hl7.org/fhir/administrative-gender","concept":[{"code":"male"}]}]}}`, "As", "admin").made(t)
		for _, address := range []string{"ValueSet/" + id, base + "ValueSet/" + id} {
			assert.Equal(t, "match Patient/"+male, s.search(t, "/Patient?family=Inset&gender:in="+address).found(), address)
		}
		s.do(t, http.MethodGet, "/Patient?gender:in=ValueSet/"+male, "").want(t, http.StatusBadRequest)
		s.do(t, http.MethodGet, "/Patient?gender:in=ValueSet/"+id, "", "As", "other").want(t, http.StatusBadRequest)
		s.do(t, http.MethodDelete, "/ValueSet/"+id, "", "As", "admin").want(t, http.StatusOK)
		s.do(t, http.MethodGet, "/Patient?gender:in=ValueSet/"+id, "").want(t, http.StatusBadRequest)
	})
}

func TestElementsAreThoseOfMatches(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		org := s.create(t, `{"resourceType":"Organization","name":"Elements Acme"}`)
		id := s.create(t, `{"resourceType":"Patient","gender":"male","birthDate":"1980-01-01","managingOrganization":{"reference":"Organization/`+org+`"}}`)
		for _, query := range []string{"_elements=gender", "_fields=gender"} {
			entries := s.search(t, "/Patient?_id="+id+"&_include=Patient:organization&"+query).Entry
			assert.NotContains(t, string(entries[0].Resource), "birthDate", query)
			assert.Contains(t, string(entries[1].Resource), "Elements Acme", query)
			assert.NotContains(t, string(entries[1].Resource), "SUBSETTED", query)
		}
		entries := s.search(t, "/Patient?_id="+id+"&_include=Patient:organization&_summary=true").Entry
		assert.Contains(t, string(entries[1].Resource), `"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"`)
	})
}

func TestUnknownElementsAreRefusedOnlyOnRequest(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		for elements, refused := range map[string]string{
			"gender,deceased,deceasedBoolean,id,meta": "", "nope": "nope", "gender,valueQuantity": "valueQuantity",
		} {
			s.search(t, "/Patient?_elements="+elements)
			a := s.do(t, http.MethodGet, "/Patient?_elements="+elements, "", "Prefer", "handling=strict")
			if refused == "" {
				a.want(t, http.StatusOK)
				assert.Equal(t, "handling=strict", a.header.Get("Preference-Applied"))
				continue
			}
			a.want(t, http.StatusBadRequest)
			assert.Contains(t, a.body, "Unknown element in _elements: "+refused)
		}
	})
}

func TestConditionsHaveNoEmptyParameters(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		id := s.create(t, searchable)
		for _, query := range []string{"identifier=", "identifier=S-1&gender=", "identifier"} {
			s.do(t, http.MethodDelete, "/Patient?"+query, "").want(t, http.StatusBadRequest)
			s.do(t, http.MethodPost, "/Patient", `{"resourceType":"Patient"}`, "If-None-Exist", query).want(t, http.StatusBadRequest)
		}
		s.do(t, http.MethodGet, "/Patient/"+id, "").want(t, http.StatusOK)
	})
}
