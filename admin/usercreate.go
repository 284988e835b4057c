package admin

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// CreateUser makes a User of the project alone with its profile and membership. Whoever has the same
// address in another project is somebody else to it; nobody is mailed (see Invite for both).
//
// Errors: outcome Forbidden, NotFound, Invalid; a login, address or phone that is taken is Duplicate at
// its field.
func (s *Service) CreateUser(ctx context.Context, who caller.Caller, project string, in UserDraft) (made User, err error) {
	m, err := s.manage(ctx, who, project, audit.MembershipCreate)
	if err != nil {
		return User{}, err
	}
	if err := in.check(); err != nil {
		return User{}, err
	}
	hash, err := s.hash(ctx, text(in.Password), text(in.Email))
	if err != nil {
		return User{}, err
	}
	err = s.Repo.System("make a user", project).InTx(ctx, func(tx *repo.Tx) (err error) {
		c := creating{s: s, tx: tx, m: m, in: in}
		made, err = c.run(ctx, hash)
		return err
	})
	return made, err
}

func (in *UserDraft) check() error {
	if err := in.UserFields.check(); err != nil {
		return err
	}
	var fields outcome.Fields
	fields.Check(in.ID == "" || uuidForm.MatchString(in.ID), "id", "An id is a UUID")
	if in.Profile != nil {
		profileType, _ := in.Profile.Split()
		fields.Check(isPerson(profileType), "profile", "A profile is a Patient, a Practitioner or a RelatedPerson")
		fields.Check(in.ProfileType == "" || in.ProfileType == profileType, "profileType", "The profile is of another type")
		in.ProfileType = profileType
	}
	fields.Check(isPerson(in.ProfileType), "profileType", "Profile type must be Patient, Practitioner or RelatedPerson")
	if err := fields.Err(); err != nil {
		return err
	}
	return checkNames(text(in.Login), text(in.Email), text(in.Phone), text(in.ExternalID))
}

// creating is one user on its way, within one attempt of its transaction.
type creating struct {
	s          *Service
	tx         *repo.Tx
	m          manager
	in         UserDraft
	user       store.Ref
	membership store.Ref
}

func (c *creating) run(ctx context.Context, hash string) (User, error) {
	project := c.m.project.ID
	c.user = store.Ref{Project: project, Type: medplum.TypeUser, ID: c.tx.NewID()}
	c.membership = store.Ref{Project: project, Type: medplum.TypeProjectMembership, ID: c.in.ID}
	if c.in.ID == "" {
		c.membership.ID = c.tx.NewID()
	}
	if err := c.claim(ctx); err != nil {
		return User{}, err
	}
	member, err := c.in.over(medplum.Member{})
	if err != nil {
		return User{}, err
	}
	if callName(member) == "" {
		member.Name = callName(member, text(c.in.Login), text(c.in.Email), text(c.in.Phone), text(c.in.ExternalID))
	}
	if err := c.makeUser(ctx, member, hash); err != nil {
		return User{}, err
	}
	profile, err := c.profile(ctx, member)
	if err != nil {
		return User{}, err
	}
	body, err := c.document(ctx, member, profile)
	if err != nil {
		return User{}, err
	}
	res, err := c.tx.Administer(c.m.who, "make the membership of a user", project).Create(ctx, c.membership.Type, body)
	if outcome.Has(err, outcome.Conflict) { // the names are claimed, so it is the id
		return User{}, outcome.New(outcome.Invalid, "A user with id %s exists already", c.membership.ID).At("id")
	}
	if err != nil {
		return User{}, err
	}
	var made medplum.ProjectMembership
	if err := decode(res, &made); err != nil {
		return User{}, err
	}
	if err := c.m.reach(ctx, c.tx, made); err != nil {
		return User{}, err
	}
	e := event(c.m.who, project, audit.MembershipCreate, res.Type+"/"+res.ID, c.user.Type+"/"+c.user.ID)
	if err := audit.Record(ctx, c.tx.Store(), e); err != nil {
		return User{}, err
	}
	return c.s.describeUser(ctx, readingIn(c.tx), res)
}

// claim takes every name that the user signs in with.
func (c *creating) claim(ctx context.Context) error {
	if err := c.s.claimEmail(ctx, c.tx, c.m.project, text(c.in.Email), c.user); err != nil {
		return err
	}
	if err := claimNames(ctx, c.tx, c.membership, &c.in.UserFields); err != nil {
		return err
	}
	key := store.Key{Scope: c.m.project.ID, Kind: repo.KeyMembershipUser, Value: c.user.Type + "/" + c.user.ID}
	_, _, err := c.tx.Store().Claim(ctx, key, c.membership)
	return err
}

// claimEmail takes an address for a User of the project, which no other member may have.
func (s *Service) claimEmail(ctx context.Context, tx *repo.Tx, project medplum.Project, email string, user store.Ref) error {
	if email == "" {
		return nil
	}
	v := inviting{s: s, tx: tx, project: project, in: Invitation{Email: email}}
	holder, err := v.claimAddress(ctx, user)
	if outcome.Has(err, outcome.Conflict) || err == nil && holder != user {
		return taken("email", email)
	}
	return err
}

// claimNames takes the names of a membership that the fields set.
func claimNames(ctx context.Context, tx *repo.Tx, membership store.Ref, in *UserFields) error {
	for _, name := range []struct{ field, kind, value string }{
		{"login", repo.KeyMembershipUserName, text(in.Login)},
		{"phone", repo.KeyMembershipPhone, text(in.Phone)},
		{"externalId", repo.KeyMembershipExternalID, text(in.ExternalID)},
	} {
		if name.value == "" {
			continue
		}
		_, claimed, err := tx.Store().Claim(ctx, store.Key{Scope: membership.Project, Kind: name.kind, Value: name.value}, membership)
		if err != nil {
			return err
		}
		if !claimed {
			return taken(name.field, name.value)
		}
	}
	if in.LoginInAnyCase && text(in.Login) != "" {
		return lookForLogin(ctx, tx, membership, *in.Login)
	}
	return nil
}

// maxAlike is how many logins are looked through that differ in case and accents alone.
const maxAlike = 200

// lookForLogin refuses a login that another user has, without regard to case. Those who look for the same
// one wait for each other.
func lookForLogin(ctx context.Context, tx *repo.Tx, membership store.Ref, login string) error {
	key := store.Key{Scope: membership.Project, Kind: "login in any case", Value: strings.ToLower(login)}
	if err := tx.Store().LineUp(ctx, []store.Key{key}, store.Ref{Project: membership.Project, Type: "login", ID: tx.NewID()}); err != nil {
		return err
	}
	members := tx.System("look for a login in any case", membership.Project)
	alike, _, err := members.Select(ctx, membership.Type, repo.Selection{Where: UserLogin(store.Equal, login), Limit: maxAlike})
	if err != nil {
		return err
	}
	for _, res := range alike {
		var other medplum.ProjectMembership
		if err := decode(res, &other); err != nil {
			return err
		}
		if res.Ref != membership && strings.EqualFold(other.UserName, login) {
			return taken("login", login)
		}
	}
	return nil
}

func taken(field, value string) error {
	return outcome.New(outcome.Duplicate, "A user with %s %s exists already", field, value).At(field)
}

func (c *creating) makeUser(ctx context.Context, member medplum.Member, hash string) error {
	first, last := nameParts(member)
	user := medplum.User{
		ResourceType: medplum.TypeUser, ID: c.user.ID, FirstName: first, LastName: last, Email: text(c.in.Email),
		Project: new(medplum.RefTo(medplum.TypeProject, c.m.project.ID, c.m.project.Name)),
	}
	fillNames(&user)
	return c.s.makeUser(ctx, c.tx, "make a User of a project", c.user, user, newPassword{hash, store.OpensAll})
}

// fillNames: a User has both names, and of somebody with one it is both.
func fillNames(user *medplum.User) {
	if user.FirstName == "" {
		user.FirstName = user.LastName
	}
	if user.LastName == "" {
		user.LastName = user.FirstName
	}
}

// profile is the one that is named, which is in the project, or a new one.
func (c *creating) profile(ctx context.Context, member medplum.Member) (medplum.Reference, error) {
	v := inviting{s: c.s, tx: c.tx, project: c.m.project, in: Invitation{ResourceType: c.in.ProfileType, Patient: c.in.Patient}}
	if c.in.Profile != nil {
		found, err := v.namedProfile(ctx, *c.in.Profile)
		if !c.in.MakesProfile || !outcome.Has(err, outcome.Invalid) {
			return found, atProfile(err)
		}
	}
	if err := v.mustHavePatient(ctx); err != nil {
		return medplum.Reference{}, err
	}
	first, last := nameParts(member)
	made, err := makeProfile(ctx, c.tx, c.m.who, c.m.project.ID, person{
		profile: orNone(c.in.Profile), resourceType: c.in.ProfileType, first: first, last: last, email: text(c.in.Email), phone: text(c.in.Phone), patient: c.in.Patient,
	})
	if c.in.Profile != nil {
		err = atProfile(err)
	}
	return made, err
}

func orNone(ref *medplum.Reference) medplum.Reference {
	if ref == nil {
		return medplum.Reference{}
	}
	return *ref
}

// document is the membership.
func (c *creating) document(ctx context.Context, member medplum.Member, profile medplum.Reference) ([]byte, error) {
	access, err := c.s.accessOf(ctx, c.tx, c.m.project.ID, c.in.Roles)
	if err != nil {
		return nil, err
	}
	groups, err := c.s.groupIDs(ctx, c.tx, c.m.project.ID, c.in.Groups)
	if err != nil {
		return nil, err
	}
	profile.Display = callName(member, profile.Display)
	elements := map[string]any{
		"resourceType": c.membership.Type, "id": c.membership.ID,
		"project": medplum.RefTo(medplum.TypeProject, c.m.project.ID, c.m.project.Name),
		"user":    medplum.RefTo(c.user.Type, c.user.ID, text(c.in.Email)), "profile": profile,
		"userName": text(c.in.Login), "externalId": text(c.in.ExternalID), "access": access,
	}
	if c.in.Status == StatusBlocked {
		elements["active"] = false
	}
	if c.in.Admin != nil && *c.in.Admin {
		elements["admin"] = true
	}
	doc := memberDocument{}
	for name, value := range elements {
		if err := doc.set(name, value); err != nil {
			return nil, err
		}
	}
	err = errors.Join(doc.setPhone(text(c.in.Phone)), doc.setMember(member), doc.setGroups(groups))
	if err != nil {
		return nil, err
	}
	return marshal(doc)
}

// accessOf are the access entries of roles, which are named or given by their ids.
func (s *Service) accessOf(ctx context.Context, tx *repo.Tx, project string, roles []string) ([]medplum.Access, error) {
	var access []medplum.Access
	for _, name := range roles {
		role, err := s.roleNamed(ctx, tx, project, name)
		if err != nil {
			return nil, err
		}
		ref := medplum.RefTo(medplum.TypeAccessPolicy, role.ID, role.Name)
		if !slices.ContainsFunc(access, func(a medplum.Access) bool { return a.Policy.Reference == ref.Reference }) {
			access = append(access, medplum.Access{Policy: ref})
		}
	}
	return access, nil
}
