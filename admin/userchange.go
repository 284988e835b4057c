package admin

import (
	"context"
	"errors"
	"strings"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// changing is one user under change, within one attempt of its transaction.
type changing struct {
	s       *Service
	tx      *repo.Tx
	m       manager
	res     store.Resource // the membership
	doc     memberDocument
	member  medplum.ProjectMembership
	account store.Ref // the User
	user    medplum.User
}

// ofProject says whether the User belongs to the project alone.
func (c *changing) ofProject() bool { return c.account.Project == c.m.project.ID }

// changeUser changes a user in one transaction, and again while others are faster.
func (s *Service) changeUser(ctx context.Context, who caller.Caller, project, id string, action audit.Action, change func(ctx context.Context, c *changing) error) (User, error) {
	m, err := s.manage(ctx, who, project, action)
	if err != nil {
		return User{}, err
	}
	return s.changeUserAs(ctx, m, id, action, change)
}

// changeUserAs is changeUser by somebody who is known to be a manager.
func (s *Service) changeUserAs(ctx context.Context, m manager, id string, action audit.Action, change func(ctx context.Context, c *changing) error) (changed User, err error) {
	err = s.again(ctx, func() error {
		return s.Repo.System("change a user", m.project.ID).InTx(ctx, func(tx *repo.Tx) error {
			c, err := s.open(ctx, tx, m, id)
			if err != nil {
				return err
			}
			if err := change(ctx, c); err != nil {
				return err
			}
			if err := c.save(ctx, action); err != nil {
				return err
			}
			changed, err = s.describeUser(ctx, readingIn(tx), c.res)
			return err
		})
	})
	return changed, err
}

// open reads a user that the manager may change.
//
// Errors: outcome Forbidden, NotFound, Gone.
func (s *Service) open(ctx context.Context, tx *repo.Tx, m manager, id string) (*changing, error) {
	res, err := tx.System("read the user that is changed", m.project.ID).Read(ctx, medplum.TypeProjectMembership, id)
	if err != nil {
		return nil, err
	}
	c := &changing{s: s, tx: tx, m: m, res: res}
	if c.doc, c.member, err = openMember(res); err != nil {
		return nil, err
	}
	if c.account, c.user, err = s.userOf(ctx, tx, c.member.User); err != nil {
		return nil, err
	}
	if c.account.ID == "" { // a client or a bot is no user
		return nil, outcome.New(outcome.NotFound, "")
	}
	return c, m.reach(ctx, tx, c.member)
}

// save writes the membership and the audit event. What the user has become must still be within the
// manager's reach.
func (c *changing) save(ctx context.Context, action audit.Action) error {
	body, err := marshal(c.doc)
	if err != nil {
		return err
	}
	members := c.tx.Administer(c.m.who, "change the membership of a user", c.m.project.ID)
	saved, err := members.Update(ctx, c.res.Type, c.res.ID, body, c.res.Version)
	if err != nil {
		return err
	}
	if c.res, c.member = saved, (medplum.ProjectMembership{}); decode(saved, &c.member) != nil {
		return errors.New("a membership that was just written cannot be read")
	}
	if err := c.m.reach(ctx, c.tx, c.member); err != nil {
		return err
	}
	return audit.Record(ctx, c.tx.Store(), event(c.m.who, c.m.project.ID, action, c.res.Type+"/"+c.res.ID, c.member.User.Reference))
}

// UpdateUser changes fields of a user. version, when given, is the one that the caller has seen.
//
// Errors: outcome Forbidden, NotFound, Gone, Invalid, Duplicate, PreconditionFailed.
func (s *Service) UpdateUser(ctx context.Context, who caller.Caller, project, id, version string, in UserFields) (User, error) {
	return s.EditUser(ctx, who, project, id, version, UserEdit{UserFields: in})
}

// is refuses another version than the one that the caller has seen, if they name one.
func (c *changing) is(version string) error {
	if version != "" && version != c.res.Version {
		return outcome.New(outcome.PreconditionFailed, "")
	}
	return nil
}

func (c *changing) update(ctx context.Context, in UserFields, hash string) error {
	after := func(field *string, stored string) string {
		if field != nil {
			return *field
		}
		return stored
	}
	login, phone := after(in.Login, c.member.UserName), after(in.Phone, c.member.Phone())
	email, externalID := after(in.Email, c.user.Email), after(in.ExternalID, c.member.ExternalID)
	if err := checkNames(login, email, phone, externalID); err != nil {
		return err
	}
	if err := claimNames(ctx, c.tx, c.res.Ref, &in); err != nil {
		return err
	}
	member, err := in.over(c.member.Member())
	if err != nil {
		return err
	}
	if err := errors.Join(c.doc.set("userName", login), c.doc.set("externalId", externalID), c.doc.setPhone(phone), c.doc.setMember(member)); err != nil {
		return err
	}
	if in.Admin != nil && *in.Admin != c.member.Admin {
		if err := c.doc.set("admin", *in.Admin); err != nil {
			return err
		}
	}
	if in.Status != "" {
		if err := c.setStatus(in.Status); err != nil {
			return err
		}
	}
	if in.named() {
		profile := c.member.Profile
		profile.Display = callName(member, profile.Display)
		if err := c.doc.set("profile", profile); err != nil {
			return err
		}
	}
	if err := c.updateAccount(ctx, in, member, email); err != nil {
		return err
	}
	if err := c.updateProfile(ctx, in, member, email, phone); err != nil {
		return err
	}
	return c.setPassword(ctx, hash)
}

// updateAccount changes the User, if it is the project's own.
func (c *changing) updateAccount(ctx context.Context, in UserFields, member medplum.Member, email string) error {
	moved := email != c.user.Email
	switch {
	case moved && !c.ofProject():
		return theirs("email", "The address of a User of the server is theirs to change")
	case !c.ofProject() || !moved && !in.named():
		return nil
	}
	accounts := c.tx.Administer(c.m.who, "change the User of a project", c.account.Project)
	stored, err := accounts.Read(ctx, medplum.TypeUser, c.account.ID)
	if err != nil {
		return err
	}
	var doc memberDocument
	if err := decode(stored, &doc); err != nil {
		return err
	}
	if in.named() {
		user := medplum.User{}
		if user.FirstName, user.LastName = nameParts(member); user.FirstName+user.LastName == "" {
			user.FirstName = callName(member, c.member.Profile.Display)
		}
		fillNames(&user)
		if err := errors.Join(doc.set("firstName", user.FirstName), doc.set("lastName", user.LastName)); err != nil {
			return err
		}
	}
	if moved {
		if err := c.move(ctx, doc, email); err != nil {
			return err
		}
	}
	body, err := marshal(doc)
	if err != nil {
		return err
	}
	if _, err = accounts.Update(ctx, medplum.TypeUser, c.account.ID, body, stored.Version); err != nil || !moved {
		return err
	}
	shown, err := c.tx.System("see the address that a membership shows now", c.res.Project).Read(ctx, c.res.Type, c.res.ID)
	c.res.Version = shown.Version
	return err
}

// ownOnly is the refusal of a change that is the User's own to make.
type ownOnly struct{ *outcome.Outcome }

// Unwrap makes it the outcome that clients see.
func (o ownOnly) Unwrap() error { return o.Outcome }

func theirs(field, why string) error {
	return ownOnly{outcome.New(outcome.Invalid, "%s", why).At(field)}
}

// IsTheirs says that an error is the refusal of a change that is the User's own to make.
func IsTheirs(err error) bool { return errors.As(err, new(ownOnly)) }

// move gives a User another address. Links that were mailed to the old one work no longer.
func (c *changing) move(ctx context.Context, doc memberDocument, email string) error {
	if err := c.s.claimEmail(ctx, c.tx, c.m.project, email, c.account); err != nil {
		return err
	}
	if err := c.tx.Store().SupersedeSecurityRequests(ctx, c.account); err != nil {
		return err
	}
	delete(doc, "emailVerified")
	return doc.set("email", email)
}

// setPassword replaces the password of a User of the project and ends its sessions.
func (c *changing) setPassword(ctx context.Context, hash string) error {
	switch {
	case hash == "":
		return nil
	case !c.ofProject():
		return theirs("password", "The password of a User of the server is theirs to change")
	}
	if err := replacePassword(ctx, c.tx, c.account, newPassword{hash, store.OpensAll}); err != nil {
		return err
	}
	return c.s.tellOfPassword(ctx, c.tx, c.account)
}

// SetUserStatus blocks a user or lets them in again. Blocking ends their sessions in this project.
//
// Errors: outcome Forbidden, NotFound, Gone, Invalid.
func (s *Service) SetUserStatus(ctx context.Context, who caller.Caller, project, id string, status Status) (User, error) {
	return s.changeUser(ctx, who, project, id, audit.MembershipChange, func(_ context.Context, c *changing) error {
		return c.setStatus(status)
	})
}

func (c *changing) setStatus(status Status) error {
	return c.doc.set("active", status == StatusActive)
}

// AssignProfile makes another resource of the project the user's profile. The policies stay.
//
// Errors: outcome Forbidden, NotFound, Gone, Invalid.
func (s *Service) AssignProfile(ctx context.Context, who caller.Caller, project, id string, profile medplum.Reference) (User, error) {
	return s.changeUser(ctx, who, project, id, audit.MembershipChange, func(ctx context.Context, c *changing) error {
		return c.assign(ctx, profile, false)
	})
}

// assign makes a resource the user's profile; made says that one that is not there is made.
func (c *changing) assign(ctx context.Context, profile medplum.Reference, made bool) error {
	profileType, _ := profile.Split()
	if !isPerson(profileType) {
		return outcome.New(outcome.Invalid, "A profile is a Patient, a Practitioner or a RelatedPerson").At("profile")
	}
	if c.m.limited && c.m.isSelf(c.res.ID) {
		return outcome.New(outcome.Forbidden, "")
	}
	v := inviting{s: c.s, tx: c.tx, project: c.m.project, in: Invitation{ResourceType: profileType}}
	found, err := v.namedProfile(ctx, profile)
	if made && outcome.Has(err, outcome.Invalid) {
		first, last := nameParts(c.member.Member())
		found, err = makeProfile(ctx, c.tx, c.m.who, c.m.project.ID, person{profile: profile, resourceType: profileType, first: first, last: last, email: c.user.Email, phone: c.member.Phone()})
	}
	if err != nil {
		return atProfile(err)
	}
	found.Display = strings.TrimSpace(callName(c.member.Member(), found.Display))
	return c.doc.set("profile", found)
}

// atProfile says that a refusal is about the profile.
func atProfile(err error) error {
	var refused *outcome.Outcome
	if errors.As(err, &refused) {
		return refused.At("profile")
	}
	return err
}
