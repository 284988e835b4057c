package rest_test

import (
	"context"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/store/storetest"
)

// result is the output of a job that has done what was asked for.
func (s *server) result(t *testing.T, at string, headers ...string) string {
	t.Helper()
	status, name, output := s.do(t, "GET", at, "", headers...).ended(t)
	require.Equal(t, [2]string{"completed", "results"}, [2]string{status, name}, output)
	return output
}

func TestAnOperationIsCarriedOutLater(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		id, _ := s.do(t, "POST", "/Patient", `{"resourceType":"Patient","name":[{"family":"Waiting"}]}`).made(t)
		s.graph(t, "staff", "Alone", "Patient", pathLink("generalPractitioner", "Practitioner"))
		alone := `{"resourceType":"Parameters","parameter":[{"name":"graph","valueUri":"Alone"}]}`
		for _, tc := range []struct{ name, method, path, body, contentType, bundle string }{
			{"everything", "GET", "/Patient/" + id + "/$everything?_type=Patient", "", "", "searchset"},
			{"everything by POST", "POST", "/Patient/" + id + "/$everything", `{"resourceType":"Parameters","parameter":[{"name":"_count","valueInteger":5}]}`, "application/fhir+json", "searchset"},
			{"a graph", "GET", "/Patient/" + id + "/$graph?graph=Alone", "", "", "collection"},
			{"a graph by POST", "POST", "/Patient/" + id + "/$graph", alone, "application/fhir+json", "collection"},
			{"a table", "GET", "/Patient/$csv?family=Waiting&_fields=id", "", "", ""},
			{"a table by POST", "POST", "/Patient/$csv", "family=Waiting&_fields=id", "application/x-www-form-urlencoded", ""},
		} {
			t.Run(tc.name, func(t *testing.T) {
				at := s.asked(t, tc.method, tc.path, tc.body, "Content-Type", tc.contentType)
				s.do(t, "GET", at, "").want(t, http.StatusAccepted)
				waiting := s.queue.jobs[0]
				s.run(t)
				require.NoError(t, s.handler.RunRequest(t.Context(), waiting), "a job may be tried again")
				output := s.result(t, at)
				if tc.bundle == "" {
					assert.Equal(t, "text/csv; charset=utf-8", gjson.Get(output, "contentType").Str)
					table, err := base64.StdEncoding.DecodeString(gjson.Get(output, "data").Str)
					require.NoError(t, err)
					assert.Equal(t, "id\n"+id+"\n", string(table))
				} else {
					assert.Equal(t, tc.bundle, gjson.Get(output, "type").Str)
					assert.Equal(t, id, gjson.Get(output, "entry.0.resource.id").Str)
				}
				kept := s.do(t, "GET", at, "").body
				assert.Equal(t, base+strings.TrimPrefix(strings.Split(tc.path, "?")[0], "/"), gjson.Get(kept, "request").Str, "which others may see, is without the query")
				for _, other := range []string{"admin", "patient", "other"} {
					s.do(t, "GET", at, "", "As", other).want(t, http.StatusNotFound)
					s.do(t, "DELETE", at, "", "As", other).want(t, http.StatusNotFound)
				}
			})
		}
		t.Run("what it refuses is the outcome", func(t *testing.T) {
			for path, issue := range map[string]string{"/Patient/none/$everything": "Not found", "/Patient/$csv?nope=1": "Unknown search parameter: nope"} {
				at := s.asked(t, "GET", path, "")
				s.run(t)
				status, name, output := s.do(t, "GET", at, "").ended(t)
				assert.Equal(t, [2]string{"error", "outcome"}, [2]string{status, name})
				assert.Equal(t, issue, gjson.Get(output, "issue.0.details.text").Str)
			}
		})
		t.Run("cancelled", func(t *testing.T) {
			at := s.asked(t, "GET", "/Patient/"+id+"/$everything", "")
			s.do(t, "DELETE", at, "").want(t, http.StatusAccepted)
			s.run(t)
			status, _, output := s.do(t, "GET", at, "").ended(t)
			assert.Equal(t, [2]string{"cancelled", ""}, [2]string{status, output})
		})
	})
}

func TestAnOperationIsCarriedOutWithTheRightsOfThen(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		narrow := s.With(t, s.A.ID, medplum.PolicyResource{ResourceType: "Patient", HiddenFields: []string{"gender"}})
		s.members["narrow"] = narrow.Claims
		id, _ := s.do(t, "POST", "/Patient", `{"resourceType":"Patient","gender":"female"}`).made(t)
		path := "/Patient/" + id + "/$everything"

		at := s.asked(t, "GET", path, "", "As", "narrow")
		s.run(t)
		output := s.result(t, at, "As", "narrow")
		assert.Contains(t, output, id)
		assert.NotContains(t, output, "gender")

		at = s.asked(t, "GET", path, "", "As", "narrow")
		s.runWithout(t, narrow)
		status, _, output := s.do(t, "GET", at, "", "As", "narrow").ended(t)
		assert.Equal(t, "error", status)
		assert.Contains(t, output, "Unauthorized")
		assert.NotContains(t, output, id)

		at = s.asked(t, "GET", path, "", "As", "other")
		s.run(t)
		_, _, output = s.do(t, "GET", at, "", "As", "other").ended(t)
		assert.Contains(t, output, "Not found", "another project's")
	})
}

func TestAReadThatWasInterruptedIsDoneAgain(t *testing.T) {
	s := start(t, storetest.SQLite(t))
	at := s.asked(t, "GET", "/Patient/$csv?_fields=id", "")
	job := s.queue.jobs[0]
	s.active(t, job)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	require.Error(t, s.handler.RunRequest(gone, job))
	s.run(t)
	s.result(t, at)
}
