package admin_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

func TestProjectInit(t *testing.T) {
	eachClinic(t, func(t *testing.T, c *clinic) {
		c.open(t)
		ctx := context.Background()
		for _, tc := range []struct {
			name  string
			in    admin.ProjectInit
			owner string // the address
		}{
			{"for oneself", admin.ProjectInit{Name: "Mine"}, "sue@admit.example"},
			{"by address", admin.ProjectInit{Name: "Hers", OwnerEmail: "ADA@clinic.example"}, "ada@clinic.example"},
			{"by reference", admin.ProjectInit{Name: "Theirs", Owner: c.bob.User}, "bob@other.example"},
			{"for somebody new", admin.ProjectInit{Name: "Newcomer", OwnerEmail: "new@clinic.example"}, "new@clinic.example"},
		} {
			t.Run(tc.name, func(t *testing.T) {
				made, err := c.InitProject(ctx, c.super, tc.in)
				require.NoError(t, err)
				var project medplum.Project
				require.NoError(t, json.Unmarshal(made.Content, &project))
				assert.Equal(t, tc.in.Name, project.Name)
				assert.False(t, project.SuperAdmin)
				assert.NotEmpty(t, project.DefaultAccessPolicies)
				assert.True(t, c.member(t, made.ID, tc.owner, store.SystemProject).Admin)
			})
		}
		before := c.count(t)
		for _, tc := range []struct {
			name string
			in   admin.ProjectInit
			text string
		}{
			{"no name", admin.ProjectInit{}, "Project name must be between 4 and 72 characters"},
			{"no address", admin.ProjectInit{Name: "Name", OwnerEmail: "x"}, "Valid email address is required"},
			{"no User", admin.ProjectInit{Name: "Name", Owner: c.bob.Profile}, "Only Users are permitted to be the owner of a new Project"},
			{"an unknown User", admin.ProjectInit{Name: "Name", Owner: medplum.Reference{Reference: "User/none"}}, "Project owner must not belong to another Project"},
		} {
			_, err := c.InitProject(ctx, c.super, tc.in)
			wantOutcome(t, err, outcome.Invalid, tc.text)
		}
		_, err := c.InitProject(ctx, c.ada, admin.ProjectInit{Name: "Name"})
		wantOutcome(t, err, outcome.Forbidden, "")
		assert.Empty(t, c.count(t).minus(before))
	})
}
