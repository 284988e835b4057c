package admin_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/mail"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/policy"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/blob"
	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/jobs"
	admitmail "github.com/admitdev/admit/pkg/mail"
	"github.com/admitdev/admit/pkg/oauth"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/secret"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/store/storetest"
	"github.com/admitdev/admit/pkg/web"
)

// clinic is the services over one database, with a super administrator and two projects. Mails are
// queued and nobody sends them.
type clinic struct {
	*admin.Service
	rows      *store.Store
	super     caller.Caller
	ada, bob  caller.Caller        // the owners of project and other
	staff     caller.Caller        // of project, no administrator
	importer  func() caller.Caller // who has imports done; nil: ada
	project   string
	other     string
	passwords *secret.Passwords
}

func eachClinic(t *testing.T, fn func(t *testing.T, c *clinic)) {
	t.Helper()
	t.Parallel() // a test waits for its database more than it works
	storetest.Each(t, func(t *testing.T, db storetest.DB) { fn(t, newClinic(t, storetest.Open(t, db))) })
}

func newClinic(t testing.TB, rows *store.Store) *clinic {
	t.Helper()
	ctx := context.Background()
	box, err := secret.OpenBox(ctx, rows)
	require.NoError(t, err)
	queue, err := jobs.New(rows, nil)
	require.NoError(t, err)
	base := &url.URL{Scheme: "https", Host: "admit.example", Path: "/"}
	letters, err := admitmail.NewLetters("Admit", &mail.Address{Address: "no-reply@admit.example"}, base, box)
	require.NoError(t, err)
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	blobs, err := blob.Open("file:" + t.TempDir())
	require.NoError(t, err)
	c := &clinic{rows: rows, passwords: &secret.Passwords{Rules: secret.Rules{MinLength: 8, BlockList: true}, Hasher: secret.NewTestHasher()}}
	c.Service = admin.New(admin.Options{
		Callers: entering{c: c}, Box: box, Jobs: queue, Refusals: audit.NewNotes("https://admit.example/", rows, clock.System{}, log),
		Repo:  repo.New(repo.Options{Store: rows, Clock: clock.System{}, Secrets: oauth.ClientSecrets{Store: rows, Box: box}, Log: log}),
		Store: rows, Clock: clock.System{}, Passwords: c.passwords, Mails: admitmail.NewMailer(queue, box), Letters: letters, Fingerprints: box,
		Contents: &blob.Shelf{Blobs: blobs, Rows: rows, Clock: clock.System{}, Log: log, Limit: 1 << 20},
		BaseURL:  base, AppURL: base, AppName: "Admit", MailLimit: -1, ImportLimit: -1, Log: log,
	})
	return c
}

// entering lets in whoever has imports done.
type entering struct {
	admin.Callers
	c *clinic
}

func (e entering) Enter(context.Context, caller.Claims, string, string) (caller.Caller, error) {
	if e.c.importer != nil {
		return e.c.importer(), nil
	}
	return e.c.ada, nil
}

// open makes the people of the clinic. A test that counts statements does that by itself.
func (c *clinic) open(t testing.TB) *clinic {
	t.Helper()
	ctx := context.Background()
	require.NoError(t, c.SetUp(ctx, admin.SuperAdmin{FirstName: "Sue", LastName: "Per", Email: "sue@admit.example", Password: "correct horse battery"}))
	c.ada = c.newOwner(t, "Clinic", "ada@clinic.example")
	c.bob = c.newOwner(t, "Other clinic", "bob@other.example")
	c.project, c.other = c.ada.Project, c.bob.Project
	c.super = c.member(t, c.superProject(t), "sue@admit.example", store.SystemProject)
	c.invite(t, `{"resourceType":"Practitioner","firstName":"Stan","lastName":"Staff","email":"stan@clinic.example","sendEmail":false}`)
	c.staff = c.member(t, c.project, "stan@clinic.example", store.SystemProject)
	return c
}

func (c *clinic) superProject(t testing.TB) string {
	t.Helper()
	owner, err := c.rows.Owner(context.Background(), store.Key{Scope: store.SystemProject, Kind: "SuperAdmin", Value: "first"})
	require.NoError(t, err)
	return owner.ID
}

func (c *clinic) newOwner(t testing.TB, project, email string) caller.Caller {
	t.Helper()
	ctx := context.Background()
	var made admin.ProjectMade
	err := c.Repo.System("test", store.SystemProject).InTx(ctx, func(tx *repo.Tx) error {
		body, err := json.Marshal(medplum.User{ResourceType: "User", FirstName: "O", LastName: "Wner", Email: email})
		if err != nil {
			return err
		}
		user, err := tx.Create(ctx, "User", body)
		if err != nil {
			return err
		}
		made, err = c.CreateProject(ctx, tx, admin.NewProject{
			Name: project, Owner: medplum.RefTo("User", user.ID, email), FirstName: "O", LastName: "Wner", Email: email,
		})
		return err
	})
	require.NoError(t, err)
	return c.member(t, made.Membership.Project, email, store.SystemProject)
}

// member is the caller that somebody is in a project.
func (c *clinic) member(t testing.TB, project, email, scope string) caller.Caller {
	t.Helper()
	user := c.user(t, scope, email)
	found := c.memberships(t, project, user)
	require.NotEmpty(t, found)
	return c.callerOf(t, project, found[0])
}

func (c *clinic) callerOf(t testing.TB, project string, m medplum.ProjectMembership) caller.Caller {
	t.Helper()
	who := caller.Caller{
		Project: project, ProjectName: m.Project.Display, User: m.User, Profile: m.Profile, Admin: m.Admin,
		Membership: medplum.RefTo("ProjectMembership", m.ID, ""), RemoteAddr: "192.0.2.7", RequestID: "r1",
	}
	who.SuperAdmin = c.rows != nil && project == c.superProject(t)
	var sources []policy.Source
	access := m.Access
	if m.AccessPolicy != nil {
		access = append([]medplum.Access{{Policy: *m.AccessPolicy}}, access...)
	}
	for _, a := range access {
		source := policy.Source{Parameters: a.Parameter}
		_, id := a.Policy.Split()
		c.read(t, project, "AccessPolicy", id, &source.Policy)
		sources = append(sources, source)
	}
	var err error
	who.Policy, err = policy.Compile(sources, policy.Subject{Project: project, Profile: m.Profile, Admin: who.Admin, SuperAdmin: who.SuperAdmin})
	require.NoError(t, err)
	return who
}

func (c *clinic) user(t testing.TB, scope, email string) store.Ref {
	t.Helper()
	ref, err := c.rows.Owner(context.Background(), store.Key{Scope: scope, Kind: repo.KeyUserEmail, Value: email})
	require.NoError(t, err)
	return ref
}

func (c *clinic) memberships(t testing.TB, project string, user store.Ref) []medplum.ProjectMembership {
	t.Helper()
	refs, err := c.rows.Owners(context.Background(), store.SystemProject, repo.KeyUserMembership, user.Type+"/"+user.ID+"/", 100)
	require.NoError(t, err)
	var found []medplum.ProjectMembership
	for _, ref := range refs {
		if ref.Project == project {
			var m medplum.ProjectMembership
			c.read(t, project, ref.Type, ref.ID, &m)
			found = append(found, m)
		}
	}
	return found
}

func (c *clinic) read(t testing.TB, project, resourceType, id string, into any) {
	t.Helper()
	res, err := c.Repo.System("test", project).Read(context.Background(), resourceType, id)
	require.NoError(t, err, "%s/%s", resourceType, id)
	require.NoError(t, json.Unmarshal(res.Content, into))
}

// create stores a resource in a project.
func (c *clinic) create(t testing.TB, project, body string) store.Resource {
	t.Helper()
	var typed struct{ ResourceType string }
	require.NoError(t, json.Unmarshal([]byte(body), &typed))
	made, err := c.Repo.System("test", project).Create(context.Background(), typed.ResourceType, []byte(body))
	require.NoError(t, err)
	return made
}

// tryInvite reads a body as the surface does and invites.
func (c *clinic) tryInvite(who caller.Caller, project, body, key string) (medplum.ProjectMembership, error) {
	var in admin.Invitation
	if err := web.DecodeJSON([]byte(body), &in); err != nil {
		return medplum.ProjectMembership{}, err
	}
	var m medplum.ProjectMembership
	res, err := c.Invite(context.Background(), who, project, in, key)
	if err != nil {
		return m, err
	}
	return m, json.Unmarshal(res.Content, &m)
}

// invite is an invite by ada that works.
func (c *clinic) invite(t testing.TB, body string) medplum.ProjectMembership {
	t.Helper()
	m, err := c.tryInvite(c.ada, c.project, body, "")
	require.NoError(t, err, "%s", body)
	return m
}

// census counts what an invite can leave behind, in all projects.
type census map[string]int

func (c *clinic) count(t testing.TB) census {
	t.Helper()
	ctx := context.Background()
	partitions, err := c.rows.Partitions(ctx)
	require.NoError(t, err)
	counted := census{}
	for _, resourceType := range []string{"User", "ProjectMembership", "Patient", "Practitioner", "RelatedPerson", "UserSecurityRequest"} {
		n, err := c.rows.Count(ctx, store.Query{Projects: partitions, Types: []string{resourceType}})
		require.NoError(t, err)
		counted[resourceType] = n
	}
	mails, err := c.rows.Mails(ctx, "", 10000)
	require.NoError(t, err)
	counted["mail"] = len(mails)
	for _, project := range partitions {
		events, err := c.rows.AuditEvents(ctx, project, 10000)
		require.NoError(t, err)
		for _, e := range events {
			if strings.Contains(e.Content, `"outcome":"0"`) {
				counted["audit"]++
			}
		}
	}
	return counted
}

// minus is what has come since.
func (c census) minus(before census) census {
	came := census{}
	for name, n := range c {
		if n != before[name] {
			came[name] = n - before[name]
		}
	}
	return came
}

func wantOutcome(t testing.TB, err error, code outcome.Code, text string) {
	t.Helper()
	require.Error(t, err)
	require.True(t, outcome.Has(err, code), "want %d %s, got %v", code.Status, code.Text, err)
	if text != "" {
		require.Equal(t, text, err.Error())
	}
}
