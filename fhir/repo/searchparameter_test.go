package repo_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/fhir/repo/repotest"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/store/storetest"
)

// nickname is a SearchParameter; the values in it are replaced by those given.
func nickname(with map[string]string) string {
	members := map[string]string{
		"status": `"active"`, "base": `["Patient"]`, "code": `"nickname"`, "type": `"string"`,
		"expression": `"Patient.name.where(use = 'nickname').given"`, "url": `"https://example.com/nickname"`, "name": `"nickname"`, "description": `"a nickname"`,
	}
	for name, value := range with {
		members[name] = value
	}
	body := `{"resourceType":"SearchParameter"`
	for name, value := range members {
		if value != "" {
			body += fmt.Sprintf(",%q:%s", name, value)
		}
	}
	return body + "}"
}

const named = `{"resourceType":"Patient","name":[{"use":"nickname","given":["%s"]}]}`

// lookFor searches as the caller's project can.
func lookFor(t *testing.T, s *repo.Session, resourceType, query string) ([]string, error) {
	t.Helper()
	language, err := s.Language(ctx, "http://localhost/fhir/R4/")
	require.NoError(t, err)
	req, err := language.Parse([]string{resourceType}, query)
	if err != nil {
		return nil, err
	}
	rows, err := s.Search(ctx, req)
	ids := []string{}
	for _, row := range rows {
		ids = append(ids, row.ID)
	}
	return ids, err
}

// reindex carries out the tasks that wait, as the jobs would.
func reindex(t *testing.T, w *repotest.World, project string) {
	t.Helper()
	tasks, err := w.Store.Unfinished(ctx, project)
	require.NoError(t, err)
	for _, task := range tasks {
		require.NoError(t, w.Repo.Reindex(ctx, repo.ReindexJob{Project: task.Project, Task: task.ID}))
	}
}

func TestAProjectsOwnParameter(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		admin := w.As(t, w.A.Admin)
		before := create(t, admin, fmt.Sprintf(named, "Bob"))
		other := create(t, w.As(t, w.B.Admin), fmt.Sprintf(named, "Bob"))
		param := create(t, admin, nickname(nil))
		after := create(t, admin, fmt.Sprintf(named, "Bobby"))
		_, err := lookFor(t, admin, "Patient", "nickname=bob")
		wantCode(t, err, outcome.Conflict) // not all are indexed yet
		reindex(t, w, w.A.ID)

		found, err := lookFor(t, admin, "Patient", "nickname=bob")
		require.NoError(t, err)
		assert.ElementsMatch(t, []string{before.ID, after.ID}, found)
		now, err := admin.Read(ctx, "Patient", before.ID)
		require.NoError(t, err)
		assert.Equal(t, before, now, "indexing made a version")
		found, err = lookFor(t, admin, "Patient", "nickname:exact=Bobby&_sort=nickname")
		require.NoError(t, err)
		assert.Equal(t, []string{after.ID}, found)

		_, err = lookFor(t, w.As(t, w.B.Admin), "Patient", "nickname=bob")
		wantCode(t, err, outcome.Invalid) // it is the other project's
		_, err = lookFor(t, admin, "Practitioner", "nickname=bob")
		wantCode(t, err, outcome.Invalid) // it is no parameter of this type
		found, err = lookFor(t, w.As(t, w.Super.Admin), "Patient", "_id="+other.ID)
		require.NoError(t, err)
		assert.Len(t, found, 1)

		_, err = admin.Update(ctx, "SearchParameter", param.ID, []byte(addressed(nickname(map[string]string{"expression": `"Patient.name.given"`}), param.ID)), "")
		require.NoError(t, err)
		_, err = lookFor(t, admin, "Patient", "nickname=bob")
		wantCode(t, err, outcome.Conflict) // it has another meaning now
		reindex(t, w, w.A.ID)
		_, err = lookFor(t, admin, "Patient", "nickname=bob")
		require.NoError(t, err)

		require.NoError(t, admin.Delete(ctx, "SearchParameter", param.ID))
		_, err = lookFor(t, admin, "Patient", "nickname=bob")
		wantCode(t, err, outcome.Invalid)
		reindex(t, w, w.A.ID)
		again := create(t, admin, nickname(map[string]string{"expression": `"Patient.name.where(use = 'x').given"`}))
		reindex(t, w, w.A.ID)
		found, err = lookFor(t, admin, "Patient", "nickname=bob")
		require.NoError(t, err)
		assert.Empty(t, found, "rows of the parameter that was deleted are left")
		retired := addressed(nickname(map[string]string{"status": `"retired"`}), again.ID)
		_, err = admin.Update(ctx, "SearchParameter", again.ID, []byte(retired), "")
		require.NoError(t, err)
		_, err = lookFor(t, admin, "Patient", "nickname=bob")
		wantCode(t, err, outcome.Invalid)
	})
}

func addressed(body, id string) string { return `{"id":"` + id + `",` + body[1:] }

func TestAParameterThatCannotWorkIsRefused(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		admin := w.As(t, w.A.Admin)
		create(t, admin, nickname(map[string]string{"code": `"taken"`}))
		for _, tc := range []struct {
			name       string
			with       map[string]string
			code       outcome.Code
			expression string
		}{
			{"R4 has it", map[string]string{"code": `"birthdate"`}, outcome.Invalid, "SearchParameter.code"},
			{"another has it", map[string]string{"code": `"taken"`}, outcome.Conflict, "SearchParameter.code"},
			{"all types have it", map[string]string{"code": `"_id"`}, outcome.Invalid, "SearchParameter.code"},
			{"no name", map[string]string{"code": `"a.b"`}, outcome.Invalid, "SearchParameter.code"},
			{"no expression", map[string]string{"expression": ""}, outcome.Required, "SearchParameter.expression"},
			{"no FHIRPath", map[string]string{"expression": `"Patient.name.("`}, outcome.NotSupported, "SearchParameter.expression"},
			{"an unknown function", map[string]string{"expression": `"Patient.name.foo()"`}, outcome.NotSupported, "SearchParameter.expression"},
			{"a path from nowhere", map[string]string{"expression": `"Patient.name | birthDate"`}, outcome.NotSupported, "SearchParameter.expression"},
			{"an operand from nowhere", map[string]string{"expression": `"Patient.active and active"`}, outcome.NotSupported, "SearchParameter.expression"},
			{"any path", map[string]string{"expression": `"Patient.descendants()"`}, outcome.NotSupported, "SearchParameter.expression"},
			{"a path around", map[string]string{"expression": `"Patient.name.where(%resource.active)"`}, outcome.NotSupported, "SearchParameter.expression"},
			{"an item of the resource", map[string]string{"expression": `"Patient[0].telecom.value"`}, outcome.NotSupported, "SearchParameter.expression"},
			{"an item of the resource beside a path", map[string]string{"expression": `"Patient.name | (Patient[0]).telecom"`}, outcome.NotSupported, "SearchParameter.expression"},
			{"any resource", map[string]string{"expression": `"Resource.telecom.value"`}, outcome.NotSupported, "SearchParameter.expression"},
			{"composite", map[string]string{"type": `"composite"`}, outcome.NotSupported, "SearchParameter.type"},
			{"every type", map[string]string{"base": `["Patient","Resource"]`}, outcome.NotSupported, "SearchParameter.base[1]"},
		} {
			t.Run(tc.name, func(t *testing.T) {
				_, err := admin.Create(ctx, "SearchParameter", []byte(nickname(tc.with)))
				var o *outcome.Outcome
				require.ErrorAs(t, err, &o)
				assert.Equal(t, tc.code, o.Code)
				assert.Equal(t, []string{tc.expression}, o.Issues[0].Expression)
			})
		}
		all, err := w.Store.IndexGenerations(ctx, w.A.ID)
		require.NoError(t, err)
		require.Len(t, all, 1)
		assert.Len(t, all[0].Parameters, 1, "something refused is in force")
		create(t, admin, nickname(map[string]string{"status": `"draft"`, "code": `"birthdate"`})) // in force is what is active
	})
}

// TestAnotherProcessIndexesByAParameterThatItHasNotHeardOf: the parameter is made through one process,
// the resource through another, which still has the project without it in its cache.
func TestAnotherProcessIndexesByAParameterThatItHasNotHeardOf(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		w := repotest.New(t, db)
		deaf := repo.New(repo.Options{Store: storetest.Open(t, db), Clock: w.Repo.Clock, Secrets: w.Secrets, Log: w.Repo.Log}).As(w.Caller(t, w.A.Admin))
		old := create(t, deaf, fmt.Sprintf(named, "Ann"))
		create(t, w.As(t, w.A.Admin), nickname(nil))
		reindex(t, w, w.A.ID)
		alone := create(t, deaf, fmt.Sprintf(named, "Anna"))
		_, err := deaf.Update(ctx, "Patient", old.ID, []byte(addressed(fmt.Sprintf(named, "Anne"), old.ID)), "")
		require.NoError(t, err)
		var one, two store.Resource
		require.NoError(t, deaf.Transaction(ctx, nil, repo.Conditions{}, func(tx *repo.Tx) error {
			if one, err = tx.Create(ctx, "Patient", fmt.Appendf(nil, named, "Annabel")); err != nil {
				return err
			}
			two, err = tx.Create(ctx, "Patient", fmt.Appendf(nil, named, "Annika"))
			return err
		}))
		found, err := lookFor(t, w.As(t, w.A.Admin), "Patient", "nickname=ann")
		require.NoError(t, err)
		assert.ElementsMatch(t, []string{old.ID, alone.ID, one.ID, two.ID}, found)
	})
}

// TestOneTransactionDefinesAndWrites: what is written after the parameter is indexed by it.
func TestOneTransactionDefinesAndWrites(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		admin := w.As(t, w.A.Admin)
		var made store.Resource
		require.NoError(t, admin.Transaction(ctx, nil, repo.Conditions{}, func(tx *repo.Tx) error {
			if _, err := tx.Create(ctx, "SearchParameter", []byte(nickname(nil))); err != nil {
				return err
			}
			var err error
			made, err = tx.Create(ctx, "Patient", fmt.Appendf(nil, named, "Bob"))
			return err
		}))
		reindex(t, w, w.A.ID)
		found, err := lookFor(t, admin, "Patient", "nickname=bob")
		require.NoError(t, err)
		assert.Equal(t, []string{made.ID}, found)
	})
}

// TestWritesWhileTheIndexIsMade: whatever is written meanwhile is found as it is at the end.
func TestWritesWhileTheIndexIsMade(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		admin := w.As(t, w.A.Admin)
		var ids []string
		for range 130 { // more than one batch
			ids = append(ids, create(t, admin, fmt.Sprintf(named, "Old")).ID)
		}
		create(t, admin, nickname(nil))
		var writers sync.WaitGroup
		for part := range 2 {
			writers.Go(func() {
				for i := part; i < len(ids); i += 4 {
					_, err := admin.Update(context.WithoutCancel(ctx), "Patient", ids[i], []byte(addressed(fmt.Sprintf(named, "New"), ids[i])), "")
					assert.NoError(t, err)
				}
			})
		}
		reindex(t, w, w.A.ID)
		writers.Wait()
		fresh, err := lookFor(t, admin, "Patient", "nickname=new&_count=1000")
		require.NoError(t, err)
		old, err := lookFor(t, admin, "Patient", "nickname=old&_count=1000")
		require.NoError(t, err)
		assert.Len(t, fresh, 66)
		assert.Len(t, old, 64)
	})
}

func TestALinkedProjectsParameter(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		a := w.Project(t, medplum.Project{Name: "C", Link: []medplum.Link{{Project: medplum.RefTo("Project", w.B.ID, "")}}})
		there := create(t, w.As(t, w.B.Admin), fmt.Sprintf(named, "Bob"))
		create(t, w.As(t, a.Admin), fmt.Sprintf(named, "Bob"))
		none := create(t, w.As(t, w.B.Admin), `{"resourceType":"Patient"}`)
		create(t, w.As(t, w.B.Admin), nickname(nil))
		reindex(t, w, w.B.ID)
		reader := w.As(t, a.Admin)
		found, err := lookFor(t, reader, "Patient", "nickname=bob")
		require.NoError(t, err)
		assert.Equal(t, []string{there.ID}, found, "the parameter is of the linked project's resources")
		found, err = lookFor(t, reader, "Patient", "nickname:missing=true")
		require.NoError(t, err)
		assert.NotContains(t, found, there.ID)
		assert.Contains(t, found, none.ID)
		for _, id := range found {
			_, err := w.As(t, w.B.Admin).Read(ctx, "Patient", id)
			assert.NoError(t, err, "nothing is said of resources that are not indexed")
		}
	})
}

func TestAHiddenFieldIsNotReadByAProjectsParameter(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		create(t, w.As(t, w.A.Admin), nickname(nil))
		reindex(t, w, w.A.ID)
		narrow := w.As(t, w.With(t, w.A.ID, medplum.PolicyResource{ResourceType: "Patient", HiddenFields: []string{"name.given"}}))
		for _, query := range []string{"nickname=bob", "nickname:missing=true", "_sort=nickname"} {
			_, err := lookFor(t, narrow, "Patient", query)
			wantCode(t, err, outcome.Forbidden)
		}
	})
}

// TestAnUpgradeIndexesAgain: once per version, in the background.
func TestAnUpgradeIndexesAgain(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		made := create(t, w.As(t, w.A.Admin), fmt.Sprintf(named, "Bob"))
		unindex(t, w, store.Ref{Project: w.A.ID, Type: "Patient", ID: made.ID})
		found, err := lookFor(t, w.As(t, w.A.Admin), "Patient", "name=bob")
		require.NoError(t, err)
		require.Empty(t, found)
		require.NoError(t, w.Repo.Resume(ctx))
		require.NoError(t, w.Repo.Resume(ctx))
		tasks, err := w.Store.Unfinished(ctx, store.SystemProject)
		require.NoError(t, err)
		require.Len(t, tasks, 1)
		reindex(t, w, store.SystemProject)
		found, err = lookFor(t, w.As(t, w.A.Admin), "Patient", "name=bob")
		require.NoError(t, err)
		assert.Equal(t, []string{made.ID}, found)
		require.NoError(t, w.Repo.Resume(ctx))
		tasks, err = w.Store.Unfinished(ctx, store.SystemProject)
		require.NoError(t, err)
		assert.Empty(t, tasks)
	})
}

// unindex takes the rows of a resource away.
func unindex(t *testing.T, w *repotest.World, ref store.Ref) {
	t.Helper()
	res, err := w.Store.Get(ctx, ref, nil)
	require.NoError(t, err)
	require.NoError(t, w.Store.InTx(ctx, func(tx *store.Tx) error {
		_, err := tx.PutIndex(ctx, store.Write{Resource: res})
		return err
	}))
}

func TestOnlySuperAdministratorsIndexAgain(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		made := create(t, w.As(t, w.A.Admin), fmt.Sprintf(named, "Bob"))
		_, err := w.As(t, w.A.Admin).StartReindex(ctx, "Patient", made.ID)
		wantCode(t, err, outcome.Forbidden)
		super := w.As(t, w.Super.Admin)
		for _, tc := range []struct{ resourceType, id string }{{"", ""}, {"Patient", ""}, {"Patient", made.ID}} {
			unindex(t, w, store.Ref{Project: w.A.ID, Type: "Patient", ID: made.ID})
			task, err := super.StartReindex(ctx, tc.resourceType, tc.id)
			require.NoError(t, err)
			require.NoError(t, w.Repo.Reindex(ctx, repo.ReindexJob{Project: task.Project, Task: task.ID}))
			task, err = super.ReindexTask(ctx, task.ID)
			require.NoError(t, err)
			assert.False(t, task.Finished.IsZero())
			assert.Positive(t, task.Done)
			found, err := lookFor(t, w.As(t, w.A.Admin), "Patient", "name=bob")
			require.NoError(t, err)
			assert.Equal(t, []string{made.ID}, found, "%+v", tc)
		}
		_, err = w.As(t, w.A.Admin).ReindexTask(ctx, "x")
		wantCode(t, err, outcome.Forbidden)
		_, err = super.ReindexTask(ctx, "x")
		wantCode(t, err, outcome.NotFound)
		_, err = super.StartReindex(ctx, "Patient", "nobody")
		wantCode(t, err, outcome.NotFound)
	})
}
