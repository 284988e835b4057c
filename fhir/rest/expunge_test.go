package rest_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/store"
)

// expunging has everything of a resource expunged, and gives the path of the status.
func (s *server) expunging(t *testing.T, path, body string) string {
	t.Helper()
	begun := s.do(t, "POST", path, body, "As", "super")
	require.Equal(t, http.StatusAccepted, begun.status, begun.body)
	status := "/" + strings.TrimPrefix(begun.header.Get("Content-Location"), base)
	assert.Equal(t, http.StatusAccepted, s.do(t, "GET", status, "", "As", "super").status)
	return status
}

// expunged does the work and waits for nothing.
func (s *server) expunged(t *testing.T, status string) answer {
	t.Helper()
	task := strings.TrimSuffix(strings.TrimPrefix(status, "/job/"), "/status")
	require.NoError(t, s.Repo.Expunge(t.Context(), repo.ExpungeJob{Task: task}))
	require.NoError(t, s.Repo.Expunge(t.Context(), repo.ExpungeJob{Task: task}), "a job may run again")
	return s.do(t, "GET", status, "", "As", "super").want(t, http.StatusOK)
}

func (s *server) versions(t *testing.T, project, resourceType, id string) int {
	t.Helper()
	n, err := s.Store.HistoryCount(t.Context(), store.Ref{Project: project, Type: resourceType, ID: id})
	require.NoError(t, err)
	return n
}

func TestExpungeEverythingOfAPatient(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		patient := s.create(t, `{"resourceType":"Patient","gender":"male"}`)
		other := s.create(t, `{"resourceType":"Patient","link":[{"type":"seealso","other":{"reference":"Patient/`+patient+`"}}]}`)
		about := func(id string) string {
			return `{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/` + id + `"}}`
		}
		gone, kept := [][2]string{{"Patient", patient}}, [][2]string{{"Patient", other}, {"Observation", s.create(t, about(other))}}
		for i := range 130 { // more than a page, some of which are deleted
			id := s.create(t, about(patient))
			gone = append(gone, [2]string{"Observation", id})
			if i%10 == 0 {
				s.do(t, "PUT", "/Observation/"+id, strings.Replace(about(patient), `{`, `{"id":"`+id+`",`, 1)).want(t, http.StatusOK)
				s.do(t, "DELETE", "/Observation/"+id, "")
			}
		}
		for range 105 { // the walk over what is deleted has pages too
			id := s.create(t, about(other))
			s.do(t, "DELETE", "/Observation/"+id, "")
			kept = append(kept, [2]string{"Observation", id})
		}
		for _, context := range []string{"Patient/" + patient, "Observation/" + gone[1][1], "Observation/" + gone[2][1]} {
			id, _ := s.do(t, "POST", "/Binary", `{"resourceType":"Binary","contentType":"text/plain","securityContext":{"reference":"`+context+`"},"data":"SGVsbG8="}`, "As", "admin").made(t)
			gone = append(gone, [2]string{"Binary", id})
		}
		free, _ := s.do(t, "POST", "/Binary", `{"resourceType":"Binary","contentType":"text/plain","data":"SGVsbG8="}`).made(t)
		kept = append(kept, [2]string{"Binary", free})

		path := "/Patient/" + patient + "/$expunge"
		for _, as := range []string{"admin", "staff", "patient", "other"} {
			assert.Equal(t, http.StatusForbidden, s.do(t, "POST", path+"?everything=true", "", "As", as).status, as)
		}
		status := s.expunging(t, path, `{"resourceType":"Parameters","parameter":[{"name":"everything","valueBoolean":true}]}`)
		assert.Equal(t, http.StatusGone, s.do(t, "GET", "/Patient/"+patient, "").status)
		assert.Equal(t, http.StatusNotFound, s.do(t, "GET", status, "", "As", "admin").status)
		done := s.expunged(t, status)
		assert.Contains(t, done.body, `"status":"completed"`)
		assert.Contains(t, done.body, `"request":"`+base+`Patient/`+patient+`/$expunge?everything=true"`)
		assert.Equal(t, fmt.Sprint(len(gone), " resources"), done.header.Get("X-Progress"))
		for _, ref := range gone {
			assert.Zero(t, s.versions(t, s.A.ID, ref[0], ref[1]), ref)
		}
		for _, ref := range kept {
			assert.NotZero(t, s.versions(t, s.A.ID, ref[0], ref[1]), ref)
		}
		assert.Equal(t, http.StatusNotFound, s.do(t, "POST", path+"?everything=true", "", "As", "super").status)
	})
}

func TestExpungeEverythingIsOfPatientsAndProjects(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		_, member := s.A.Patient.Profile.Split()
		patient := s.create(t, `{"resourceType":"Patient"}`)
		relative := s.create(t, `{"resourceType":"RelatedPerson","patient":{"reference":"Patient/`+patient+`"}}`)
		policy := medplum.RefTo(medplum.TypeAccessPolicy, s.Policy(t, s.A.ID, medplum.PolicyResource{ResourceType: "Patient"}), "")
		s.Make(t, s.A.ID, medplum.TypeProjectMembership, medplum.ProjectMembership{
			ResourceType: medplum.TypeProjectMembership, Project: medplum.RefTo(medplum.TypeProject, s.A.ID, ""),
			User: s.A.Staff.User, Profile: medplum.RefTo("RelatedPerson", relative, ""), AccessPolicy: &policy,
		})
		practitioner := s.create(t, `{"resourceType":"Practitioner"}`)
		for path, want := range map[string]int{
			"Practitioner/" + practitioner: http.StatusBadRequest, "Patient/" + member: http.StatusConflict,
			"Patient/" + patient: http.StatusConflict, "Project/" + s.Super.ID: http.StatusConflict, "Project/none": http.StatusNotFound,
		} {
			got := s.do(t, "POST", "/"+path+"/$expunge?everything=true", "", "As", "super")
			assert.Equal(t, want, got.status, path+got.body)
			if want != http.StatusNotFound {
				assert.Equal(t, http.StatusOK, s.do(t, "GET", "/"+path, "", "As", "super").status, path)
			}
		}
	})
}

func TestExpungeEverythingOfAProject(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		made := s.create(t, `{"resourceType":"Patient","gender":"male"}`)
		deleted := s.create(t, `{"resourceType":"Basic","code":{"text":"x"}}`)
		s.do(t, "DELETE", "/Basic/"+deleted, "")
		theirs, _ := s.do(t, "POST", "/Patient", `{"resourceType":"Patient"}`, "As", "other").made(t)
		count, err := s.Store.CountAll(t.Context(), s.B.ID)
		require.NoError(t, err)

		status := s.expunging(t, "/Project/"+s.A.ID+"/$expunge?everything=true", "")
		for _, as := range []string{"admin", "staff", "patient"} {
			assert.Equal(t, http.StatusUnauthorized, s.do(t, "GET", "/Patient/"+made, "", "As", as).status, as)
		}
		s.expunged(t, status)
		left, err := s.Store.ListRefs(t.Context(), s.A.ID, store.Rest{}, store.Ref{}, 10)
		require.NoError(t, err)
		assert.Empty(t, left)
		assert.Zero(t, s.versions(t, s.A.ID, "Patient", made))
		assert.Zero(t, s.versions(t, s.A.ID, "Basic", deleted))
		assert.Zero(t, s.versions(t, store.SystemProject, "Project", s.A.ID))

		assert.Equal(t, http.StatusOK, s.do(t, "GET", "/Patient/"+theirs, "", "As", "other").status)
		now, err := s.Store.CountAll(t.Context(), s.B.ID)
		require.NoError(t, err)
		assert.Equal(t, count, now)
	})
}

func TestExpungeLooksOnceMoreAtAProject(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		status := s.expunging(t, "/Project/"+s.A.ID+"/$expunge?everything=true", "")
		s.expunged(t, status)
		require.NoError(t, second(s.Repo.System("write what was begun before", s.A.ID).Create(t.Context(), "Patient", []byte(`{"resourceType":"Patient"}`))))
		task := strings.TrimSuffix(strings.TrimPrefix(status, "/job/"), "/status")
		again := []byte(`{"resourceType":"Project","name":"Again"}`)
		require.NoError(t, second(s.Repo.System("make it anew", store.SystemProject).CreateAs(t.Context(), "Project", s.A.ID, again)))
		require.NoError(t, s.Repo.Expunge(t.Context(), repo.ExpungeJob{Task: task, Late: true}))
		kept, err := s.Store.ListRefs(t.Context(), s.A.ID, store.Rest{}, store.Ref{}, 10)
		require.NoError(t, err)
		assert.Len(t, kept, 1, "it is another Project's now")
		require.Equal(t, http.StatusNoContent, s.do(t, "POST", "/Project/"+s.A.ID+"/$expunge", "", "As", "super").status)
		require.NoError(t, s.Repo.Expunge(t.Context(), repo.ExpungeJob{Task: task, Late: true}))
		left, err := s.Store.ListRefs(t.Context(), s.A.ID, store.Rest{}, store.Ref{}, 10)
		require.NoError(t, err)
		assert.Empty(t, left)
	})
}

func second[T any](_ T, err error) error { return err }
