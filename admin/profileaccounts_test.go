package admin_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/store"
)

// accountsOf are the accounts of a profile.
func (c *clinic) accountsOf(t *testing.T, project string, profile medplum.Reference) string {
	t.Helper()
	var stored struct {
		Meta struct{ Accounts []medplum.Reference }
	}
	resourceType, id := profile.Split()
	c.read(t, project, resourceType, id, &stored)
	var names []string
	for _, account := range stored.Meta.Accounts {
		names = append(names, strings.TrimPrefix(account.Reference, "Organization/"))
	}
	return strings.Join(names, " ")
}

// accounted makes a patient with an account.
func (c *clinic) accounted(t *testing.T, project, account string) string {
	t.Helper()
	return "Patient/" + c.create(t, project, `{"resourceType":"Patient","meta":{"accounts":[{"reference":"Organization/`+account+`"}]}}`).ID
}

// governed is ada under another policy.
func (c *clinic) governed(t *testing.T, policy string) caller.Caller {
	t.Helper()
	made := c.create(t, c.project, strings.Replace(policy, "{", `{"resourceType":"AccessPolicy","name":"`+fmt.Sprint(len(policy))+`",`, 1))
	_, id := c.ada.Membership.Split()
	var m medplum.ProjectMembership
	c.read(t, c.project, medplum.TypeProjectMembership, id, &m)
	m.AccessPolicy, m.Access = &medplum.Reference{Reference: "AccessPolicy/" + made.ID}, nil
	return c.callerOf(t, c.project, m)
}

// TestAnInvitedProfileHasTheAccountsThatACreatedOneWouldHave: of the patient whom a RelatedPerson is there for,
// and of the policy of whoever invites.
func TestAnInvitedProfileHasTheAccountsThatACreatedOneWouldHave(t *testing.T) {
	eachClinic(t, func(t *testing.T, c *clinic) {
		c.open(t)
		patient := c.accounted(t, c.project, "hers")
		stamps := c.governed(t, `{"compartment":{"reference":"Organization/mine"},"resource":[{"resourceType":"*"}]}`)
		seesNone := c.governed(t, `{"resource":[{"resourceType":"Patient","interaction":["search"]},{"resourceType":"RelatedPerson"}]}`)
		seesOthers := c.governed(t, `{"resource":[{"resourceType":"Patient","criteria":"Patient?active=true"},{"resourceType":"RelatedPerson"}]}`)
		elsewhere := c.super
		elsewhere.Policy = stamps.Policy
		for i, tc := range []struct {
			name         string
			as           caller.Caller
			resourceType string
			patient      string
			want         string
		}{
			{"a RelatedPerson", c.ada, "RelatedPerson", patient, "hers"},
			{"of a patient without accounts", c.ada, "RelatedPerson", "Patient/" + c.create(t, c.project, `{"resourceType":"Patient"}`).ID, ""},
			{"a Practitioner", c.ada, "Practitioner", "", ""},
			{"by somebody whose policy has an account", stamps, "Practitioner", "", "mine"},
			{"a Patient by him", stamps, "Patient", "", "mine"},
			{"a RelatedPerson by him", stamps, "RelatedPerson", patient, "mine hers"},
			{"by somebody who may read no patients", seesNone, "RelatedPerson", patient, ""},
			{"by somebody who may read other patients", seesOthers, "RelatedPerson", patient, ""},
			{"by somebody of another project, whose policy says nothing here", elsewhere, "Practitioner", "", ""},
		} {
			t.Run(tc.name, func(t *testing.T) {
				more := `,"sendEmail":false`
				if tc.patient != "" {
					more += `,"patient":{"reference":"` + tc.patient + `"}`
				}
				m, err := c.tryInvite(tc.as, c.project, person(tc.resourceType, fmt.Sprintf("p%d@example.com", i), more), "")
				require.NoError(t, err)
				assert.Equal(t, tc.want, c.accountsOf(t, c.project, m.Profile))
			})
		}
	})
}

// TestImportedProfilesHaveTheAccountsOfTheirPatients, and of the policy of whoever has the import done.
func TestImportedProfilesHaveTheAccountsOfTheirPatients(t *testing.T) {
	eachClinic(t, func(t *testing.T, c *clinic) {
		c.open(t)
		stamps := c.governed(t, `{"compartment":{"reference":"Organization/mine"},"resource":[{"resourceType":"*"}]}`)
		c.importer = func() caller.Caller { return stamps }
		list := "resourceType,firstName,lastName,email,sendEmail,patient\nPractitioner,Al,Ice,staff@example.com,false,\n"
		wants := map[string]string{"staff@example.com": "mine"}
		for i := range 5 {
			account := fmt.Sprintf("org%d", i)
			list += fmt.Sprintf("RelatedPerson,Al,Ice,r%d@example.com,false,%s\n", i, c.accounted(t, c.project, account))
			wants[fmt.Sprintf("r%d@example.com", i)] = "mine " + account
		}
		in, _, err := c.UploadImport(t.Context(), c.ada, c.project, admin.TypeCSV, strings.NewReader(list))
		require.NoError(t, err)
		c.importList(t, in)
		for email, want := range wants {

			found := c.memberships(t, c.project, c.user(t, store.SystemProject, email))
			require.Len(t, found, 1)
			assert.Equal(t, want, c.accountsOf(t, c.project, found[0].Profile), email)
		}
	})
}

// TestTheProfilesOfAProjectFileHaveTheAccountsOfTheirPatients: whoever applies it sees all.
func TestTheProfilesOfAProjectFileHaveTheAccountsOfTheirPatients(t *testing.T) {
	eachClinic(t, func(t *testing.T, c *clinic) {
		c.open(t)
		agree := func(admin.Difference) error { return nil }
		draft := admin.ProjectDraft{Part: admin.Part{Name: "Filed", Place: "project"}, Elements: admin.Elements{"description": json.RawMessage(`"x"`)}}
		made, err := c.ApplyProject(context.Background(), draft, true, agree)
		require.NoError(t, err)
		project := strings.TrimPrefix(made.Project, "Project/")
		draft.Members = []admin.MemberDraft{{
			Part: admin.Part{Name: "rel@example.com", Place: "members[0]"}, Profile: "RelatedPerson", FirstName: "Re", LastName: "L", Email: "rel@example.com",
			Patient: &medplum.Reference{Reference: c.accounted(t, project, "hers")},
		}}
		made, err = c.ApplyProject(context.Background(), draft, true, agree)
		require.NoError(t, err)
		var m medplum.ProjectMembership
		c.read(t, project, medplum.TypeProjectMembership, made.People["rel@example.com"], &m)
		assert.Equal(t, "hers", c.accountsOf(t, project, m.Profile))
	})
}
