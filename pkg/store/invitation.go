package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"
)

// Invitation is the life of one invite.
type Invitation struct {
	Project    string `gorm:"column:project_id;primaryKey"`
	ID         string `gorm:"primaryKey"`
	Membership string `gorm:"column:membership_id"`
	User       string `gorm:"column:user_id"`
	// Request is the security request whose secret its mail carries; empty when the User existed.
	Request   string `gorm:"column:request_id"`
	Email     string
	InvitedBy string
	Profile   string // a reference
	// AddsMember says that the invite made the membership, and did not change one that was there.
	AddsMember bool
	State      InvitationState
	// Version grows with each change.
	Version int64
	// Mail is the mail that counts; those before it carry links that are dead.
	Mail      string   `gorm:"column:mail_id"`
	Delivery  Delivery `gorm:"embedded"`
	CreatedAt Stamp    `gorm:"autoCreateTime:false"`
	UpdatedAt Stamp    `gorm:"autoUpdateTime:false"`
	ExpiresAt Stamp
}

// Delivery is what was last heard of a mail.
type Delivery struct {
	Status     DeliveryStatus `gorm:"column:delivery"`
	ReplyCode  int            // of the mail server (RFC 5321 §4.2)
	StatusCode string         // "5.1.1" (RFC 3463)
	ReplyText  string
	ReportedAt Stamp
}

// DeliveryStatus says how far a mail has come.
type DeliveryStatus string

// A mail is queued until a server has it. It waits when there is none; it is deferred when the server
// wants it later, and refused when it wants it never. Reports say that an accepted one is delayed, was
// delivered or bounced.
const (
	DeliveryQueued    DeliveryStatus = "queued"
	DeliveryWaiting   DeliveryStatus = "waiting"
	DeliveryDeferred  DeliveryStatus = "deferred"
	DeliveryRefused   DeliveryStatus = "refused"
	DeliveryAccepted  DeliveryStatus = "accepted"
	DeliveryDelayed   DeliveryStatus = "delayed"
	DeliveryDelivered DeliveryStatus = "delivered"
	DeliveryBounced   DeliveryStatus = "bounced"
)

// TableName implements gorm's Tabler.
func (Invitation) TableName() string { return "invitation" }

// InvitationState is where an invitation stands.
type InvitationState string

// The states of an invitation. A draft has no mail; the last three are final.
const (
	InvitationDraft     InvitationState = "draft"
	InvitationQueued    InvitationState = "queued"
	InvitationSent      InvitationState = "sent"
	InvitationDelivered InvitationState = "delivered"
	InvitationBounced   InvitationState = "bounced"
	InvitationOpened    InvitationState = "opened"
	InvitationAccepted  InvitationState = "accepted"
	InvitationExpired   InvitationState = "expired"
	InvitationRevoked   InvitationState = "revoked"
)

// openInvitation are the states of an invitation that may still be accepted, unless it has run out.
var openInvitation = []InvitationState{InvitationDraft, InvitationQueued, InvitationSent, InvitationDelivered, InvitationBounced, InvitationOpened}

// before are the states from which an invitation may move to state. What is final stays, and a
// late report of the mail server does not undo what the person did.
func (state InvitationState) before() []InvitationState {
	switch state {
	case InvitationQueued:
		return []InvitationState{InvitationDraft, InvitationBounced}
	case InvitationSent:
		return []InvitationState{InvitationQueued}
	case InvitationDelivered, InvitationBounced:
		return []InvitationState{InvitationQueued, InvitationSent}
	case InvitationOpened:
		return []InvitationState{InvitationDraft, InvitationQueued, InvitationSent, InvitationDelivered, InvitationBounced}
	case InvitationAccepted, InvitationExpired, InvitationRevoked:
		return openInvitation
	}
	return nil
}

// AddInvitation stores a new invitation.
func (tx *Tx) AddInvitation(ctx context.Context, in Invitation) error {
	now := At(tx.Now())
	in.CreatedAt, in.UpdatedAt, in.Version = now, now, 1
	if tx.collected != nil {
		tx.collected.invitations = append(tx.collected.invitations, in)
		return nil
	}
	if err := tx.gorm(ctx).Create(&in).Error; err != nil {
		return fmt.Errorf("add invitation: %w", err)
	}
	return nil
}

// Invitation reads one, or ErrNotFound. One that ran out reads as expired.
func (r reader) Invitation(ctx context.Context, project, id string) (Invitation, error) {
	var in Invitation
	err := r.gorm(ctx).Where("project_id = ? AND id = ?", project, id).Take(&in).Error
	return in.at(r.clock.Now()), notFound(err, "read invitation")
}

// HasInvitationOf says whether the link of a security request is that of an invitation to the
// project which nobody has revoked.
func (r reader) HasInvitationOf(ctx context.Context, project, request string) (bool, error) {
	var n int64
	err := r.gorm(ctx).Model(&Invitation{}).
		Where("project_id = ? AND request_id = ? AND state <> ?", project, request, InvitationRevoked).Count(&n).Error
	if err != nil {
		return false, fmt.Errorf("find the invitation of a link: %w", err)
	}
	return n > 0, nil
}

// InvitationsOf lists the invitations that led to a membership, oldest first.
func (r reader) InvitationsOf(ctx context.Context, project, membership string) ([]Invitation, error) {
	var found []Invitation
	err := r.gorm(ctx).Where("project_id = ? AND membership_id = ?", project, membership).Order("id").Find(&found).Error
	if err != nil {
		return nil, fmt.Errorf("list invitations: %w", err)
	}
	for i := range found {
		found[i] = found[i].at(r.clock.Now())
	}
	return found, nil
}

// at is the invitation as it stands at a time.
func (in Invitation) at(now time.Time) Invitation {
	switch in.State {
	case InvitationAccepted, InvitationRevoked:
	default:
		if !in.ExpiresAt.IsZero() && !now.Before(in.ExpiresAt.Time) {
			in.State = InvitationExpired
		}
	}
	return in
}

// MoveInvitation moves an invitation to state, if it may go there from where it is.
func (tx *Tx) MoveInvitation(ctx context.Context, project, id string, state InvitationState) error {
	return tx.moveInvitations(ctx, state, project, "id", id)
}

// MoveInvitationOf moves the invitation of a security request; a request without one is no error.
func (tx *Tx) MoveInvitationOf(ctx context.Context, project, request string, state InvitationState) error {
	return tx.moveInvitations(ctx, state, project, "request_id", request)
}

// RevokeInvitations revokes what is open of a membership's invitations.
func (tx *Tx) RevokeInvitations(ctx context.Context, project, membership string) error {
	return tx.moveInvitations(ctx, InvitationRevoked, project, "membership_id", membership)
}

// overDelivery are the states of a delivery after which reports say nothing new.
var overDelivery = []DeliveryStatus{DeliveryRefused, DeliveryDelivered, DeliveryBounced}

// ReportDelivery records what was heard of the mail of an invitation, unless another mail has taken its
// place, and moves the invitation with it where it may go there.
func (tx *Tx) ReportDelivery(ctx context.Context, m Mail, d Delivery) error {
	change := map[string]any{
		"delivery": d.Status, "reply_code": d.ReplyCode, "status_code": d.StatusCode, "reply_text": d.ReplyText, "reported_at": d.ReportedAt,
		"updated_at": At(tx.Now()), "version": nextVersion,
	}
	if state := d.Status.moves(); state != "" {
		change["state"] = gorm.Expr("CASE WHEN state IN ? THEN ? ELSE state END", state.before(), state)
	}
	err := tx.gorm(ctx).Model(&Invitation{}).
		Where("project_id = ? AND id = ? AND mail_id = ? AND delivery NOT IN ?", m.Project, m.Invitation, m.ID, overDelivery).UpdateColumns(change).Error
	if err != nil {
		return fmt.Errorf("report delivery of an invitation: %w", err)
	}
	return nil
}

// moves is the state to which a delivery moves its invitation; none while it is under way.
func (status DeliveryStatus) moves() InvitationState {
	switch status {
	case DeliveryAccepted:
		return InvitationSent
	case DeliveryDelivered:
		return InvitationDelivered
	case DeliveryRefused, DeliveryBounced:
		return InvitationBounced
	}
	return ""
}

// AcceptInvitations accepts what is open of a membership's invitations: its User has come in.
func (tx *Tx) AcceptInvitations(ctx context.Context, project, membership string) error {
	return tx.moveInvitations(ctx, InvitationAccepted, project, "membership_id", membership)
}

// HoldInvitation reads an invitation that is about to be changed, or ErrNotFound. Whoever else wants to
// change it waits for this transaction.
func (tx *Tx) HoldInvitation(ctx context.Context, project, id string) (Invitation, error) {
	held := tx.gorm(ctx).Model(&Invitation{}).Where("project_id = ? AND id = ?", project, id).UpdateColumn("version", gorm.Expr("version"))
	if held.Error != nil {
		return Invitation{}, fmt.Errorf("hold invitation: %w", held.Error)
	}
	return tx.Invitation(ctx, project, id)
}

// ChangeInvitation stores an invitation that is held, as a new version.
func (tx *Tx) ChangeInvitation(ctx context.Context, in *Invitation) error {
	in.UpdatedAt = At(tx.Now())
	in.Version++
	if err := tx.gorm(ctx).Select("*").UpdateColumns(in).Error; err != nil {
		return fmt.Errorf("change invitation: %w", err)
	}
	return nil
}

// moveInvitations moves those of a project that have a value in a column, if they may go there.
func (tx *Tx) moveInvitations(ctx context.Context, state InvitationState, project, column, value string) error {
	var before []string
	for _, from := range state.before() {
		before = append(before, string(from))
	}
	return tx.later(ctx, later{doing: "move invitation to " + string(state), table: "invitation", text: func(b *builder) string {
		return "UPDATE invitation SET state = " + b.arg(string(state)) + ", updated_at = " + b.arg(At(tx.Now())) + ", version = version + 1 WHERE project_id = " +
			b.arg(project) + " AND " + column + " = " + b.arg(value) + " AND " + b.oneOf("state", before)
	}})
}

// nextVersion is the version after the one that a row has.
var nextVersion = gorm.Expr("version + 1")

// notFound turns gorm's word for no row into ErrNotFound and says what was being done otherwise.
func notFound(err error, doing string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, gorm.ErrRecordNotFound):
		return ErrNotFound
	}
	return fmt.Errorf("%s: %w", doing, err)
}
