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
	State     InvitationState
	CreatedAt Stamp `gorm:"autoCreateTime:false"`
	UpdatedAt Stamp `gorm:"autoUpdateTime:false"`
	ExpiresAt Stamp
}

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
		return []InvitationState{InvitationDraft, InvitationQueued, InvitationSent, InvitationDelivered, InvitationBounced, InvitationOpened}
	}
	return nil
}

// AddInvitation stores a new invitation.
func (tx *Tx) AddInvitation(ctx context.Context, in Invitation) error {
	now := At(tx.Now())
	in.CreatedAt, in.UpdatedAt = now, now
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
	return tx.moveInvitations(ctx, state, "project_id = ? AND id = ?", project, id)
}

// MoveInvitationOf moves the invitation of a security request; a request without one is no error.
func (tx *Tx) MoveInvitationOf(ctx context.Context, project, request string, state InvitationState) error {
	return tx.moveInvitations(ctx, state, "project_id = ? AND request_id = ?", project, request)
}

// RevokeInvitations revokes what is open of a membership's invitations.
func (tx *Tx) RevokeInvitations(ctx context.Context, project, membership string) error {
	return tx.moveInvitations(ctx, InvitationRevoked, "project_id = ? AND membership_id = ?", project, membership)
}

func (tx *Tx) moveInvitations(ctx context.Context, state InvitationState, where string, args ...any) error {
	err := tx.gorm(ctx).Model(&Invitation{}).Where(where, args...).Where("state IN ?", state.before()).
		UpdateColumns(map[string]any{"state": state, "updated_at": At(tx.Now())}).Error
	if err != nil {
		return fmt.Errorf("move invitation to %s: %w", state, err)
	}
	return nil
}

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
