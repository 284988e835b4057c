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

func TestTheSDKLooksAfterMembers(t *testing.T) {
	s := apptest.Start(t)
	sdk, admin := administrator(t, s)
	members, ctx := sdk.Members(), t.Context()
	bob, err := sdk.Users().Create(ctx, client.UserDraft{ProfileType: "Practitioner", UserFields: client.UserFields{
		Email: client.Text("bob@example.com"), Password: client.Text(apptest.Password),
	}})
	require.NoError(t, err)
	membership, err := members.Read(ctx, bob.ID)
	require.NoError(t, err)
	var changed map[string]any
	require.NoError(t, json.Unmarshal(membership, &changed))
	changed["identifier"] = []any{map[string]any{"value": "b-7"}}
	body, err := json.Marshal(changed)
	require.NoError(t, err)
	stored, err := members.Update(ctx, bob.ID, body)
	require.NoError(t, err)
	assert.Contains(t, string(stored), `"b-7"`)

	s.SignIn("bob@example.com", apptest.Password, admin.Project)
	sessions, err := members.Sessions(ctx, bob.ID)
	require.NoError(t, err)
	require.Len(t, sessions, 1)
	assert.Equal(t, "password", sessions[0].AuthMethod)
	require.NoError(t, members.EndSession(ctx, bob.ID, sessions[0].ID))
	sessions, err = members.Sessions(ctx, bob.ID)
	require.NoError(t, err)
	assert.Empty(t, sessions)
	require.NoError(t, members.ResetPassword(ctx, bob.ID))
	assert.Contains(t, s.MailTo("bob@example.com").Link, "/setpassword/")

	decision, err := sdk.ExplainAccess(ctx, client.AccessQuestion{Membership: client.Reference{Reference: "ProjectMembership/" + bob.ID}, Search: "Patient"})
	require.NoError(t, err)
	assert.True(t, decision.Allowed)
	assert.NotEmpty(t, decision.Policy.Reference)
	require.Error(t, members.ResetMFA(ctx, bob.ID), "there is none")
	require.NoError(t, members.SetPassword(ctx, "bob@example.com", "another "+apptest.Password))

	me := client.New(s.URL, admin.Project, client.StaticToken(s.SignIn("bob@example.com", "another "+apptest.Password, admin.Project).Token)).OwnTokens()
	token, err := me.Create(ctx, "ward/7", time.Hour)
	require.NoError(t, err)
	listed, err := me.List(ctx)
	require.NoError(t, err)
	assert.Equal(t, []string{"ward/7", ""}, []string{listed[0].Key, listed[0].Token})
	s.SignIn("bob@example.com", token.Token, admin.Project)
	require.NoError(t, me.Revoke(ctx, "ward/7"))

	require.NoError(t, members.Delete(ctx, bob.ID))
	_, err = members.Read(ctx, bob.ID)
	var refused *client.Error
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, http.StatusGone, refused.Status)
}

func TestTheSDKLooksAfterTheProject(t *testing.T) {
	s := apptest.Start(t)
	sdk, _ := administrator(t, s)
	ctx, on := t.Context(), true
	require.NoError(t, sdk.SetSecrets(ctx, client.Setting{Name: "key", ValueString: client.Text("abc")}))
	require.NoError(t, sdk.SetSettings(ctx, client.Setting{Name: "icure", ValueBoolean: &on}))
	site := client.Site{Name: "home", Domain: []string{"clinic.example"}, GoogleClientID: "g", GoogleClientSecret: "s", RecaptchaSiteKey: "r", RecaptchaSecretKey: "k"}
	require.NoError(t, sdk.SetSites(ctx, site))
	project, err := sdk.Project(ctx)
	require.NoError(t, err)
	assert.Equal(t, []any{"Clinic", "abc", true, []client.Site{site}}, []any{project.Name, *project.Secret[0].ValueString, *project.Setting[0].ValueBoolean, project.Site})
	require.NoError(t, sdk.SetSecrets(ctx))
	project, err = sdk.Project(ctx)
	require.NoError(t, err)
	assert.Empty(t, project.Secret)

	portal, _, err := sdk.CreateClient(ctx, map[string]any{"name": "Portal"})
	require.NoError(t, err)
	assert.NotEmpty(t, portal.Secret)
	bot, resource, err := sdk.CreateBot(ctx, map[string]any{"name": "Reminder"})
	require.NoError(t, err)
	assert.Equal(t, "Reminder", bot.Name)
	assert.Contains(t, string(resource), `"resourceType":"Bot"`)

	in, err := sdk.Imports().Upload(ctx, "text/csv", []byte("resourceType,firstName,lastName,email\nPractitioner,Al,Ice,al@example.com\n"))
	require.NoError(t, err)
	_, err = sdk.Imports().Apply(ctx, in.ID)
	require.NoError(t, err)
	var states []string
	for is, err := range sdk.Imports().Watch(ctx, in.ID) {
		require.NoError(t, err)
		states = append(states, is.State)
	}
	assert.Equal(t, "done", states[len(states)-1])
	for _, err := range sdk.Imports().Watch(ctx, "nonsense") {
		var refused *client.Error
		require.ErrorAs(t, err, &refused)
	}
}

func TestTheSDKLooksAfterTheServer(t *testing.T) {
	s := apptest.Start(t)
	ordinary, admin := administrator(t, s)
	var refused *client.Error
	_, err := ordinary.Super().Migrations(t.Context())
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, http.StatusForbidden, refused.Status)

	super, ctx := client.New(s.URL, admin.Project, client.StaticToken(s.As(apptest.SuperAdmin).Token)).Super(), t.Context()
	migrations, err := super.Migrations(ctx)
	require.NoError(t, err)
	assert.False(t, migrations[0].Applied.IsZero())
	require.NoError(t, super.Reindex(ctx, "Patient"))
	require.NoError(t, super.Purge(ctx, time.Now()))
	_, err = ordinary.Invite(ctx, map[string]any{"resourceType": "Practitioner", "firstName": "In", "lastName": "Vited", "email": "in@example.com"}, "")
	require.NoError(t, err)
	list, _, err := super.Mail(ctx, "")
	require.NoError(t, err)
	read, err := super.MailMessage(ctx, list[0].ID)
	require.NoError(t, err)
	assert.Equal(t, "in@example.com", read.To)
	assert.True(t, strings.Contains(read.Text, "invited"))
	require.NoError(t, super.SetPassword(ctx, "in@example.com", "", apptest.Password))
}
