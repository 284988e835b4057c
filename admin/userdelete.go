package admin

import (
	"context"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// DeleteUser deletes a user so that they may be brought back: the membership, and a User of the project
// with its last one. Their names are free at once, their sessions, tokens and links are dead. The
// profile stays, and so does the password, which opens nothing.
//
// Errors: outcome Forbidden, NotFound, Gone, Invalid for the project's owner.
func (s *Service) DeleteUser(ctx context.Context, who caller.Caller, project, id string) error {
	return s.DeleteUserVersion(ctx, who, project, id, "")
}

// DeleteUserVersion is DeleteUser of the version that the caller has seen, when one is given.
//
// Errors: as DeleteUser's, outcome PreconditionFailed.
func (s *Service) DeleteUserVersion(ctx context.Context, who caller.Caller, project, id, version string) error {
	_, err := s.DeleteUserTelling(ctx, who, project, id, version)
	return err
}

// DeleteUserTelling is DeleteUserVersion that tells the version in which the user is then.
//
// Errors: as DeleteUserVersion's.
func (s *Service) DeleteUserTelling(ctx context.Context, who caller.Caller, project, id, version string) (gone string, err error) {
	err = s.withUser(ctx, who, project, audit.MembershipDelete, func(ctx context.Context, tx *repo.Tx, m manager) error {
		c, err := s.open(ctx, tx, m, id)
		if err == nil {
			err = c.is(version)
		}
		if err == nil {
			err = c.delete(ctx)
		}
		if err != nil {
			return err
		}
		was, err := tx.Administer(who, "read the version of a deleted user", project).BeforeDeletion(ctx, c.res.Type, c.res.ID)
		gone = was.Version
		return err
	})
	return gone, err
}

func (c *changing) delete(ctx context.Context) error {
	project := c.m.project.ID
	if err := c.tx.Administer(c.m.who, "delete a user", project).Delete(ctx, c.res.Type, c.res.ID); err != nil {
		return err
	}
	last, err := c.wasLast(ctx)
	if err != nil {
		return err
	}
	if last {
		rows := c.tx.Store()
		if err := rows.SupersedeSecurityRequests(ctx, c.account); err != nil {
			return err
		}
		if err := c.tx.Administer(c.m.who, "delete the User of a last membership", project).Delete(ctx, c.account.Type, c.account.ID); err != nil {
			return err
		}
		if err := rows.RevokeLogins(ctx, c.account); err != nil {
			return err
		}
	}
	return audit.Record(ctx, c.tx.Store(), event(c.m.who, project, audit.MembershipDelete, c.res.Type+"/"+c.res.ID, c.member.User.Reference))
}

// wasLast says whether the User is the project's own and has no membership left.
func (c *changing) wasLast(ctx context.Context) (bool, error) {
	if !c.ofProject() {
		return false, nil
	}
	left, err := c.tx.Store().Owners(ctx, store.SystemProject, repo.KeyUserMembership, c.member.User.Reference+"/", 1)
	return len(left) == 0, err
}

// UndeleteUser brings a deleted user back as they were.
//
// Errors: outcome Forbidden, NotFound, Invalid for a user who is not deleted, Duplicate at the name that
// another has taken since.
func (s *Service) UndeleteUser(ctx context.Context, who caller.Caller, project, id string) (User, error) {
	return s.UndeleteUserVersion(ctx, who, project, id, "")
}

// UndeleteUserVersion brings a user back whose last version was that one; empty is any.
//
// Errors: as UndeleteUser's, PreconditionFailed.
func (s *Service) UndeleteUserVersion(ctx context.Context, who caller.Caller, project, id, version string) (back User, err error) {
	err = s.withUser(ctx, who, project, audit.MembershipChange, func(ctx context.Context, tx *repo.Tx, m manager) error {
		c, err := s.openDeleted(ctx, tx, m, id)
		if err == nil {
			err = c.is(version)
		}
		if err != nil {
			return err
		}
		if err := c.undelete(ctx); err != nil {
			return err
		}
		back, err = s.describeUser(ctx, readingIn(tx), c.res)
		return err
	})
	return back, err
}

// openDeleted is open for a user that was deleted.
func (s *Service) openDeleted(ctx context.Context, tx *repo.Tx, m manager, id string) (*changing, error) {
	rows := tx.Administer(m.who, "read a user that was deleted", m.project.ID)
	if _, err := rows.Read(ctx, medplum.TypeProjectMembership, id); err == nil {
		return nil, outcome.New(outcome.Invalid, "The user is not deleted")
	}
	was, err := rows.BeforeDeletion(ctx, medplum.TypeProjectMembership, id)
	if err != nil {
		return nil, err
	}
	c := &changing{s: s, tx: tx, m: m, res: was}
	if c.doc, c.member, err = openMember(was); err != nil {
		return nil, err
	}
	resourceType, user := c.member.User.Split()
	if resourceType != medplum.TypeUser {
		return nil, outcome.New(outcome.NotFound, "")
	}
	if c.account, c.user, err = s.userOf(ctx, tx, c.member.User); err != nil {
		return nil, err
	}
	if c.account.ID == "" {
		c.account = store.Ref{Project: m.project.ID, Type: resourceType, ID: user}
	}
	return c, m.reach(ctx, tx, c.member)
}

func (c *changing) undelete(ctx context.Context) error {
	if err := c.undeleteAccount(ctx); err != nil {
		return err
	}
	phone := c.member.Phone()
	names := UserFields{Login: &c.member.UserName, Phone: &phone, ExternalID: &c.member.ExternalID}
	if err := claimNames(ctx, c.tx, c.res.Ref, &names); err != nil {
		return err
	}
	key := store.Key{Scope: c.m.project.ID, Kind: repo.KeyMembershipUser, Value: c.member.User.Reference}
	switch _, claimed, err := c.tx.Store().Claim(ctx, key, c.res.Ref); {
	case err != nil:
		return err
	case !claimed:
		return outcome.New(outcome.Invalid, "This person is a user of the project again").At("user")
	}
	return c.save(ctx, audit.MembershipChange)
}

// undeleteAccount brings a User of the project back whose last membership was deleted.
func (c *changing) undeleteAccount(ctx context.Context) error {
	accounts := c.tx.Administer(c.m.who, "bring back the User of a project", c.account.Project)
	was, err := accounts.BeforeDeletion(ctx, medplum.TypeUser, c.account.ID)
	if outcome.Has(err, outcome.NotFound) { // it was never deleted, or is gone for good
		return nil
	}
	if err != nil {
		return err
	}
	if err := decode(was, &c.user); err != nil {
		return err
	}
	if err := c.s.claimEmail(ctx, c.tx, c.m.project, c.user.Email, c.account); err != nil {
		return err
	}
	_, err = accounts.Update(ctx, was.Type, was.ID, was.Content, was.Version)
	return err
}

// PurgeUser removes a user, deleted or not, as if they had never been: every version of the membership
// and, of a User of the project alone, of that and what it signed in with. The profile stays. It is for
// administrators.
//
// Errors: outcome Forbidden, NotFound, Invalid for the project's owner.
func (s *Service) PurgeUser(ctx context.Context, who caller.Caller, project, id string) error {
	return s.PurgeUserVersion(ctx, who, project, id, "")
}

// PurgeUserVersion removes a user whose last version is that one; empty is any.
//
// Errors: as PurgeUser's, PreconditionFailed.
func (s *Service) PurgeUserVersion(ctx context.Context, who caller.Caller, project, id, version string) error {
	return s.withUser(ctx, who, project, audit.MembershipDelete, func(ctx context.Context, tx *repo.Tx, m manager) error {
		if m.limited {
			return outcome.New(outcome.Forbidden, "")
		}
		c, err := s.open(ctx, tx, m, id)
		deleted := outcome.Has(err, outcome.Gone)
		if deleted {
			c, err = s.openDeleted(ctx, tx, m, id)
		}
		if err == nil {
			err = c.is(version)
		}
		if err == nil && !deleted {
			err = c.delete(ctx)
		}
		if err != nil {
			return err
		}
		return c.purge(ctx)
	})
}

func (c *changing) purge(ctx context.Context) error {
	rows := c.tx.Store()
	if err := rows.Purge(ctx, c.res.Ref); err != nil {
		return err
	}
	if last, err := c.wasLast(ctx); err != nil || !last {
		return err
	}
	if err := rows.DeleteCredentials(ctx, c.account); err != nil {
		return err
	}
	if err := rows.Purge(ctx, c.account); err != nil {
		return err
	}
	e := event(c.m.who, c.m.project.ID, audit.MembershipDelete, c.res.Type+"/"+c.res.ID, c.member.User.Reference)
	e.Description = "removed for good"
	return audit.Record(ctx, rows, e)
}
