package admin

import (
	"context"
	"errors"
	"slices"

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
// guards the others, after an invite that nobody asked the person about. Of whoever has not come in since they were
// invited nothing is told, neither whether they have a factor nor whether they have other projects.
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
		if err := s.mayResetMFA(ctx, tx, who, id, ref, user); err != nil {
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

func (s *Service) mayResetMFA(ctx context.Context, tx *repo.Tx, who caller.Caller, member string, ref store.Ref, user medplum.User) error {
	notEnrolled := outcome.New(outcome.Invalid, "User is not enrolled in MFA")
	if ref.ID == "" {
		return notEnrolled
	}
	if ref.Project == store.SystemProject && !who.SuperAdmin {
		switch entered, err := hasEntered(ctx, tx.Store(), who.Project, member); {
		case err != nil:
			return err
		case !entered:
			return notEnrolled
		}
		projects, err := projectsOf(ctx, tx.Store(), ref.ID)
		if err != nil {
			return err
		}
		if len(projects) > 1 {
			return outcome.New(outcome.Forbidden, "")
		}
	}
	_, err := tx.Store().Credential(ctx, ref, store.TOTP) // one that waits to be enrolled goes as well
	if errors.Is(err, store.ErrNotFound) {
		if user.MFAEnrolled {
			return nil
		}
		return notEnrolled
	}
	return err
}

// hasEntered says whether a member was not only invited but came.
func hasEntered(ctx context.Context, rows *store.Tx, project, member string) (bool, error) {
	invitations, err := rows.InvitationsOf(ctx, project, member)
	accepted := slices.ContainsFunc(invitations, func(in store.Invitation) bool { return in.State == store.InvitationAccepted })
	return accepted || len(invitations) == 0, err
}
