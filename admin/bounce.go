package admin

import (
	"context"
	"errors"

	"github.com/admitdev/admit/pkg/mail"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// ReportDelivery takes in what a mail server reports about an invitation's mail: a message as it came to
// recipient. The address is what is believed: only who has had the envelope of a mail knows it, and may
// say of this one mail that it came back. That is not worth more than the invitation's state.
//
// Errors: outcome Invalid for what is no report, NotFound for one about no mail of ours.
func (s *Service) ReportDelivery(ctx context.Context, recipient string, message []byte) error {
	report, err := mail.ReadReport(message)
	if errors.Is(err, mail.ErrNoReport) {
		return outcome.New(outcome.Invalid, "The message is no delivery status notification")
	}
	if err != nil {
		return err
	}
	m, err := s.reported(ctx, append([]string{recipient}, report.To...))
	if errors.Is(err, store.ErrNotFound) {
		return outcome.New(outcome.NotFound, "")
	}
	if err != nil {
		return err
	}
	return s.Store.InTx(ctx, func(tx *store.Tx) error {
		if report.Status == store.DeliveryBounced {
			if err := tx.MoveMail(ctx, m.ID, store.MailBounced, report.Text); err != nil {
				return err
			}
		}
		return tx.ReportDelivery(ctx, m, store.Delivery{
			Status: report.Status, StatusCode: report.StatusCode, ReplyText: report.Text, ReportedAt: store.At(tx.Now()),
		})
	})
}

// reported is the mail that one of the addresses belongs to, once it has been sent.
func (s *Service) reported(ctx context.Context, addresses []string) (store.Mail, error) {
	if s.Bounces == nil {
		return store.Mail{}, store.ErrNotFound
	}
	for _, address := range addresses {
		id, ours := s.Bounces.MailOf(address)
		if !ours {
			continue
		}
		m, err := s.Store.Mail(ctx, id)
		if err == nil && m.State != store.MailSent && m.State != store.MailBounced {
			err = store.ErrNotFound
		}
		return m, err
	}
	return store.Mail{}, store.ErrNotFound
}
