package admin

import (
	"cmp"
	"context"
	"errors"
	"net/url"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/fhir/search"
	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// whoIsInvited is why an invite looks for a person, makes one and looks where they are a member: one reason for all,
// because the trail must not tell an administrator whom other projects know.
const whoIsInvited = "find or make the User of an invite"

// findOrMakeUser finds the User of the address in its scope, or makes one. A User that is found
// keeps its names, its password and its second factor.
func (v *inviting) findOrMakeUser(ctx context.Context) error {
	v.user = invitedUser{Ref: store.Ref{Project: store.SystemProject, Type: medplum.TypeUser, ID: cmp.Or(v.ahead.user, newUserID(v.tx.Store()))}}
	if v.in.projectScoped() {
		v.user.Project = v.project.ID
	}
	if v.in.Email == "" { // an external id names the membership, not the person
		return v.makeUser(ctx)
	}
	holder, err := v.claimAddress(ctx, v.user.Ref)
	if err != nil {
		return err
	}
	if holder == v.user.Ref {
		return v.makeUser(ctx)
	}
	v.user.Ref = holder
	return v.recognise(ctx)
}

// claimAddress takes the address in the scope of user, or tells who holds it there. It locks the
// address in the other scope as well, always in the same order, and refuses somebody who is a
// member under that one.
func (v *inviting) claimAddress(ctx context.Context, user store.Ref) (holder store.Ref, err error) {
	tx := v.tx.Store()
	for _, scope := range []string{v.project.ID, store.SystemProject} {
		if scope != user.Project && v.in.ForceNewMembership {
			continue
		}
		key := store.Key{Scope: scope, Kind: repo.KeyUserEmail, Value: v.in.Email}
		found, claimed, err := tx.Claim(ctx, key, user)
		switch {
		case err != nil:
			return store.Ref{}, err
		case scope == user.Project:
			holder = found
		case claimed: // it was nobody's; whoever else wants it waits for this transaction all the same
			if err := tx.Release(ctx, key); err != nil {
				return store.Ref{}, err
			}
		default:
			if err := v.mustBeNoMember(ctx, found); err != nil {
				return store.Ref{}, err
			}
		}
	}
	return holder, nil
}

func (v *inviting) mustBeNoMember(ctx context.Context, user store.Ref) error {
	found, err := v.s.findMemberships(ctx, v.tx, whoIsInvited, v.project.ID, user)
	if err != nil {
		return err
	}
	if len(found) > 0 {
		return outcome.New(outcome.Conflict, alreadyMember)
	}
	return nil
}

// newUserID is the id of a new User. Memberships name it, in each project to which somebody comes: it does not tell
// how long another one has known them.
func newUserID(rows *store.Tx) string { return clock.Untimed(rows.NewID()) }

func (v *inviting) makeUser(ctx context.Context) error {
	user := medplum.User{
		ResourceType: medplum.TypeUser, ID: v.user.ID, FirstName: v.in.FirstName, LastName: v.in.LastName,
		Email: v.in.Email, MFARequired: v.in.MFARequired,
	}
	if v.user.Project != store.SystemProject {
		user.Project = new(v.reference())
	}
	v.user.made, v.user.stranger, v.user.hasPassword = true, true, v.hash != ""
	return v.s.makeUser(ctx, v.tx, whoIsInvited, v.user.Ref, user, v.password())
}

// password is the one that the request gives to a new User. Until the person has shown that the
// address is theirs it leads to this project alone: another that invites the same address later
// must not let in whoever chose it.
func (v *inviting) password() newPassword {
	if v.user.Project == v.project.ID {
		return newPassword{v.hash, store.OpensAll} // the User has no other
	}
	return newPassword{v.hash, v.project.ID}
}

// newPassword is a password, as its hash, with what it leads to (store.Credential.Opens).
type newPassword struct{ hash, opens string }

// makeUser stores a new User with its password, if it has one.
func (s *Service) makeUser(ctx context.Context, tx *repo.Tx, reason string, ref store.Ref, user medplum.User, password newPassword) error {
	body, err := marshal(user)
	if err != nil {
		return err
	}
	if _, err := tx.System(reason, ref.Project).Create(ctx, medplum.TypeUser, body); err != nil {
		return err
	}
	if password.hash == "" {
		return nil
	}
	return tx.Store().SetCredential(ctx, store.Credential{
		Project: ref.Project, Type: ref.Type, ID: ref.ID, Kind: store.Password, Hash: password.hash, Opens: password.opens,
	})
}

// recognise reads a User that is there already. One that has neither a password nor a proven
// address has never come in, and gets a link like a new one. So does one whose password was chosen
// by somebody who has not shown that the address is theirs: a stranger may have registered it, or
// another project's administrator, to be let in here (pre-hijacking). The link replaces that
// password, and until it is used no sign-in leads to this project (SignIn.choices).
func (v *inviting) recognise(ctx context.Context) error {
	res, err := v.tx.System(whoIsInvited, v.user.Project).Read(ctx, medplum.TypeUser, v.user.ID)
	if err != nil {
		return err
	}
	var user medplum.User
	if err := decode(res, &user); err != nil {
		return err
	}
	password, err := v.tx.Store().Credential(ctx, v.user.Ref, store.Password)
	switch {
	case errors.Is(err, store.ErrNotFound):
		v.user.stranger = !user.EmailVerified
	case err != nil:
		return err
	default:
		v.user.stranger, v.user.hasPassword = !password.OpensProject(v.project.ID), true
	}
	return nil
}

// reference names the project.
func (v *inviting) reference() medplum.Reference {
	return medplum.RefTo(medplum.TypeProject, v.project.ID, v.project.Name)
}

// memberships are those that the User has in the project already. Where a further one is wanted
// they do not matter.
func (v *inviting) memberships(ctx context.Context) ([]medplum.ProjectMembership, error) {
	if v.user.made || v.in.ForceNewMembership {
		return nil, nil
	}
	return v.s.findMemberships(ctx, v.tx, whoIsInvited, v.project.ID, v.user.Ref)
}

// membershipsOf are the memberships of a User, client or bot in a project.
func (s *Service) membershipsOf(ctx context.Context, tx *repo.Tx, project string, user store.Ref) ([]medplum.ProjectMembership, error) {
	return s.findMemberships(ctx, tx, "find the memberships of a User", project, user)
}

func (s *Service) findMemberships(ctx context.Context, tx *repo.Tx, reason, project string, user store.Ref) ([]medplum.ProjectMembership, error) {
	query := url.Values{"user": {user.Type + "/" + user.ID}, "_count": {"100"}}
	rows, err := s.search(ctx, tx, reason, project, medplum.TypeProjectMembership, query)
	if err != nil {
		return nil, err
	}
	found := make([]medplum.ProjectMembership, len(rows))
	for i := range rows {
		if err := decode(rows[i], &found[i]); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// search runs a search with Admit's own rights.
func (s *Service) search(ctx context.Context, tx *repo.Tx, reason, project, resourceType string, query url.Values) ([]store.Resource, error) {
	return s.searchIn(ctx, tx.System(reason, project), resourceType, query)
}

// finder reads within a transaction or outside of any.
type finder interface {
	Read(ctx context.Context, resourceType, id string) (store.Resource, error)
	Search(ctx context.Context, request *search.Request) ([]store.Row, error)
}

func (s *Service) searchIn(ctx context.Context, in finder, resourceType string, query url.Values) ([]store.Resource, error) {
	request, err := search.Parse([]string{resourceType}, query.Encode(), s.BaseURL.JoinPath("fhir/R4/").String())
	if err != nil {
		return nil, err
	}
	rows, err := in.Search(ctx, request)
	if err != nil {
		return nil, err
	}
	found := make([]store.Resource, len(rows))
	for i := range rows {
		found[i] = rows[i].Resource
	}
	return found, nil
}
