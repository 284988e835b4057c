package admin

import (
	"context"
	"errors"
	"strconv"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/mail"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// MailTemplate are the words of a mail as a project sends it. Version is "0" while they are Admit's own.
type MailTemplate struct {
	Template string `json:"template"`
	Own      bool   `json:"own"`
	Version  string `json:"version"`
	// Fault is why the words may not be sent, so that Admit's own are; empty when they may.
	Fault string `json:"fault,omitempty"`
	mail.Words
}

// MailTemplates lists the mails that a project may write in its own words.
//
// Errors: outcome Forbidden, NotFound.
func (s *Service) MailTemplates(ctx context.Context, who caller.Caller, project string) ([]MailTemplate, error) {
	var all []MailTemplate
	for _, template := range []mail.Template{mail.InviteNew, mail.InviteExisting, mail.Reset} {
		t, err := s.MailTemplate(ctx, who, project, string(template))
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, nil
}

// MailTemplate reads the words of a mail.
//
// Errors: outcome Forbidden, NotFound.
func (s *Service) MailTemplate(ctx context.Context, who caller.Caller, project, template string) (MailTemplate, error) {
	if err := s.mayAdminister(ctx, who, project, audit.MailWordsRead); err != nil {
		return MailTemplate{}, err
	}
	if !mail.Template(template).MayBeOwn() {
		return MailTemplate{}, outcome.New(outcome.NotFound, "")
	}
	own, err := s.Store.MailTemplate(ctx, project, template)
	switch {
	case err == nil:
		return ownWords(own), nil
	case !errors.Is(err, store.ErrNotFound):
		return MailTemplate{}, err
	}
	words, err := s.Letters.Default(mail.Template(template))
	return MailTemplate{Template: template, Version: "0", Words: words}, err
}

func ownWords(t store.MailTemplate) MailTemplate {
	words, fault := mail.Words{Subject: t.Subject, Text: t.Text, HTML: t.HTML}, ""
	if err := words.Check(); err != nil {
		fault = err.Error()
	}
	return MailTemplate{t.Template, true, strconv.FormatInt(t.Version, 10), fault, words}
}

// PutMailTemplate gives a mail of the project words of its own. version, when given, is that of the words
// that the caller has seen.
//
// Errors: outcome Forbidden, NotFound, Invalid, PreconditionFailed.
func (s *Service) PutMailTemplate(ctx context.Context, who caller.Caller, project, template, version string, words mail.Words) (put MailTemplate, err error) {
	err = s.changeWords(ctx, who, project, template, version, func(ctx context.Context, tx *store.Tx, now int64) (bool, error) {
		if err := words.Check(); err != nil {
			return false, err
		}
		t := store.MailTemplate{Project: project, Template: template, Subject: words.Subject, Text: words.Text, HTML: words.HTML, Version: now}
		done, err := tx.PutMailTemplate(ctx, &t)
		put = ownWords(t)
		return done, err
	})
	return put, err
}

// DeleteMailTemplate gives a mail of the project Admit's own words back. Where it has them already, it
// changes nothing.
//
// Errors: outcome Forbidden, NotFound, PreconditionFailed.
func (s *Service) DeleteMailTemplate(ctx context.Context, who caller.Caller, project, template, version string) error {
	return s.changeWords(ctx, who, project, template, version, func(ctx context.Context, tx *store.Tx, now int64) (bool, error) {
		if now == 0 {
			return true, nil
		}
		return tx.DeleteMailTemplate(ctx, project, template, now)
	})
}

// changeWords is a transaction about the words of a mail; change is given the version that they have, and
// says whether they still had it.
func (s *Service) changeWords(ctx context.Context, who caller.Caller, project, template, version string, change func(context.Context, *store.Tx, int64) (bool, error)) error {
	if err := s.mayAdminister(ctx, who, project, audit.MailWordsChange); err != nil {
		return err
	}
	if !mail.Template(template).MayBeOwn() {
		return outcome.New(outcome.NotFound, "")
	}
	attempt := func() error {
		return s.Repo.System("change the words of a mail", project).InTx(ctx, func(tx *repo.Tx) error {
			if _, err := s.project(ctx, tx, project); err != nil {
				return err
			}
			now, err := tx.Store().MailTemplate(ctx, project, template)
			if ignoreNotFound(err) != nil {
				return err
			}
			if version != "" && version != strconv.FormatInt(now.Version, 10) {
				return outcome.New(outcome.PreconditionFailed, "")
			}
			done, err := change(ctx, tx.Store(), now.Version)
			if err == nil && !done {
				err = outcome.New(outcome.PreconditionFailed, "")
			}
			if err != nil {
				return err
			}
			return audit.Record(ctx, tx.Store(), event(who, project, audit.MailWordsChange, medplum.TypeProject+"/"+project))
		})
	}
	if version != "" {
		return attempt()
	}
	return s.again(ctx, attempt)
}

// PreviewMail writes a mail in these words, or in those that the project has when none are given, to
// somebody who does not exist.
//
// Errors: outcome Forbidden, NotFound, Invalid.
func (s *Service) PreviewMail(ctx context.Context, who caller.Caller, project, template string, words mail.Words) (mail.Words, error) {
	kept, err := s.MailTemplate(ctx, who, project, template)
	if err != nil {
		return mail.Words{}, err
	}
	if words == (mail.Words{}) {
		words = kept.Words
	}
	if err := words.Check(); err != nil {
		return mail.Words{}, err
	}
	ref := store.Ref{Project: store.SystemProject, Type: medplum.TypeProject, ID: project}
	named, err := fetch[medplum.Project](ctx, s.Repo, "name the project in a mail", ref)
	if err != nil {
		return mail.Words{}, err
	}
	r, err := s.Letters.Preview(words, named.Name)
	return mail.Words{Subject: r.Subject, Text: r.Text, HTML: r.HTML}, err
}
