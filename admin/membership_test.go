package admin_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// login stores a live session of a membership.
func (c *clinic) login(t testing.TB, m medplum.ProjectMembership, project string) string {
	t.Helper()
	_, user := m.User.Split()
	id := "login-" + m.ID
	require.NoError(t, c.rows.InTx(context.Background(), func(tx *store.Tx) error {
		return tx.AddLogin(context.Background(), store.Login{
			ID: id, UserProject: store.SystemProject, UserType: "User", UserID: user, Membership: m.ID, MembershipProject: project,
			AuthMethod: "password", AuthTime: store.At(tx.Now()), ExpiresAt: store.At(tx.Now().Add(time.Hour)),
		})
	}))
	return id
}

func (c *clinic) revoked(t testing.TB, login string) bool {
	t.Helper()
	l, err := c.rows.Login(context.Background(), login)
	require.NoError(t, err)
	return l.Revoked
}

func TestRemovingAMember(t *testing.T) {
	eachClinic(t, func(t *testing.T, c *clinic) {
		ctx := t.Context()
		c.open(t)
		server := c.invite(t, person("Practitioner", "server@example.com", ""))
		scoped := c.invite(t, person("Patient", "scoped@example.com", ""))
		twice := c.invite(t, person("Patient", "twice@example.com", ""))
		c.invite(t, person("Patient", "twice@example.com", `,"forceNewMembership":true`))
		session := c.login(t, server, c.project)
		scopedUser := c.user(t, c.project, "scoped@example.com")

		for _, m := range []medplum.ProjectMembership{server, scoped, twice} {
			require.NoError(t, c.DeleteMember(ctx, c.ada, c.project, m.ID))
			_, err := c.Member(ctx, c.ada, c.project, m.ID)
			wantOutcome(t, err, outcome.Gone, "")
			wantOutcome(t, c.DeleteMember(ctx, c.ada, c.project, m.ID), outcome.Gone, "")
			invitations, err := c.rows.InvitationsOf(ctx, c.project, m.ID)
			require.NoError(t, err)
			require.Len(t, invitations, 1)
			assert.Equal(t, store.InvitationRevoked, invitations[0].State)
			var profile json.RawMessage
			resourceType, id := m.Profile.Split()
			c.read(t, c.project, resourceType, id, &profile)
		}
		assert.True(t, c.revoked(t, session))

		_, err := c.Repo.System("test", c.project).Read(ctx, "User", scopedUser.ID)
		wantOutcome(t, err, outcome.Gone, "")
		c.user(t, store.SystemProject, "server@example.com")
		c.user(t, c.project, "twice@example.com")

		again := c.invite(t, person("Practitioner", "server@example.com", ""))
		assert.Equal(t, server.User, again.User)
		assert.Equal(t, server.Profile, again.Profile)
		assert.NotEqual(t, server.ID, again.ID)
		anew := c.invite(t, person("Patient", "scoped@example.com", ""))
		assert.NotEqual(t, scoped.User, anew.User)
		assert.Equal(t, scoped.Profile, anew.Profile)
	})
}

func TestTheOwnerIsNotRemoved(t *testing.T) {
	eachClinic(t, func(t *testing.T, c *clinic) {
		c.open(t)
		_, owner := c.ada.Membership.Split()
		before := c.count(t)
		wantOutcome(t, c.DeleteMember(t.Context(), c.ada, c.project, owner), outcome.Invalid, "Cannot delete the owner of the project")
		assert.Empty(t, c.count(t).minus(before))
	})
}

func TestUpdatingAMember(t *testing.T) {
	eachClinic(t, func(t *testing.T, c *clinic) {
		ctx := t.Context()
		c.open(t)
		m := c.invite(t, person("Practitioner", "member@example.com", `,"sendEmail":false,"admin":true`))
		session := c.login(t, m, c.project)
		asAdmin := m.AccessPolicy.Reference
		stored, err := c.Member(ctx, c.ada, c.project, m.ID)
		require.NoError(t, err)
		body := string(stored.Content)
		update := func(replace ...string) (medplum.ProjectMembership, error) {
			var got medplum.ProjectMembership
			res, err := c.UpdateMember(ctx, c.ada, c.project, m.ID, []byte(strings.NewReplacer(replace...).Replace(body)))
			if err != nil {
				return got, err
			}
			return got, json.Unmarshal(res.Content, &got)
		}

		got, err := update(m.User.Reference, "User/x", "Project/"+c.project, "Project/"+c.other)
		require.NoError(t, err)
		assert.Equal(t, m.User.Reference, got.User.Reference)
		assert.Equal(t, m.Project.Reference, got.Project.Reference)

		got, err = update(`"admin":true`, `"admin":false`)
		require.NoError(t, err)
		assert.False(t, got.Admin)
		assert.NotEqual(t, asAdmin, got.AccessPolicy.Reference, "who is no administrator keeps no administrator's policy")
		assert.False(t, c.revoked(t, session))

		got, err = update(`"admin":true`, `"admin":false,"active":false`)
		require.NoError(t, err)
		assert.False(t, got.IsActive())
		assert.True(t, c.revoked(t, session))

		_, err = update(`"id":"`+m.ID, `"id":"x`)
		wantOutcome(t, err, outcome.Forbidden, "")
		_, err = update(`"resourceType":"ProjectMembership"`, `"resourceType":"Patient"`)
		wantOutcome(t, err, outcome.Forbidden, "")
		_, err = c.UpdateMember(ctx, c.ada, c.project, m.ID, []byte(`{`))
		wantOutcome(t, err, outcome.Invalid, "")
	})
}

func TestMembersAreTheirProjectsAdministratorsBusiness(t *testing.T) {
	eachClinic(t, func(t *testing.T, c *clinic) {
		ctx := t.Context()
		c.open(t)
		m := c.invite(t, person("Practitioner", "member@example.com", `,"sendEmail":false`))
		before := c.count(t)
		_, err := c.Member(ctx, c.staff, c.project, m.ID)
		wantOutcome(t, err, outcome.Forbidden, "")
		_, err = c.Member(ctx, c.bob, c.project, m.ID)
		wantOutcome(t, err, outcome.NotFound, "")
		_, err = c.Member(ctx, c.bob, c.other, m.ID)
		wantOutcome(t, err, outcome.NotFound, "")
		_, err = c.Member(ctx, c.super, c.other, m.ID)
		wantOutcome(t, err, outcome.NotFound, "")
		_, err = c.Member(ctx, c.ada, c.project, "../"+m.ID)
		wantOutcome(t, err, outcome.NotFound, "")
		wantOutcome(t, c.DeleteMember(ctx, c.staff, c.project, m.ID), outcome.Forbidden, "")
		wantOutcome(t, c.DeleteMember(ctx, c.bob, c.project, m.ID), outcome.NotFound, "")
		wantOutcome(t, c.DeleteMember(ctx, c.bob, c.other, m.ID), outcome.NotFound, "")
		_, err = c.UpdateMember(ctx, c.bob, c.other, m.ID, []byte(`{"resourceType":"ProjectMembership","id":"`+m.ID+`"}`))
		wantOutcome(t, err, outcome.NotFound, "")
		wantOutcome(t, c.ResetMemberPassword(ctx, c.bob, c.other, m.ID), outcome.NotFound, "")
		assert.Empty(t, c.count(t).minus(before))
		found, err := c.Member(ctx, c.super, c.project, m.ID)
		require.NoError(t, err)
		assert.Equal(t, m.ID, found.ID)
	})
}

func TestPasswordsThatAnAdministratorSets(t *testing.T) {
	eachClinic(t, func(t *testing.T, c *clinic) {
		ctx := t.Context()
		c.open(t)
		server := c.invite(t, person("Practitioner", "server@example.com", `,"sendEmail":false`))
		c.invite(t, person("Patient", "scoped@example.com", `,"sendEmail":false`))
		session := c.login(t, server, c.project)
		const password = "purple monkey dishwasher"
		for _, tc := range []struct {
			name string
			in   admin.ForcedPassword
			text string
		}{
			{"no address", admin.ForcedPassword{Email: "x", Password: password}, "Valid email address is required"},
			{"no password", admin.ForcedPassword{Email: "scoped@example.com"}, "Invalid password, must be at least 8 characters"},
			{"short", admin.ForcedPassword{Email: "scoped@example.com", Password: "short"}, "Invalid password, must be at least 8 characters"},
			{"a User of the server", admin.ForcedPassword{Email: "server@example.com", Password: password}, "User not found"},
			{"a User of the server by naming it", admin.ForcedPassword{Email: "server@example.com", Password: password, ProjectID: store.SystemProject}, "User not found"},
			{"nobody", admin.ForcedPassword{Email: "nobody@example.com", Password: password}, "User not found"},
		} {
			wantOutcome(t, c.ForcePassword(ctx, c.ada, tc.in), outcome.Invalid, tc.text)
		}
		scoped := admin.ForcedPassword{Email: "Scoped@example.com", Password: password}
		wantOutcome(t, c.ForcePassword(ctx, c.staff, scoped), outcome.Forbidden, "")
		wantOutcome(t, c.ForcePassword(ctx, c.bob, scoped), outcome.Invalid, "User not found")
		require.NoError(t, c.ForcePassword(ctx, c.ada, scoped))
		c.wantPassword(t, c.user(t, c.project, "scoped@example.com"), password)

		global := admin.ForcedPassword{Email: "server@example.com", Password: password}
		wantOutcome(t, c.SuperForcePassword(ctx, c.ada, global), outcome.Forbidden, "")
		assert.False(t, c.revoked(t, session))
		require.NoError(t, c.SuperForcePassword(ctx, c.super, global))
		c.wantPassword(t, c.user(t, store.SystemProject, "server@example.com"), password)
		assert.True(t, c.revoked(t, session), "a new password ends every session")
		require.NoError(t, c.SuperForcePassword(ctx, c.super, admin.ForcedPassword{Email: "scoped@example.com", Password: "other words entirely", ProjectID: c.project}))
		c.wantPassword(t, c.user(t, c.project, "scoped@example.com"), "other words entirely")
	})
}

func (c *clinic) wantPassword(t testing.TB, user store.Ref, password string) {
	t.Helper()
	credential, err := c.rows.Credential(context.Background(), user, store.Password)
	require.NoError(t, err)
	match, err := c.passwords.Verify(context.Background(), password, credential.Hash)
	require.NoError(t, err)
	assert.True(t, match)
}

func TestAnAdministratorMailsAMemberANewPassword(t *testing.T) {
	eachClinic(t, func(t *testing.T, c *clinic) {
		ctx := t.Context()
		c.open(t)
		m := c.invite(t, person("Practitioner", "member@example.com", `,"sendEmail":false`))
		nameless := c.invite(t, `{"resourceType":"Patient","firstName":"A","lastName":"B","externalId":"e"}`)
		before := c.count(t)
		wantOutcome(t, c.ResetMemberPassword(ctx, c.ada, c.project, nameless.ID), outcome.Invalid, "User does not have an email address")
		assert.Empty(t, c.count(t).minus(before))
		require.NoError(t, c.ResetMemberPassword(ctx, c.ada, c.project, m.ID))
		assert.Equal(t, census{"mail": 1, "UserSecurityRequest": 1, "audit": 1}, c.count(t).minus(before))
	})
}
