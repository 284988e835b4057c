package admin

import (
	"context"
	"unicode/utf8"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// The lengths of a project's name.
const (
	minProjectName = 4
	maxProjectName = 72
)

// NewProject makes a project that the login's User owns and administers, and chooses its
// membership: project, policies, default client, profile and membership in one transaction.
//
// Errors: outcome Invalid, NotFound.
func (s *SignIn) NewProject(ctx context.Context, id, name string) (step Step, err error) {
	if err := s.mustBeOpen(); err != nil {
		return Step{}, err
	}
	var fields outcome.Fields
	length := utf8.RuneCountInString(name)
	fields.Check(uuidForm.MatchString(id), "login", "Login ID is required.")
	fields.Check(length >= minProjectName && length <= maxProjectName, "projectName", "Project name must be between 4 and 72 characters")
	fields.Check(isPlain(name), "projectName", "Project name must not have control characters")
	if err := fields.Err(); err != nil {
		return Step{}, err
	}
	login, who, err := s.withoutMembership(ctx, id)
	if err != nil {
		return Step{}, err
	}
	if login.WantedProject != "" && login.WantedProject != newProjectID {
		return Step{}, outcome.New(outcome.Invalid, "Client and project do not match")
	}
	err = s.Repo.System("make the project of somebody who registers", store.SystemProject).InTx(ctx, func(tx *repo.Tx) error {
		made, err := s.Service.CreateProject(ctx, tx, NewProject{
			Name: name, Owner: medplum.RefTo(medplum.TypeUser, who.ref.ID, who.user.Email),
			FirstName: who.user.FirstName, LastName: who.user.LastName, Email: who.user.Email,
		})
		if err == nil {
			err = tx.Store().OpenProject(ctx, who.ref, made.Membership.Project)
		}
		if err == nil {
			step, err = s.settle(ctx, tx, login.ID, who, made.Membership)
		}
		return err
	})
	return step, err
}

// withoutMembership is a login that has none yet, of a User who has shown all that they must.
func (s *SignIn) withoutMembership(ctx context.Context, id string) (store.Login, account, error) {
	login, err := s.login(ctx, id)
	if err != nil {
		return login, account{}, err
	}
	if login.Membership != "" {
		return login, account{}, outcome.New(outcome.Invalid, "Login already has a membership")
	}
	login, who, err := s.pending(ctx, id)
	due := false
	if err == nil {
		due, err = s.factorDue(ctx, s.Store, login, who, nil)
	}
	if due {
		err = outcome.New(outcome.Invalid, "Login not verified")
	}
	return login, who, err
}

// settle gives the login the membership that was made for it, in the same transaction.
func (s *SignIn) settle(ctx context.Context, tx *repo.Tx, login string, who account, membership store.Ref) (Step, error) {
	set, err := tx.Store().ChooseMembership(ctx, login, membership.Project, membership.ID)
	if err == nil && !set {
		err = outcome.New(outcome.Invalid, "Login already has a membership")
	}
	if err != nil {
		return Step{}, err
	}
	return s.advance(ctx, tx.Store(), login, who, nil)
}

// NewPatient makes the login's User a patient of a project that lets patients register themselves.
//
// Errors: outcome Invalid, NotFound.
func (s *SignIn) NewPatient(ctx context.Context, id, projectID string) (step Step, err error) {
	var fields outcome.Fields
	fields.Check(uuidForm.MatchString(id), "login", "Login ID is required.")
	fields.Check(store.ValidProject(projectID), "projectId", "Project ID is required.")
	if err := fields.Err(); err != nil {
		return Step{}, err
	}
	login, who, err := s.withoutMembership(ctx, id)
	if err != nil {
		return Step{}, err
	}
	if who.ref.Project != projectID {
		return Step{}, outcome.New(outcome.Invalid, "User must be scoped to the project")
	}
	project, err := s.welcoming(ctx, projectID)
	if err != nil {
		return Step{}, err
	}
	err = s.Repo.System("make a patient who registers", projectID).InTx(ctx, func(tx *repo.Tx) error {
		profile, err := makeProfile(ctx, tx, caller.Caller{}, projectID, person{
			resourceType: "Patient", first: who.user.FirstName, last: who.user.LastName, email: who.user.Email,
		})
		if err != nil {
			return err
		}
		membership, err := makeMembership(ctx, tx, medplum.ProjectMembership{
			Project: medplum.RefTo(medplum.TypeProject, projectID, project.Name),
			User:    medplum.RefTo(medplum.TypeUser, who.ref.ID, who.user.Email),
			Profile: profile, AccessPolicy: project.DefaultPatientAccessPolicy,
		})
		if err == nil {
			step, err = s.settle(ctx, tx, login.ID, who, membership)
		}
		return err
	})
	return step, err
}
