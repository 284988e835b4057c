package store

import (
	"context"
	"fmt"

	"gorm.io/gorm/clause"
)

// clientAssertion is an assertion that a client has used, by the SHA-256 of the client and its jti.
type clientAssertion struct {
	Hash      string `gorm:"primaryKey"`
	ExpiresAt Stamp
}

// TableName implements gorm's Tabler.
func (clientAssertion) TableName() string { return "client_assertion" }

// UseClientAssertion uses an assertion up; false when it was used before. It is remembered at least
// until it expires.
func (s *Store) UseClientAssertion(ctx context.Context, hash string, expires Stamp) (first bool, err error) {
	err = s.InTx(ctx, func(tx *Tx) error {
		result := tx.gorm(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(&clientAssertion{hash, expires})
		if result.Error != nil {
			return fmt.Errorf("use client assertion: %w", result.Error)
		}
		first = result.RowsAffected == 1
		return nil
	})
	return first, err
}
