package admin

import (
	"context"
	"strings"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/mail"
	"github.com/admitdev/admit/pkg/outcome"
)

// The limits of what a manager writes to a user.
const (
	maxSubject = 200
	maxNote    = 20_000
)

// MailUser mails a note of a manager to the user of their project who has the address, and to nobody
// else. It counts with the project's invitations.
//
// Errors: outcome Forbidden, NotFound, Invalid, TooManyRequests.
func (s *Service) MailUser(ctx context.Context, who caller.Caller, project, address string, note mail.Note) error {
	note.Text = strings.TrimSpace(note.Text)
	var fields outcome.Fields
	fields.Check(mail.ValidAddress(address), "email", "Valid email address is required")
	fields.Check(len([]rune(note.Subject)) <= maxSubject, "subject", "At most 200 characters")
	fields.Check(note.Text != "" && len([]rune(note.Text)) <= maxNote, "html", "Between 1 and 20000 characters are required")
	if err := fields.Err(); err != nil {
		return err
	}
	found, err := s.FindUser(ctx, who, project, UserName{Email: address})
	if err != nil {
		return err
	}
	return s.withUser(ctx, who, project, audit.MailSend, func(ctx context.Context, tx *repo.Tx, m manager) error {
		c, err := s.open(ctx, tx, m, found.ID)
		if err != nil {
			return err
		}
		v := inviting{s: s, tx: tx, who: who, project: m.project}
		if err := v.mayMail(ctx); err != nil {
			return err
		}
		_, err = s.Mails.Queue(ctx, tx.Store(), mail.Letter{
			Template: mail.Message, To: c.user.Email, Project: project, ProjectName: m.project.Name, Secret: note.Secret(),
		})
		if err != nil {
			return err
		}
		return audit.Record(ctx, tx.Store(), event(who, project, audit.MailSend, c.res.Type+"/"+c.res.ID, c.member.User.Reference))
	})
}
