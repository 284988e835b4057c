package repo_test

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/fhir/repo/repotest"
	"github.com/admitdev/admit/fhir/search"
	"github.com/admitdev/admit/pkg/outcome"
)

func find(t *testing.T, s *repo.Session, types []string, query string) []string {
	t.Helper()
	req, err := search.Parse(types, query, "http://localhost/fhir/R4/")
	require.NoError(t, err)
	rows, err := s.Search(ctx, req)
	require.NoError(t, err)
	ids := make([]string, len(rows))
	for i, row := range rows {
		ids[i] = row.ID
	}
	n, err := s.Count(ctx, req)
	require.NoError(t, err)
	assert.Len(t, ids, n)
	return ids
}

func TestSearchFindsWhatMayBeRead(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		here := create(t, w.As(t, w.A.Staff), `{"resourceType":"Patient","active":true,"gender":"other","telecom":[{"system":"phone","value":"7"}]}`)
		create(t, w.As(t, w.A.Staff), `{"resourceType":"Patient","active":false,"gender":"other"}`)
		create(t, w.As(t, w.B.Staff), `{"resourceType":"Patient","active":true,"gender":"other"}`)
		narrow := w.As(t, w.With(t, w.A.ID, medplum.PolicyResource{
			ResourceType: "Patient", Criteria: "Patient?active=true", HiddenFields: []string{"telecom"},
		}))
		assert.Equal(t, []string{here.ID}, find(t, narrow, []string{"Patient"}, "gender=other"))
		assert.Len(t, find(t, w.As(t, w.A.Staff), []string{"Patient"}, "gender=other"), 2)
		assert.Len(t, find(t, w.As(t, w.Super.Admin), []string{"Patient"}, "gender=other"), 3)

		req, err := search.Parse([]string{"Patient"}, "gender=other", "http://localhost/")
		require.NoError(t, err)
		rows, err := narrow.Search(ctx, req)
		require.NoError(t, err)
		assert.NotContains(t, string(rows[0].Content), "telecom")
		req, err = search.Parse([]string{"Patient"}, "phone=7", "http://localhost/")
		require.NoError(t, err)
		_, err = narrow.Search(ctx, req)
		wantCode(t, err, outcome.Forbidden)
		req, err = search.Parse([]string{"Observation"}, "", "http://localhost/")
		require.NoError(t, err)
		_, err = narrow.Search(ctx, req)
		wantCode(t, err, outcome.Forbidden)
	})
}

func TestALinkShowsNoPeople(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		linked := w.Project(t, medplum.Project{Name: "C", Link: []medplum.Link{{Project: medplum.RefTo("Project", w.A.ID, "")}}})
		admin := w.As(t, linked.Admin)
		assert.Len(t, find(t, admin, []string{"Patient"}, ""), 2, "both projects' patients")
		assert.Len(t, find(t, admin, []string{medplum.TypeUser}, ""), 3, "the own project's people")
		assert.Len(t, find(t, admin, []string{medplum.TypeUser, "Patient"}, ""), 5)
		assert.Len(t, find(t, admin, []string{medplum.TypeProjectMembership}, ""), 3)
	})
}

func TestServerScopedUsersAreFoundBySuperAdminsAlone(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		made := create(t, w.As(t, w.Super.Admin), `{"resourceType":"User","firstName":"A","lastName":"B","email":"a@example.com"}`)
		assert.Empty(t, find(t, w.As(t, w.A.Admin), []string{medplum.TypeUser}, "email=a@example.com"))
		assert.Equal(t, []string{made.ID}, find(t, w.As(t, w.Super.Admin), []string{medplum.TypeUser}, "email=a@example.com"))
	})
}

func accountsOf(t *testing.T, content []byte) []medplum.Reference {
	t.Helper()
	var r struct {
		Meta struct{ Accounts []medplum.Reference }
	}
	require.NoError(t, json.Unmarshal(content, &r))
	return r.Meta.Accounts
}

func TestAccountsComeFromThePolicyOrAnAdministratorInExtendedMode(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		org := medplum.Reference{Reference: "Organization/o1"}
		policy := medplum.RefTo(medplum.TypeAccessPolicy, w.Make(t, w.A.ID, medplum.TypeAccessPolicy, medplum.AccessPolicy{
			ResourceType: medplum.TypeAccessPolicy, Compartment: &org, Resource: []medplum.PolicyResource{{ResourceType: "Patient"}},
		}), "")
		member := w.Member(t, w.A.ID, "Practitioner", medplum.ProjectMembership{AccessPolicy: &policy})
		made := create(t, w.As(t, member), `{"resourceType":"Patient","meta":{"accounts":[{"reference":"Organization/mine"}]}}`)
		assert.Equal(t, []medplum.Reference{org}, accountsOf(t, made.Content))

		const other = `{"resourceType":"Patient","active":true,"meta":{"accounts":[{"reference":"Organization/o2"}]}}`
		kept, err := w.As(t, w.A.Admin).Update(ctx, "Patient", made.ID, withID(made.ID, other), "")
		require.NoError(t, err)
		assert.Equal(t, []medplum.Reference{org}, accountsOf(t, kept.Content), "not extended")
		who := w.Caller(t, w.A.Admin)
		who.Extended = true
		set, err := w.Repo.As(who).Update(ctx, "Patient", made.ID, withID(made.ID, other), "")
		require.NoError(t, err)
		assert.Equal(t, []medplum.Reference{{Reference: "Organization/o2"}}, accountsOf(t, set.Content))
		assert.Equal(t, []string{made.ID}, find(t, w.As(t, w.A.Staff), []string{"Patient"}, "_compartment=Organization/o2"))
		assert.Empty(t, find(t, w.As(t, w.A.Staff), []string{"Patient"}, "_compartment=Organization/o1"))
	})
}

func TestAWriteConstraintDecides(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		s := w.As(t, w.With(t, w.A.ID, medplum.PolicyResource{ResourceType: "Observation", WriteConstraint: []medplum.Expression{
			{Language: "text/fhirpath", Expression: "%before.status.empty() or %before.status = 'preliminary'"},
		}}))
		made := create(t, s, `{"resourceType":"Observation","status":"preliminary","code":{"text":"x"}}`)
		final, err := s.Update(ctx, "Observation", made.ID, withID(made.ID, `{"resourceType":"Observation","status":"final","code":{"text":"x"}}`), "")
		require.NoError(t, err)
		_, err = s.Update(ctx, "Observation", made.ID, withID(made.ID, `{"resourceType":"Observation","status":"amended","code":{"text":"x"}}`), final.Version)
		wantCode(t, err, outcome.Forbidden)
		wantCode(t, s.Delete(ctx, "Observation", made.ID), outcome.Forbidden)
		draft := create(t, s, `{"resourceType":"Observation","status":"preliminary","code":{"text":"x"}}`)
		require.NoError(t, s.Delete(ctx, "Observation", draft.ID))
	})
}

func TestReferencesAreCheckedWhereTheProjectAsksForIt(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		strict := w.Project(t, medplum.Project{Name: "S", CheckReferencesOnWrite: true})
		foreign := create(t, w.As(t, w.A.Staff), `{"resourceType":"Patient"}`)
		s := w.As(t, strict.Staff)
		own := create(t, s, `{"resourceType":"Patient"}`)
		observation := func(subject string) []byte {
			return []byte(`{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"` + subject + `"}}`)
		}
		for _, dangling := range []string{"Patient/" + foreign.ID, "Patient/unknown"} {
			_, err := s.Create(ctx, "Observation", observation(dangling))
			wantCode(t, err, outcome.Invalid)
			var o *outcome.Outcome
			require.ErrorAs(t, err, &o)
			assert.Equal(t, []string{"Observation.subject"}, o.Issues[0].Expression)
			assert.Equal(t, "Invalid reference (Not found)", o.Issues[0].Text)
		}
		for _, fine := range []string{"Patient/" + own.ID, "http://example.com/Patient/1", "urn:uuid:0"} {
			_, err := s.Create(ctx, "Observation", observation(fine))
			require.NoError(t, err, fine)
		}
		_, err := w.As(t, w.A.Staff).Create(ctx, "Observation", observation("Patient/unknown"))
		require.NoError(t, err)
	})
}

func TestWhatCannotBeSeenDoesNotExplainItself(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		s := w.As(t, w.A.Staff)
		for _, id := range []string{"", "a b", "../x", "ä", "a_b", "x"} {
			_, err := s.Read(ctx, "Patient", id)
			wantCode(t, err, outcome.NotFound)
		}
		_, err := s.Read(ctx, "Nothing", "x")
		wantCode(t, err, outcome.Structure)
	})
}

func TestASecretThatCouldBeGuessedIsRefused(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		_, err := w.As(t, w.A.Admin).Create(ctx, medplum.TypeClientApplication, []byte(`{"resourceType":"ClientApplication","name":"c","secret":"short"}`))
		wantCode(t, err, outcome.Invalid)
		assert.Empty(t, find(t, w.As(t, w.A.Admin), []string{medplum.TypeClientApplication}, "name=c"), "nothing was made")
	})
}

func TestAReadonlyElementThatIsNeededCannotBeLeftOut(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		s := w.As(t, w.With(t, w.A.ID, medplum.PolicyResource{ResourceType: "Observation", ReadonlyFields: []string{"status"}}))
		_, err := s.Create(ctx, "Observation", []byte(`{"resourceType":"Observation","status":"final","code":{"text":"x"}}`))
		wantCode(t, err, outcome.Structure)
	})
}

func TestAHiddenSecretIsNotShownToAnAdministrator(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		client := create(t, w.As(t, w.A.Admin), `{"resourceType":"ClientApplication","name":"c","secret":"hush0123456789abcdef"}`)
		policy := medplum.RefTo(medplum.TypeAccessPolicy, w.Policy(t, w.A.ID, medplum.PolicyResource{
			ResourceType: medplum.TypeClientApplication, HiddenFields: []string{"secret"},
		}), "")
		admin := w.As(t, w.Member(t, w.A.ID, "Practitioner", medplum.ProjectMembership{Admin: true, AccessPolicy: &policy}))
		got, err := admin.Read(ctx, medplum.TypeClientApplication, client.ID)
		require.NoError(t, err)
		assert.NotContains(t, string(got.Content), "hush")
	})
}

func TestAResourceHasABoundedNumberOfIndexRows(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		s := w.As(t, w.A.Patient)
		_, id := w.A.Patient.Profile.Split()
		given := func(n int) string {
			names := make([]string, n)
			for i := range names {
				names[i] = `"g` + strconv.Itoa(i) + `"`
			}
			return `{"resourceType":"Patient","name":[{"given":[` + strings.Join(names, ",") + `]}]}`
		}
		_, err := s.Update(ctx, "Patient", id, withID(id, given(80_000)), "")
		wantCode(t, err, outcome.TooLong)
		_, err = s.Update(ctx, "Patient", id, withID(id, given(100)), "")
		require.NoError(t, err)
	})
}

// TestWhatAReaderDoesNotSeeItsUpdateLeaves: the rule for reading hides, that for updating says nothing
// of it, and the item that is hidden whole is not there to be counted.
func TestWhatAReaderDoesNotSeeItsUpdateLeaves(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		made := create(t, w.As(t, w.A.Staff), `{"resourceType":"Patient","birthDate":"1970-01-01","name":[{"given":["Ada"]},{"family":"King","given":["Augusta"]}]}`)
		s := w.As(t, w.With(t, w.A.ID,
			medplum.PolicyResource{ResourceType: "Patient", Readonly: true, HiddenFields: []string{"name.given", "birthDate"}},
			medplum.PolicyResource{ResourceType: "Patient", Interaction: []string{"update"}}))
		_, err := s.Update(ctx, "Patient", made.ID, withID(made.ID, `{"resourceType":"Patient","active":true,"name":[{"family":"Lovelace"}]}`), "")
		require.NoError(t, err)
		after, err := w.As(t, w.A.Staff).Read(ctx, "Patient", made.ID)
		require.NoError(t, err)
		assert.JSONEq(t, `[{"given":["Ada"]},{"family":"Lovelace","given":["Augusta"]}]`, gjson.GetBytes(after.Content, "name").Raw)
		assert.Equal(t, "1970-01-01", gjson.GetBytes(after.Content, "birthDate").String())
	})
}

// TestAnOldVersionHidesWhatIsHiddenNow: the rule that matched the old version showed what the one that
// matches the resource now hides, and the other way round.
func TestAnOldVersionHidesWhatIsHiddenNow(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		staff := w.As(t, w.A.Staff)
		s := w.As(t, w.With(t, w.A.ID,
			medplum.PolicyResource{ResourceType: "Patient", Criteria: "Patient?active=true", HiddenFields: []string{"gender"}},
			medplum.PolicyResource{ResourceType: "Patient", HiddenFields: []string{"birthDate"}}))
		old := create(t, staff, `{"resourceType":"Patient","active":true,"birthDate":"1970-01-01","gender":"female"}`)
		_, err := staff.Update(ctx, "Patient", old.ID, withID(old.ID, `{"resourceType":"Patient","active":false,"birthDate":"1970-01-01","gender":"female"}`), "")
		require.NoError(t, err)
		hides := func() {
			got, err := s.VRead(ctx, "Patient", old.ID, old.Version)
			require.NoError(t, err)
			page, err := s.History(ctx, repo.HistoryRequest{Type: "Patient", ID: old.ID, Count: 10})
			require.NoError(t, err)
			first := page.Versions[len(page.Versions)-1]
			require.Equal(t, old.Version, first.Version)
			for _, seen := range [][]byte{got.Content, first.Content} {
				assert.True(t, gjson.GetBytes(seen, "active").Bool())
				assert.NotContains(t, string(seen), "1970")
				assert.NotContains(t, string(seen), "female")
			}
		}
		hides()
		require.NoError(t, staff.Delete(ctx, "Patient", old.ID))
		hides()
	})
}
