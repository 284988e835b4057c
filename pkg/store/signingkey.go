package store

import (
	"context"
	"fmt"

	"gorm.io/gorm/clause"
)

// SigningKey is a key that signs tokens.
type SigningKey struct {
	Generation int64  `gorm:"primaryKey;autoIncrement:false"`
	ID         string // kid
	Sealed     []byte // the private JWK under the server key
	SignsAt    Stamp  // when it becomes the one that signs
	RetiresAt  Stamp  // when nothing signed with it is valid any longer
}

// TableName implements gorm's Tabler.
func (SigningKey) TableName() string { return "signing_key" }

// SigningKeys lists the keys that have not retired, oldest first.
func (r reader) SigningKeys(ctx context.Context) ([]SigningKey, error) {
	var keys []SigningKey
	err := r.gorm(ctx).Where("retires_at > ?", At(r.clock.Now())).Order("generation").Find(&keys).Error
	if err != nil {
		return nil, fmt.Errorf("read signing keys: %w", err)
	}
	return keys, nil
}

// AddSigningKey stores a key unless another process was first with its generation; it then does
// nothing, and the other's is to be read.
func (tx *Tx) AddSigningKey(ctx context.Context, key SigningKey) error {
	if err := tx.gorm(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(&key).Error; err != nil {
		return fmt.Errorf("add signing key: %w", err)
	}
	return nil
}

// LastSigningGeneration is the generation of the newest key, 0 when there never was one.
func (tx *Tx) LastSigningGeneration(ctx context.Context) (generation int64, err error) {
	const query = `SELECT COALESCE(MAX(generation), 0) FROM signing_key`
	if err := first(ctx, tx.q, tx.dialect.text(query), nil, &generation); err != nil {
		return 0, fmt.Errorf("read signing generation: %w", err)
	}
	return generation, nil
}
