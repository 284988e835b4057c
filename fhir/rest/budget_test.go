package rest_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/admitdev/admit/fhir/repo/repotest"
	"github.com/admitdev/admit/fhir/rest"
	"github.com/admitdev/admit/pkg/store/storetest"
)

// TestBundlesHaveABudget: a batch answers for each entry, and does not begin those for which there is
// nothing left; of a transaction nothing is done then.
func TestBundlesHaveABudget(t *testing.T) {
	large := `{"resourceType":"Patient","name":[{"family":"Large","given":["` + strings.Repeat("x", 3000) + `"]}]}`
	searches := strings.TrimSuffix(strings.Repeat(entry("GET", "Patient?family=Large", "")+",", 20), ",")
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		world := repotest.New(t, db)
		plenty := startIn(t, world)
		plenty.create(t, large)
		t.Run("bytes", func(t *testing.T) {
			s := startWithin(t, world, rest.Limits{Answer: 10_000})
			got := s.do(t, "POST", "", bundleOf("batch", searches)).bundle(t)
			assert.Contains(t, got.statuses(), "200")
			assert.Greater(t, strings.Count(got.statuses(), "400"), 10, "but for those that were begun at once")
			assert.Contains(t, string(got.Entry[19].Response.Outcome), `"too-costly"`)
			s.do(t, "POST", "", bundleOf("transaction", entry("POST", "Patient", `{"resourceType":"Patient","name":[{"family":"Small"}]}`), searches)).
				wantIssue(t, http.StatusBadRequest, "", "too-costly", "The answers to the entries of the Bundle before this one are too large")
			assert.Zero(t, s.count(t, "Patient?family=Small"))
			creates := strings.TrimSuffix(strings.Repeat(entry("POST", "Patient", strings.ReplaceAll(large, "Large", "Brought"))+",", 20), ",")
			got = s.do(t, "POST", "", bundleOf("batch", creates)).bundle(t)
			assert.Equal(t, "201", got.Entry[19].Response.Status, "what the client brought itself does not count")
		})
		t.Run("time", func(t *testing.T) {
			s := startWithin(t, world, rest.Limits{Time: time.Nanosecond})
			late := entry("POST", "Patient", `{"resourceType":"Patient","name":[{"family":"Late"}]}`)
			got := s.do(t, "POST", "", bundleOf("batch", late, entry("GET", "Patient?family=Large", ""))).bundle(t)
			assert.Equal(t, "400 400", got.statuses())
			assert.Contains(t, string(got.Entry[0].Response.Outcome), `"too-costly"`)
			s.do(t, "POST", "", bundleOf("transaction", late)).
				wantIssue(t, http.StatusBadRequest, "", "too-costly", "The entries of the Bundle before this one took too long")
			assert.Zero(t, plenty.count(t, "Patient?family=Late"))
			at := s.later(t, "staff", bundleOf("batch", late))
			s.run(t)
			_, _, output := s.do(t, "GET", at, "").ended(t)
			assert.Contains(t, output, `"status":"201"`, "a job has a time of its own")
		})
	})
}
