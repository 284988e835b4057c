// Package repotest builds, through fhir/repo itself, the little worlds that tests of fhir/repo and
// fhir/rest act in: two projects with their administrators, staff and patients.
package repotest

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/store/storetest"
)

// World is a server's data with nothing around it.
type World struct {
	Store    *store.Store
	Repo     *repo.Repo
	Secrets  *Secrets
	Resolver *caller.Resolver
	A, B     Project // two ordinary projects
	Super    Project // the super administrators'
}

// Project is one project and who is in it.
type Project struct {
	ID string
	// Admin is a Practitioner whose membership is admin, Staff one whose is not, Patient a patient.
	Admin, Staff, Patient Member
}

// Member is somebody in a project.
type Member struct {
	User, Profile, Membership medplum.Reference
	Claims                    caller.Claims
}

// ticking never tells the same time twice, so that what is done one after another has that order.
type ticking struct {
	clock.System
	last atomic.Int64
}

func (c *ticking) Now() time.Time {
	for {
		last := c.last.Load()
		now := max(c.System.Now().UnixMilli(), last+1)
		if c.last.CompareAndSwap(last, now) {
			return time.UnixMilli(now).UTC()
		}
	}
}

// New makes a World on a database.
func New(t testing.TB, db storetest.DB) *World {
	t.Helper()
	return On(t, storetest.Open(t, db))
}

// On makes a World in a store.
func On(t testing.TB, opened *store.Store) *World {
	t.Helper()
	w := &World{Store: opened, Secrets: &Secrets{}}
	log := slog.New(slog.DiscardHandler)
	w.Repo = repo.New(repo.Options{Store: w.Store, Clock: &ticking{}, Secrets: w.Secrets, Log: log})
	w.Resolver = caller.NewResolver(caller.Options{
		Logins: Logins{w.Store}, Records: w.Repo, Changes: w.Store, Clock: clock.System{}, Log: log,
	})
	w.Super = w.Project(t, medplum.Project{Name: "Super", SuperAdmin: true})
	w.A = w.Project(t, medplum.Project{Name: "A"})
	w.B = w.Project(t, medplum.Project{Name: "B"})
	return w
}

// Make creates a resource of Admit's own.
func (w *World) Make(t testing.TB, project, resourceType string, v any) string {
	t.Helper()
	body, err := json.Marshal(v)
	require.NoError(t, err)
	made, err := w.Repo.System("set up a test", project).Create(context.Background(), resourceType, body)
	require.NoError(t, err, "%s", body)
	return made.ID
}

// Project makes a project with its default policies and members.
func (w *World) Project(t testing.TB, p medplum.Project) Project {
	t.Helper()
	p.ResourceType, p.ID = medplum.TypeProject, clock.System{}.NewID()
	made := Project{ID: w.Make(t, store.SystemProject, medplum.TypeProject, p)}
	all := w.Policy(t, made.ID, medplum.PolicyResource{ResourceType: "*"})
	own := w.Policy(t, made.ID, medplum.PolicyResource{ResourceType: "Patient", Criteria: "Patient?_compartment=%patient"},
		medplum.PolicyResource{ResourceType: "Observation", Criteria: "Observation?_compartment=%patient"})
	for profile, policy := range map[string]string{"Practitioner": all, "ClientApplication": all, "Bot": all, "Patient": own} {
		p.DefaultAccessPolicies = append(p.DefaultAccessPolicies, medplum.DefaultAccessPolicy{
			ProfileType: profile, AccessPolicy: medplum.RefTo(medplum.TypeAccessPolicy, policy, ""),
		})
	}
	body, err := json.Marshal(p)
	require.NoError(t, err)
	_, err = w.Repo.System("set up a test", store.SystemProject).Update(context.Background(), medplum.TypeProject, made.ID, body, "")
	require.NoError(t, err)
	made.Admin = w.Member(t, made.ID, "Practitioner", medplum.ProjectMembership{Admin: true})
	made.Staff = w.Member(t, made.ID, "Practitioner", medplum.ProjectMembership{})
	made.Patient = w.Member(t, made.ID, "Patient", medplum.ProjectMembership{})
	return made
}

// Policy makes an AccessPolicy and gives its id.
func (w *World) Policy(t testing.TB, project string, rules ...medplum.PolicyResource) string {
	t.Helper()
	return w.Make(t, project, medplum.TypeAccessPolicy, medplum.AccessPolicy{ResourceType: medplum.TypeAccessPolicy, Resource: rules})
}

// Member makes a User, a profile and the membership that joins them.
func (w *World) Member(t testing.TB, project, profileType string, m medplum.ProjectMembership) Member {
	t.Helper()
	var made Member
	user := w.Make(t, project, medplum.TypeUser, medplum.User{
		ResourceType: medplum.TypeUser, FirstName: "Some", LastName: "Body",
		Project: &medplum.Reference{Reference: "Project/" + project},
	})
	made.User = medplum.RefTo(medplum.TypeUser, user, "")
	profile := w.Make(t, project, profileType, map[string]any{"resourceType": profileType, "name": []any{map[string]any{"family": "Body"}}})
	made.Profile = medplum.RefTo(profileType, profile, "Some Body")
	m.ResourceType, m.Project = medplum.TypeProjectMembership, medplum.RefTo(medplum.TypeProject, project, "")
	m.User, m.Profile = made.User, made.Profile
	made.Membership = medplum.RefTo(medplum.TypeProjectMembership, w.Make(t, project, medplum.TypeProjectMembership, m), "")
	_, id := made.Membership.Split()
	made.Claims = caller.Claims{Project: project, Membership: id}
	return made
}

// With makes a member of the project with one policy of these rules.
func (w *World) With(t testing.TB, project string, rules ...medplum.PolicyResource) Member {
	t.Helper()
	policy := medplum.RefTo(medplum.TypeAccessPolicy, w.Policy(t, project, rules...), "")
	return w.Member(t, project, "Practitioner", medplum.ProjectMembership{AccessPolicy: &policy})
}

// Caller is the member as a caller.
func (w *World) Caller(t testing.TB, m Member) caller.Caller {
	t.Helper()
	who, err := w.Resolver.Resolve(context.Background(), m.Claims)
	require.NoError(t, err)
	return who
}

// As is a session of the member.
func (w *World) As(t testing.TB, m Member) *repo.Session {
	t.Helper()
	return w.Repo.As(w.Caller(t, m))
}

// Logins reads logins as pkg/oauth does.
type Logins struct{ *store.Store }

// LiveLogin implements caller.Logins.
func (l Logins) LiveLogin(ctx context.Context, id string) (caller.Claims, error) {
	login, err := l.Login(ctx, id)
	if err == nil && login.Revoked {
		err = store.ErrNotFound
	}
	return caller.Claims{Project: login.MembershipProject, Membership: login.Membership, ClientID: login.Client, Scope: login.Scope}, err
}

// Secrets keeps client secrets in memory.
type Secrets struct {
	mu   sync.Mutex
	kept map[string]string
}

// SetClientSecret implements repo.Secrets.
func (s *Secrets) SetClientSecret(_ context.Context, _ *store.Tx, project, client, secret string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept == nil {
		s.kept = map[string]string{}
	}
	s.kept[project+"/"+client] = secret
	return nil
}

// ClientSecrets implements repo.Secrets.
func (s *Secrets) ClientSecrets(_ context.Context, _ *store.Tx, project, client string) (string, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kept[project+"/"+client], "", nil
}

// SetProviderSecret implements repo.Secrets.
func (s *Secrets) SetProviderSecret(ctx context.Context, tx *store.Tx, of store.Ref, secret string) error {
	return s.SetClientSecret(ctx, tx, of.Project, of.ID+"/provider", secret)
}

// ProviderSecret implements repo.Secrets.
func (s *Secrets) ProviderSecret(ctx context.Context, tx *store.Tx, of store.Ref) (string, error) {
	kept, _, err := s.ClientSecrets(ctx, tx, of.Project, of.ID+"/provider")
	return kept, err
}

// SetSealed implements repo.Secrets.
func (s *Secrets) SetSealed(ctx context.Context, tx *store.Tx, of store.Ref, content []byte) error {
	return s.SetClientSecret(ctx, tx, of.Project, of.ID+"/sealed", string(content))
}

// Sealed implements repo.Secrets.
func (s *Secrets) Sealed(ctx context.Context, tx *store.Tx, of store.Ref) ([]byte, error) {
	kept, _, err := s.ClientSecrets(ctx, tx, of.Project, of.ID+"/sealed")
	return []byte(kept), err
}

// Forget implements repo.Secrets.
func (s *Secrets) Forget(_ context.Context, _ *store.Tx, of store.Ref) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, kind := range []string{"", "/provider", "/sealed"} {
		delete(s.kept, of.Project+"/"+of.ID+kind)
	}
	return nil
}
