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
