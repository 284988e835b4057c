package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/oauth"
	"github.com/admitdev/admit/pkg/store"
)

// Directory tells package oauth about clients, memberships and people: it implements
// oauth.Directory over the resources that hold them.
type Directory struct{ repo *repo.Repo }

// NewDirectory makes a Directory.
func NewDirectory(r *repo.Repo) *Directory { return &Directory{r} }

// fetch reads an identity resource with Admit's own rights.
func fetch[T any](ctx context.Context, r *repo.Repo, reason string, ref store.Ref) (resource T, err error) {
	found, err := r.Record(ctx, reason, ref)
	if err != nil {
		return resource, err
	}
	if err := json.Unmarshal(found.Content, &resource); err != nil {
		return resource, fmt.Errorf("%s/%s: %w", ref.Type, ref.ID, err)
	}
	return resource, nil
}

// Client implements oauth.Directory.
func (d *Directory) Client(ctx context.Context, id string) (oauth.Client, error) {
	if client, ok := builtInClient(id); ok {
		return client, nil
	}
	app, ref, err := d.application(ctx, id)
	if err != nil {
		return oauth.Client{}, err
	}
	return oauth.Client{
		ID: ref.ID, Project: ref.Project, Name: app.Name, Secrets: app.secrets,
		Active:              app.Status == "" || app.Status == "active",
		JWKSURI:             app.JWKSURI,
		KeysAlone:           slices.Contains(app.Meta.Tag, keysAloneTag),
		PKCEOptional:        app.PKCEOptional,
		KeyBound:            app.keyBound(),
		PushedOnly:          slices.Contains(app.Meta.Tag, pushedOnlyTag),
		External:            app.IdentityProvider != nil,
		Registered:          app.registeredItself(),
		MostScope:           strings.Join(app.DefaultScope, " "),
		RedirectURIs:        redirectURIs(app),
		DefaultScope:        app.DefaultScope,
		GrantTypes:          app.GrantType,
		AllowedOrigins:      app.AllowedOrigin,
		AccessTokenLifetime: app.AccessTokenLifetime, RefreshTokenLifetime: app.RefreshTokenLifetime,
	}, nil
}

// redirectURIs are the addresses to which a client's codes may go, the deprecated one among them.
func redirectURIs(app application) []string {
	if app.RedirectURI == "" {
		return app.RedirectURIs
	}
	return append(slices.Clone(app.RedirectURIs), app.RedirectURI)
}

// Launch implements oauth.Directory.
func (d *Directory) Launch(ctx context.Context, project, id string) (oauth.Launch, error) {
	if !repo.ValidID(id) {
		return oauth.Launch{}, store.ErrNotFound
	}
	launch, err := fetch[struct {
		Patient, Encounter medplum.Reference
		FHIRContext        []medplum.Reference
	}](ctx, d.repo, "read what a client is launched about",
		store.Ref{Project: project, Type: "SmartAppLaunch", ID: id})
	if err != nil {
		return oauth.Launch{}, err
	}
	var about oauth.Launch
	if resourceType, id := launch.Patient.Split(); resourceType == typePatient {
		about.Patient = id
	}
	if resourceType, id := launch.Encounter.Split(); resourceType == typeEncounter {
		about.Encounter = id
	}
	for _, further := range launch.FHIRContext {
		if resourceType, _ := further.Split(); resourceType != "" {
			about.FHIRContext = append(about.FHIRContext, further.Reference)
		}
	}
	return about, nil
}

// application is a ClientApplication, wherever it lives.
func (d *Directory) application(ctx context.Context, id string) (application, store.Ref, error) {
	if !repo.ValidID(id) {
		return application{}, store.Ref{}, store.ErrNotFound
	}
	key := store.Key{Scope: store.SystemProject, Kind: medplum.TypeClientApplication, Value: id}
	found, secrets, err := d.repo.Store.Held(ctx, key, store.ClientSecret, store.RetiringSecret)
	if err != nil {
		return application{}, store.Ref{}, err
	}
	app := application{secrets: secrets}
	return app, found.Ref, decode(found, &app)
}

// ClientMembership implements oauth.Directory.
func (d *Directory) ClientMembership(ctx context.Context, client oauth.Client) (oauth.Membership, error) {
	members, err := d.members(ctx, client.Ref(), func(project string) bool { return project == client.Project })
	if err != nil {
		return oauth.Membership{}, err
	}
	found, err := oauth.Membership{}, store.ErrNotFound
	for _, m := range members {
		found, err = membershipOf(m.ProjectMembership, m.of), nil
		if found.Active {
			break
		}
	}
	return found, err
}

// member is a membership with its project.
type member struct {
	medplum.ProjectMembership
	of      medplum.Project
	project string // its id, of which nobody but the server has a say
}

// members are the memberships that a user has in the projects that are wanted.
func (d *Directory) members(ctx context.Context, user store.Ref, wanted func(project string) bool) ([]member, error) {
	held, err := d.repo.Store.HeldInProjects(ctx, store.SystemProject, repo.KeyUserMembership, user.Type+"/"+user.ID+"/", maxMemberships)
	if err != nil {
		return nil, err
	}
	var all []member
	for _, found := range held {
		if !wanted(found.Project) {
			continue
		}
		m := member{project: found.Project}
		if err := errors.Join(decode(found.Resource, &m.ProjectMembership), decode(found.Of, &m.of)); err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

// memberships are where the memberships of a user are.
func (d *Directory) memberships(ctx context.Context, user store.Ref, limit int) ([]store.Ref, error) {
	return d.repo.Store.Owners(ctx, store.SystemProject, repo.KeyUserMembership, user.Type+"/"+user.ID+"/", limit)
}

// Membership implements oauth.Directory.
func (d *Directory) Membership(ctx context.Context, project, id string) (oauth.Membership, error) {
	m, p, err := d.member(ctx, store.Ref{Project: project, Type: medplum.TypeProjectMembership, ID: id})
	if err != nil {
		return oauth.Membership{}, err
	}
	return membershipOf(m, p), nil
}

func membershipOf(m medplum.ProjectMembership, p medplum.Project) oauth.Membership {
	return oauth.Membership{
		ID: m.ID, Project: p.ID, ProjectName: p.Name, SuperAdmin: p.SuperAdmin, Active: m.IsActive(), MFARequired: p.MFARequired(), AuthLimit: p.SystemInteger("authRateLimit"),
		User:    oauth.Reference(m.User),
		Profile: oauth.Reference(m.Profile),
	}
}

// member reads a membership with its project.
func (d *Directory) member(ctx context.Context, ref store.Ref) (m medplum.ProjectMembership, p medplum.Project, err error) {
	found, err := d.repo.Records(ctx, ref, store.Ref{Project: store.SystemProject, Type: medplum.TypeProject, ID: ref.Project})
	if err != nil {
		return m, p, err
	}
	return m, p, errors.Join(decode(found[0], &m), decode(found[1], &p))
}

// profileNames is what userinfo tells of a profile.
type profileNames struct {
	Name []struct {
		Given  []string `json:"given"`
		Family string   `json:"family"`
	} `json:"name"`
	Telecom []struct {
		System string `json:"system"`
		Value  string `json:"value"`
	} `json:"telecom"`
}

// Person implements oauth.Directory. The names are the profile's; a client has only its own.
func (d *Directory) Person(ctx context.Context, user store.Ref, member oauth.Membership) (oauth.Person, error) {
	const reason = "read whom userinfo describes"
	person := oauth.Person{Name: member.Profile.Display}
	if user.Type == medplum.TypeUser {
		u, err := fetch[medplum.User](ctx, d.repo, reason, user)
		if err != nil {
			return oauth.Person{}, err
		}
		person.Email, person.EmailVerified = u.Email, u.EmailVerified
		person.Given, person.Family = u.FirstName, u.LastName
	}
	resourceType, id := medplum.Reference(member.Profile).Split()
	if resourceType == medplum.TypeClientApplication || resourceType == medplum.TypeBot {
		return person, nil
	}
	found, err := d.repo.Record(ctx, reason, store.Ref{Project: member.Project, Type: resourceType, ID: id})
	if err != nil {
		return oauth.Person{}, err
	}
	person.UpdatedAt = found.LastUpdated
	var profile profileNames
	if err := json.Unmarshal(found.Content, &profile); err != nil {
		return oauth.Person{}, fmt.Errorf("profile %s/%s: %w", resourceType, id, err)
	}
	if len(profile.Name) > 0 {
		person.Given, person.Family = strings.Join(profile.Name[0].Given, " "), profile.Name[0].Family
	}
	person.Name = strings.TrimSpace(person.Given + " " + person.Family)
	for _, t := range profile.Telecom {
		if t.System == "phone" && person.Phone == "" {
			person.Phone = t.Value
		}
	}
	return person, nil
}
