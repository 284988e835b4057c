package rest_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/store"
)

func TestReindexTellsWhereToAsk(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		made := s.create(t, `{"resourceType":"Patient"}`)
		for _, path := range []string{"$reindex", "Patient/$reindex", "Patient/" + made + "/$reindex"} {
			assert.Equal(t, http.StatusForbidden, s.do(t, "POST", "/"+path, "", "As", "admin").status, path)
			begun := s.do(t, "POST", "/"+path, "", "As", "super")
			require.Equal(t, http.StatusAccepted, begun.status, begun.body)
			status := strings.TrimPrefix(begun.header.Get("Content-Location"), base)
			assert.Equal(t, http.StatusAccepted, s.do(t, "GET", "/"+status, "", "As", "super").status)
			assert.Equal(t, http.StatusNotFound, s.do(t, "GET", "/"+status, "", "As", "admin").status)
			task := strings.TrimSuffix(strings.TrimPrefix(status, "job/"), "/status")
			require.NoError(t, s.Repo.Reindex(context.Background(), repo.ReindexJob{Project: store.SystemProject, Task: task}))
			finished, err := s.Store.Reindex(t.Context(), store.SystemProject, task)
			require.NoError(t, err)
			assert.Zero(t, finished.At, "it keeps the name of a project, which may be erased")
			done := s.do(t, "GET", "/"+status, "", "As", "super")
			require.Equal(t, http.StatusOK, done.status)
			assert.Contains(t, done.body, `"resourceType":"AsyncJob","id":"`+task+`","status":"completed"`)
			assert.Contains(t, done.body, `"request":"`+base+path+`"`)
			assert.NotEqual(t, "0 resources", done.header.Get("X-Progress"))
		}
		assert.Equal(t, http.StatusNotFound, s.do(t, "GET", "/"+"job/none/status", "", "As", "super").status)
		assert.Equal(t, http.StatusBadRequest, s.do(t, "POST", "/"+"Nothing/$reindex", "", "As", "super").status)
	})
}

func TestExpungeLeavesNothing(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		made := s.create(t, `{"resourceType":"Patient","gender":"male"}`)
		s.do(t, "PUT", "/"+"Patient/"+made, `{"resourceType":"Patient","id":"`+made+`","gender":"female"}`)
		path := "Patient/" + made + "/$expunge"
		for _, as := range []string{"admin", "staff", "patient", "other"} {
			assert.Equal(t, http.StatusForbidden, s.do(t, "POST", "/"+path, "", "As", as).status, as)
		}
		assert.Equal(t, http.StatusOK, s.do(t, "GET", "/"+"Patient/"+made, "").status)
		require.Equal(t, http.StatusNoContent, s.do(t, "POST", "/"+path, "", "As", "super").status)
		assert.Equal(t, http.StatusNotFound, s.do(t, "GET", "/"+"Patient/"+made, "").status, "a deletion is left")
		assert.Equal(t, http.StatusNotFound, s.do(t, "GET", "/"+"Patient/"+made+"/_history", "").status)
		versions, err := s.Store.HistoryCount(context.Background(), store.Ref{Project: s.A.ID, Type: "Patient", ID: made})
		require.NoError(t, err)
		assert.Zero(t, versions)
		deleted := s.create(t, `{"resourceType":"Patient"}`)
		s.do(t, "DELETE", "/"+"Patient/"+deleted, "")
		assert.Equal(t, http.StatusNoContent, s.do(t, "POST", "/"+"Patient/"+deleted+"/$expunge", "", "As", "super").status)
		assert.Equal(t, http.StatusNotFound, s.do(t, "POST", "/"+path, "", "As", "super").status)
	})
}
