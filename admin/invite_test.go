package admin_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// homer is the body of the example in Medplum's guide.
const homer = `{"resourceType":"Patient","firstName":"Homer","lastName":"Simpson","email":"homer@example.com","sendEmail":"false"}`

func person(resourceType, email, more string) string {
	return `{"resourceType":"` + resourceType + `","firstName":"Al","lastName":"Ice","email":"` + email + `"` + more + `}`
}

func TestAnInviteThatBreaksARuleChangesNothing(t *testing.T) {
	eachClinic(t, func(t *testing.T, c *clinic) {
		c.open(t)
		policyOfOther := c.create(t, c.other, `{"resourceType":"AccessPolicy","name":"theirs"}`).ID
		patientOfOther := c.create(t, c.other, `{"resourceType":"Patient"}`).ID
		practitioner := c.create(t, c.project, `{"resourceType":"Practitioner","name":[{"family":"X"}]}`).ID
		c.create(t, c.project, `{"resourceType":"Practitioner","telecom":[{"system":"email","value":"twins@example.com"}]}`)
		c.create(t, c.project, `{"resourceType":"Practitioner","telecom":[{"system":"email","value":"Twins@Example.com"}]}`)
		c.invite(t, person("Practitioner", "member@example.com", `,"sendEmail":false`))
		c.invite(t, `{"resourceType":"Patient","firstName":"E","lastName":"X","externalId":"ext-1"}`)
		const nobody = "00000000-0000-4000-8000-000000000000"
		for _, tc := range []struct {
			name string
			as   *caller.Caller
			to   string // project, ada's when empty
			body string
			code outcome.Code
			text string
		}{
			{name: "nothing sent", body: `{}`, code: outcome.Invalid, text: "Resource type is required; First name is required; Last name is required; Either email or externalId is required"},
			{name: "another resource type", body: person("Device", "d@example.com", ""), code: outcome.Invalid, text: "Resource type is required"},
			{name: "blank names", body: `{"resourceType":"Patient","firstName":" ","lastName":"\t","email":"d@example.com"}`, code: outcome.Invalid, text: "First name is required; Last name is required"},
			{name: "a line break in a name", body: `{"resourceType":"Patient","firstName":"A\r\nBcc: x@example.com","lastName":"B","email":"d@example.com"}`, code: outcome.Invalid},
			{name: "a name of 129 characters", body: `{"resourceType":"Patient","firstName":"` + strings.Repeat("a", 129) + `","lastName":"B","email":"d@example.com"}`, code: outcome.Invalid},
			{name: "neither e-mail nor externalId", body: `{"resourceType":"Patient","firstName":"A","lastName":"B"}`, code: outcome.Invalid, text: "Either email or externalId is required"},
			{name: "no e-mail address", body: person("Practitioner", "x", ""), code: outcome.Invalid, text: "Either email or externalId is required"},
			{name: "no e-mail address beside an externalId", body: person("Practitioner", "x", `,"externalId":"e"`), code: outcome.Invalid},
			{name: "an address with a display name", body: person("Practitioner", "A <a@example.com>", ""), code: outcome.Invalid},
			{name: "two addresses", body: person("Practitioner", "a@example.com,b@example.com", ""), code: outcome.Invalid},
			{name: "a header in the address", body: person("Practitioner", `a@example.com\r\nBcc: b@example.com`, ""), code: outcome.Invalid},
			{name: "an address of 255 characters", body: person("Practitioner", "a@"+strings.Repeat("b.", 120)+"example.com.org", ""), code: outcome.Invalid},
			{name: "an unknown scope", body: person("Practitioner", "d@example.com", `,"scope":"galaxy"`), code: outcome.Invalid},
			{name: "a word for sendEmail", body: person("Practitioner", "d@example.com", `,"sendEmail":"no"`), code: outcome.Invalid},
			{name: "one key with two values", body: `{"resourceType":"Patient","resourceType":"Practitioner","firstName":"A","lastName":"B","email":"d@example.com"}`, code: outcome.Invalid},
			{name: "a short password", body: person("Practitioner", "d@example.com", `,"password":"short"`), code: outcome.Invalid},
			{name: "a password from a breach", body: person("Practitioner", "d@example.com", `,"password":"password123"`), code: outcome.Invalid},
			{name: "a RelatedPerson without patient", body: person("RelatedPerson", "d@example.com", ""), code: outcome.Structure, text: "Missing required property"},
			{name: "a RelatedPerson of nobody", body: person("RelatedPerson", "d@example.com", `,"patient":{"reference":"Patient/`+nobody+`"}`), code: outcome.Invalid, text: "Patient Patient/" + nobody + " does not exist"},
			{name: "a RelatedPerson of another project's patient", body: person("RelatedPerson", "d@example.com", `,"patient":{"reference":"Patient/`+patientOfOther+`"}`), code: outcome.Invalid, text: "Patient Patient/" + patientOfOther + " does not exist"},
			{name: "an unknown policy", body: person("Practitioner", "d@example.com", `,"accessPolicy":{"reference":"AccessPolicy/`+nobody+`"}`), code: outcome.Invalid, text: "Access policy AccessPolicy/" + nobody + " does not exist"},
			{name: "an unknown policy of the membership", body: person("Practitioner", "d@example.com", `,"membership":{"accessPolicy":{"reference":"AccessPolicy/`+nobody+`"}}`), code: outcome.Invalid, text: "Access policy AccessPolicy/" + nobody + " does not exist"},
			{name: "another project's policy", body: person("Practitioner", "d@example.com", `,"accessPolicy":{"reference":"AccessPolicy/`+policyOfOther+`"}`), code: outcome.Invalid, text: "Access policy AccessPolicy/" + policyOfOther + " does not exist"},
			{name: "another project's policy with parameters", body: person("Practitioner", "d@example.com", `,"access":[{"policy":{"reference":"AccessPolicy/`+policyOfOther+`"}}]`), code: outcome.Invalid, text: "Access policy AccessPolicy/" + policyOfOther + " does not exist"},
			{name: "an unknown element of the membership", body: person("Practitioner", "d@example.com", `,"membership":{"nope":1}`), code: outcome.Structure},
			{name: "another project's profile", body: person("Patient", "d@example.com", `,"membership":{"profile":{"reference":"Patient/`+patientOfOther+`"}}`), code: outcome.Invalid, text: "Profile does not belong to project"},
			{name: "a profile of another type", body: person("Patient", "d@example.com", `,"membership":{"profile":{"reference":"Practitioner/`+practitioner+`"}}`), code: outcome.Invalid, text: "Profile resourceType does not match request"},
			{name: "two profiles with the address", body: person("Practitioner", "twins@example.com", ""), code: outcome.MultipleMatches},
			{name: "a member again", body: person("Practitioner", "MEMBER@example.com", ""), code: outcome.Conflict, text: "User is already a member of this project"},
			{name: "a member in the other scope", body: person("Patient", "member@example.com", ""), code: outcome.Conflict, text: "User is already a member of this project"},
			{name: "a member with another profile", body: person("Practitioner", "member@example.com", `,"upsert":true,"membership":{"profile":{"reference":"Practitioner/`+practitioner+`"}}`), code: outcome.Conflict, text: "User is already a member of this project with a different profile"},
			{name: "an externalId that is taken", body: `{"resourceType":"Patient","firstName":"E","lastName":"X","externalId":"ext-1"}`, code: outcome.Conflict, text: `Key (project, "externalId")=(Project/` + c.project + `, ext-1) already exists.`},
			{name: "by somebody who is no administrator", as: &c.staff, body: homer, code: outcome.Forbidden},
			{name: "by nobody", as: &caller.Caller{}, body: homer, code: outcome.Forbidden},
			{name: "into another project", as: &c.bob, body: homer, code: outcome.NotFound},
			{name: "into what is no project's id", as: &c.super, to: "x", body: homer, code: outcome.NotFound},
			{name: "into a project that is none", as: &c.super, to: nobody, body: homer, code: outcome.NotFound},
		} {
			t.Run(tc.name, func(t *testing.T) {
				before := c.count(t)
				as, to := c.ada, c.project
				if tc.as != nil {
					as = *tc.as
				}
				if tc.to != "" {
					to = tc.to
				}
				_, err := c.tryInvite(as, to, tc.body, "a key of its own: "+tc.name)
				wantOutcome(t, err, tc.code, tc.text)
				assert.Empty(t, c.count(t).minus(before))
			})
		}
	})
}

func TestARefusedInviteSaysWhatMedplumsWordsDoNot(t *testing.T) {
	eachClinic(t, func(t *testing.T, c *clinic) {
		c.open(t)
		for body, want := range map[string]string{
			person("Device", "d@example.com", ""): "Patient, Practitioner and RelatedPerson may be invited",
			person("Patient", "x", ""):            "The email is no address, such as ann@example.com",
		} {
			_, err := c.tryInvite(c.ada, c.project, body, "")
			var refused *outcome.Outcome
			require.ErrorAs(t, err, &refused)
			assert.Equal(t, want, refused.Issues[0].Diagnostics)
		}
	})
}

func TestTheExampleOfTheGuideInvitesHomerWithoutMail(t *testing.T) {
	eachClinic(t, func(t *testing.T, c *clinic) {
		c.open(t)
		for _, body := range []string{
			`{"resourceType":"Patient","firstName":"Homer","lastName":"Simpson","resourceType":"Patient","email":"homer@example.com","sendEmail":false}`,
			strings.ReplaceAll(homer, "homer@", "homer2@"),
		} {
			before := c.count(t)
			m := c.invite(t, body)
			assert.Equal(t, census{"User": 1, "ProjectMembership": 1, "Patient": 1, "audit": 1}, c.count(t).minus(before))
			assert.Equal(t, "Homer Simpson", m.Profile.Display)
		}
	})
}

func TestWhoAnInviteMakes(t *testing.T) {
	eachClinic(t, func(t *testing.T, c *clinic) {
		c.open(t)
		patient := c.create(t, c.project, `{"resourceType":"Patient"}`).ID
		ofPatient := `,"patient":{"reference":"Patient/` + patient + `"}`
		for i, tc := range []struct {
			name, body string
			email      string
			server     bool // the User is server-scoped
			came       census
		}{
			{name: "a Patient is of the project", email: "a0@example.com", body: person("Patient", "a0@example.com", ""), came: census{"Patient": 1, "mail": 1, "UserSecurityRequest": 1}},
			{name: "a Patient of the server when asked for", email: "a1@example.com", body: person("Patient", "a1@example.com", `,"scope":"server"`), server: true, came: census{"Patient": 1, "mail": 1, "UserSecurityRequest": 1}},
			{name: "a Practitioner is of the server", email: "a2@example.com", body: person("Practitioner", "A2@Example.COM", ""), server: true, came: census{"Practitioner": 1, "mail": 1, "UserSecurityRequest": 1}},
			{name: "a Practitioner of the project when asked for", email: "a3@example.com", body: person("Practitioner", "a3@example.com", `,"scope":"project"`), came: census{"Practitioner": 1, "mail": 1, "UserSecurityRequest": 1}},
			{name: "whoever has an externalId is of the project", email: "a4@example.com", body: person("Practitioner", "a4@example.com", `,"externalId":"a4","scope":"server"`), came: census{"Practitioner": 1, "mail": 1, "UserSecurityRequest": 1}},
			{name: "a RelatedPerson is of the server", email: "a5@example.com", body: person("RelatedPerson", "a5@example.com", ofPatient), server: true, came: census{"RelatedPerson": 1, "mail": 1, "UserSecurityRequest": 1}},
			{name: "no mail", email: "a6@example.com", body: person("Practitioner", "a6@example.com", `,"sendEmail":false,"mfaRequired":true,"password":"correct horse battery"`), server: true, came: census{"Practitioner": 1}},
		} {
			t.Run(tc.name, func(t *testing.T) {
				before := c.count(t)
				m := c.invite(t, tc.body)
				tc.came["User"], tc.came["ProjectMembership"], tc.came["audit"] = 1, 1, 1
				assert.Equal(t, tc.came, c.count(t).minus(before))
				scope := c.project
				if tc.server {
					scope = store.SystemProject
				}
				user := c.user(t, scope, tc.email)
				assert.Equal(t, "User/"+user.ID, m.User.Reference)
				assert.Equal(t, tc.email, m.User.Display)
				assert.Equal(t, c.ada.User, *m.InvitedBy)
				var stored struct {
					Email       string
					MfaRequired bool
					Project     *struct{ Reference string }
				}
				c.read(t, user.Project, "User", user.ID, &stored)
				assert.Equal(t, tc.email, stored.Email)
				assert.Equal(t, tc.server, stored.Project == nil)
				assert.Equal(t, strings.Contains(tc.body, "mfaRequired"), stored.MfaRequired)
				credential, err := c.rows.Credential(context.Background(), user, store.Password)
				if strings.Contains(tc.body, "password") {
					require.NoError(t, err)
					match, err := c.passwords.Verify(context.Background(), "correct horse battery", credential.Hash)
					require.NoError(t, err)
					assert.True(t, match)
				} else {
					require.ErrorIs(t, err, store.ErrNotFound, "case %d", i)
				}
			})
		}
	})
}

func TestANewMemberHasThePoliciesThatAreNamedOrTheDefault(t *testing.T) {
	eachClinic(t, func(t *testing.T, c *clinic) {
		c.open(t)
		named := "AccessPolicy/" + c.create(t, c.project, `{"resourceType":"AccessPolicy","name":"named"}`).ID
		patient := "Patient/" + c.create(t, c.project, `{"resourceType":"Patient"}`).ID
		var project struct {
			DefaultAccessPolicies []struct {
				ProfileType  string
				AccessPolicy struct{ Reference string }
			}
		}
		c.read(t, store.SystemProject, "Project", c.project, &project)
		defaults := map[string]string{}
		for _, d := range project.DefaultAccessPolicies {
			defaults[d.ProfileType] = d.AccessPolicy.Reference
		}
		for _, tc := range []struct{ name, resourceType, more, policy, access string }{
			{"default of patients", "Patient", "", defaults["Patient"], ""},
			{"default of staff", "Practitioner", "", defaults["Practitioner"], ""},
			{"default of administrators", "Practitioner", `,"admin":true`, defaults["Admin"], ""},
			{"administrator by the membership", "Practitioner", `,"membership":{"admin":true}`, defaults["Admin"], ""},
			{"default of a related person, bound to its patient", "RelatedPerson", `,"patient":{"reference":"` + patient + `"}`, "", defaults["RelatedPerson"]},
			{"named", "Practitioner", `,"accessPolicy":{"reference":"` + named + `"}`, named, ""},
			{"named with parameters", "Practitioner", `,"access":[{"policy":{"reference":"` + named + `"},"parameter":[{"name":"p","valueString":"v"}]}]`, "", named},
			{"the membership wins", "Practitioner", `,"accessPolicy":{"reference":"` + defaults["Admin"] + `"},"membership":{"accessPolicy":{"reference":"` + named + `"}}`, named, ""},
			{"null is not named", "Practitioner", `,"accessPolicy":null,"access":[],"membership":null`, defaults["Practitioner"], ""},
		} {
			t.Run(tc.name, func(t *testing.T) {
				email := strings.ReplaceAll(strings.ToLower(tc.name), " ", ".")
				m := c.invite(t, person(tc.resourceType, strings.ReplaceAll(email, ",", "")+"@example.com", `,"sendEmail":false`+tc.more))
				if tc.policy == "" {
					assert.Nil(t, m.AccessPolicy)
				} else {
					require.NotNil(t, m.AccessPolicy)
					assert.Equal(t, tc.policy, m.AccessPolicy.Reference)
				}
				if tc.access == "" {
					assert.Empty(t, m.Access)
					return
				}
				require.Len(t, m.Access, 1)
				assert.Equal(t, tc.access, m.Access[0].Policy.Reference)
				require.Len(t, m.Access[0].Parameter, 1)
				if tc.resourceType == "RelatedPerson" {
					assert.Equal(t, "patient", m.Access[0].Parameter[0].Name)
					assert.Equal(t, patient, m.Access[0].Parameter[0].ValueReference.Reference)
				}
			})
		}
	})
}

func TestARepeatedInvite(t *testing.T) {
	eachClinic(t, func(t *testing.T, c *clinic) {
		c.open(t)
		alice := func(more string) string {
			return person("Practitioner", "alice@example.com", `,"sendEmail":false`+more)
		}
		first := c.invite(t, alice(`,"membership":{"userName":"alice"}`))
		before := c.count(t)

		merged := c.invite(t, alice(`,"upsert":true,"membership":{"admin":true,"user":{"reference":"User/x"},"project":{"reference":"Project/x"},"id":"x"}`))
		assert.Equal(t, first.ID, merged.ID)
		assert.Equal(t, first.User, merged.User)
		assert.Equal(t, first.Project, merged.Project)
		assert.Equal(t, first.Profile, merged.Profile)
		assert.Equal(t, "alice", merged.UserName, "what is not named stays")
		assert.True(t, merged.Admin)
		assert.Equal(t, census{"audit": 1}, c.count(t).minus(before))

		forced := c.invite(t, alice(`,"forceNewMembership":true`))
		assert.NotEqual(t, first.ID, forced.ID)
		assert.Equal(t, first.User, forced.User)
		assert.Equal(t, first.Profile, forced.Profile)
		assert.Equal(t, census{"audit": 2, "ProjectMembership": 1}, c.count(t).minus(before))

		_, err := c.tryInvite(c.ada, c.project, alice(""), "")
		wantOutcome(t, err, outcome.Conflict, "User is already a member of this project")

		elsewhere, err := c.tryInvite(c.bob, c.other, alice(""), "")
		require.NoError(t, err)
		assert.Equal(t, first.User, elsewhere.User, "a User of the server belongs to many projects")
		assert.NotEqual(t, first.Profile, elsewhere.Profile)
	})
}

func TestTheProfileIsFoundByAddressWhateverItsCase(t *testing.T) {
	eachClinic(t, func(t *testing.T, c *clinic) {
		c.open(t)
		existing := c.create(t, c.project, `{"resourceType":"Practitioner","name":[{"given":["Doc"],"family":"Tor"}],"telecom":[{"system":"email","value":"Doc@Example.com"}]}`)
		c.create(t, c.other, `{"resourceType":"Practitioner","telecom":[{"system":"email","value":"doc@example.com"}]}`)
		m := c.invite(t, person("Practitioner", "doc@EXAMPLE.com", `,"sendEmail":false`))
		assert.Equal(t, "Practitioner/"+existing.ID, m.Profile.Reference)
		assert.Equal(t, "Doc Tor", m.Profile.Display)

		one := "Patient/" + c.create(t, c.project, `{"resourceType":"Patient"}`).ID
		two := "Patient/" + c.create(t, c.project, `{"resourceType":"Patient"}`).ID
		parent := func(patient string) string {
			return person("RelatedPerson", "parent@example.com", `,"sendEmail":false,"forceNewMembership":true,"patient":{"reference":"`+patient+`"}`)
		}
		first, second, again := c.invite(t, parent(one)), c.invite(t, parent(two)), c.invite(t, parent(one))
		assert.Equal(t, first.User, second.User)
		assert.NotEqual(t, first.Profile, second.Profile, "a parent is another RelatedPerson to each child")
		assert.Equal(t, first.Profile, again.Profile)
	})
}

// TestNobodyGetsTheProfileOfAnotherMember: a patient who writes somebody else's address into their
// own record is not given that person as a reader of it, nor keeps them from being invited.
func TestNobodyGetsTheProfileOfAnotherMember(t *testing.T) {
	eachClinic(t, func(t *testing.T, c *clinic) {
		c.open(t)
		mallory := c.invite(t, person("Patient", "mallory@example.com", `,"sendEmail":false`))
		_, id := mallory.Profile.Split()
		_, err := c.Repo.System("test", c.project).Update(context.Background(), "Patient", id, []byte(`{"resourceType":"Patient","id":"`+id+`",
			"telecom":[{"system":"email","value":"mallory@example.com"},{"system":"email","value":"victim@example.com"}]}`), "")
		require.NoError(t, err)
		victim := c.invite(t, person("Patient", "victim@example.com", `,"sendEmail":false`))
		assert.NotEqual(t, mallory.Profile.Reference, victim.Profile.Reference)

		own := c.create(t, c.project, `{"resourceType":"Patient","telecom":[{"system":"email","value":"second@example.com"}]}`)
		_, err = c.Repo.System("test", c.project).Update(context.Background(), "Patient", id, []byte(`{"resourceType":"Patient","id":"`+id+`",
			"telecom":[{"system":"email","value":"second@example.com"}]}`), "")
		require.NoError(t, err)
		assert.Equal(t, "Patient/"+own.ID, c.invite(t, person("Patient", "second@example.com", `,"sendEmail":false`)).Profile.Reference)
	})
}

func TestASuperAdministratorInvitesIntoAnyProject(t *testing.T) {
	eachClinic(t, func(t *testing.T, c *clinic) {
		c.open(t)
		m, err := c.tryInvite(c.super, c.other, person("Practitioner", "by.super@example.com", ""), "")
		require.NoError(t, err)
		assert.Equal(t, "Project/"+c.other, m.Project.Reference)
		assert.Equal(t, "Other clinic", m.Project.Display)
	})
}
