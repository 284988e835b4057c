package repo_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/fhir/repo/repotest"
	"github.com/admitdev/admit/pkg/jobs"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// accountsQueue keeps the last job.
type accountsQueue struct{ job *repo.AccountsJob }

// Enqueue implements repo.Queue.
func (q accountsQueue) Enqueue(_ context.Context, _ *store.Tx, args jobs.Args) error {
	*q.job = args.(repo.AccountsJob)
	return nil
}

// EnqueueAt implements repo.Queue.
func (q accountsQueue) EnqueueAt(ctx context.Context, tx *store.Tx, args jobs.Args, _ time.Time) error {
	return q.Enqueue(ctx, tx, args)
}

func account(reference string) []medplum.Reference {
	return []medplum.Reference{{Reference: reference}}
}

func setting(accounts []medplum.Reference, propagate bool) repo.SetAccounts {
	return repo.SetAccounts{Accounts: accounts, Propagate: propagate}
}

func TestSetAccountsReachesTheCompartmentAndNothingElse(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		who := w.Caller(t, w.A.Admin)
		who.Extended = true
		s := w.Repo.As(who)
		make := func(body string) medplum.Reference {
			made := create(t, s, body)
			return medplum.RefTo(made.Type, made.ID, "")
		}
		patient := make(`{"resourceType":"Patient","meta":{"tag":[{"code":"kept"}],"accounts":[{"reference":"Organization/old"}]}}`)
		inside := make(`{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"` + patient.Reference + `"},"meta":{"accounts":[{"reference":"Organization/old"},{"reference":"Organization/own"}]}}`)
		outside := make(`{"resourceType":"Observation","status":"final","code":{"text":"x"},"meta":{"accounts":[{"reference":"Organization/old"}]}}`)
		accounts := func(ref medplum.Reference) []medplum.Reference {
			resourceType, id := ref.Split()
			got, err := s.Read(ctx, resourceType, id)
			require.NoError(t, err)
			return accountsOf(t, got.Content)
		}
		done, err := s.SetAccounts(ctx, patient, setting(account("Organization/new"), false))
		require.NoError(t, err)
		assert.Equal(t, repo.AccountsSet{Updated: 1}, done)
		assert.Equal(t, account("Organization/new"), accounts(patient))
		assert.Len(t, accounts(inside), 2, "not asked to propagate")
		_, err = s.SetAccounts(ctx, patient, setting(account("Organization/old"), false))
		require.NoError(t, err)

		done, err = s.SetAccounts(ctx, patient, setting(account("Organization/new"), true))
		require.NoError(t, err)
		assert.Equal(t, repo.AccountsSet{Updated: 2}, done)
		assert.Equal(t, []medplum.Reference{{Reference: "Organization/new"}, {Reference: "Organization/own"}}, accounts(inside))
		assert.Equal(t, account("Organization/old"), accounts(outside))
		_, id := patient.Split()
		got, err := s.Read(ctx, "Patient", id)
		require.NoError(t, err)
		assert.Contains(t, string(got.Content), `"code":"kept"`)
		assert.Contains(t, string(got.Content), `"author":{"reference":"`+who.Profile.Reference)
		assert.Len(t, find(t, s, []string{"Observation"}, "_compartment=Organization/new"), 1)

		done, err = s.SetAccounts(ctx, patient, setting(account("Organization/new"), true))
		require.NoError(t, err)
		assert.Equal(t, repo.AccountsSet{}, done, "nothing changes")
		_, err = s.SetAccounts(ctx, patient, setting(nil, true))
		require.NoError(t, err)
		assert.Empty(t, accounts(patient))
		assert.Equal(t, account("Organization/own"), accounts(inside))
	})
}

// large makes a patient with a compartment of several pages.
func large(t *testing.T, s *repo.Session) medplum.Reference {
	t.Helper()
	ref := medplum.RefTo("Patient", create(t, s, `{"resourceType":"Patient"}`).ID, "")
	require.NoError(t, s.Together(ctx, nil, func(s *repo.Session) error {
		for range largeCompartment {
			if _, err := s.Create(ctx, "Observation", []byte(about(ref.Reference))); err != nil {
				return err
			}
		}
		return nil
	}))
	return ref
}

const largeCompartment = 230

// having is how many Observations have an account.
func having(t *testing.T, s *repo.Session, account string) int {
	t.Helper()
	return len(find(t, s, []string{"Observation"}, "_compartment=Organization/"+account+"&_count=1000"))
}

// page does the next page of a job.
func page(t *testing.T, w *repotest.World, job repo.AccountsJob, p *repo.AccountsProgress) {
	t.Helper()
	require.NoError(t, w.Repo.System("test", job.Project).InTx(ctx, func(tx *repo.Tx) error {
		next, err := tx.SetAccountsPage(ctx, job, *p)
		if err == nil {
			*p = next
		}
		return err
	}))
}

func later(*repo.Tx) (string, error) { return "status", nil }

func TestALargeCompartmentGetsItsAccountsPageByPage(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		s := w.As(t, w.A.Admin)
		ref := large(t, s)
		var job repo.AccountsJob
		w.Repo.Jobs = accountsQueue{&job}
		set := setting(account("Organization/new"), true)
		set.Later = later
		done, err := s.SetAccounts(ctx, ref, set)
		require.NoError(t, err)
		assert.Equal(t, repo.AccountsSet{Status: "status"}, done)
		assert.Equal(t, []any{"status", w.A.ID, 1}, []any{job.Status, job.StatusProject, job.Updated})
		assert.Zero(t, having(t, s, "new"))
		p := job.Begin()
		page(t, w, job, &p)
		assert.Equal(t, 100, having(t, s, "new"))
		stopped := p
		page(t, w, job, &p)
		page(t, w, job, &stopped) // a page that was not recorded is done again
		assert.Equal(t, 200, having(t, s, "new"))
		assert.Equal(t, []int{201, 101}, []int{p.Updated, stopped.Updated}, "what had been done is not counted")
		page(t, w, job, &p)
		assert.True(t, p.Done)
		assert.Equal(t, largeCompartment+1, p.Updated)
		assert.Equal(t, largeCompartment, having(t, s, "new"))
	})
}

// TestWithoutJobsALargeCompartmentIsDoneAtOnce, all of it.
func TestWithoutJobsALargeCompartmentIsDoneAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		s := w.As(t, w.A.Admin)
		done, err := s.SetAccounts(ctx, large(t, s), setting(account("Organization/new"), true))
		require.NoError(t, err)
		assert.Equal(t, repo.AccountsSet{Updated: largeCompartment + 1}, done)
		assert.Equal(t, largeCompartment, having(t, s, "new"))
	})
}

// TestJobsOfOnePatientLeaveWhatThePatientHas, in whatever order their pages are done.
func TestJobsOfOnePatientLeaveWhatThePatientHas(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		s := w.As(t, w.A.Admin)
		ref := large(t, s)
		var last repo.AccountsJob
		w.Repo.Jobs = accountsQueue{&last}
		begin := func(organization string) (repo.AccountsJob, repo.AccountsProgress) {
			set := setting(account("Organization/"+organization), true)
			set.Later = later
			_, err := s.SetAccounts(ctx, ref, set)
			require.NoError(t, err)
			return last, last.Begin()
		}
		first, p := begin("a")
		page(t, w, first, &p)
		second, q := begin("b")
		page(t, w, second, &q)
		third, r := begin("c")
		for !r.Done {
			page(t, w, third, &r)
		}
		for !p.Done {
			page(t, w, first, &p)
		}
		for !q.Done {
			page(t, w, second, &q)
		}
		assert.Equal(t, []int{0, 0, largeCompartment}, []int{having(t, s, "a"), having(t, s, "b"), having(t, s, "c")})
		_, id := ref.Split()
		first, p = begin("d")
		require.NoError(t, s.Delete(ctx, "Patient", id))
		page(t, w, first, &p)
		assert.True(t, p.Done, "the patient is gone")
	})
}

func TestOnlyAdministratorsOfTheProjectSetAccounts(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		patient := create(t, w.As(t, w.A.Staff), `{"resourceType":"Patient"}`)
		ref := medplum.RefTo("Patient", patient.ID, "")
		_, err := w.As(t, w.A.Staff).SetAccounts(ctx, ref, setting(account("Organization/x"), true))
		wantCode(t, err, outcome.Forbidden)
		_, err = w.As(t, w.B.Admin).SetAccounts(ctx, ref, setting(account("Organization/x"), true))
		wantCode(t, err, outcome.NotFound)
		for _, bad := range []string{"Organization", "Nonsense/x", "http://elsewhere/Organization/x", ""} {
			_, err = w.As(t, w.A.Admin).SetAccounts(ctx, ref, setting(account(bad), true))
			wantCode(t, err, outcome.Invalid)
		}
		_, err = w.As(t, w.A.Admin).SetAccounts(ctx, medplum.RefTo("Patient", "none", ""), setting(account("Organization/x"), true))
		wantCode(t, err, outcome.NotFound)
	})
}
