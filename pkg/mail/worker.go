package mail

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/jobs"
	"github.com/admitdev/admit/pkg/store"
)

// Send is the job that sends one mail.
type Send struct {
	Mail string `json:"mail"`
}

// Kind implements jobs.Args.
func (Send) Kind() string { return "mail" }

// giveUp is the age at which a mail that still cannot be sent is taken for undeliverable; it is
// less than what a job's tries take together.
const giveUp = 20 * time.Hour

// Worker sends queued mails.
type Worker struct {
	Store   *store.Store
	Letters *Letters
	// Transport is nil when there is no mail server; then mails wait in the drawer and Waiting,
	// if set, is told of each once.
	Transport Transport
	Waiting   func(Rendered)
	Clock     clock.Clock
	Log       *slog.Logger
}

// Job is the worker as pkg/jobs takes it.
func (w *Worker) Job() jobs.Worker { return jobs.Work(w.send) }

// send may be repeated: a mail that was settled is left alone.
func (w *Worker) send(ctx context.Context, job Send) error {
	m, err := w.Store.Mail(ctx, job.Mail)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return jobs.Cancel(fmt.Errorf("mail %s: %w", job.Mail, err))
	case err != nil:
		return err
	case m.State == store.MailSent || m.State == store.MailBounced || m.State == store.MailWithdrawn:
		return nil
	}
	rendered, err := w.Letters.Render(ctx, m)
	if err != nil {
		return err
	}
	if rendered.OwnFault != nil {
		w.Log.WarnContext(ctx, "a project's words for a mail may not be sent; Admit's own take their place",
			"mail", m.ID, "project", m.Project, "template", m.Template, "error", rendered.OwnFault)
	}
	if w.Transport == nil {
		return w.wait(ctx, m, rendered)
	}
	return w.deliver(ctx, m, rendered)
}

// wait leaves a mail in the drawer.
func (w *Worker) wait(ctx context.Context, m store.Mail, rendered Rendered) error {
	if m.State == store.MailWaiting {
		return nil
	}
	if err := w.settle(ctx, m, store.MailWaiting, store.DeliveryWaiting, Reply{}); err != nil {
		return err
	}
	if w.Waiting != nil {
		w.Waiting(rendered)
	}
	return nil
}

func (w *Worker) deliver(ctx context.Context, m store.Mail, rendered Rendered) error {
	reply, failure := w.Transport.Send(ctx, rendered)
	switch {
	case failure == nil:
		return w.settle(ctx, m, store.MailSent, store.DeliveryAccepted, reply)
	case errors.Is(failure, ErrPermanent) || w.Clock.Now().Sub(m.CreatedAt.Time) > giveUp:
		w.Log.WarnContext(ctx, "mail was given up", "mail", m.ID, "template", m.Template)
		return w.settle(ctx, m, store.MailBounced, store.DeliveryRefused, reply)
	}
	if err := w.settle(ctx, m, store.MailQueued, store.DeliveryDeferred, reply); err != nil {
		return errors.Join(failure, err)
	}
	return failure // the job is tried again, later
}

// settle records what became of a mail, and of the invitation that it carries.
func (w *Worker) settle(ctx context.Context, m store.Mail, state store.MailState, status store.DeliveryStatus, reply Reply) error {
	return w.Store.InTx(ctx, func(tx *store.Tx) error {
		problem := reply.Text
		if state == store.MailSent {
			problem = ""
		}
		if err := tx.MoveMail(ctx, m.ID, state, problem); err != nil || m.Invitation == "" {
			return err
		}
		return tx.ReportDelivery(ctx, m, store.Delivery{
			Status: status, ReplyCode: reply.Code, StatusCode: reply.StatusCode, ReplyText: reply.Text, ReportedAt: store.At(tx.Now()),
		})
	})
}
