package store

import (
	"context"
	"fmt"
	"time"
)

// Mail is one mail, from the moment it is queued. It holds what the templates need, never the
// rendered text, so that the secret of its link is at rest only sealed, and only until it is sent.
type Mail struct {
	ID        string `gorm:"primaryKey"`
	Project   string `gorm:"column:project_id"`
	Template  string
	Recipient string
	// RecipientName is what the person is called in the mail.
	RecipientName string
	ProjectName   string
	Request       string `gorm:"column:request_id"`
	Sealed        []byte
	Invitation    string `gorm:"column:invitation_id"`
	State         MailState
	Error         string
	CreatedAt     Stamp `gorm:"autoCreateTime:false"`
	UpdatedAt     Stamp `gorm:"autoUpdateTime:false"`
}

// TableName implements gorm's Tabler.
func (Mail) TableName() string { return "mail" }

// MailState is where a mail stands.
type MailState string

// The states of a mail. One that waits lies in the drawer because there is no mail server; one that is
// withdrawn carries a link that died before it was sent.
const (
	MailQueued  MailState = "queued"
	MailWaiting MailState = "waiting"
	MailSent    MailState = "sent"
	MailBounced MailState = "bounced"

	MailWithdrawn MailState = "withdrawn"
)

// AddMail stores a queued mail.
func (tx *Tx) AddMail(ctx context.Context, m Mail) error {
	now := At(tx.Now())
	m.State, m.CreatedAt, m.UpdatedAt = MailQueued, now, now
	if tx.collected != nil {
		tx.collected.mails = append(tx.collected.mails, m)
		return nil
	}
	if err := tx.gorm(ctx).Create(&m).Error; err != nil {
		return fmt.Errorf("add mail: %w", err)
	}
	return nil
}

// Mail reads one mail, or ErrNotFound.
func (r reader) Mail(ctx context.Context, id string) (Mail, error) {
	var m Mail
	err := r.gorm(ctx).Where("id = ?", id).Take(&m).Error
	return m, notFound(err, "read mail")
}

// Mails lists mails, newest first; after is the id of the last one of the page before.
func (r reader) Mails(ctx context.Context, after string, limit int) ([]Mail, error) {
	query := r.gorm(ctx).Order("id DESC").Limit(limit)
	if after != "" {
		query = query.Where("id < ?", after)
	}
	var found []Mail
	if err := query.Find(&found).Error; err != nil {
		return nil, fmt.Errorf("list mails: %w", err)
	}
	return found, nil
}

// CountMails counts the mails of these templates that a project has sent since; it counts no further
// than limit.
func (r reader) CountMails(ctx context.Context, project string, templates []string, since time.Time, limit int) (int, error) {
	var ids []string
	err := r.gorm(ctx).Model(&Mail{}).Where("project_id = ? AND created_at > ? AND template IN ?", project, At(since), templates).
		Limit(limit).Pluck("id", &ids).Error
	if err != nil {
		return 0, fmt.Errorf("count mails: %w", err)
	}
	return len(ids), nil
}

// WithdrawMail keeps a mail from being sent, unless it has been.
func (tx *Tx) WithdrawMail(ctx context.Context, id string) error {
	err := tx.gorm(ctx).Model(&Mail{}).Where("id = ? AND state IN ?", id, []MailState{MailQueued, MailWaiting}).
		UpdateColumns(map[string]any{"state": MailWithdrawn, "sealed": nil, "updated_at": At(tx.Now())}).Error
	if err != nil {
		return fmt.Errorf("withdraw mail: %w", err)
	}
	return nil
}

// MoveMail records what became of a mail. The secret goes when nobody needs it any more.
func (tx *Tx) MoveMail(ctx context.Context, id string, state MailState, problem string) error {
	change := map[string]any{"state": state, "error": problem, "updated_at": At(tx.Now())}
	if state == MailSent {
		change["sealed"] = nil
	}
	err := tx.gorm(ctx).Model(&Mail{}).Where("id = ? AND state <> ?", id, MailWithdrawn).UpdateColumns(change).Error
	if err != nil {
		return fmt.Errorf("move mail to %s: %w", state, err)
	}
	return nil
}
