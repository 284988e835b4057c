package admin_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// clone copies the clinic and gives the copy's resources by type.
func (c *clinic) clone(t testing.TB, in admin.ProjectClone) (medplum.Project, map[string][]store.Resource) {
	t.Helper()
	made, err := c.CloneProject(context.Background(), c.super, c.project, in)
	require.NoError(t, err)
	var project medplum.Project
	require.NoError(t, json.Unmarshal(made.Content, &project))
	assert.Equal(t, made.ID, project.ID)
	return project, c.all(t, made.ID)
}

func (c *clinic) all(t testing.TB, project string) map[string][]store.Resource {
	t.Helper()
	rows, err := c.rows.ListCurrent(context.Background(), project, "", store.Ref{}, 1000)
	require.NoError(t, err)
	byType := map[string][]store.Resource{}
	for _, res := range rows {
		byType[res.Type] = append(byType[res.Type], res)
	}
	return byType
}

func TestCloneCopiesAProjectWithItsReferences(t *testing.T) {
	eachClinic(t, func(t *testing.T, c *clinic) {
		c.open(t)
		server := c.ada.User.Reference // a User of the server
		organization := c.create(t, c.project, `{"resourceType":"Organization","name":"Org"}`)
		patient := c.create(t, c.project, fmt.Sprintf(`{"resourceType":"Patient","managingOrganization":{"reference":"Organization/%[1]s"},
			"meta":{"accounts":[{"reference":"Organization/%[1]s"}]},"extension":[{"url":"urn:who","valueReference":{"reference":%[2]q}}]}`, organization.ID, server))
		group := c.create(t, c.project, fmt.Sprintf(`{"resourceType":"Basic","code":{"text":"x"},
			"extension":[{"url":"urn:a","valueUri":"urn:uuid:%[1]s"},{"url":"urn:b","valueUri":"https://other.example/fhir/R4/Patient/%[1]s"},
			{"url":"urn:c","valueUri":"https://admit.example/fhir/R4/Patient/%[1]s"},{"url":"urn:d","valueString":"Observation?subject=Patient/%[1]s&_id=%[1]s"},
			{"url":"urn:e","valueReference":{"reference":"Patient/%[1]s/_history/%[2]s"}}]}`, patient.ID, patient.Version))
		bundle := c.create(t, c.project, fmt.Sprintf(`{"resourceType":"Bundle","type":"transaction","entry":[
			{"fullUrl":"urn:uuid:%[1]s","resource":{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/%[1]s"}},
			"request":{"method":"PUT","url":"Observation?subject=Patient/%[1]s","ifNoneExist":"subject=Patient/%[1]s"}}]}`, patient.ID))
		policy := c.create(t, c.project, fmt.Sprintf(`{"resourceType":"AccessPolicy","name":"Org's","resource":[
			{"resourceType":"Patient","criteria":"Patient?organization=Organization/%s"},{"resourceType":"Organization","criteria":"Organization?_id:not=%[1]s"}]}`, organization.ID))
		c.create(t, c.project, `{"resourceType":"SearchParameter","status":"active","name":"nick","code":"nick","url":"urn:nick","description":"x","base":["Patient"],"type":"string","expression":"Patient.name.text"}`)
		c.create(t, c.project, `{"resourceType":"Subscription","status":"off","reason":"x","criteria":"Patient?_id=x","channel":{"type":"rest-hook","endpoint":"https://x.example","header":["Authorization: Bearer hunter2"]}}`)
		client, err := c.CreateClient(context.Background(), c.ada, c.project, admin.Program{"name": json.RawMessage(`"App"`)})
		require.NoError(t, err)
		c.create(t, c.other, `{"resourceType":"Patient","name":[{"text":"Third"}]}`)
		before := c.all(t, c.project)

		project, copied := c.clone(t, admin.ProjectClone{Name: "The copy"})
		assert.Equal(t, "The copy", project.Name)
		assert.Nil(t, project.Owner)
		assert.False(t, project.SuperAdmin)
		one := func(of store.Resource) store.Resource {
			t.Helper()
			for i, res := range before[of.Type] {
				if res.ID == of.ID {
					require.Len(t, copied[of.Type], len(before[of.Type]))
					name := gjson.GetBytes(before[of.Type][i].Content, "name").Raw
					for _, got := range copied[of.Type] {
						if gjson.GetBytes(got.Content, "name").Raw == name {
							return got
						}
					}
				}
			}
			t.Fatalf("%s is not copied", of.Type)
			return store.Resource{}
		}
		org, pat := one(organization), one(patient)
		assert.NotEqual(t, organization.ID, org.ID)
		assert.Equal(t, "Organization/"+org.ID, gjson.GetBytes(pat.Content, "managingOrganization.reference").String())
		assert.Equal(t, "Organization/"+org.ID, gjson.GetBytes(pat.Content, "meta.accounts.0.reference").String())
		assert.Equal(t, server, gjson.GetBytes(pat.Content, "extension.0.valueReference.reference").String(), "what is the server's stays")
		assert.Contains(t, string(pat.Meta), `"project":"`+project.ID+`"`)
		assert.Contains(t, string(pat.Meta), c.super.Profile.Reference)

		basic := string(one(group).Content)
		for _, want := range []string{
			"urn:uuid:" + patient.ID, "https://other.example/fhir/R4/Patient/" + patient.ID, "https://admit.example/fhir/R4/Patient/" + pat.ID,
			"Observation?subject=Patient/" + pat.ID + "&_id=" + pat.ID, `"reference":"Patient/` + pat.ID + `"`,
		} {
			assert.Contains(t, basic, want)
		}
		entry := gjson.GetBytes(one(bundle).Content, "entry.0")
		assert.Equal(t, "urn:uuid:"+patient.ID, entry.Get("fullUrl").String())
		assert.Equal(t, 3, strings.Count(entry.Raw, "Patient/"+pat.ID))
		rules := string(one(policy).Content)
		assert.Contains(t, rules, "Patient?organization=Organization/"+org.ID)
		assert.Contains(t, rules, "Organization?_id:not="+org.ID)
		assert.NotContains(t, string(copied["Subscription"][0].Content), "hunter2")
		assert.Len(t, copied["SearchParameter"], 1)

		assert.Len(t, project.DefaultAccessPolicies, 6)
		for _, d := range project.DefaultAccessPolicies {
			_, id := d.AccessPolicy.Split()
			c.read(t, project.ID, "AccessPolicy", id, &medplum.AccessPolicy{})
		}
		for _, none := range []string{"User", "ProjectMembership", "UserSecurityRequest", "AuditEvent"} {
			assert.Empty(t, copied[none], none)
		}
		assert.Len(t, copied["Patient"], len(before["Patient"]), "nothing of a third project")
		got := one(client)
		_, err = c.rows.Credential(context.Background(), got.Ref, store.ClientSecret)
		require.ErrorIs(t, err, store.ErrNotFound)
		found, err := c.rows.Search(context.Background(), store.Query{Projects: []string{project.ID}, Types: []string{"Patient"}, Limit: 10,
			Where: store.Reference{Param: "organization", Values: []store.ReferenceValue{{Type: "Organization", ID: org.ID}}}})
		require.NoError(t, err)
		assert.Len(t, found, 1, "it is indexed")
		for resourceType, was := range before {
			now := c.all(t, c.project)[resourceType]
			if resourceType != "AuditEvent" {
				assert.Equal(t, was, now, "the source stays as it is: %s", resourceType)
			}
		}
		wantRecorded(t, c, c.project, `"project-read"`, "Project/"+project.ID)
		wantRecorded(t, c, project.ID, `"project-create"`, "Project/"+c.project)
	})
}

func wantRecorded(t *testing.T, c *clinic, project string, all ...string) {
	t.Helper()
	events, err := c.rows.AuditEvents(context.Background(), project, 1000)
	require.NoError(t, err)
	for _, e := range events {
		has := true
		for _, want := range all {
			has = has && strings.Contains(e.Content, want)
		}
		if has {
			return
		}
	}
	t.Errorf("project %s has no event with %v", project, all)
}

func TestCloneTakesWhatIsAskedFor(t *testing.T) {
	eachClinic(t, func(t *testing.T, c *clinic) {
		c.open(t)
		a := c.create(t, c.project, `{"resourceType":"Organization","name":"A"}`)
		b := c.create(t, c.project, `{"resourceType":"Organization","name":"B"}`)
		p := c.create(t, c.project, fmt.Sprintf(`{"resourceType":"Patient","managingOrganization":{"reference":"Organization/%s"}}`, a.ID))
		for _, tc := range []struct {
			name string
			in   admin.ProjectClone
			want map[string]int // besides new default policies
		}{
			{"types", admin.ProjectClone{ResourceTypes: []string{"Organization"}}, map[string]int{"Organization": 2}},
			{"included", admin.ProjectClone{IncludeIDs: []string{a.ID, p.ID}}, map[string]int{"Organization": 1, "Patient": 1}},
			{"excluded", admin.ProjectClone{ResourceTypes: []string{"Organization", "Patient"}, ExcludeIDs: []string{b.ID}}, map[string]int{"Organization": 1, "Patient": 1}},
			{"both", admin.ProjectClone{IncludeIDs: []string{a.ID, b.ID}, ExcludeIDs: []string{b.ID}}, map[string]int{"Organization": 1}},
		} {
			project, copied := c.clone(t, tc.in)
			assert.Equal(t, "Clinic", project.Name, tc.name)
			assert.Len(t, project.DefaultAccessPolicies, 6, "new ones: %s", tc.name)
			got := map[string]int{}
			for resourceType, all := range copied {
				if resourceType != "AccessPolicy" && resourceType != "AuditEvent" {
					got[resourceType] = len(all)
				}
			}
			assert.Equal(t, tc.want, got, tc.name)
		}
		before, err := c.rows.Partitions(context.Background())
		require.NoError(t, err)
		for _, tc := range []struct {
			project string
			in      admin.ProjectClone
			code    outcome.Code
			text    string
		}{
			{c.project, admin.ProjectClone{Name: "x"}, outcome.Invalid, "Project name must be between 4 and 72 characters"},
			{c.project, admin.ProjectClone{ResourceTypes: []string{"Nonsense"}}, outcome.Invalid, "Unknown resource type"},
			{c.Clock.NewID(), admin.ProjectClone{}, outcome.NotFound, ""},
			{"nonsense", admin.ProjectClone{}, outcome.NotFound, ""},
		} {
			_, err := c.CloneProject(context.Background(), c.super, tc.project, tc.in)
			wantOutcome(t, err, tc.code, tc.text)
		}
		_, err = c.CloneProject(context.Background(), c.ada, c.project, admin.ProjectClone{})
		wantOutcome(t, err, outcome.Forbidden, "")
		_, err = c.Repo.Copy(context.Background(), repo.Copying{From: c.project, To: c.Clock.NewID(), Most: 2, Takes: func(string, string) bool { return true }})
		wantOutcome(t, err, outcome.TooCostly, "")
		after, err := c.rows.Partitions(context.Background())
		require.NoError(t, err)
		assert.Equal(t, before, after)
	})
}

func TestCloneLeavesSecretsAndPowerBehind(t *testing.T) {
	eachClinic(t, func(t *testing.T, c *clinic) {
		c.open(t)
		ctx := context.Background()
		super := c.superProject(t)
		for list, item := range map[admin.List]string{
			admin.Secrets:  `{"name":"key","valueString":"hunter2"}`,
			admin.Sites:    `{"name":"site","domain":["clinic.example"],"recaptchaSecretKey":"hunter2"}`,
			admin.Settings: `{"name":"icure","valueBoolean":true}`,
		} {
			_, err := c.ReplaceList(ctx, c.super, super, list, []json.RawMessage{json.RawMessage(item)})
			require.NoError(t, err)
		}
		made, err := c.CloneProject(ctx, c.super, super, admin.ProjectClone{Name: "Copy"})
		require.NoError(t, err)
		got := gjson.ParseBytes(c.all(t, store.SystemProject)["Project"][0].Content)
		for _, res := range c.all(t, store.SystemProject)["Project"] {
			if res.ID == made.ID {
				got = gjson.ParseBytes(res.Content)
			}
		}
		assert.Equal(t, made.ID, got.Get("id").String())
		for _, left := range []string{"superAdmin", "owner", "secret", "systemSecret", "site"} {
			assert.False(t, got.Get(left).Exists(), left)
		}
		assert.Equal(t, "icure", got.Get("setting.0.name").String())
		assert.NotContains(t, got.Raw, super)
	})
}

func TestCloneCopiesTheContentOfBinaries(t *testing.T) {
	eachClinic(t, func(t *testing.T, c *clinic) {
		c.open(t)
		ctx := context.Background()
		kept, err := c.Contents.Put(ctx, c.project, strings.NewReader("the scan"), -1)
		require.NoError(t, err)
		was, err := c.Repo.System("test", c.project).CreateUpload(ctx, repo.Upload{Blob: store.BlobUse{Blob: kept, FileName: "scan.bin"}, ContentType: "text/plain"})
		require.NoError(t, err)
		project, copied := c.clone(t, admin.ProjectClone{ResourceTypes: []string{"Binary"}})
		require.Len(t, copied["Binary"], 1)
		require.NoError(t, c.rows.Purge(ctx, was.Ref), "the copy does not need it")
		require.NoError(t, c.Contents.(interface{ Collect(context.Context) error }).Collect(ctx))
		got, err := c.Repo.System("test", project.ID).Content(ctx, copied["Binary"][0].ID, "")
		require.NoError(t, err)
		assert.Equal(t, project.ID, got.Blob.Project)
		assert.Equal(t, "scan.bin", got.Blob.FileName)
		content, err := c.Contents.Open(ctx, got.Blob.Blob)
		require.NoError(t, err)
		defer content.Close()
		bytes, err := io.ReadAll(content)
		require.NoError(t, err)
		assert.Equal(t, "the scan", string(bytes))
	})
}
