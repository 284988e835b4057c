package rest_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/fhir/repo/repotest"
	"github.com/admitdev/admit/fhir/rest"
	"github.com/admitdev/admit/pkg/jobs"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/store/storetest"
)

// queue keeps jobs until the test runs them.
type queue struct {
	mu       sync.Mutex
	jobs     []rest.RequestJob
	accounts []repo.AccountsJob
}

// Enqueue implements repo.Queue.
func (q *queue) Enqueue(_ context.Context, tx *store.Tx, args jobs.Args) error {
	tx.AfterCommit(func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		switch job := args.(type) {
		case rest.RequestJob:
			q.jobs = append(q.jobs, job)
		case repo.AccountsJob:
			q.accounts = append(q.accounts, job)
		}
	})
	return nil
}

// EnqueueAt implements repo.Queue.
func (q *queue) EnqueueAt(ctx context.Context, tx *store.Tx, args jobs.Args, _ time.Time) error {
	return q.Enqueue(ctx, tx, args)
}

// run carries out what is queued.
func (s *server) run(t *testing.T) {
	t.Helper()
	waiting, accounts := s.queue.jobs, s.queue.accounts
	s.queue.jobs, s.queue.accounts = nil, nil
	for _, job := range waiting {
		require.NoError(t, s.handler.RunRequest(t.Context(), job))
	}
	for _, job := range accounts {
		require.NoError(t, s.handler.RunAccounts(t.Context(), job))
	}
}

// later posts a Bundle whose answer is not waited for, and gives the address of its status.
func (s *server) later(t *testing.T, as, body string) string {
	t.Helper()
	return s.asked(t, "POST", "/", body, "As", as)
}

// asked sends a request whose answer is not waited for, and gives the address of its status.
func (s *server) asked(t *testing.T, method, path, body string, headers ...string) string {
	t.Helper()
	got := s.do(t, method, path, body, append([]string{"Prefer", "respond-async"}, headers...)...)
	got.wantIssue(t, http.StatusAccepted, "accepted", "informational", "Accepted")
	at := got.header.Get("Content-Location")
	require.True(t, strings.HasPrefix(at, base+"job/"), at)
	return "/" + strings.TrimPrefix(at, base)
}

// ended is an AsyncJob that has ended, and its output.
func (a answer) ended(t *testing.T) (status, name, output string) {
	t.Helper()
	a.want(t, http.StatusOK)
	var job struct {
		ResourceType, Status, TransactionTime string
		Output                                struct {
			ResourceType string
			Parameter    []struct {
				Name     string
				Resource json.RawMessage
			}
		}
	}
	require.NoError(t, json.Unmarshal([]byte(a.body), &job), a.body)
	assert.Equal(t, "AsyncJob", job.ResourceType)
	assert.NotEmpty(t, job.TransactionTime)
	if len(job.Output.Parameter) == 0 {
		return job.Status, "", ""
	}
	assert.Equal(t, "Parameters", job.Output.ResourceType)
	return job.Status, job.Output.Parameter[0].Name, string(job.Output.Parameter[0].Resource)
}

func TestABundleIsCarriedOutLater(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		for _, kind := range []string{"batch", "transaction"} {
			t.Run(kind, func(t *testing.T) {
				family := "Later" + kind
				at := s.later(t, "staff", bundleOf(kind, entry("POST", "Patient", `{"resourceType":"Patient","name":[{"family":"`+family+`"}]}`)))
				s.do(t, "GET", at, "").wantIssue(t, http.StatusAccepted, "accepted", "informational", "Accepted")
				assert.Empty(t, s.do(t, "GET", "/Patient?family="+family, "").page(t).Entry, "not yet")
				waiting := s.queue.jobs[0]
				s.run(t)
				require.NoError(t, s.handler.RunRequest(t.Context(), waiting), "a job may be tried again")
				status, name, output := s.do(t, "GET", at, "").ended(t)
				assert.Equal(t, [2]string{"completed", "results"}, [2]string{status, name})
				assert.Contains(t, output, `"type":"`+kind+`-response"`)
				assert.Contains(t, output, `"status":"201"`)
				assert.Len(t, s.do(t, "GET", "/Patient?family="+family, "").page(t).Entry, 1)
				for _, other := range []string{"admin", "patient", "other"} {
					s.do(t, "GET", at, "", "As", other).want(t, http.StatusNotFound)
					s.do(t, "DELETE", at, "", "As", other).want(t, http.StatusNotFound)
				}
			})
		}
		t.Run("what cannot be carried out is refused at once", func(t *testing.T) {
			s.do(t, "POST", "/", `{"resourceType":"Bundle","type":"collection"}`, "Prefer", "respond-async").want(t, http.StatusBadRequest)
			assert.Empty(t, s.queue.jobs)
		})
		t.Run("a transaction that fails", func(t *testing.T) {
			at := s.later(t, "staff", bundleOf("transaction", entry("POST", "Patient", `{"resourceType":"Patient","name":[{"family":"Undone"}]}`), entry("DELETE", "Patient/none", "")))
			s.run(t)
			status, name, output := s.do(t, "GET", at, "").ended(t)
			assert.Equal(t, [2]string{"error", "outcome"}, [2]string{status, name})
			assert.Contains(t, output, "Bundle.entry[1]")
			assert.Empty(t, s.do(t, "GET", "/Patient?family=Undone", "").page(t).Entry)
		})
		t.Run("cancelled", func(t *testing.T) {
			at := s.later(t, "staff", bundleOf("transaction", entry("POST", "Patient", `{"resourceType":"Patient","name":[{"family":"Cancelled"}]}`)))
			s.do(t, "DELETE", at, "").wantIssue(t, http.StatusAccepted, "accepted", "informational", "Accepted")
			s.do(t, "DELETE", at, "").want(t, http.StatusBadRequest)
			s.run(t)
			status, _, _ := s.do(t, "GET", at, "").ended(t)
			assert.Equal(t, "cancelled", status)
			assert.Empty(t, s.do(t, "GET", "/Patient?family=Cancelled", "").page(t).Entry)
		})
		t.Run("a batch that was interrupted is not begun again", func(t *testing.T) {
			at := s.later(t, "staff", bundleOf("batch", entry("POST", "Patient", `{"resourceType":"Patient","name":[{"family":"Interrupted"}]}`)))
			gone, cancel := context.WithCancel(t.Context())
			job := s.queue.jobs[0]
			s.active(t, job)
			cancel()
			require.Error(t, s.handler.RunRequest(gone, job))
			s.run(t)
			status, _, output := s.do(t, "GET", at, "").ended(t)
			assert.Equal(t, "error", status)
			assert.Contains(t, output, "a part of it may have been done")
		})
	})
}

// active makes a job look as if a process had begun it.
func (s *server) active(t *testing.T, job rest.RequestJob) {
	t.Helper()
	session := s.Repo.System("set up a test", job.Project)
	res, err := session.Read(t.Context(), "AsyncJob", job.ID)
	require.NoError(t, err)
	_, err = session.Update(t.Context(), "AsyncJob", job.ID, []byte(strings.Replace(string(res.Content), `"accepted"`, `"active"`, 1)), "")
	require.NoError(t, err)
}

// runWithout carries out what is queued while a member is not active.
func (s *server) runWithout(t *testing.T, member repotest.Member) {
	t.Helper()
	_, membership := member.Membership.Split()
	session := s.Repo.System("set up a test", s.A.ID)
	kept, err := session.Read(t.Context(), medplum.TypeProjectMembership, membership)
	require.NoError(t, err)
	_, err = session.Update(t.Context(), medplum.TypeProjectMembership, membership, []byte(strings.Replace(string(kept.Content), `"user":`, `"active":false,"user":`, 1)), "")
	require.NoError(t, err)
	s.run(t)
	_, err = session.Update(t.Context(), medplum.TypeProjectMembership, membership, kept.Content, "")
	require.NoError(t, err)
}

func TestABundleIsCarriedOutWithTheRightsOfThen(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		narrow := s.With(t, s.A.ID, medplum.PolicyResource{ResourceType: "Patient", HiddenFields: []string{"gender"}})
		s.members["narrow"] = narrow.Claims
		id, _ := s.do(t, "POST", "/Patient", `{"resourceType":"Patient","gender":"female"}`).made(t)
		elsewhere, _ := s.do(t, "POST", "/Patient", `{"resourceType":"Patient"}`, "As", "other").made(t)
		reads := bundleOf("batch", entry("GET", "Patient/"+id, ""), entry("GET", "Patient/"+elsewhere, ""), entry("GET", "Observation", ""), entry("GET", "Patient/$csv?_fields=id,gender", ""), entry("GET", "Observation/$csv", ""))

		at := s.later(t, "narrow", reads)
		s.run(t)
		_, _, output := s.do(t, "GET", at, "", "As", "narrow").ended(t)
		var got response
		require.NoError(t, json.Unmarshal([]byte(output), &got))
		assert.Equal(t, "200 404 403 200 403", got.statuses())
		assert.NotContains(t, output, `"gender"`)
		table, err := base64.StdEncoding.DecodeString(gjson.Get(output, "entry.3.resource.data").Str)
		require.NoError(t, err)
		assert.Contains(t, string(table), id+",\n", "without what is hidden")

		at = s.later(t, "narrow", reads)
		s.runWithout(t, narrow)
		status, _, output := s.do(t, "GET", at, "", "As", "narrow").ended(t)
		assert.Equal(t, "error", status)
		assert.Contains(t, output, "Unauthorized")
		assert.NotContains(t, output, id)
	})
}

// TestAJobIsShownAsItsClientAsks: to the client, with the scopes and about the patient that it was asked for, and
// with the extended members of meta only when they are asked for.
func TestAJobIsShownAsItsClientAsks(t *testing.T) {
	s := start(t, storetest.SQLite(t))
	at := s.later(t, "staff", bundleOf("batch", entry("GET", "Patient/none", "")))
	s.run(t)
	assert.NotContains(t, s.do(t, "GET", at, "").body, `"author"`)
	assert.Contains(t, s.do(t, "GET", at, "", "X-Medplum", "extended").body, `"author"`)
	narrow := s.members["staff"]
	narrow.Scope = "patient/Patient.rs"
	s.members["narrow"] = narrow
	launched := s.members["staff"]
	_, launched.Patient = s.A.Patient.Profile.Split()
	s.members["launched"] = launched
	for _, other := range []string{"narrow", "launched"} {
		s.do(t, "GET", at, "", "As", other).want(t, http.StatusNotFound)
		s.do(t, "DELETE", at, "", "As", other).want(t, http.StatusNotFound)
	}
	s.do(t, "GET", at, "").want(t, http.StatusOK)
}

func TestABundleIsCarriedOutOnBehalfOfWhoseRightsWereAskedFor(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		_, self := s.A.Patient.Profile.Split()
		_, other := s.A.Staff.Profile.Split()
		read := bundleOf("batch", entry("GET", "Patient/"+self, ""), entry("GET", "Practitioner/"+other, ""))
		behalf := []string{"As", "admin", "X-Medplum-On-Behalf-Of", s.A.Patient.Profile.Reference}
		got := s.do(t, "POST", "/", read, append(behalf, "Prefer", "respond-async")...)
		got.want(t, http.StatusAccepted)
		at := "/" + strings.TrimPrefix(got.header.Get("Content-Location"), base)
		s.run(t)
		s.do(t, "GET", at, "", "As", "admin").want(t, http.StatusNotFound)
		_, _, output := s.do(t, "GET", at, "", behalf...).ended(t)
		assert.Contains(t, output, `"id":"`+self+`"`)
		assert.Contains(t, output, `"status":"403"`, "an administrator's own rights would have shown it")
		assert.NotContains(t, output, `"id":"`+other+`"`)
	})
}
