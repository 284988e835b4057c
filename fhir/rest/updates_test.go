package rest_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo/repotest"
	"github.com/admitdev/admit/pkg/store/storetest"
)

// TestUpdatesOfABatchAreAnsweredOneByOne: what is written in one statement is answered as single
// requests would be.
func TestUpdatesOfABatchAreAnsweredOneByOne(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		var ids []string
		for range 6 {
			ids = append(ids, s.create(t, eve))
		}
		foreign := s.create(t, `{"resourceType":"Patient","birthDate":"2001-01-01"}`)
		s.do(t, "DELETE", "/Patient/"+ids[1], "").want(t, http.StatusOK)
		put := func(id, more string) string { return entry("PUT", "Patient/"+id, body(id, more)) }
		nobody := "00000000-0000-4000-8000-000000000000"
		batch := bundleOf("batch",
			put(ids[0], `,"birthDate":"1980-01-01"`), put(ids[1], `,"birthDate":"1980-01-01"`), put(nobody, ""),
			requestWith("PUT", "Patient/"+ids[2], "ifMatch", `W/"old"`, body(ids[2], "")), put(ids[3], `,"nope":1`),
			put(ids[4], `,"birthDate":"1980-01-02"`), put(ids[4], `,"birthDate":"1980-01-03"`), put(foreign, ""),
			entry("GET", "Patient?birthdate=1980-01-01,1980-01-03&_summary=count", ""))
		got := s.do(t, "POST", "", batch).bundle(t)
		assert.Equal(t, "200 200 404 412 400 200 200 200 200", got.statuses())
		assert.Contains(t, string(got.Entry[8].Resource), `"total":3`, "all are found by what they say now")
		assert.Contains(t, s.do(t, "GET", "/Patient/"+ids[4], "").body, "1980-01-03")

		member := s.With(t, s.A.ID, medplum.PolicyResource{ResourceType: "Patient", Criteria: "Patient?birthdate=gt1979", HiddenFields: []string{"gender"}})
		s.members["narrow"] = member.Claims
		got = s.do(t, "POST", "", bundleOf("batch",
			put(ids[0], `,"birthDate":"1980-01-04","gender":"other"`), put(ids[1], `,"birthDate":"1970-01-01"`), put(foreign, ""),
			put(ids[4], `,"birthDate":"1980-01-05"`)), "As", "narrow").bundle(t)
		assert.Equal(t, "200 403 404 200", got.statuses())
		assert.NotContains(t, s.do(t, "GET", "/Patient/"+ids[0], "").body, "other")
	})
}

// startOvertaken starts a server on PostgreSQL that does what is stored in faster once, just before the
// statement that updates several resources.
func startOvertaken(t *testing.T) (s *server, faster *atomic.Pointer[func()]) {
	t.Helper()
	faster = new(atomic.Pointer[func()])
	return startIn(t, repotest.On(t, storetest.OpenFaulty(t, storetest.Postgres(t), func(_ context.Context, statement string) error {
		if strings.Contains(statement, "AS n(type, id, replaces") {
			if do := faster.Swap(nil); do != nil {
				(*do)()
			}
		}
		return nil
	}))), faster
}

// TestSomebodyIsFasterThanABundleOfUpdates: between the reading of the resources and the one
// statement that writes them.
func TestSomebodyIsFasterThanABundleOfUpdates(t *testing.T) {
	if !storetest.HavePostgres(t) {
		return
	}
	s, faster := startOvertaken(t)
	for _, tc := range []struct{ kind, match, statuses string }{
		{"batch", "", "200 200 200"}, {"transaction", "", "200 200 200"},
		{"batch", "current", "200 412 200"}, {"transaction", "current", "412"},
	} {
		t.Run(tc.kind+" "+tc.match, func(t *testing.T) {
			var ids, entries []string
			for range 3 {
				id := s.create(t, eve)
				ids = append(ids, id)
				update := entry("PUT", "Patient/"+id, body(id, `,"birthDate":"1977-07-07"`))
				if tc.match != "" {
					version := strings.Trim(s.do(t, "GET", "/Patient/"+id, "").header.Get("ETag"), `W/"`)
					update = requestWith("PUT", "Patient/"+id, "ifMatch", fmt.Sprintf(`W/"%s"`, version), body(id, `,"birthDate":"1977-07-07"`))
				}
				entries = append(entries, update)
			}
			do := func() {
				s.do(t, "PUT", "/Patient/"+ids[1], body(ids[1], `,"birthDate":"1966-06-06"`)).want(t, http.StatusOK)
			}
			faster.Store(&do)
			got := s.do(t, "POST", "", bundleOf(tc.kind, entries...))
			if tc.kind == "transaction" && tc.match != "" {
				got.want(t, http.StatusPreconditionFailed)
				assert.NotContains(t, s.do(t, "GET", "/Patient/"+ids[0], "").body, "1977-07-07")
			} else {
				assert.Equal(t, tc.statuses, got.bundle(t).statuses())
			}
			assert.Nil(t, faster.Load(), "the updates were no one statement")
		})
	}
}
