package store

import (
	"context"
	"errors"
	"fmt"

	"gorm.io/gorm/clause"
)

// serverKey is a key of the server itself.
type serverKey struct {
	Name  string `gorm:"primaryKey"`
	Value []byte
}

// TableName implements gorm's Tabler.
func (serverKey) TableName() string { return "server_key" }

// ServerKey is the server's key of a name; fresh becomes it when there is none yet. Processes that
// ask at once get the same.
func (s *Store) ServerKey(ctx context.Context, name string, fresh []byte) (key []byte, err error) {
	var kept serverKey
	err = s.gorm(ctx).Where("name = ?", name).Take(&kept).Error
	if err = notFound(err, "read server key"); !errors.Is(err, ErrNotFound) {
		return kept.Value, err
	}
	err = s.InTx(ctx, func(tx *Tx) error {
		made := serverKey{name, fresh}
		if err := tx.gorm(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(&made).Error; err != nil {
			return fmt.Errorf("make server key: %w", err)
		}
		return notFound(tx.gorm(ctx).Where("name = ?", name).Take(&kept).Error, "read server key")
	})
	return kept.Value, err
}
