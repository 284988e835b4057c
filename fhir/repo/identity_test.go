package repo_test

import (
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/fhir/repo/repotest"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

func read(t *testing.T, s *repo.Session, ref medplum.Reference, v any) store.Resource {
	t.Helper()
	resourceType, id := ref.Split()
	got, err := s.Read(ctx, resourceType, id)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(got.Content, v))
	return got
}

func membership(project string, m repotest.Member, more string) string {
	return `{"resourceType":"ProjectMembership","project":{"reference":"Project/` + project + `"},"user":{"reference":"` +
		m.User.Reference + `"},"profile":{"reference":"` + m.Profile.Reference + `"}` + more + `}`
}

func TestAMembershipGetsTheDefaultPolicyOfItsProfile(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		admin := w.As(t, w.A.Admin)
		var project medplum.Project
		read(t, w.Repo.System("test", store.SystemProject), medplum.RefTo("Project", w.A.ID, ""), &project)
		for _, member := range []repotest.Member{w.A.Staff, w.A.Patient} {
			profileType, _ := member.Profile.Split()
			made := create(t, admin, membership(w.A.ID, member, ""))
			var m medplum.ProjectMembership
			require.NoError(t, json.Unmarshal(made.Content, &m))
			require.NotNil(t, m.AccessPolicy)
			assert.Equal(t, repo.DefaultPolicy(project, profileType, false).Reference, m.AccessPolicy.Reference)
		}
	})
}

func TestAMembershipPointsAtNothingButItsOwnProject(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		admin := w.As(t, w.A.Admin)
		foreign := w.Policy(t, w.B.ID, medplum.PolicyResource{ResourceType: "*"})
		stranger := repotest.Member{User: w.A.Staff.User, Profile: w.B.Staff.Profile}
		nobody := repotest.Member{User: w.B.Staff.User, Profile: w.A.Staff.Profile}
		for name, tc := range map[string]struct {
			body string
			code outcome.Code
			text string
		}{
			"another project":             {membership(w.B.ID, w.A.Staff, ""), outcome.Forbidden, "Forbidden"},
			"a policy of another project": {membership(w.A.ID, w.A.Staff, `,"accessPolicy":{"reference":"AccessPolicy/`+foreign+`"}`), outcome.Invalid, "does not exist"},
			"a policy that is not there":  {membership(w.A.ID, w.A.Staff, `,"access":[{"policy":{"reference":"AccessPolicy/x"}}]`), outcome.Invalid, "does not exist"},
			"a profile of another":        {membership(w.A.ID, stranger, ""), outcome.Invalid, "Profile"},
			"a user of another":           {membership(w.A.ID, nobody, ""), outcome.Invalid, "User"},
		} {
			t.Run(name, func(t *testing.T) {
				_, err := admin.Create(ctx, medplum.TypeProjectMembership, []byte(tc.body))
				wantCode(t, err, tc.code)
				assert.Contains(t, err.Error(), tc.text)
			})
		}
		known := w.Policy(t, w.A.ID, medplum.PolicyResource{ResourceType: "*"})
		_, err := admin.Create(ctx, medplum.TypeProjectMembership,
			[]byte(membership(w.A.ID, w.A.Staff, `,"access":[{"policy":{"reference":"AccessPolicy/`+known+`"}},{"policy":{"reference":"AccessPolicy/`+foreign+`"}}]`)))
		var o *outcome.Outcome
		require.ErrorAs(t, err, &o)
		assert.Equal(t, []string{"ProjectMembership.access[1].policy"}, o.Issues[0].Expression)
	})
}

func TestAMembershipKeepsItsProjectAndUser(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		_, id := w.A.Staff.Membership.Split()
		changed, err := w.As(t, w.A.Admin).Update(ctx, medplum.TypeProjectMembership, id,
			withID(id, strings.ReplaceAll(membership(w.B.ID, repotest.Member{User: w.B.Staff.User, Profile: w.A.Staff.Profile}, `,"active":false`), "\n", "")), "")
		require.NoError(t, err)
		var m medplum.ProjectMembership
		require.NoError(t, json.Unmarshal(changed.Content, &m))
		assert.Equal(t, "Project/"+w.A.ID, m.Project.Reference)
		assert.Equal(t, w.A.Staff.User.Reference, m.User.Reference)
		assert.False(t, m.IsActive())
	})
}

func TestUniqueValuesConflictInTheirScope(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		admin := w.As(t, w.A.Admin)
		create(t, admin, membership(w.A.ID, w.A.Staff, `,"externalId":"x1"`))
		_, err := admin.Create(ctx, medplum.TypeProjectMembership, []byte(membership(w.A.ID, w.A.Staff, `,"externalId":"x1"`)))
		wantCode(t, err, outcome.Conflict)
		assert.Equal(t, `Key (project, "externalId")=(Project/`+w.A.ID+`, x1) already exists.`, err.Error())
		create(t, w.As(t, w.B.Admin), membership(w.B.ID, w.B.Staff, `,"externalId":"x1"`))

		system := w.Repo.System("test", store.SystemProject)
		create(t, system, `{"resourceType":"User","firstName":"A","lastName":"B","email":"homer@example.com"}`)
		_, err = system.Create(ctx, medplum.TypeUser, []byte(`{"resourceType":"User","firstName":"A","lastName":"B","email":"homer@example.com"}`))
		wantCode(t, err, outcome.Conflict)
		create(t, w.Repo.System("test", w.A.ID), `{"resourceType":"User","firstName":"A","lastName":"B","email":"homer@example.com","project":{"reference":"Project/`+w.A.ID+`"}}`)
	})
}

func TestOneOfManyTakesAUniqueValue(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		errs := make([]error, 12)
		var all sync.WaitGroup
		for i := range errs {
			all.Go(func() {
				_, errs[i] = w.Repo.System("test", store.SystemProject).Create(ctx, medplum.TypeUser,
					[]byte(`{"resourceType":"User","firstName":"A","lastName":"B","email":"race@example.com"}`))
			})
		}
		all.Wait()
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
				continue
			}
			wantCode(t, err, outcome.Conflict)
		}
		assert.Equal(t, 1, won)
	})
}

func TestSimultaneousUpdatesLoseNothing(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		s := w.As(t, w.A.Staff)
		made := create(t, s, `{"resourceType":"Patient"}`)
		errs := make([]error, 8)
		var all sync.WaitGroup
		for i := range errs {
			all.Go(func() {
				_, errs[i] = s.Update(ctx, "Patient", made.ID, withID(made.ID, `{"resourceType":"Patient","name":[{"family":"`+string(rune('A'+i))+`"}]}`), made.Version)
			})
		}
		all.Wait()
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
				continue
			}
			wantCode(t, err, outcome.PreconditionFailed)
		}
		assert.Equal(t, 1, won)
		page, err := s.History(ctx, repo.HistoryRequest{Type: "Patient", ID: made.ID, Count: 10})
		require.NoError(t, err)
		assert.Equal(t, 2, *page.Total)
	})
}

func TestServerScopedUsersAreNotTheProjectAdminsToSee(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		made := create(t, w.Repo.System("test", store.SystemProject), `{"resourceType":"User","firstName":"A","lastName":"B","email":"a@example.com"}`)
		_, err := w.As(t, w.A.Admin).Read(ctx, medplum.TypeUser, made.ID)
		wantCode(t, err, outcome.NotFound)
		_, err = w.As(t, w.A.Staff).Read(ctx, medplum.TypeUser, made.ID)
		wantCode(t, err, outcome.Forbidden)
		_, err = w.As(t, w.Super.Admin).Read(ctx, medplum.TypeUser, made.ID)
		require.NoError(t, err)
	})
}

func TestAProjectAdminSeesOwnProjectAlone(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		admin := w.As(t, w.A.Admin)
		_, err := admin.Read(ctx, medplum.TypeProject, w.A.ID)
		require.NoError(t, err)
		_, err = admin.Read(ctx, medplum.TypeProject, w.B.ID)
		wantCode(t, err, outcome.NotFound)
		_, err = w.As(t, w.A.Staff).Read(ctx, medplum.TypeProject, w.A.ID)
		wantCode(t, err, outcome.Forbidden)
		_, err = admin.Create(ctx, medplum.TypeProject, []byte(`{"resourceType":"Project","name":"x"}`))
		wantCode(t, err, outcome.Forbidden)
	})
}

func TestAProjectAdminCannotMakeTheProjectASuperAdmins(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		admin := w.As(t, w.A.Admin)
		got, err := admin.Read(ctx, medplum.TypeProject, w.A.ID)
		require.NoError(t, err)
		_, err = admin.Update(ctx, medplum.TypeProject, w.A.ID, []byte(strings.TrimSuffix(string(got.Content), "}")+
			`,"superAdmin":true,"link":[{"project":{"reference":"Project/`+w.B.ID+`"}}],"description":"mine"}`), "")
		require.NoError(t, err)
		var p medplum.Project
		read(t, w.Repo.System("test", store.SystemProject), medplum.RefTo("Project", w.A.ID, ""), &p)
		assert.Equal(t, "mine", p.Description)
		assert.False(t, p.SuperAdmin)
		assert.Empty(t, p.Link)
	})
}

func TestWhatAMembershipStandsOnCannotBeDeleted(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		admin := w.As(t, w.A.Admin)
		for _, ref := range []medplum.Reference{w.A.Patient.Profile, w.A.Staff.Profile} {
			resourceType, id := ref.Split()
			err := admin.Delete(ctx, resourceType, id)
			wantCode(t, err, outcome.Conflict)
			assert.Contains(t, err.Error(), "ProjectMembership")
		}
		_, id := w.A.Patient.Membership.Split()
		require.NoError(t, admin.Delete(ctx, medplum.TypeProjectMembership, id))
		_, id = w.A.Patient.Profile.Split()
		require.NoError(t, admin.Delete(ctx, "Patient", id))
	})
}

func TestAPolicyThatCannotBeUnderstoodIsNotStored(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		_, err := w.As(t, w.A.Admin).Create(ctx, medplum.TypeAccessPolicy,
			[]byte(`{"resourceType":"AccessPolicy","resource":[{"resourceType":"Patient","criteria":"Patient?nope=1"}]}`))
		require.Error(t, err)
		var o *outcome.Outcome
		require.True(t, errors.As(err, &o))
		assert.Equal(t, 400, o.Code.Status)
	})
}

func TestLoginsAndKeysAreTheServersAlone(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		for _, resourceType := range []string{medplum.TypeLogin, medplum.TypeJSONWebKey} {
			_, err := w.As(t, w.A.Admin).Create(ctx, resourceType, []byte(`{}`))
			wantCode(t, err, outcome.Forbidden)
			_, err = w.Repo.System("test", w.A.ID).Create(ctx, resourceType, []byte(`{}`))
			wantCode(t, err, outcome.NotSupported)
		}
	})
}

func TestTheKeysOfAClientAreAtAnAddressThatIsAsked(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		admin := w.As(t, w.A.Admin)
		client := func(address string) []byte {
			return []byte(`{"resourceType":"ClientApplication","name":"c","jwksUri":"` + address + `"}`)
		}
		for _, address := range []string{"nope", "/jwks", "https:", "https:///jwks", "ftp://x.example/jwks", "http://x.example/jwks", "https://u:p@x.example/jwks"} {
			_, err := admin.Create(ctx, medplum.TypeClientApplication, client(address))
			wantCode(t, err, outcome.Invalid)
			require.ErrorContains(t, err, "Invalid JWKS URI", address)
		}
		_, err := admin.Create(ctx, medplum.TypeClientApplication, client("https://x.example/jwks"))
		require.NoError(t, err)
		w.Repo.AllowPrivateURLs = true
		_, err = admin.Create(ctx, medplum.TypeClientApplication, client("http://localhost:3000/jwks"))
		require.NoError(t, err)
		_, err = admin.Create(ctx, medplum.TypeClientApplication, client("nope"))
		wantCode(t, err, outcome.Invalid)
	})
}

func TestAClientRedirectsToNoProgram(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		admin := w.As(t, w.A.Admin)
		client := func(element string) []byte {
			return []byte(`{"resourceType":"ClientApplication","name":"c",` + element + `}`)
		}
		for _, address := range []string{"javascript:alert(1)", "JavaScript:alert(1)", "data:text/html,x", "//x.example/cb", "/cb", "https://x.example/cb#a"} {
			for _, element := range []string{`"redirectUri":"` + address + `"`, `"redirectUris":["https://x.example/cb","` + address + `"]`} {
				_, err := admin.Create(ctx, medplum.TypeClientApplication, client(element))
				wantCode(t, err, outcome.Invalid)
			}
		}
		for _, address := range []string{"https://x.example/cb?a=b", "http://localhost:3000/", "com.example.app:/cb"} {
			_, err := admin.Create(ctx, medplum.TypeClientApplication, client(`"redirectUri":"`+address+`"`))
			require.NoError(t, err, address)
		}
	})
}
