package admin

import (
	"context"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/audit"
)

// UserEdit is all that may be changed of a user in one step, for clients that send a user back whole.
type UserEdit struct {
	UserFields
	// Profile is nil where it stays. A Patient or Practitioner that is not there is made, with its id.
	Profile *medplum.Reference
	// EndTokens are the keys of the named tokens that end.
	EndTokens []string
}

// EditUser changes a user. version, when given, is the one that the caller has seen.
//
// Errors: outcome Forbidden, NotFound, Gone, Invalid, Duplicate, PreconditionFailed.
func (s *Service) EditUser(ctx context.Context, who caller.Caller, project, id, version string, in UserEdit) (User, error) {
	m, err := s.manage(ctx, who, project, audit.MembershipChange)
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
	return s.changeUserAs(ctx, m, id, audit.MembershipChange, func(ctx context.Context, c *changing) error {
		if err := c.is(version); err != nil {
			return err
		}
		if err := c.update(ctx, in.UserFields, hash); err != nil {
			return err
		}
		if in.Profile != nil {
			if err := c.assign(ctx, *in.Profile, true); err != nil {
				return err
			}
		}
		return c.endTokens(ctx, in.EndTokens)
	})
}

func (c *changing) endTokens(ctx context.Context, keys []string) error {
	for _, key := range keys {
		if _, err := c.tx.Store().DeleteMemberToken(ctx, c.m.project.ID, c.res.ID, key); err != nil {
			return err
		}
	}
	return nil
}
