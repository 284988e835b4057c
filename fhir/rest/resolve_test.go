package rest_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo/repotest"
	"github.com/admitdev/admit/pkg/store/storetest"
)

func identified(resourceType, value string, more ...string) string {
	return `{"resourceType":"` + resourceType + `","identifier":[{"system":"urn:i","value":"` + value + `"}]` + strings.Join(more, "") + `}`
}

func observed(more ...string) string {
	return `{"resourceType":"Observation","status":"final","code":{"text":"x"}` + strings.Join(more, "") + `}`
}

func refer(member, to string) string { return `,"` + member + `":{"reference":"` + to + `"}` }

// TestConditionalReferencesOfATransactionAreAskedTogether: one statement for each parameter that they ask for.
func TestConditionalReferencesOfATransactionAreAskedTogether(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		var searches atomic.Int64
		s := startIn(t, repotest.On(t, storetest.OpenFaulty(t, db, func(_ context.Context, statement string) error {
			if strings.Contains(statement, "token_index") && !strings.Contains(statement, "INSERT") {
				searches.Add(1)
			}
			return nil
		})))
		const n = 50
		var whole []string
		for i := range n {
			whole = append(whole, entry("POST", "Patient", identified("Patient", fmt.Sprint("p", i))), entry("POST", "Practitioner", identified("Practitioner", fmt.Sprint("d", i))))
		}
		s.do(t, "POST", "", bundleOf("transaction", whole...)).bundle(t)
		var entries []string
		for i := range n {
			entries = append(entries, entry("POST", "Observation", observed(refer("subject", fmt.Sprint("Patient?identifier=urn:i|p", i)),
				`,"performer":[{"reference":"Practitioner?identifier=urn:i|d`, fmt.Sprint(i), `"}]`)))
		}
		asked := func(body string) int64 {
			searches.Store(0)
			got := s.do(t, "POST", "", body).bundle(t)
			for _, e := range got.Entry {
				require.Equal(t, "201", e.Response.Status)
			}
			return searches.Load()
		}
		assert.EqualValues(t, 2, asked(bundleOf("transaction", entries...)), "of what is there")
		assert.Equal(t, 1, s.count(t, "Observation?subject.identifier=urn:i|p7&performer:Practitioner.identifier=urn:i|d7"))
		entries = append(entries, entry("POST", "Patient", identified("Patient", "new")), entry("POST", "Observation", observed(refer("subject", "Patient?identifier=urn:i|new"))))
		assert.EqualValues(t, 2, asked(bundleOf("transaction", entries...)), "and of what the Bundle makes")
	})
}

// TestConditionalReferencesMayMeanWhatTheBundleWrites: in whatever order, one through the other, and in place of
// what the Bundle deletes.
func TestConditionalReferencesMayMeanWhatTheBundleWrites(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		entries := []string{
			entry("POST", "Observation", observed(refer("encounter", "Encounter?identifier=urn:i|e"))),
			entry("POST", "Encounter", identified("Encounter", "e", `,"status":"planned","class":{"code":"AMB"}`, refer("subject", "Patient?identifier=urn:i|p"))),
			entry("POST", "Patient", identified("Patient", "p", refer("managingOrganization", "Organization?identifier=urn:i|o"))),
			entry("PUT", "Organization?identifier=urn:i|o", identified("Organization", "o")),
		}
		for round, order := range [][]int{{0, 1, 2, 3}, {3, 2, 1, 0}, {1, 3, 0, 2}} {
			var ordered []string
			for _, i := range order {
				ordered = append(ordered, strings.ReplaceAll(entries[i], "urn:i|", fmt.Sprint("urn:i|", round)))
				ordered[len(ordered)-1] = strings.ReplaceAll(ordered[len(ordered)-1], `"value":"`, fmt.Sprintf(`"value":"%d`, round))
			}
			got := s.do(t, "POST", "", bundleOf("transaction", ordered...)).bundle(t)
			assert.Equal(t, "201 201 201 201", got.statuses())
			assert.Equal(t, 1, s.count(t, fmt.Sprintf("Observation?encounter.subject:Patient.organization.identifier=urn:i|%do", round)), order)
		}
		old := s.create(t, identified("Patient", "again"))
		got := s.do(t, "POST", "", bundleOf("transaction", entry("POST", "Observation", observed(refer("subject", "Patient?identifier=urn:i|again"))),
			entry("POST", "Patient", identified("Patient", "again")), entry("DELETE", "Patient/"+old, ""))).bundle(t)
		assert.Contains(t, string(got.Entry[0].Resource), `"`+got.at(1)+`"`)
	})
}

// TestAConditionalReferenceMustMeanOne: what it does not is told with its place, and counted after what the
// Bundle writes.
func TestAConditionalReferenceMustMeanOne(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		s.create(t, identified("Patient", "one"))
		for range 2 {
			s.create(t, identified("Patient", "two"))
		}
		foreign, _ := s.do(t, "POST", "/Patient", identified("Patient", "foreign"), "As", "other").made(t)
		require.NotEmpty(t, foreign)
		s.create(t, identified("Patient", "hidden"))
		s.members["narrow"] = s.With(t, s.A.ID, medplum.PolicyResource{ResourceType: "Observation"},
			medplum.PolicyResource{ResourceType: "Patient", Criteria: "Patient?identifier=urn:i|one"}).Claims
		to := func(value string) string {
			return entry("POST", "Observation", observed(refer("subject", "Patient?identifier=urn:i|"+value)))
		}
		const subject = `["Bundle.entry[0].resource.subject"]`
		for _, tc := range []struct {
			name, as string
			entries  []string
			status   int
			text, at string
		}{
			{"nothing", "staff", []string{to("none")}, 400, "A conditional reference matches nothing: Patient?identifier=urn:i|none", subject},
			{"several", "staff", []string{to("two")}, 412, "A conditional reference matches several resources: Patient?identifier=urn:i|two", subject},
			{"one that is there and one of the Bundle", "staff", []string{to("one"), entry("POST", "Patient", identified("Patient", "one"))}, 412, "A conditional reference matches several resources: Patient?identifier=urn:i|one", subject},
			{"two of the Bundle", "staff", []string{to("new"), entry("POST", "Patient", identified("Patient", "new")), entry("POST", "Patient", identified("Patient", "new"))}, 412, "A conditional reference matches several resources: Patient?identifier=urn:i|new", subject},
			{"another project's", "staff", []string{to("foreign")}, 400, "A conditional reference matches nothing: Patient?identifier=urn:i|foreign", subject},
			{"what the policy hides", "narrow", []string{to("hidden")}, 400, "A conditional reference matches nothing: Patient?identifier=urn:i|hidden", subject},
			{"what the Bundle deletes", "staff", []string{to("one"), entry("DELETE", "Patient?identifier=urn:i|one", "")}, 400, "A conditional reference matches nothing: Patient?identifier=urn:i|one", subject},
			{"a type that is none", "staff", []string{entry("POST", "Observation", observed(refer("subject", "Nothing?identifier=x")))}, 400, "", subject},
			{"a circle", "staff", []string{
				entry("POST", "Patient", identified("Patient", "c1", `,"link":[{"type":"seealso","other":{"reference":"Patient?identifier=urn:i|c2"}}]`)),
				entry("POST", "Patient", identified("Patient", "c2", `,"link":[{"type":"seealso","other":{"reference":"Patient?identifier=urn:i|c1"}}]`)),
			}, 400, "A conditional reference matches nothing: Patient?identifier=urn:i|c2", `["Bundle.entry[0].resource.link[0].other"]`},
		} {
			t.Run(tc.name, func(t *testing.T) {
				before := s.count(t, "Observation?") + s.count(t, "Patient?")
				got := s.do(t, "POST", "", bundleOf("transaction", tc.entries...), "As", tc.as).want(t, tc.status)
				assert.Equal(t, tc.at, gjson.Get(got.body, "issue.0.expression").Raw, got.body)
				assert.Contains(t, got.body, tc.text)
				assert.Equal(t, before, s.count(t, "Observation?")+s.count(t, "Patient?"), "nothing is kept")
			})
		}
		got := s.do(t, "POST", "", bundleOf("transaction", to("one")), "As", "narrow").want(t, http.StatusOK)
		assert.Contains(t, got.body, `"Patient/`)
		both := s.do(t, "POST", "", bundleOf("transaction", entry("POST", "Observation", observed(refer("subject", "Patient?identifier=x"), refer("encounter", "Encounter?identifier=y"))))).want(t, http.StatusBadRequest)
		assert.Equal(t, `[["Bundle.entry[0].resource.subject"],["Bundle.entry[0].resource.encounter"]]`, gjson.Get(both.body, "issue.#.expression").Raw, "all are told at once")
	})
}
