package store

import (
	"context"
	"fmt"
)

// RevokeMembershipLogins ends every login that chose the membership, everywhere.
func (tx *Tx) RevokeMembershipLogins(ctx context.Context, project, membership string) error {
	var ids []string
	err := tx.gorm(ctx).Model(&Login{}).
		Where("membership_id = ? AND membership_project = ? AND NOT revoked AND expires_at > ?", membership, project, At(tx.Now())).
		Order("id").Pluck("id", &ids).Error
	if err != nil {
		return fmt.Errorf("list logins of a membership: %w", err)
	}
	for _, id := range ids {
		if _, err := tx.RevokeLogin(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// MembershipSessions lists the live sessions of a membership, newest first.
func (r reader) MembershipSessions(ctx context.Context, project, membership string, limit int) ([]Login, error) {
	var all []Login
	err := r.gorm(ctx).Where("membership_id = ? AND membership_project = ?", membership, project).
		Where("granted AND NOT revoked AND expires_at > ?", At(r.clock.Now())).
		Order("auth_time DESC, id DESC").Limit(limit).Find(&all).Error
	if err != nil {
		return nil, fmt.Errorf("list sessions of a membership: %w", err)
	}
	return all, nil
}
