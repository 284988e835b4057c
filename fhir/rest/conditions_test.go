package rest_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/store/storetest"
)

// known is a Patient with an identifier of a system.
func known(system, value, more string) string {
	return fmt.Sprintf(`{"resourceType":"Patient","identifier":[{"system":%q,"value":%q}]%s}`, system, value, more)
}

// conditionals are entries with what becomes of each, about patients of a system: a, b, c and d are one
// each and twin is two.
func conditionals(system string) (entries []string, statuses string) {
	on := func(value string) string { return "identifier=" + system + "%7C" + value }
	patchActive := `{"resourceType":"Binary","contentType":"application/json-patch+json","data":"W3sib3AiOiJhZGQiLCJwYXRoIjoiL2FjdGl2ZSIsInZhbHVlIjp0cnVlfV0="}`
	var all []string
	for _, e := range []struct{ entry, status string }{
		{requestWith("POST", "Patient", "ifNoneExist", on("a"), known(system, "a", "")), "200"},
		{requestWith("POST", "Patient", "ifNoneExist", on("new"), known(system, "new", "")), "201"},
		{requestWith("POST", "Patient", "ifNoneExist", on("solo")+"&active=false", known(system, "solo", "")), "201"},
		{requestWith("POST", "Patient", "ifNoneExist", on("twin"), known(system, "twin", "")), "412"},
		{requestWith("POST", "Patient", "ifNoneExist", on("wrong"), known(system, "wrong", `,"nope":1`)), "400"},
		{requestWith("POST", "Patient", "ifNoneExist", "nope=1", known(system, "wrong", "")), "400"},
		{entry("PUT", "Patient?"+on("b"), known(system, "b", `,"gender":"other"`)), "200"},
		{entry("PUT", "Patient?"+on("fresh"), known(system, "fresh", "")), "201"},
		{entry("PUT", "Patient?"+on("twin"), known(system, "twin", "")), "412"},
		{requestWith("PUT", "Patient?"+on("a"), "ifMatch", `W/"old"`, known(system, "a", `,"gender":"other"`)), "412"},
		{entry("PATCH", "Patient?"+on("c"), patchActive), "200"},
		{entry("PATCH", "Patient?"+on("none"), patchActive), "404"},
		{entry("DELETE", "Patient?"+on("d"), ""), "200"},
		{entry("DELETE", "Patient?"+on("none"), ""), "200"},
		{entry("DELETE", "Patient?"+on("twin"), ""), "412"},
	} {
		entries, all = append(entries, e.entry), append(all, e.status)
	}
	return entries, strings.Join(all, " ")
}

// TestConditionalEntriesAreAnsweredOneByOne: what is done in one transaction is answered, and leaves
// behind, what single requests would.
func TestConditionalEntriesAreAnsweredOneByOne(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		left := map[string][]int{}
		for _, system := range []string{"urn:alone", "urn:together"} {
			for _, value := range []string{"a", "b", "c", "d", "twin", "twin"} {
				s.create(t, known(system, value, ""))
			}
			entries, want := conditionals(system)
			var got []string
			if system == "urn:together" {
				got = append(got, s.do(t, "POST", "", bundleOf("batch", entries...)).bundle(t).statuses())
			} else {
				for _, e := range entries {
					got = append(got, s.do(t, "POST", "", bundleOf("batch", e)).bundle(t).statuses())
				}
			}
			assert.Equal(t, want, strings.Join(got, " "))
			for _, query := range []string{"", "&gender=other", "&active=true"} {
				left[system] = append(left[system], s.count(t, "Patient?identifier="+system+"%7C"+query))
			}
		}
		assert.Equal(t, left["urn:alone"], left["urn:together"])
	})
}

// TestConditionsAreAskedOfWhatOneMaySee: joined or not, a condition finds nothing that its caller does
// not, and a hidden field is no criterion.
func TestConditionsAreAskedOfWhatOneMaySee(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		s.members["narrow"] = s.With(t, s.A.ID, medplum.PolicyResource{ResourceType: "Patient", Criteria: "Patient?gender=female"}).Claims
		s.members["blind"] = s.With(t, s.A.ID, medplum.PolicyResource{ResourceType: "Patient", HiddenFields: []string{"identifier"}}).Claims
		for value, gender := range map[string]string{"m": "male", "f": "female"} {
			s.create(t, known("urn:seen", value, `,"gender":"`+gender+`"`))
		}
		foreign := s.do(t, "POST", "/Patient", known("urn:seen", "foreign", ""), "As", "other")
		foreign.want(t, http.StatusCreated)
		ask := func(as string) string {
			var entries []string
			for _, value := range []string{"m", "f", "foreign"} {
				entries = append(entries, entry("DELETE", "Patient?identifier=urn:seen%7C"+value, ""))
			}
			return s.do(t, "POST", "", bundleOf("batch", entries...), "As", as).bundle(t).statuses()
		}
		blind := ask("blind")
		assert.NotContains(t, blind, "200")
		assert.Equal(t, "200 200 200", ask("narrow"))
		assert.Equal(t, 1, s.count(t, "Patient?identifier=urn:seen%7Cm"), "it is not theirs to see")
		assert.Equal(t, 0, s.count(t, "Patient?identifier=urn:seen%7Cf"))
		s.do(t, "GET", "/Patient/"+strings.Split(strings.TrimPrefix(foreign.header.Get("Location"), base+"Patient/"), "/")[0], "", "As", "other").want(t, http.StatusOK)
	})
}

// TestSimultaneousBatchesMakeOneEach: those with the same conditions wait for each other, in whichever
// order they are written.
func TestSimultaneousBatchesMakeOneEach(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		var wait sync.WaitGroup
		bodies := make([]string, 4)
		for n := range bodies {
			var entries []string
			for i := range 12 {
				value := fmt.Sprint((i + 3*n) % 12)
				if n%2 == 1 {
					value = fmt.Sprint(11 - i)
				}
				entries = append(entries, requestWith("POST", "Patient", "ifNoneExist", "identifier=urn:race%7C"+value, known("urn:race", value, "")))
			}
			bodies[n] = bundleOf([]string{"batch", "transaction"}[n/2], entries...)
		}
		for _, body := range bodies {
			wait.Go(func() {
				request, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url, strings.NewReader(body))
				request.Header = http.Header{"As": {"staff"}, "Content-Type": {"application/json"}}
				if response, err := http.DefaultClient.Do(request); err == nil {
					response.Body.Close()
				}
			})
		}
		wait.Wait()
		for i := range 12 {
			assert.Equal(t, 1, s.count(t, fmt.Sprintf("Patient?identifier=urn:race%%7C%d", i)), i)
		}
	})
}

// TestSomebodyIsFasterThanConditionalUpdates: between the search for what they are about and the write.
func TestSomebodyIsFasterThanConditionalUpdates(t *testing.T) {
	if !storetest.HavePostgres(t) {
		return
	}
	s, faster := startOvertaken(t)
	var entries []string
	for _, value := range []string{"1", "2", "3"} {
		s.create(t, known("urn:fast", value, ""))
		entries = append(entries, entry("PUT", "Patient?identifier=urn:fast%7C"+value, known("urn:fast", value, `,"active":true`)))
	}
	do := func() {
		s.do(t, "PUT", "/Patient?identifier=urn:fast%7C4", known("urn:fast", "4", "")).want(t, http.StatusCreated)
		patch := `[{"op":"add","path":"/gender","value":"other"}]`
		s.do(t, "PATCH", "/Patient?identifier=urn:fast%7C2", patch, "Content-Type", "application/json-patch+json").want(t, http.StatusOK)
	}
	faster.Store(&do)
	assert.Equal(t, "200 200 200", s.do(t, "POST", "", bundleOf("batch", entries...)).bundle(t).statuses())
	require.Nil(t, faster.Load(), "the updates were no one statement")
	assert.Equal(t, 3, s.count(t, "Patient?identifier=urn:fast%7C&active=true"))
}
