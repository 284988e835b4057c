package store

import (
	"context"
	"fmt"

	"gorm.io/gorm/clause"
)

// usedOnce is something that is good once and was used, by its SHA-256: an assertion of a client, a DPoP
// proof, the nonce of a signed request. The table is named after the first of them.
type usedOnce struct {
	Hash      string `gorm:"primaryKey"`
	ExpiresAt Stamp
}

// TableName implements gorm's Tabler.
func (usedOnce) TableName() string { return "client_assertion" }

// UseOnce uses something up; false when it was used before. It is remembered at least until it expires.
func (s *Store) UseOnce(ctx context.Context, hash string, expires Stamp) (first bool, err error) {
	err = s.InTx(ctx, func(tx *Tx) error {
		result := tx.gorm(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(&usedOnce{hash, expires})
		if result.Error != nil {
			return fmt.Errorf("use something once: %w", result.Error)
		}
		first = result.RowsAffected == 1
		return nil
	})
	return first, err
}
