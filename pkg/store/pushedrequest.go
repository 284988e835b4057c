package store

import (
	"context"
	"fmt"
	"time"
)

// PushedRequest is an authorization request that a client has pushed (RFC 9126), by the hash of its
// reference.
type PushedRequest struct {
	Hash       string `gorm:"primaryKey"`
	Client     string `gorm:"column:client_id"`
	Parameters string // JSON
	Begun      bool   // a browser has come with it
	ExpiresAt  Stamp
}

// TableName implements gorm's Tabler.
func (PushedRequest) TableName() string { return "pushed_request" }

// AddPushedRequest keeps a request.
func (s *Store) AddPushedRequest(ctx context.Context, request PushedRequest) error {
	return s.InTx(ctx, func(tx *Tx) error {
		if err := tx.gorm(ctx).Create(&request).Error; err != nil {
			return fmt.Errorf("add pushed request: %w", err)
		}
		return nil
	})
}

// BeginPushedRequest lets the first browser that comes with a request of the client go on with it for a
// while; false when it is not there, has run out or was begun before.
func (s *Store) BeginPushedRequest(ctx context.Context, hash, client string, lasts time.Duration) (begun bool, err error) {
	err = s.InTx(ctx, func(tx *Tx) error {
		result := tx.gorm(ctx).Model(&PushedRequest{}).
			Where("hash = ? AND client_id = ? AND NOT begun AND expires_at > ?", hash, client, At(tx.Now())).
			UpdateColumns(map[string]any{"begun": true, "expires_at": At(tx.Now().Add(lasts))})
		if result.Error != nil {
			return fmt.Errorf("begin pushed request: %w", result.Error)
		}
		begun = result.RowsAffected == 1
		return nil
	})
	return begun, err
}

// PushedRequest reads a request, begun or run out or not, or ErrNotFound.
func (r reader) PushedRequest(ctx context.Context, hash string) (PushedRequest, error) {
	var request PushedRequest
	err := r.gorm(ctx).Where("hash = ?", hash).Take(&request).Error
	return request, notFound(err, "read pushed request")
}

// UsePushedRequest uses a request up; false when it was used before or has run out.
func (tx *Tx) UsePushedRequest(ctx context.Context, hash string) (bool, error) {
	result := tx.gorm(ctx).Where("hash = ? AND begun AND expires_at > ?", hash, At(tx.Now())).Delete(&PushedRequest{})
	if result.Error != nil {
		return false, fmt.Errorf("use pushed request: %w", result.Error)
	}
	return result.RowsAffected == 1, nil
}
