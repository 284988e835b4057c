package admin

import (
	"context"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/secret"
	"github.com/admitdev/admit/pkg/store"
)

// clientSecretBytes is the strength of a client's secret; 64 characters, as Medplum's have.
const clientSecretBytes = 32

// NewProject is a project to be made, and who is to own it.
type NewProject struct {
	ID         string // a new one when empty
	Name       string
	SuperAdmin bool
	Owner      medplum.Reference // a User; its display is the address
	FirstName  string            // of the owner, for the profile
	LastName   string
	Email      string
	// ClientID and ClientSecret are the default client's; new ones when empty. A super administrator's
	// project gets a client only when its id is named: nobody would know its secret, and it may do
	// everything.
	ClientID, ClientSecret string
}

// ProjectMade is what a new project consists of.
type ProjectMade struct {
	Project    medplum.Reference
	Membership store.Ref // the owner's
	Profile    medplum.Reference
	Client     store.Ref
	// ClientSecret is the default client's secret, for whoever asked for one.
	ClientSecret string
}

// CreateProject makes a project with its default policies, its default client and its owner's
// profile and membership, in tx.
func (s *Service) CreateProject(ctx context.Context, tx *repo.Tx, in NewProject) (made ProjectMade, err error) {
	if in.ID == "" {
		in.ID = tx.Store().NewID()
	}
	made.Project = medplum.RefTo(medplum.TypeProject, in.ID, in.Name)
	if err := s.makeProject(ctx, tx, in); err != nil {
		return ProjectMade{}, err
	}
	if !in.SuperAdmin || in.ClientID != "" {
		client := newClient{id: in.ClientID, name: in.Name + " Default Client", secret: in.ClientSecret, admin: in.SuperAdmin}
		if made.Client, made.ClientSecret, err = s.makeDefaultClient(ctx, tx, made.Project, client); err != nil {
			return ProjectMade{}, err
		}
	}
	made.Profile, err = makeProfile(ctx, tx, caller.Caller{}, in.ID, person{
		resourceType: "Practitioner", first: in.FirstName, last: in.LastName, email: in.Email,
	})
	if err != nil {
		return ProjectMade{}, err
	}
	made.Membership, err = makeMembership(ctx, tx, medplum.ProjectMembership{
		Project: made.Project, User: in.Owner, Profile: made.Profile, Admin: true,
	})
	if err != nil {
		return ProjectMade{}, err
	}
	return made, audit.Record(ctx, tx.Store(), audit.Event{
		Project: in.ID, Action: audit.ProjectCreate, Agent: made.Profile.Reference, Entities: []string{made.Project.Reference},
	})
}

// makeProject stores the Project. Its policies come first, for it names them.
func (s *Service) makeProject(ctx context.Context, tx *repo.Tx, in NewProject) error {
	policies, err := makeDefaultPolicies(ctx, tx, in.ID)
	if err != nil {
		return err
	}
	body, err := marshal(medplum.Project{
		ResourceType: medplum.TypeProject, ID: in.ID, Name: in.Name, Owner: &in.Owner,
		SuperAdmin: in.SuperAdmin, StrictMode: true, DefaultAccessPolicies: policies,
	})
	if err != nil {
		return err
	}
	_, err = tx.System("make a project", store.SystemProject).Create(ctx, medplum.TypeProject, body)
	return err
}

type newClient struct {
	id, name, secret string
	admin            bool
}

func (s *Service) makeDefaultClient(ctx context.Context, tx *repo.Tx, project medplum.Reference, in newClient) (store.Ref, string, error) {
	if in.secret == "" {
		in.secret = secret.Token(clientSecretBytes)
	}
	_, projectID := project.Split()
	body, err := marshal(struct {
		medplum.ClientApplication
		Secret string `json:"secret"`
	}{medplum.ClientApplication{ResourceType: medplum.TypeClientApplication, ID: in.id, Name: in.name}, in.secret})
	if err != nil {
		return store.Ref{}, "", err
	}
	client, err := tx.System("make the default client of a project", projectID).Create(ctx, medplum.TypeClientApplication, body)
	if err != nil {
		return store.Ref{}, "", err
	}
	self := medplum.RefTo(client.Type, client.ID, in.name)
	_, err = makeMembership(ctx, tx, medplum.ProjectMembership{Project: project, User: self, Profile: self, Admin: in.admin})
	return client.Ref, in.secret, err
}

// makeMembership stores a new membership; without policies it gets its project's default.
func makeMembership(ctx context.Context, tx *repo.Tx, m medplum.ProjectMembership) (store.Ref, error) {
	m.ResourceType = medplum.TypeProjectMembership
	body, err := marshal(m)
	if err != nil {
		return store.Ref{}, err
	}
	_, project := m.Project.Split()
	res, err := tx.System("make a membership", project).Create(ctx, medplum.TypeProjectMembership, body)
	return res.Ref, err
}
