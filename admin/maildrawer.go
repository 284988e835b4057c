package admin

import (
	"context"
	"errors"
	"time"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/mail"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// Letters renders stored mails; *mail.Letters implements it.
type Letters interface {
	Render(ctx context.Context, m store.Mail) (mail.Rendered, error)
	// Default are Admit's own words for a mail.
	Default(t mail.Template) (mail.Words, error)
	// Preview writes a mail to somebody who does not exist.
	Preview(w mail.Words, projectName string) (mail.Rendered, error)
}

// MailSummary is a mail in the list of the drawer.
type MailSummary struct {
	ID       string `json:"id"`
	To       string `json:"to"`
	Template string `json:"template"`
	Project  string `json:"project"`
	State    string `json:"state"`
	Error    string `json:"error,omitempty"`
	Created  string `json:"created"`
	Updated  string `json:"updated"`
}

// MailMessage is a mail as it reads. Its link is gone once the mail has been sent.
type MailMessage struct {
	MailSummary
	Subject string `json:"subject"`
	Text    string `json:"text"`
	HTML    string `json:"html"`
	Link    string `json:"link,omitempty"`
}

// MailList is a page of the drawer, newest first.
type MailList struct {
	Mail []MailSummary `json:"mail"`
	// Next is the value of after that asks for the next page.
	Next string `json:"next,omitempty"`
}

// mailPage is how many mails a page of the drawer lists.
const mailPage = 50

// Mail lists the drawer.
//
// Errors: outcome Forbidden.
func (s *Service) Mail(ctx context.Context, who caller.Caller, after string) (MailList, error) {
	list := MailList{Mail: []MailSummary{}}
	if err := s.mustBeSuper(ctx, who, audit.MailRead); err != nil {
		return list, err
	}
	found, err := s.Store.Mails(ctx, after, mailPage+1)
	if err != nil {
		return list, err
	}
	if len(found) > mailPage {
		found = found[:mailPage]
		list.Next = found[mailPage-1].ID
	}
	for _, m := range found {
		list.Mail = append(list.Mail, summary(m))
	}
	return list, nil
}

// MailMessage reads one mail with its link. Whoever has the link can take the account, so that is
// written down.
//
// Errors: outcome Forbidden, NotFound.
func (s *Service) MailMessage(ctx context.Context, who caller.Caller, id string) (MailMessage, error) {
	if err := s.mustBeSuper(ctx, who, audit.MailRead); err != nil {
		return MailMessage{}, err
	}
	m, err := s.Store.Mail(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return MailMessage{}, outcome.New(outcome.NotFound, "")
	}
	if err != nil {
		return MailMessage{}, err
	}
	rendered, err := s.Letters.Render(ctx, m)
	if err != nil {
		return MailMessage{}, err
	}
	e := event(who, m.Project, audit.MailRead)
	e.Description = "mail " + m.ID
	if err := audit.RecordAlone(ctx, s.Store, e); err != nil {
		return MailMessage{}, err
	}
	return MailMessage{summary(m), rendered.Subject, rendered.Text, rendered.HTML, rendered.Link}, nil
}

func summary(m store.Mail) MailSummary {
	written := func(at store.Stamp) string { return at.Format(time.RFC3339) }
	return MailSummary{
		ID: m.ID, To: m.Recipient, Template: m.Template, Project: m.Project, State: string(m.State), Error: m.Error,
		Created: written(m.CreatedAt), Updated: written(m.UpdatedAt),
	}
}
