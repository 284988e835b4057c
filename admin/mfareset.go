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

// ResetMemberMFA ends every second factor of a member who has lost it, and tells them by mail. A User of
// several projects is a super administrator's to help: one project's administrator would weaken what
// guards the others, after an invite that nobody asked the person about.
//
// Errors: outcome Forbidden, NotFound, Gone, Invalid.
func (s *Service) ResetMemberMFA(ctx context.Context, who caller.Caller, projectID, id, method string) error {
	if err := s.mayAdminister(ctx, who, projectID, audit.MFAReset); err != nil {
		return err
	}
	if method != "" && method != factorTOTP {
		return outcome.New(outcome.Invalid, "User is not enrolled in MFA")
	}
	return s.Repo.System("reset the second factor of a member", projectID).InTx(ctx, func(tx *repo.Tx) error {
		m, ref, user, err := s.memberUser(ctx, tx, projectID, id)
		if err != nil {
			return err
		}
		if err := s.mayResetMFA(ctx, tx, who, ref, user); err != nil {
			return err
		}
		if err := unenroll(ctx, tx, ref); err != nil {
			return err
		}
		if user.Email != "" {
			letter := mail.Letter{Template: mail.MFAReset, To: user.Email, Project: projectID, ProjectName: m.Project.Display}
			if _, err := s.Mails.Queue(ctx, tx.Store(), letter); err != nil {
				return err
			}
		}
		membership := medplum.TypeProjectMembership + "/" + id
		return audit.Record(ctx, tx.Store(), event(who, projectID, audit.MFAReset, membership, m.User.Reference))
	})
}

func (s *Service) mayResetMFA(ctx context.Context, tx *repo.Tx, who caller.Caller, ref store.Ref, user medplum.User) error {
	if ref.ID == "" {
		return outcome.New(outcome.Invalid, "User is not enrolled in MFA")
	}
	if ref.Project == store.SystemProject && !who.SuperAdmin {
		projects, err := projectsOf(ctx, tx.Store(), ref.ID)
		if err != nil {
			return err
		}
		if len(projects) > 1 {
			return outcome.New(outcome.Forbidden, "")
		}
	}
	_, err := tx.Store().Credential(ctx, ref, store.TOTP) // one that waits to be enrolled goes as well
	switch {
	case errors.Is(err, store.ErrNotFound) && !user.MFAEnrolled:
		return outcome.New(outcome.Invalid, "User is not enrolled in MFA")
	case errors.Is(err, store.ErrNotFound):
		return nil
	}
	return err
}
