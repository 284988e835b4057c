package admin_test

import (
	"context"
	"encoding/json"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/policy"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

func raw(items ...string) []json.RawMessage {
	out := make([]json.RawMessage, len(items))
	for i, item := range items {
		out[i] = json.RawMessage(item)
	}
	return out
}

func TestTheListsOfAProject(t *testing.T) {
	eachClinic(t, func(t *testing.T, c *clinic) {
		ctx := t.Context()
		c.open(t)
		made, err := c.ReplaceList(ctx, c.ada, c.project, admin.Secrets, raw(`{"name":"KEY","valueString":"v"}`, `{"name":"N","valueDecimal":1.50}`))
		require.NoError(t, err)
		assert.Contains(t, string(made.Content), `"secret":[{"name":"KEY","valueString":"v"},{"name":"N","valueDecimal":1.50}]`)
		assert.NotContains(t, string(made.Content), "strictMode", "hidden from a project's administrator")
		_, err = c.ReplaceList(ctx, c.ada, c.project, admin.Sites, raw(`{"name":"site","domain":["127.0.0.1"]}`))
		require.NoError(t, err)
		_, err = c.ReplaceList(ctx, c.super, c.project, admin.Settings, raw(`{"name":"icure","valueBoolean":true}`))
		require.NoError(t, err)

		details, err := c.Project(ctx, c.ada, c.project)
		require.NoError(t, err)
		shown, err := json.Marshal(details)
		require.NoError(t, err)
		assert.JSONEq(t, `{"id":"`+c.project+`","name":"Clinic","secret":[{"name":"KEY","valueString":"v"},{"name":"N","valueDecimal":1.50}],
			"site":[{"name":"site","domain":["127.0.0.1"]}],"setting":[{"name":"icure","valueBoolean":true}]}`, string(shown))

		_, err = c.ReplaceList(ctx, c.ada, c.project, admin.Secrets, []json.RawMessage{})
		require.NoError(t, err)
		for _, broken := range [][]json.RawMessage{raw(`{"valueString":"no name"}`), raw(`1`), raw(`{"name":"x","nope":1}`), raw(`null`)} {
			_, err = c.ReplaceList(ctx, c.ada, c.project, admin.Secrets, broken)
			wantOutcome(t, err, outcome.Structure, "")
		}
		details, err = c.Project(ctx, c.ada, c.project)
		require.NoError(t, err)
		assert.Empty(t, details.Secret)
		assert.NotEmpty(t, details.Site)

		_, err = c.ReplaceList(ctx, c.ada, c.project, admin.Sites, nil)
		wantOutcome(t, err, outcome.Invalid, "Expected array")
		_, err = c.Project(ctx, c.super, "no project's id")
		wantOutcome(t, err, outcome.NotFound, "")
		for _, who := range []struct {
			name string
			err  func() error
			code outcome.Code
		}{
			{"staff reads", func() error { _, err := c.Project(ctx, c.staff, c.project); return err }, outcome.Forbidden},
			{"another administrator reads", func() error { _, err := c.Project(ctx, c.bob, c.project); return err }, outcome.NotFound},
			{"another administrator writes", func() error { _, err := c.ReplaceList(ctx, c.bob, c.project, admin.Sites, raw()); return err }, outcome.NotFound},
			{"staff writes", func() error { _, err := c.ReplaceList(ctx, c.staff, c.project, admin.Sites, raw()); return err }, outcome.Forbidden},
		} {
			wantOutcome(t, who.err(), who.code, "")
		}
		details, err = c.Project(ctx, c.super, c.project)
		require.NoError(t, err)
		assert.NotEmpty(t, details.Site, "what was refused changed nothing")
	})
}

// TestATokenForLessDoesNotAdminister: an app that was given some of an administrator's data has the
// administrator's role in its token and must not use it.
func TestATokenForLessDoesNotAdminister(t *testing.T) {
	eachClinic(t, func(t *testing.T, c *clinic) {
		c.open(t)
		scoped := func(who caller.Caller, scope string) caller.Caller {
			var err error
			who.Policy, err = policy.Compile(nil, policy.Subject{
				Project: who.Project, Profile: who.Profile, Admin: who.Admin, SuperAdmin: who.SuperAdmin, Scope: scope,
			})
			require.NoError(t, err)
			return who
		}
		before := c.count(t)
		ada, super := scoped(c.ada, "openid user/Patient.read"), scoped(c.super, "user/*.read")
		_, err := c.tryInvite(ada, c.project, person("Practitioner", "mole@example.com", `,"membership":{"admin":true}`), "")
		wantOutcome(t, err, outcome.Forbidden, "")
		_, err = c.tryInvite(super, c.project, person("Practitioner", "mole@example.com", ""), "")
		wantOutcome(t, err, outcome.Forbidden, "")
		_, err = c.Project(context.Background(), ada, c.project)
		wantOutcome(t, err, outcome.Forbidden, "")
		_, err = c.Mail(context.Background(), super, "")
		wantOutcome(t, err, outcome.Forbidden, "")
		assert.Empty(t, c.count(t).minus(before))

		_, err = c.tryInvite(scoped(c.ada, "user/*.*"), c.project, person("Practitioner", "friend@example.com", ""), "")
		require.NoError(t, err)
	})
}

func TestListsReplacedAtOnceAreBothKept(t *testing.T) {
	eachClinic(t, func(t *testing.T, c *clinic) {
		c.open(t)
		var running sync.WaitGroup
		for list, item := range map[admin.List]string{
			admin.Secrets: `{"name":"a","valueString":"b"}`, admin.Settings: `{"name":"c","valueString":"d"}`, admin.Sites: `{"name":"e","domain":["f"]}`,
		} {
			running.Go(func() {
				_, err := c.ReplaceList(context.Background(), c.ada, c.project, list, raw(item))
				assert.NoError(t, err)
			})
		}
		running.Wait()
		details, err := c.Project(t.Context(), c.ada, c.project)
		require.NoError(t, err)
		assert.NotEmpty(t, details.Secret)
		assert.NotEmpty(t, details.Setting)
		assert.NotEmpty(t, details.Site)
	})
}

func TestClientsAndBots(t *testing.T) {
	eachClinic(t, func(t *testing.T, c *clinic) {
		ctx := t.Context()
		c.open(t)
		named := `{"reference":"AccessPolicy/` + c.create(t, c.project, `{"resourceType":"AccessPolicy","name":"named"}`).ID + `"}`

		made, err := c.CreateClient(ctx, c.ada, c.project, admin.Program{"name": raw(`"App"`)[0], "redirectUris": raw(`["https://app.example/"]`)[0], "accessPolicy": raw(named)[0]})
		require.NoError(t, err)
		var client struct {
			medplum.ClientApplication
			Secret string
			Meta   struct{ Author medplum.Reference }
		}
		require.NoError(t, json.Unmarshal(made.Content, &client))
		assert.Len(t, client.Secret, 64)
		assert.Equal(t, "App", client.Name)
		assert.Equal(t, c.ada.Profile.Reference, client.Meta.Author.Reference)
		kept, err := c.rows.Credential(ctx, made.Ref, store.ClientSecret)
		require.NoError(t, err)
		assert.NotContains(t, kept.Hash, client.Secret)
		var stored map[string]any
		c.read(t, c.project, "ClientApplication", client.ID, &stored)
		assert.NotContains(t, stored, "secret")
		members := c.memberships(t, c.project, made.Ref)
		require.Len(t, members, 1)
		assert.Equal(t, members[0].User, members[0].Profile)
		assert.JSONEq(t, named, `{"reference":"`+members[0].AccessPolicy.Reference+`"}`)

		own, err := c.CreateClient(ctx, c.ada, c.project, admin.Program{"name": raw(`"Own"`)[0], "secret": raw(`"a secret of one's own"`)[0]})
		require.NoError(t, err)
		assert.Contains(t, string(own.Content), `"secret":"a secret of one's own"`)
		require.NotNil(t, c.memberships(t, c.project, own.Ref)[0].AccessPolicy, "the default")

		made, err = c.CreateBot(ctx, c.ada, c.project, admin.Program{"name": raw(`"Bot"`)[0]})
		require.NoError(t, err)
		var bot struct{ SourceCode struct{ URL, Title string } }
		require.NoError(t, json.Unmarshal(made.Content, &bot))
		assert.Equal(t, "index.ts", bot.SourceCode.Title)
		_, id := medplum.Reference{Reference: bot.SourceCode.URL}.Split()
		var source struct{ ContentType string }
		c.read(t, c.project, "Binary", id, &source)
		require.Len(t, c.memberships(t, c.project, made.Ref), 1)

		before := c.count(t)
		_, err = c.CreateClient(ctx, c.ada, c.project, admin.Program{})
		wantOutcome(t, err, outcome.Invalid, "Client name is required")
		_, err = c.CreateBot(ctx, c.ada, c.project, admin.Program{"name": raw(`""`)[0]})
		wantOutcome(t, err, outcome.Invalid, "Bot name is required")
		_, err = c.CreateClient(ctx, c.ada, c.project, admin.Program{"name": raw(`"X"`)[0], "nope": raw(`1`)[0]})
		wantOutcome(t, err, outcome.Structure, "")
		_, err = c.CreateClient(ctx, c.staff, c.project, admin.Program{"name": raw(`"X"`)[0]})
		wantOutcome(t, err, outcome.Forbidden, "")
		_, err = c.CreateBot(ctx, c.bob, c.project, admin.Program{"name": raw(`"X"`)[0]})
		wantOutcome(t, err, outcome.NotFound, "")
		assert.Empty(t, c.count(t).minus(before))

		require.NoError(t, c.DeleteMember(ctx, c.ada, c.project, members[0].ID))
	})
}

func TestWhatTheDefaultPoliciesGrant(t *testing.T) {
	eachClinic(t, func(t *testing.T, c *clinic) {
		ctx := t.Context()
		c.open(t)
		own := c.invite(t, person("Patient", "own@example.com", `,"sendEmail":false`))
		_, ownID := own.Profile.Split()
		other := c.create(t, c.project, `{"resourceType":"Patient"}`).ID
		related := c.invite(t, person("RelatedPerson", "parent@example.com", `,"sendEmail":false,"patient":{"reference":"Patient/`+ownID+`"}`))
		observation := func(patient string) string {
			return c.create(t, c.project, `{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/`+patient+`"}}`).ID
		}
		mine, theirs := observation(ownID), observation(other)
		for _, tc := range []struct {
			name string
			m    medplum.ProjectMembership
		}{{"the patient", own}, {"a parent", related}} {
			who := c.Repo.As(c.callerOf(t, c.project, tc.m))
			for _, ref := range [][2]string{{"Patient", ownID}, {"Observation", mine}} {
				_, err := who.Read(ctx, ref[0], ref[1])
				assert.NoError(t, err, "%s reads %v", tc.name, ref)
			}
			for _, ref := range [][2]string{{"Patient", other}, {"Observation", theirs}} {
				_, err := who.Read(ctx, ref[0], ref[1])
				wantOutcome(t, err, outcome.NotFound, "")
			}
			_, err := who.Create(ctx, "Observation", []byte(`{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/`+other+`"}}`))
			wantOutcome(t, err, outcome.Forbidden, "")
			for _, body := range []string{
				`{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/` + other + `"},"performer":[{"reference":"Patient/` + ownID + `"}]}`,
				`{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"https://admit.example/fhir/R4/Patient/` + other + `"},"performer":[{"reference":"Patient/` + ownID + `"}]}`,
				`{"resourceType":"Appointment","status":"proposed","participant":[{"status":"accepted","actor":{"reference":"Patient/` + ownID + `"}},{"status":"accepted","actor":{"reference":"Patient/` + other + `"}}]}`,
				`{"resourceType":"Patient","link":[{"other":{"reference":"Patient/` + ownID + `"},"type":"seealso"}]}`,
				`{"resourceType":"Group","type":"person","actual":true,"member":[{"entity":{"reference":"Patient/` + ownID + `"}}]}`,
			} {
				_, err = who.Create(ctx, gjson.Get(body, "resourceType").String(), []byte(body))
				wantOutcome(t, err, outcome.Forbidden, "")
			}
			for _, body := range []string{
				`{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/` + ownID + `"},"performer":[{"reference":"Patient/` + ownID + `"}]}`,
				`{"resourceType":"QuestionnaireResponse","status":"completed","subject":{"reference":"Patient/` + ownID + `"}}`,
				`{"resourceType":"Appointment","status":"proposed","participant":[{"status":"accepted","actor":{"reference":"Patient/` + ownID + `"}},{"status":"needs-action","actor":{"display":"A doctor"}}]}`,
				`{"resourceType":"Communication","status":"completed","subject":{"reference":"Patient/` + ownID + `"},"sender":{"reference":"Patient/` + ownID + `"}}`,
				`{"resourceType":"DocumentReference","status":"current","subject":{"reference":"Patient/` + ownID + `"},"content":[{"attachment":{"title":"x"}}]}`,
			} {
				_, err = who.Create(ctx, gjson.Get(body, "resourceType").String(), []byte(body))
				assert.NoError(t, err, "%s adds %s", tc.name, body)
			}
			linked := c.create(t, c.project, `{"resourceType":"Patient","link":[{"other":{"reference":"Patient/`+ownID+`"},"type":"seealso"}]}`).ID
			_, err = who.Update(ctx, "Patient", linked, []byte(`{"resourceType":"Patient","id":"`+linked+`","link":[{"other":{"reference":"Patient/`+ownID+`"},"type":"seealso"}],"gender":"male"}`), "")
			wantOutcome(t, err, outcome.Forbidden, "")
			corrected, err := who.Update(ctx, "Patient", ownID, []byte(`{"resourceType":"Patient","id":"`+ownID+`","gender":"female","link":[{"other":{"reference":"Patient/`+other+`"},"type":"seealso"}]}`), "")
			require.NoError(t, err)
			assert.Equal(t, "female", gjson.GetBytes(corrected.Content, "gender").String())
			assert.False(t, gjson.GetBytes(corrected.Content, "link").Exists(), "a patient does not join records")
			_, err = who.Create(ctx, "AccessPolicy", []byte(`{"resourceType":"AccessPolicy"}`))
			wantOutcome(t, err, outcome.Forbidden, "")
		}
		staff := c.staff.Policy
		for resourceType, granted := range map[string]bool{
			"Patient": true, "Observation": true, "Subscription": true, "Binary": true,
			"AccessPolicy": false, "ClientApplication": false, "Bot": false, "User": false, "ProjectMembership": false, "Project": false,
		} {
			_, allowed := staff.Narrow(policy.Update, resourceType)
			assert.Equal(t, granted, allowed, "staff updates %s", resourceType)
		}
		_, allowed := c.ada.Policy.Narrow(policy.Update, "AccessPolicy")
		assert.True(t, allowed, "an administrator writes policies")
	})
}

func TestTheFirstSuperAdministratorIsTheOnlyOneWhoIsSetUp(t *testing.T) {
	eachClinic(t, func(t *testing.T, c *clinic) {
		ctx := t.Context()
		needed, err := c.NeedsSetUp(ctx)
		require.NoError(t, err)
		assert.True(t, needed)
		in := admin.SuperAdmin{FirstName: "Sue", LastName: "Per", Email: "Sue@admit.example", Password: "correct horse battery"}
		wantOutcome(t, c.SetUpBySecret(ctx, "guess", in), outcome.NotFound, "")
		short := in
		short.Password = "short"
		wantOutcome(t, c.SetUpBySecret(ctx, c.SetUpSecret(), short), outcome.Invalid, "")

		var running sync.WaitGroup
		made := make(chan error, 8)
		for range 8 {
			running.Go(func() { made <- c.SetUpBySecret(ctx, c.SetUpSecret(), in) })
		}
		running.Wait()
		close(made)
		succeeded := 0
		for err := range made {
			if err == nil {
				succeeded++
			}
		}
		assert.Equal(t, 1, succeeded)
		needed, err = c.NeedsSetUp(ctx)
		require.NoError(t, err)
		assert.False(t, needed)
		wantOutcome(t, c.SetUpBySecret(ctx, c.SetUpSecret(), in), outcome.NotFound, "")
		assert.Equal(t, 1, c.count(t)["User"])
		super := c.member(t, c.superProject(t), "sue@admit.example", store.SystemProject)
		assert.True(t, super.Admin && super.SuperAdmin)
		clients, err := c.rows.Count(ctx, store.Query{Projects: []string{super.Project}, Types: []string{"ClientApplication"}})
		require.NoError(t, err)
		assert.Zero(t, clients, "nobody asked for a client that may do everything")
	})
}

func TestTheMailDrawerIsForSuperAdministrators(t *testing.T) {
	eachClinic(t, func(t *testing.T, c *clinic) {
		ctx := t.Context()
		c.open(t)
		c.invite(t, person("Practitioner", "new@example.com", ""))
		_, err := c.Mail(ctx, c.ada, "")
		wantOutcome(t, err, outcome.Forbidden, "")
		list, err := c.Mail(ctx, c.super, "")
		require.NoError(t, err)
		require.Len(t, list.Mail, 1)
		assert.Equal(t, "new@example.com", list.Mail[0].To)
		_, err = c.MailMessage(ctx, c.ada, list.Mail[0].ID)
		wantOutcome(t, err, outcome.Forbidden, "")
		before := c.count(t)
		message, err := c.MailMessage(ctx, c.super, list.Mail[0].ID)
		require.NoError(t, err)
		assert.Equal(t, "Welcome to Admit", message.Subject)
		assert.Regexp(t, `^https://admit\.example/setpassword/[0-9a-f-]{36}/[0-9a-f]{32}$`, message.Link)
		assert.Contains(t, message.Text, message.Link)
		assert.Equal(t, census{"audit": 1}, c.count(t).minus(before), "reading a link is written down")
		_, err = c.MailMessage(ctx, c.super, "nope")
		wantOutcome(t, err, outcome.NotFound, "")
	})
}
