package admin

import (
	"context"
	"errors"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/mail"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// ForcedPassword is a password that an administrator gives to somebody.
type ForcedPassword struct {
	Email     string `json:"email"`
	Password  string `json:"password"`
	ProjectID string `json:"projectId"` // super administrators only; empty for a User of the server
}

func (in *ForcedPassword) check() error {
	var f outcome.Fields
	f.Check(mail.ValidAddress(in.Email), "email", "Valid email address is required")
	f.Check(in.Password != "", "password", "Invalid password, must be at least 8 characters")
	in.Email = mail.Canonical(in.Email)
	return f.Err()
}

// ForcePassword lets a project's administrator set the password of a User of that project alone. A
// User of the server belongs to others as well.
//
// Errors: outcome Forbidden, Invalid.
func (s *Service) ForcePassword(ctx context.Context, who caller.Caller, in ForcedPassword) error {
	if err := s.mayAdminister(ctx, who, who.Project, audit.PasswordSet); err != nil {
		return err
	}
	return s.forcePassword(ctx, who, who.Project, in)
}

// SuperForcePassword lets a super administrator set anybody's password.
//
// Errors: outcome Forbidden, Invalid.
func (s *Service) SuperForcePassword(ctx context.Context, who caller.Caller, in ForcedPassword) error {
	if err := s.mustBeSuper(ctx, who, audit.PasswordSet); err != nil {
		return err
	}
	scope := store.SystemProject
	if in.ProjectID != "" {
		scope = in.ProjectID
	}
	return s.forcePassword(ctx, who, scope, in)
}

func (s *Service) forcePassword(ctx context.Context, who caller.Caller, scope string, in ForcedPassword) error {
	if err := in.check(); err != nil {
		return err
	}
	hash, err := s.hash(ctx, in.Password, in.Email)
	if err != nil {
		return err
	}
	return s.Repo.System("set the password of a User", scope).InTx(ctx, func(tx *repo.Tx) error {
		rows := tx.Store()
		user, err := rows.Owner(ctx, store.Key{Scope: scope, Kind: repo.KeyUserEmail, Value: in.Email})
		if errors.Is(err, store.ErrNotFound) {
			return outcome.New(outcome.Invalid, "User not found")
		}
		if err != nil {
			return err
		}
		// A project's administrator sets those of its own Users alone, a super administrator any.
		if err := replacePassword(ctx, tx, user, newPassword{hash, store.OpensAll}); err != nil {
			return err
		}
		if err := s.tellOfPassword(ctx, tx, user); err != nil {
			return err
		}
		return audit.Record(ctx, rows, event(who, who.Project, audit.PasswordSet, medplum.TypeUser+"/"+user.ID))
	})
}

// tellOfPassword tells a User whose password somebody else has set.
func (s *Service) tellOfPassword(ctx context.Context, tx *repo.Tx, ref store.Ref) error {
	_, user, err := s.userOf(ctx, tx, medplum.RefTo(medplum.TypeUser, ref.ID, ""))
	if err != nil {
		return err
	}
	return tell(ctx, s.Mails, tx.Store(), account{user: user, ref: ref}, mail.PasswordChanged)
}

// ResetMemberPassword mails the User of a membership a link to set a new password.
//
// Errors: outcome Forbidden, NotFound, Gone, Invalid.
func (s *Service) ResetMemberPassword(ctx context.Context, who caller.Caller, projectID, id string) error {
	if err := s.mayAdminister(ctx, who, projectID, audit.PasswordReset); err != nil {
		return err
	}
	return s.Repo.System("reset the password of a member", projectID).InTx(ctx, func(tx *repo.Tx) error {
		m, ref, user, err := s.memberUser(ctx, tx, projectID, id)
		if err != nil {
			return err
		}
		if user.Email == "" {
			return outcome.New(outcome.Invalid, "User does not have an email address")
		}
		if err := s.mailReset(ctx, tx, ref, user.Email, projectID, m.Project.Display); err != nil {
			return err
		}
		return audit.Record(ctx, tx.Store(), event(who, projectID, audit.PasswordReset, medplum.TypeProjectMembership+"/"+id, m.User.Reference))
	})
}

// memberUser reads a membership of a project with its User.
func (s *Service) memberUser(ctx context.Context, tx *repo.Tx, projectID, id string) (m medplum.ProjectMembership, ref store.Ref, user medplum.User, err error) {
	res, err := tx.System("find the User of a membership", projectID).Read(ctx, medplum.TypeProjectMembership, id)
	if err != nil {
		return m, ref, user, err
	}
	if err := decode(res, &m); err != nil {
		return m, ref, user, err
	}
	ref, user, err = s.userOf(ctx, tx, m.User)
	return m, ref, user, err
}

// userOf reads the User of a membership, wherever it lives. A program has none.
func (s *Service) userOf(ctx context.Context, tx *repo.Tx, ref medplum.Reference) (store.Ref, medplum.User, error) {
	var user medplum.User
	resourceType, id := ref.Split()
	if resourceType != medplum.TypeUser {
		return store.Ref{}, user, nil
	}
	at, err := tx.Store().Owner(ctx, store.Key{Scope: store.SystemProject, Kind: medplum.TypeUser, Value: id})
	if errors.Is(err, store.ErrNotFound) {
		return store.Ref{}, user, nil
	}
	if err != nil {
		return store.Ref{}, user, err
	}
	res, err := tx.System("read the User of a membership", at.Project).Read(ctx, medplum.TypeUser, id)
	if err != nil {
		return store.Ref{}, user, err
	}
	return at, user, decode(res, &user)
}

// mailReset makes a request for a new password and queues the mail with its link.
func (s *Service) mailReset(ctx context.Context, tx *repo.Tx, user store.Ref, email, project, projectName string) error {
	request, plain, err := requestPassword(ctx, tx, user, store.RequestReset, resetAge)
	if err != nil {
		return err
	}
	_, err = s.Mails.Queue(ctx, tx.Store(), mail.Letter{
		Template: mail.Reset, To: email, Project: project, ProjectName: projectName, Request: request, Secret: plain,
	})
	return err
}
