package store

import (
	"context"
	"fmt"

	"gorm.io/gorm/clause"
)

// ExternalIdentity says as whom an identity provider knows a User.
type ExternalIdentity struct {
	// Project is whose administrators answer for the provider; SystemProject for the server's own.
	Project     string `gorm:"column:project_id;primaryKey"`
	Issuer      string `gorm:"primaryKey"`
	Subject     string `gorm:"primaryKey"`
	UserProject string // where the User lives
	User        string `gorm:"column:user_id"`
	CreatedAt   Stamp  `gorm:"autoCreateTime:false"`
}

// TableName implements gorm's Tabler.
func (ExternalIdentity) TableName() string { return "external_identity" }

const ofExternalIdentity = "project_id = ? AND issuer = ? AND subject = ?"

// ExternalIdentity reads who is bound to a subject, or ErrNotFound.
func (r reader) ExternalIdentity(ctx context.Context, project, issuer, subject string) (ExternalIdentity, error) {
	var bound ExternalIdentity
	err := r.gorm(ctx).Where(ofExternalIdentity, project, issuer, subject).Take(&bound).Error
	return bound, notFound(err, "read external identity")
}

// BindExternalIdentity binds a subject to a User; false when either is bound already.
func (tx *Tx) BindExternalIdentity(ctx context.Context, bound ExternalIdentity) (bool, error) {
	bound.CreatedAt = At(tx.Now())
	result := tx.gorm(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(&bound)
	if result.Error != nil {
		return false, fmt.Errorf("bind external identity: %w", result.Error)
	}
	return result.RowsAffected == 1, nil
}

// UnbindExternalIdentity lets a subject be nobody's.
func (tx *Tx) UnbindExternalIdentity(ctx context.Context, bound ExternalIdentity) error {
	err := tx.gorm(ctx).Where(ofExternalIdentity, bound.Project, bound.Issuer, bound.Subject).Delete(&ExternalIdentity{}).Error
	if err != nil {
		return fmt.Errorf("unbind external identity: %w", err)
	}
	return nil
}

// ExternalRequest is a journey to an identity provider: known by the hash of its state, and to the
// browser that began it.
type ExternalRequest struct {
	Hash      string `gorm:"primaryKey"`
	Browser   string `gorm:"column:browser_hash"`
	Sealed    []byte
	ExpiresAt Stamp
}

// TableName implements gorm's Tabler.
func (ExternalRequest) TableName() string { return "external_request" }

// AddExternalRequest stores a journey.
func (s *Store) AddExternalRequest(ctx context.Context, request ExternalRequest) error {
	return s.InTx(ctx, func(tx *Tx) error {
		if err := tx.gorm(ctx).Create(&request).Error; err != nil {
			return fmt.Errorf("add external request: %w", err)
		}
		return nil
	})
}

// TakeExternalRequest ends a journey of the browser and gives it back. ErrNotFound when there is none, it
// has run out, another browser began it, or somebody was faster.
func (s *Store) TakeExternalRequest(ctx context.Context, hash, browser string) (request ExternalRequest, err error) {
	err = s.InTx(ctx, func(tx *Tx) error {
		of := tx.gorm(ctx).Where("hash = ? AND browser_hash = ? AND expires_at > ?", hash, browser, At(tx.Now()))
		if err := of.Take(&request).Error; err != nil {
			return notFound(err, "read external request")
		}
		result := tx.gorm(ctx).Where("hash = ?", hash).Delete(&ExternalRequest{})
		if result.Error != nil {
			return fmt.Errorf("take external request: %w", result.Error)
		}
		if result.RowsAffected != 1 {
			return ErrNotFound
		}
		return nil
	})
	return request, err
}
