package client_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/cmd/admit/apptest"
	"github.com/admitdev/admit/pkg/client"
)

// administrator is a client of the clinic whose membership is an administrator's.
func administrator(t *testing.T, s *apptest.Server) (*client.Client, *apptest.Client) {
	t.Helper()
	admin := s.As(apptest.Admin)
	made := admin.POST("/admin/projects/"+admin.Project+"/client", `{"name":"SDK"}`).WantStatus(http.StatusCreated)
	found := admin.GET("/fhir/R4/ProjectMembership?user=ClientApplication/" + made.Field("id")).WantStatus(http.StatusOK)
	var membership map[string]any
	require.NoError(t, json.Unmarshal([]byte(found.Field("entry.0.resource")), &membership))
	membership["admin"] = true
	body, err := json.Marshal(membership)
	require.NoError(t, err)
	admin.POST("/admin/projects/"+admin.Project+"/members/"+found.Field("entry.0.resource.id"), string(body)).WantStatus(http.StatusOK)
	return client.New(s.URL+"/", admin.Project, client.Credentials(made.Field("id"), made.Field("secret"))), admin
}

func ids(users []client.User) (ids []string) {
	for _, u := range users {
		ids = append(ids, u.ID)
	}
	return ids
}

func TestTheSDKDoesWhatTheSeedsManagementClientDoes(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		sdk, admin := administrator(t, s)
		users, ctx := sdk.Users(), t.Context()
		bob, err := users.Create(ctx, client.UserDraft{ProfileType: "Practitioner", UserFields: client.UserFields{
			Login: client.Text("bob"), Email: client.Text("bob@example.com"), Phone: client.Text("18800008888"), Nickname: client.Text("Nick"), Password: client.Text(apptest.Password),
		}})
		require.NoError(t, err)
		_, err = users.Create(ctx, client.UserDraft{ProfileType: "Patient", UserFields: client.UserFields{Login: client.Text("bob")}})
		var refused *client.Error
		require.ErrorAs(t, err, &refused)
		assert.Equal(t, http.StatusBadRequest, refused.Status)
		assert.Equal(t, "login", refused.Field())

		changed, err := users.Update(ctx, bob.ID, client.UserFields{Company: client.Text("Garage")})
		require.NoError(t, err)
		assert.Equal(t, "Garage", changed.Company)
		_, err = users.UpdateVersion(ctx, bob.ID, bob.Version, client.UserFields{Company: client.Text("x")})
		require.ErrorAs(t, err, &refused)
		assert.Equal(t, http.StatusPreconditionFailed, refused.Status)
		detail, err := users.Detail(ctx, bob.ID)
		require.NoError(t, err)
		assert.Equal(t, changed, detail)
		results, err := users.CreateMany(ctx, []client.UserDraft{
			{ProfileType: "Patient", UserFields: client.UserFields{Login: client.Text("ann")}}, {ProfileType: "Patient"},
		})
		require.NoError(t, err)
		require.NoError(t, results[0].Err())
		require.Error(t, results[1].Err())
		both, err := users.Batch(ctx, []string{bob.ID, results[0].ID})
		require.NoError(t, err)
		assert.Equal(t, []string{bob.ID, results[0].ID}, ids(both))

		var all []client.User
		for user, err := range users.All(ctx, client.Query{Limit: 1}) {
			require.NoError(t, err)
			all = append(all, user)
		}
		assert.Len(t, all, 3) // with the owner
		page, err := users.List(ctx, client.Query{Limit: 1, Total: true})
		require.NoError(t, err)
		assert.Equal(t, 3, *page.Total)
		for _, name := range []client.Name{{Email: "bob@example.com"}, {Login: "bob"}, {Phone: "18800008888"}} {
			found, err := users.Find(ctx, name)
			require.NoError(t, err)
			assert.Equal(t, bob.ID, found.ID)
		}
		page, err = users.Search(ctx, "gar nick", 10)
		require.NoError(t, err)
		assert.Equal(t, []string{bob.ID}, ids(page.Users))

		group, err := sdk.CreateGroup(ctx, "night/shift ü", "Night")
		require.NoError(t, err)
		_, err = users.AddGroup(ctx, bob.ID, group.Code)
		require.NoError(t, err)
		groups, err := users.ListGroups(ctx, bob.ID)
		require.NoError(t, err)
		assert.Equal(t, group.ID, groups[0].ID)
		quit, err := users.RemoveGroup(ctx, bob.ID, group.Code)
		require.NoError(t, err)
		assert.Empty(t, quit.Groups)
		renamed, err := sdk.RenameGroup(ctx, group.Code, "Day")
		require.NoError(t, err)
		assert.Equal(t, "Day", renamed.Name)
		read, err := sdk.Group(ctx, group.Code)
		require.NoError(t, err)
		assert.Equal(t, renamed, read)
		listed, next, err := sdk.Groups(ctx, "")
		require.NoError(t, err)
		assert.Equal(t, []client.Group{renamed}, listed)
		assert.Empty(t, next)
		listed, _, err = sdk.Groups(ctx, group.ID)
		require.NoError(t, err)
		assert.Empty(t, listed, "after the last")
		require.NoError(t, sdk.DeleteGroup(ctx, group.Code))

		role, err := sdk.CreateRole(ctx, "reader", json.RawMessage(`{"resourceType":"Patient","interaction":["read"]}`))
		require.NoError(t, err)
		_, err = users.AddRoles(ctx, bob.ID, "reader")
		require.NoError(t, err)
		require.Error(t, sdk.DeleteRole(ctx, role.ID))
		named, err := sdk.Role(ctx, "reader")
		require.NoError(t, err)
		assert.Equal(t, role, named)
		known, _, err := sdk.Roles(ctx, "")
		require.NoError(t, err)
		assert.Contains(t, known, role)
		roles, err := users.ListRoles(ctx, bob.ID)
		require.NoError(t, err)
		assert.Equal(t, "reader", roles[1].Name)
		_, err = users.RemoveRoles(ctx, bob.ID, "reader")
		require.NoError(t, err)
		_, err = users.AddPolicies(ctx, bob.ID, client.Access{
			Policy: client.Reference{Reference: "AccessPolicy/" + role.ID}, Parameter: []client.Parameter{{Name: "ward", ValueString: client.Text("7")}},
		})
		require.NoError(t, err)
		policies, err := users.ListPolicies(ctx, bob.ID)
		require.NoError(t, err)
		assert.Equal(t, "7", *policies[1].Parameter[0].ValueString)
		_, err = users.RemovePolicy(ctx, bob.ID, role.ID)
		require.NoError(t, err)
		require.NoError(t, sdk.DeleteRole(ctx, "reader"))

		token, err := users.CreateToken(ctx, bob.ID, "app", time.Hour)
		require.NoError(t, err)
		valid, err := users.CheckToken(ctx, bob.ID, token.Token)
		require.NoError(t, err)
		assert.True(t, valid)
		s.SignIn("bob@example.com", token.Token, admin.Project)
		require.NoError(t, users.RevokeToken(ctx, bob.ID, "app"))
		tokens, err := users.Tokens(ctx, bob.ID)
		require.NoError(t, err)
		assert.Empty(t, tokens)
		access, err := users.RefreshToken(ctx, bob.ID)
		require.NoError(t, err)
		me := s.As(apptest.Anonymous).With("Authorization", "Bearer "+access.Token)
		me.GET("/auth/me").WantStatus(http.StatusOK)
		require.NoError(t, users.EndSessions(ctx, bob.ID))
		me.GET("/auth/me").WantStatus(http.StatusUnauthorized)

		_, err = users.SetProperties(ctx, bob.ID, map[string]json.RawMessage{"language": json.RawMessage(`"fr"`)})
		require.NoError(t, err)
		custom, err := users.SetCustomData(ctx, bob.ID, map[string]json.RawMessage{"icure": json.RawMessage(`{"a":1}`)})
		require.NoError(t, err)
		assert.JSONEq(t, `{"a":1}`, string(custom.CustomData["icure"]))
		elsewhere := admin.POST("/fhir/R4/Practitioner", `{"resourceType":"Practitioner"}`).WantStatus(http.StatusCreated).Field("id")
		assigned, err := users.AssignProfile(ctx, bob.ID, client.Reference{Reference: "Practitioner/" + elsewhere})
		require.NoError(t, err)
		assert.Equal(t, "Practitioner/"+elsewhere, assigned.Profile.Reference)
		require.NoError(t, users.ForgotPassword(ctx, client.Name{Login: "bob"}))
		blocked, err := users.Block(ctx, bob.ID)
		require.NoError(t, err)
		assert.Equal(t, "blocked", blocked.Status)
		_, err = users.Unblock(ctx, bob.ID)
		require.NoError(t, err)
		require.NoError(t, users.Delete(ctx, bob.ID))
		_, err = users.Undelete(ctx, bob.ID)
		require.NoError(t, err)
		gone, err := users.DeleteMany(ctx, []string{bob.ID})
		require.NoError(t, err)
		require.NoError(t, gone[0].Err())
		require.NoError(t, users.Purge(ctx, bob.ID))
		_, err = users.Detail(ctx, bob.ID)
		require.ErrorAs(t, err, &refused)
		assert.Equal(t, http.StatusNotFound, refused.Status)
	})
}

func TestAWrongSecretIsAnErrorThatSaysSo(t *testing.T) {
	s := apptest.Start(t)
	admin := s.As(apptest.Admin)
	sdk := client.New(s.URL, admin.Project, client.Credentials(admin.Project, "wrong"))
	_, err := sdk.Users().List(t.Context(), client.Query{})
	var refused *client.Error
	require.ErrorAs(t, err, &refused)
	assert.Contains(t, err.Error(), "invalid")
	_, err = client.New(s.URL, admin.Project, client.StaticToken("nonsense")).Users().List(t.Context(), client.Query{})
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, http.StatusUnauthorized, refused.Status)
}

func TestTheSDKTakesBackAList(t *testing.T) {
	s := apptest.Start(t)
	sdk, admin := administrator(t, s)
	imports, ctx := sdk.Imports(), t.Context()
	list := "resourceType,firstName,lastName,email,password\n" +
		"Practitioner,Al,Ice,accepts@example.com,\nPractitioner,Bo,Bb,waits@example.com,\n" +
		"Practitioner,Si,Gns,signs.in@example.com," + apptest.Password + "\nPractitioner,Ne,Ver,never@example.com," + apptest.Password + "\n"
	in, err := imports.Upload(ctx, "text/csv", []byte(list))
	require.NoError(t, err)
	require.Equal(t, []any{"checked", 4, 4}, []any{in.State, in.Total, in.Actions["create"]})
	ended := func(state string) client.Import {
		t.Helper()
		admin.GET("/admin/projects/" + admin.Project + "/invitations/import/" + in.ID + "/events").WantStatus(http.StatusOK)
		is, err := imports.Read(ctx, in.ID)
		require.NoError(t, err)
		require.Equal(t, state, is.State)
		return is
	}
	_, err = imports.Undo(ctx, in.ID)
	var refused *client.Error
	require.ErrorAs(t, err, &refused)
	require.Equal(t, http.StatusConflict, refused.Status)
	_, err = imports.Apply(ctx, in.ID)
	require.NoError(t, err)
	ended("done")

	steps := strings.Split(s.MailTo("accepts@example.com").Link, "/")
	s.As(apptest.Anonymous).POST("/auth/setpassword",
		`{"id":"`+steps[len(steps)-2]+`","secret":"`+steps[len(steps)-1]+`","password":"`+apptest.Password+`"}`).WantStatus(http.StatusOK)
	s.SignIn("signs.in@example.com", apptest.Password, admin.Project)
	_, err = imports.Undo(ctx, in.ID)
	require.NoError(t, err)
	undone := ended("undone")
	assert.Equal(t, []int{2, 2}, []int{undone.Undone, undone.Kept})
	rows, err := imports.Report(ctx, in.ID)
	require.NoError(t, err)
	for n, want := range [][]string{
		{"kept", "The person has accepted the invitation"}, {"undone", ""}, {"kept", "The person has signed in"}, {"undone", ""},
	} {
		assert.Equal(t, want, []string{rows[n].State, rows[n].Error}, rows[n].Email)
	}
	s.SignIn("accepts@example.com", apptest.Password, admin.Project)
	page, err := imports.List(ctx, "", 1)
	require.NoError(t, err)
	assert.Equal(t, []client.Import{undone}, page.Imports)
}

func TestTheSDKLooksAfterInvitations(t *testing.T) {
	s := apptest.Start(t)
	sdk, _ := administrator(t, s)
	invitations, ctx := sdk.Invitations(), t.Context()
	body := map[string]any{"resourceType": "Practitioner", "firstName": "In", "lastName": "Vited", "email": "in@example.com"}
	first, err := sdk.Invite(ctx, body, "once")
	require.NoError(t, err)
	again, err := sdk.Invite(ctx, body, "once")
	require.NoError(t, err)
	assert.JSONEq(t, string(first), string(again))
	page, err := invitations.List(ctx, client.InvitationQuery{States: []string{"pending"}, Since: time.Now().Add(-time.Hour), Email: "in@example.com", Limit: 1})
	require.NoError(t, err)
	require.Len(t, page.Invitations, 1)
	in := page.Invitations[0]
	read, err := invitations.Read(ctx, in.ID)
	require.NoError(t, err)
	assert.Equal(t, "in@example.com", read.Email)
	sent, err := invitations.Resend(ctx, in.ID, "", "once more")
	require.NoError(t, err)
	until := time.Now().Add(72 * time.Hour).UTC().Truncate(time.Second)
	extended, err := invitations.Extend(ctx, in.ID, "", until)
	require.NoError(t, err)
	assert.Equal(t, until, extended.ExpiresAt)
	_, err = invitations.Revoke(ctx, in.ID, sent.Version)
	var refused *client.Error
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, http.StatusPreconditionFailed, refused.Status)
	admin := true
	_, err = invitations.Grant(ctx, in.ID, "", client.InvitationGrant{Admin: &admin})
	require.NoError(t, err)
	link, linked, err := invitations.Link(ctx, in.ID, "")
	require.NoError(t, err)
	assert.Contains(t, link, "/setpassword/")
	assert.Equal(t, in.ID, linked.ID)
	templates, err := sdk.MailTemplates(ctx)
	require.NoError(t, err)
	require.Len(t, templates, 3)
	words := templates[0].MailWords
	words.Subject = "Ours: {{project}}"
	put, err := sdk.PutMailTemplate(ctx, "invite", "0", words)
	require.NoError(t, err)
	assert.True(t, put.Own)
	_, err = sdk.PutMailTemplate(ctx, "invite", "0", words)
	require.ErrorAs(t, err, &refused)
	seen, err := sdk.PreviewMail(ctx, "invite", words)
	require.NoError(t, err)
	assert.Equal(t, "Ours: Clinic", seen.Subject)
	require.NoError(t, sdk.DeleteMailTemplate(ctx, "invite", put.Version))
	revoked, err := invitations.Revoke(ctx, in.ID, linked.Version)
	require.NoError(t, err)
	assert.Equal(t, "revoked", revoked.State)
}
