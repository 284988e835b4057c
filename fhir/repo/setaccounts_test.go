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
		done, err := s.SetAccounts(ctx, patient, account("Organization/new"), false)
		require.NoError(t, err)
		assert.Equal(t, repo.AccountsSet{Updated: 1}, done)
		assert.Equal(t, account("Organization/new"), accounts(patient))
		assert.Len(t, accounts(inside), 2, "not asked to propagate")
		_, err = s.SetAccounts(ctx, patient, account("Organization/old"), false)
		require.NoError(t, err)

		done, err = s.SetAccounts(ctx, patient, account("Organization/new"), true)
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

		done, err = s.SetAccounts(ctx, patient, account("Organization/new"), true)
		require.NoError(t, err)
		assert.Equal(t, repo.AccountsSet{}, done, "nothing changes")
		_, err = s.SetAccounts(ctx, patient, nil, true)
		require.NoError(t, err)
		assert.Empty(t, accounts(patient))
		assert.Equal(t, account("Organization/own"), accounts(inside))
	})
}

func TestALargeCompartmentGetsItsAccountsLater(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		s := w.As(t, w.A.Admin)
		patient := create(t, s, `{"resourceType":"Patient"}`)
		ref := medplum.RefTo("Patient", patient.ID, "")
		const n = 230
		require.NoError(t, s.Together(ctx, nil, func(s *repo.Session) error {
			for range n {
				if _, err := s.Create(ctx, "Observation", []byte(`{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"`+ref.Reference+`"}}`)); err != nil {
					return err
				}
			}
			return nil
		}))
		var job repo.AccountsJob
		w.Repo.Jobs = accountsQueue{&job}
		done, err := s.SetAccounts(ctx, ref, account("Organization/new"), true)
		require.NoError(t, err)
		assert.Equal(t, repo.AccountsSet{Updated: 1, Rest: &job}, done)
		count := func() int {
			return len(find(t, s, []string{"Observation"}, "_compartment=Organization/new&_count=1000"))
		}
		assert.Zero(t, count())
		require.NoError(t, w.Repo.SetAccountsOf(ctx, job))
		assert.Equal(t, n, count())
		require.NoError(t, w.Repo.SetAccountsOf(ctx, job), "a job may be tried again")
	})
}

func TestOnlyAdministratorsOfTheProjectSetAccounts(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		patient := create(t, w.As(t, w.A.Staff), `{"resourceType":"Patient"}`)
		ref := medplum.RefTo("Patient", patient.ID, "")
		_, err := w.As(t, w.A.Staff).SetAccounts(ctx, ref, account("Organization/x"), true)
		wantCode(t, err, outcome.Forbidden)
		_, err = w.As(t, w.B.Admin).SetAccounts(ctx, ref, account("Organization/x"), true)
		wantCode(t, err, outcome.NotFound)
		for _, bad := range []string{"Organization", "Nonsense/x", "http://elsewhere/Organization/x", ""} {
			_, err = w.As(t, w.A.Admin).SetAccounts(ctx, ref, account(bad), true)
			wantCode(t, err, outcome.Invalid)
		}
		_, err = w.As(t, w.A.Admin).SetAccounts(ctx, medplum.RefTo("Patient", "none", ""), account("Organization/x"), true)
		wantCode(t, err, outcome.NotFound)
	})
}
