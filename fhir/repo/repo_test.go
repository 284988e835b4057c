package repo_test

import (
	"context"
	"encoding/json"
	"strings"
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

var ctx = context.Background()

// each runs a test on both databases.
func each(t *testing.T, fn func(t *testing.T, w *repotest.World)) {
	t.Helper()
	t.Parallel() // a test waits for its database more than it works
	storetest.Each(t, func(t *testing.T, db storetest.DB) { fn(t, repotest.New(t, db)) })
}

func wantCode(t *testing.T, err error, code outcome.Code) {
	t.Helper()
	require.Error(t, err)
	require.True(t, outcome.Has(err, code), "want %s, got %v", code.Text, err)
}

func create(t *testing.T, s *repo.Session, body string) store.Resource {
	t.Helper()
	var typed struct{ ResourceType string }
	require.NoError(t, json.Unmarshal([]byte(body), &typed))
	made, err := s.Create(ctx, typed.ResourceType, []byte(body))
	require.NoError(t, err, "%s", body)
	return made
}

// withID is a body as an update sends it.
func withID(id, body string) []byte {
	return []byte(strings.Replace(body, "{", `{"id":"`+id+`",`, 1))
}

func TestWhatIsStoredIsWhatWasGivenBehindTheServersOwnMembers(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		s := w.As(t, w.A.Staff)
		made := create(t, s, `{ "resourceType":"Observation", "id":"mine", "meta":{"versionId":"1","tag":[{"code":"x"}],"project":"p","author":{"reference":"Patient/1"},"accounts":[{"reference":"Organization/1"}]},
			"status":"final", "code":{"text":"a<b>&é"}, "valueQuantity":{"value":1.00}, "_issued":{"extension":[{"url":"http://x","valueString":"y"}]} }`)
		want := `{"resourceType":"Observation","id":"` + made.ID + `","meta":{"versionId":"` + made.Version + `","lastUpdated":"` +
			made.LastUpdated.Format("2006-01-02T15:04:05.000Z") + `","tag":[{"code":"x"}]},` +
			`"status":"final","code":{"text":"a<b>&é"},"valueQuantity":{"value":1.00},"_issued":{"extension":[{"url":"http://x","valueString":"y"}]}}`
		assert.Equal(t, want, string(made.Content))
		assert.NotEqual(t, "mine", made.ID)
		read, err := s.Read(ctx, "Observation", made.ID)
		require.NoError(t, err)
		assert.Equal(t, want, string(read.Content))
	})
}

func TestExtendedAnswersSayWhoseTheResourceIs(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		who := w.Caller(t, w.A.Staff)
		who.Extended = true
		made := create(t, w.Repo.As(who), `{"resourceType":"Patient"}`)
		var shown struct {
			Meta struct {
				Project     string
				Author      medplum.Reference
				Compartment []medplum.Reference
			}
		}
		require.NoError(t, json.Unmarshal(made.Content, &shown))
		assert.Equal(t, w.A.ID, shown.Meta.Project)
		assert.Equal(t, w.A.Staff.Profile, shown.Meta.Author)
		assert.Contains(t, shown.Meta.Compartment, medplum.Reference{Reference: "Project/" + w.A.ID})
	})
}

func TestProjectsAreIsolated(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		made := create(t, w.As(t, w.A.Staff), `{"resourceType":"Patient"}`)
		for name, other := range map[string]repotest.Member{"admin": w.B.Admin, "staff": w.B.Staff, "patient": w.B.Patient} {
			t.Run(name, func(t *testing.T) {
				s := w.As(t, other)
				_, err := s.Read(ctx, "Patient", made.ID)
				wantCode(t, err, outcome.NotFound)
				_, err = s.VRead(ctx, "Patient", made.ID, made.Version)
				wantCode(t, err, outcome.NotFound)
				_, err = s.History(ctx, repo.HistoryRequest{Type: "Patient", ID: made.ID, Count: 10})
				wantCode(t, err, outcome.NotFound)
				_, err = s.Update(ctx, "Patient", made.ID, withID(made.ID, `{"resourceType":"Patient","active":true}`), "")
				wantCode(t, err, outcome.NotFound)
				wantCode(t, s.Delete(ctx, "Patient", made.ID), outcome.NotFound)
			})
		}
		got, err := w.As(t, w.A.Staff).Read(ctx, "Patient", made.ID)
		require.NoError(t, err)
		assert.Equal(t, made.Version, got.Version)
	})
}

func TestALinkedProjectMayBeReadAndNotWritten(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		linked := w.Project(t, medplum.Project{Name: "C", Link: []medplum.Link{{Project: medplum.RefTo("Project", w.A.ID, "")}}})
		made := create(t, w.As(t, w.A.Staff), `{"resourceType":"Patient"}`)
		s := w.As(t, linked.Staff)
		_, err := s.Read(ctx, "Patient", made.ID)
		require.NoError(t, err)
		_, err = s.Update(ctx, "Patient", made.ID, withID(made.ID, `{"resourceType":"Patient","active":true}`), "")
		wantCode(t, err, outcome.Forbidden)
		wantCode(t, s.Delete(ctx, "Patient", made.ID), outcome.Forbidden)
		_, id := w.A.Admin.Membership.Split()
		_, err = w.As(t, linked.Admin).Read(ctx, medplum.TypeProjectMembership, id)
		wantCode(t, err, outcome.NotFound)
	})
}

func TestASuperAdminReachesEveryProject(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		made := create(t, w.As(t, w.A.Staff), `{"resourceType":"Patient"}`)
		s := w.As(t, w.Super.Admin)
		_, err := s.Read(ctx, "Patient", made.ID)
		require.NoError(t, err)
		changed, err := s.Update(ctx, "Patient", made.ID, withID(made.ID, `{"resourceType":"Patient","active":true}`), "")
		require.NoError(t, err)
		assert.Equal(t, w.A.ID, changed.Project)
		_, err = s.Create(ctx, "Patient", withID(made.ID, `{"resourceType":"Patient"}`))
		wantCode(t, err, outcome.Conflict)
	})
}

func TestWhatAPolicyNarrowsIsAbsentAndWhatItForbidsIsForbidden(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		inside := create(t, w.As(t, w.A.Staff), `{"resourceType":"Patient","active":true}`)
		outside := create(t, w.As(t, w.A.Staff), `{"resourceType":"Patient","active":false}`)
		s := w.As(t, w.With(t, w.A.ID,
			medplum.PolicyResource{ResourceType: "Patient", Criteria: "Patient?active=true", Interaction: []string{"read", "search", "history", "vread", "create", "update"}},
			medplum.PolicyResource{ResourceType: "Organization", Readonly: true}))

		_, err := s.Read(ctx, "Patient", inside.ID)
		require.NoError(t, err)
		_, err = s.Read(ctx, "Patient", outside.ID)
		wantCode(t, err, outcome.NotFound)
		_, err = s.VRead(ctx, "Patient", outside.ID, outside.Version)
		wantCode(t, err, outcome.NotFound)
		_, err = s.History(ctx, repo.HistoryRequest{Type: "Patient", ID: outside.ID, Count: 10})
		wantCode(t, err, outcome.NotFound)
		_, err = s.Update(ctx, "Patient", outside.ID, withID(outside.ID, `{"resourceType":"Patient","active":true}`), "")
		wantCode(t, err, outcome.NotFound)
		_, err = s.Update(ctx, "Patient", inside.ID, withID(inside.ID, `{"resourceType":"Patient","active":false}`), "")
		wantCode(t, err, outcome.Forbidden)
		_, err = s.Create(ctx, "Patient", []byte(`{"resourceType":"Patient"}`))
		wantCode(t, err, outcome.Forbidden)
		wantCode(t, s.Delete(ctx, "Patient", inside.ID), outcome.Forbidden)
		_, err = s.Read(ctx, "Observation", inside.ID)
		wantCode(t, err, outcome.Forbidden)
		_, err = s.Create(ctx, "Organization", []byte(`{"resourceType":"Organization","name":"x"}`))
		wantCode(t, err, outcome.Forbidden)
	})
}

func TestAReadableResourceThatMayNotBeChangedIsForbidden(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		made := create(t, w.As(t, w.A.Staff), `{"resourceType":"Patient","active":false}`)
		s := w.As(t, w.With(t, w.A.ID,
			medplum.PolicyResource{ResourceType: "Patient", Readonly: true},
			medplum.PolicyResource{ResourceType: "Patient", Criteria: "Patient?active=true"}))
		_, err := s.Update(ctx, "Patient", made.ID, withID(made.ID, `{"resourceType":"Patient","active":true}`), "")
		wantCode(t, err, outcome.Forbidden)
	})
}

func TestHiddenAndReadonlyFields(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		made := create(t, w.As(t, w.A.Staff), `{"resourceType":"Patient","name":[{"family":"North","given":["Eve"]}],"birthDate":"1970-01-01","_birthDate":{"extension":[{"url":"http://x","valueString":"y"}]},"telecom":[{"system":"phone","value":"1"}]}`)
		s := w.As(t, w.With(t, w.A.ID, medplum.PolicyResource{
			ResourceType: "Patient", HiddenFields: []string{"telecom", "name.family"}, ReadonlyFields: []string{"birthDate"},
		}))
		read, err := s.Read(ctx, "Patient", made.ID)
		require.NoError(t, err)
		assert.NotContains(t, string(read.Content), "North")
		assert.NotContains(t, string(read.Content), "telecom")
		assert.Contains(t, string(read.Content), "Eve")

		same, err := s.Update(ctx, "Patient", made.ID, []byte(strings.Replace(string(read.Content), "1970", "1999", 1)), "")
		require.NoError(t, err)
		assert.Equal(t, made.Version, same.Version, "only a read-only field changed")

		changed, err := s.Update(ctx, "Patient", made.ID, []byte(strings.Replace(string(read.Content), "Eve", "Eva", 1)), "")
		require.NoError(t, err)
		assert.NotContains(t, string(changed.Content), "North")
		whole, err := w.As(t, w.A.Staff).Read(ctx, "Patient", made.ID)
		require.NoError(t, err)
		for _, kept := range []string{`"family":"North"`, `"given":["Eva"]`, `"value":"1"`, `1970-01-01`, `valueString`} {
			assert.Contains(t, string(whole.Content), kept)
		}
		fresh := create(t, s, `{"resourceType":"Patient","birthDate":"2000-01-01","telecom":[{"system":"phone","value":"2"}],"active":true}`)
		whole, err = w.As(t, w.A.Staff).Read(ctx, "Patient", fresh.ID)
		require.NoError(t, err)
		assert.NotContains(t, string(whole.Content), "2000")
		assert.NotContains(t, string(whole.Content), "telecom")
	})
}

func TestHistoryIsNewestFirstAndShowsNoVersionOutsideThePolicy(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		s := w.As(t, w.A.Staff)
		first := create(t, s, `{"resourceType":"Patient","active":false}`)
		second, err := s.Update(ctx, "Patient", first.ID, withID(first.ID, `{"resourceType":"Patient","active":true}`), first.Version)
		require.NoError(t, err)
		require.NoError(t, s.Delete(ctx, "Patient", first.ID))
		require.NoError(t, s.Delete(ctx, "Patient", first.ID), "deleting twice is as good")
		_, err = s.Read(ctx, "Patient", first.ID)
		wantCode(t, err, outcome.Gone)

		page, err := s.History(ctx, repo.HistoryRequest{Type: "Patient", ID: first.ID, Count: 2})
		require.NoError(t, err)
		assert.Equal(t, 3, *page.Total)
		require.Len(t, page.Versions, 2)
		assert.True(t, page.Versions[0].Deleted)
		assert.Equal(t, second.Version, page.Versions[1].Version)

		active := w.As(t, w.With(t, w.A.ID, medplum.PolicyResource{ResourceType: "Patient", Criteria: "Patient?active=true"}))
		page, err = active.History(ctx, repo.HistoryRequest{Type: "Patient", ID: first.ID, Count: 10})
		require.NoError(t, err, "what it last was is visible")
		require.Len(t, page.Versions, 2)
		assert.Equal(t, 2, *page.Total, "what is hidden is not counted")
		page, err = active.History(ctx, repo.HistoryRequest{Type: "Patient", ID: first.ID, Count: 1})
		require.NoError(t, err)
		assert.Equal(t, 2, *page.Total, "nor on a page that ends before it")
		_, err = active.VRead(ctx, "Patient", first.ID, first.Version)
		wantCode(t, err, outcome.NotFound)
		_, err = active.Read(ctx, "Patient", first.ID)
		wantCode(t, err, outcome.Gone)
		inactive := w.As(t, w.With(t, w.A.ID, medplum.PolicyResource{ResourceType: "Patient", Criteria: "Patient?active=false"}))
		_, err = inactive.Read(ctx, "Patient", first.ID)
		wantCode(t, err, outcome.NotFound)

		back, err := s.Update(ctx, "Patient", first.ID, withID(first.ID, `{"resourceType":"Patient","active":true}`), "")
		require.NoError(t, err, "an update brings it back")
		read, err := s.Read(ctx, "Patient", first.ID)
		require.NoError(t, err)
		assert.Equal(t, back.Version, read.Version)
	})
}

func TestAnUpdateNamesTheVersionItReplaces(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		s := w.As(t, w.A.Staff)
		first := create(t, s, `{"resourceType":"Patient","name":[{"family":"A"}],"active":true}`)
		_, err := s.Update(ctx, "Patient", first.ID, withID(first.ID, `{"resourceType":"Patient"}`), "another")
		wantCode(t, err, outcome.PreconditionFailed)
		same, err := s.Update(ctx, "Patient", first.ID, withID(first.ID, `{"active":true,"resourceType":"Patient","name":[ {"family":"A"} ]}`), first.Version)
		require.NoError(t, err)
		assert.Equal(t, first.Version, same.Version, "nothing changed")
		for name, tc := range map[string]struct{ body, text string }{
			"no id":        {`{"resourceType":"Patient"}`, "Incorrect resource ID"},
			"another id":   {`{"resourceType":"Patient","id":"x"}`, "Incorrect resource ID"},
			"another type": {`{"resourceType":"Observation","id":"` + first.ID + `"}`, "Incorrect resource type"},
		} {
			t.Run(name, func(t *testing.T) {
				_, err := s.Update(ctx, "Patient", first.ID, []byte(tc.body), "")
				wantCode(t, err, outcome.Invalid)
				assert.Equal(t, tc.text, err.Error())
			})
		}
	})
}
