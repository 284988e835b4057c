package admin

import (
	"context"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/policy"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// mayAdminister says whether the caller may act on a project. For a project's administrator no
// other project exists.
//
// Errors: outcome Forbidden, NotFound.
func (s *Service) mayAdminister(ctx context.Context, who caller.Caller, project string, action audit.Action) error {
	switch {
	case !who.ProjectAdmin(), !mayByScope(who):
		return s.refuse(ctx, who, action, outcome.New(outcome.Forbidden, ""))
	case who.Project == project, who.SuperAdmin && store.ValidProject(project):
		return nil
	}
	return s.refuse(ctx, who, action, outcome.New(outcome.NotFound, ""))
}

// mustBeSuper says whether the caller may act on the server.
//
// Errors: outcome Forbidden.
func (s *Service) mustBeSuper(ctx context.Context, who caller.Caller, action audit.Action) error {
	if who.SuperAdmin && mayByScope(who) {
		return nil
	}
	return s.refuse(ctx, who, action, outcome.New(outcome.Forbidden, ""))
}

// mayByScope says whether the token lets its holder administer: a client that was given some of an
// administrator's data must not be able to make itself another administrator.
func mayByScope(who caller.Caller) bool {
	return who.Policy != nil && who.Policy.ScopesGrant(policy.Update, medplum.TypeProjectMembership)
}

// refuse writes the attempt down and gives the refusal back. What cannot be written down is logged:
// the caller is refused either way.
func (s *Service) refuse(ctx context.Context, who caller.Caller, action audit.Action, refusal error) error {
	e := event(who, who.Project, action)
	e.Outcome, e.Description = audit.Refused, "the caller may not do this"
	if who.Project == "" {
		return refusal
	}
	if err := s.Refusals.Refuse(ctx, e); err != nil {
		s.Log.ErrorContext(ctx, "refusal was not recorded", "error", err)
	}
	return refusal
}

// event begins an audit event about what the caller does in a project.
func event(who caller.Caller, project string, action audit.Action, entities ...string) audit.Event {
	return audit.Event{
		Project: project, Action: action, Agent: who.Profile.Reference, Entities: entities,
		RemoteAddr: who.RemoteAddr, RequestID: who.RequestID,
	}
}

// project reads a live project.
//
// Errors: outcome NotFound.
func (s *Service) project(ctx context.Context, tx *repo.Tx, id string) (medplum.Project, error) {
	var project medplum.Project
	res, err := tx.System("read the project that is administered", store.SystemProject).Read(ctx, medplum.TypeProject, id)
	switch {
	case outcome.Has(err, outcome.Gone):
		return project, outcome.New(outcome.NotFound, "")
	case err != nil:
		return project, err
	}
	return project, decode(res, &project)
}
