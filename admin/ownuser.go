package admin

import (
	"context"
	"encoding/json"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/outcome"
)

// OwnUser is the user who calls, who need not be a manager.
//
// Errors: outcome NotFound for a client or a bot.
func (s *Service) OwnUser(ctx context.Context, who caller.Caller) (User, error) {
	_, id := who.Membership.Split()
	return s.ownUser(ctx, who.Project, id)
}

func (s *Service) ownUser(ctx context.Context, project, id string) (User, error) {
	in := s.reading()
	res, err := in(project).Read(ctx, medplum.TypeProjectMembership, id)
	if err != nil {
		return User{}, err
	}
	return s.describeUser(ctx, in, res)
}

// self is the caller as the manager of its own user: for changes that give nobody a right.
//
// Errors: outcome Forbidden for a token that was given for less.
func (s *Service) self(ctx context.Context, who caller.Caller, action audit.Action) (m manager, id string, err error) {
	if !mayByScope(who) || who.OnBehalfOf != nil {
		return m, "", s.refuse(ctx, who, action, outcome.New(outcome.Forbidden, ""))
	}
	_, id = who.Membership.Split()
	m = manager{who: who, project: medplum.Project{ID: who.Project, Name: who.ProjectName}}
	return m, id, nil
}

// UpdateOwnUser changes what the caller may say of itself: data that nobody acts upon. version, when
// given, is the one that it has seen.
//
// Errors: outcome Forbidden, NotFound, Invalid, PreconditionFailed.
func (s *Service) UpdateOwnUser(ctx context.Context, who caller.Caller, version string, custom map[string]json.RawMessage) (User, error) {
	m, id, err := s.self(ctx, who, audit.MembershipChange)
	if err != nil {
		return User{}, err
	}
	return s.changeUserAs(ctx, m, id, audit.MembershipChange, func(_ context.Context, c *changing) error {
		if err := c.is(version); err != nil {
			return err
		}
		member, err := (&UserFields{CustomData: custom}).over(c.member.Member())
		if err != nil {
			return err
		}
		return c.doc.setMember(member)
	})
}
