package admin

import (
	"context"
	"errors"
	"slices"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// DeadLink is the outcome of a mailed link that was right once. To clients it is outcome Invalid in
// Medplum's words; a page has words of its own for it.
type DeadLink struct {
	*outcome.Outcome
	// Used says that it was used before, Invite that it was an invitation's.
	Used, Invite bool
	// Project is that of a User who belongs to one alone, empty for any other.
	Project string
}

// Unwrap makes it the outcome that clients see.
func (d *DeadLink) Unwrap() error { return d.Outcome }

func usedLink(request store.SecurityRequest) error {
	return deadLink(request, "Already used", true)
}

func expiredLink(request store.SecurityRequest) error {
	return deadLink(request, "This link has expired", false)
}

func deadLink(request store.SecurityRequest, text string, used bool) error {
	return &DeadLink{outcome.New(outcome.Invalid, "%s", text), used, request.Type == store.RequestInvite, ownProject(request.UserProject)}
}

// ownProject is the partition of a User as the project that they sign in to by name; none for a User of
// the server.
func ownProject(partition string) string {
	if partition == store.SystemProject {
		return ""
	}
	return partition
}

// Link is what a page may say to whoever holds the link of a mail, before they act on it.
type Link struct {
	Email string
	// Invite says that the link is an invitation's and not a reset's.
	Invite bool
	// Project is the project of a User who belongs to one alone, and signs in to it by name.
	Project string
	// InvitedTo is the name of the project that an invitation is for.
	InvitedTo string
}

// PasswordLink looks at the link of an invite or a reset and uses nothing up: those who scan mails
// open what they find.
//
// Errors: *DeadLink; outcome Invalid "Incorrect secret"; NotFound.
func (s *SignIn) PasswordLink(ctx context.Context, id, plain string) (Link, error) {
	request, who, err := s.request(ctx, id, plain, store.RequestInvite, store.RequestReset)
	if err != nil {
		return Link{}, err
	}
	link := Link{Email: who.user.Email, Invite: request.Type == store.RequestInvite, Project: ownProject(who.ref.Project)}
	if !link.Invite {
		return link, nil
	}
	if link.InvitedTo, err = s.invitedTo(ctx, request); err != nil {
		return Link{}, err
	}
	return link, s.Service.openInvitation(ctx, request)
}

// invitedTo is the name of the project that an invitation's link was made for. One that is revoked
// names none.
func (s *SignIn) invitedTo(ctx context.Context, request store.SecurityRequest) (string, error) {
	projects, err := projectsOf(ctx, s.Store, request.User)
	if err != nil {
		return "", err
	}
	for _, id := range projects {
		open, err := s.Store.HasInvitationOf(ctx, id, request.ID)
		if err != nil {
			return "", err
		}
		if !open {
			continue
		}
		ref := store.Ref{Project: store.SystemProject, Type: medplum.TypeProject, ID: id}
		project, err := fetch[medplum.Project](ctx, s.Repo, "name the project of an invitation", ref)
		return project.Name, err
	}
	return "", nil
}

// directoryRows tells in which projects something lives; a Store or a transaction.
type directoryRows interface {
	Owners(ctx context.Context, scope, kind, valuePrefix string, limit int) ([]store.Ref, error)
}

// projectsOf are the projects in which a User has a membership, each once.
func projectsOf(ctx context.Context, rows directoryRows, user string) ([]string, error) {
	members, err := rows.Owners(ctx, store.SystemProject, repo.KeyUserMembership, medplum.TypeUser+"/"+user+"/", maxMemberships)
	if err != nil {
		return nil, err
	}
	var projects []string
	for _, member := range members {
		if !slices.Contains(projects, member.Project) {
			projects = append(projects, member.Project)
		}
	}
	return projects, nil
}

// Identity is somebody who has just shown who they are.
type Identity struct {
	Name, Email string
	// Memberships are where they may go from here.
	Memberships []Choice
	// SecondFactor says that they would have to show a second one.
	SecondFactor bool
}

// Prove signs somebody in to see that it works, and ends the session that this began: a page that
// only shows who somebody is needs none.
//
// Errors: as Login's.
func (s *SignIn) Prove(ctx context.Context, in LoginRequest, from Device) (Identity, error) {
	step, err := s.Login(ctx, in, from)
	if err != nil {
		return Identity{}, err
	}
	login, who, err := s.pending(ctx, step.Login)
	if err != nil {
		return Identity{}, err
	}
	err = s.Store.InTx(ctx, func(tx *store.Tx) error {
		_, err := tx.RevokeLogin(ctx, login.ID)
		return err
	})
	if err != nil {
		return Identity{}, err
	}
	proven := Identity{
		Name: who.user.FirstName + " " + who.user.LastName, Email: who.user.Email,
		SecondFactor: step.MFARequired || step.MFAEnrollRequired,
	}
	if proven.SecondFactor { // nobody is let in by half
		return proven, nil
	}
	proven.Memberships, err = s.choices(ctx, login)
	return proven, err
}

func ignoreNotFound(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}
