package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"
)

// InvitationQuery is which invitations of a project are listed; what is empty does not narrow.
type InvitationQuery struct {
	Project                   string
	States                    []InvitationState
	Email, Profile, InvitedBy string
	Since, Until              time.Time // made at or after, and before
	After                     string    // id of the last one of the page before
	Limit                     int
}

// ranOut and runs are the condition that makes an invitation expired, and its opposite (Invitation.at).
const (
	ranOut = "state = ? AND expires_at > 0 AND expires_at <= ?"
	runs   = "state = ? AND (expires_at = 0 OR expires_at > ?)"
)

// Invitations lists invitations, newest first, each as it stands now. Every state is looked up in the
// index by itself, so that the few that are open are found among many that are not.
func (r reader) Invitations(ctx context.Context, q InvitationQuery) ([]Invitation, error) {
	now := r.clock.Now()
	rows := r.page(ctx, q)
	if len(q.States) > 0 {
		var parts []string
		var pages []any
		for _, in := range q.inStates(now) {
			parts = append(parts, fmt.Sprintf("SELECT * FROM (?) AS p%d", len(parts)))
			pages = append(pages, r.page(ctx, q).Where(in.condition, in.args...))
		}
		rows = r.gorm(ctx).Table("(?) AS p", gorm.Expr(strings.Join(parts, " UNION ALL "), pages...)).Order("id DESC").Limit(q.Limit)
	}
	var found []Invitation
	if err := rows.Find(&found).Error; err != nil {
		return nil, fmt.Errorf("list invitations: %w", err)
	}
	for i := range found {
		found[i] = found[i].at(now)
	}
	return found, nil
}

// page is a page of what the query asks for but its states.
func (r reader) page(ctx context.Context, q InvitationQuery) *gorm.DB {
	rows := r.gorm(ctx).Table("invitation"+r.dialect.by(q.index())).Where("project_id = ?", q.Project).Order("id DESC").Limit(q.Limit)
	for _, by := range []struct{ column, value string }{{"email", q.Email}, {"profile", q.Profile}, {"invited_by", q.InvitedBy}} {
		if by.value != "" {
			rows = rows.Where(by.column+" = ?", by.value)
		}
	}
	if !q.Since.IsZero() {
		rows = rows.Where("created_at >= ?", At(q.Since))
	}
	if !q.Until.IsZero() {
		rows = rows.Where("created_at < ?", At(q.Until))
	}
	if q.After != "" {
		rows = rows.Where("id < ?", q.After)
	}
	return rows
}

// index is the one that has the few rows of what narrows most, in the order of their ids.
func (q InvitationQuery) index() string {
	switch {
	case q.Email != "":
		return "invitation_email"
	case q.Profile != "":
		return "invitation_profile"
	case len(q.States) > 0:
		return "invitation_state"
	case q.InvitedBy != "":
		return "invitation_inviter"
	}
	return ""
}

type inState struct {
	condition string
	args      []any
}

// inStates are the conditions of the states as they are stored: one that ran out is stored as what it
// was before.
func (q InvitationQuery) inStates(now time.Time) []inState {
	var in []inState
	for _, state := range slices.Compact(slices.Sorted(slices.Values(q.States))) {
		switch state {
		case InvitationAccepted, InvitationRevoked:
			in = append(in, inState{"state = ?", []any{state}})
		case InvitationExpired:
			for _, was := range openInvitation {
				in = append(in, inState{ranOut, []any{was, At(now)}})
			}
		default:
			in = append(in, inState{runs, []any{state, At(now)}})
		}
	}
	return in
}
