package store

import (
	"context"
	"fmt"
)

// recoveryCode stands in for a lost second factor, once; it is kept by its hash.
type recoveryCode struct {
	Project string `gorm:"column:project_id;primaryKey"`
	User    string `gorm:"column:user_id;primaryKey"`
	Hash    string `gorm:"primaryKey"`
}

// TableName implements gorm's Tabler.
func (recoveryCode) TableName() string { return "recovery_code" }

const ofUser = "project_id = ? AND user_id = ?"

// SetRecoveryCodes replaces the recovery codes of a User; none at all forgets them.
func (tx *Tx) SetRecoveryCodes(ctx context.Context, user Ref, hashes []string) error {
	if err := tx.gorm(ctx).Where(ofUser, user.Project, user.ID).Delete(&recoveryCode{}).Error; err != nil {
		return fmt.Errorf("forget recovery codes: %w", err)
	}
	if len(hashes) == 0 {
		return nil
	}
	codes := make([]recoveryCode, len(hashes))
	for i, hash := range hashes {
		codes[i] = recoveryCode{user.Project, user.ID, hash}
	}
	if err := tx.gorm(ctx).Create(&codes).Error; err != nil {
		return fmt.Errorf("set recovery codes: %w", err)
	}
	return nil
}

// UseRecoveryCode uses a recovery code up; false when there is none, or no longer.
func (tx *Tx) UseRecoveryCode(ctx context.Context, user Ref, hash string) (bool, error) {
	result := tx.gorm(ctx).Where(ofUser+" AND hash = ?", user.Project, user.ID, hash).Delete(&recoveryCode{})
	if result.Error != nil {
		return false, fmt.Errorf("use recovery code: %w", result.Error)
	}
	return result.RowsAffected == 1, nil
}

// RecoveryCodes is how many recovery codes a User has left.
func (r reader) RecoveryCodes(ctx context.Context, user Ref) (int, error) {
	var left int64
	if err := r.gorm(ctx).Model(&recoveryCode{}).Where(ofUser, user.Project, user.ID).Count(&left).Error; err != nil {
		return 0, fmt.Errorf("count recovery codes: %w", err)
	}
	return int(left), nil
}
