package store

import (
	"cmp"
	"context"
	"fmt"
)

// SecurityRequest is a single-use secret that was mailed, as it is kept: by its hash.
type SecurityRequest struct {
	ID          string `gorm:"primaryKey"`
	UserProject string // where the User lives
	User        string `gorm:"column:user_id"`
	Project     string `gorm:"column:project_id"` // where its UserSecurityRequest lives
	Type        SecurityRequestType
	Hash        string // SHA-256 of the secret
	RedirectURI string `gorm:"column:redirect_uri"`
	// Email is the address that a request to change it is about.
	Email string
	// Opens is what a password opens that is set by it (Credential.Opens). Whoever has a link that was
	// not mailed has not shown that the address is theirs.
	Opens      string
	Used       bool
	Superseded bool  // a newer one of its kind was made
	CreatedAt  Stamp `gorm:"autoCreateTime:false"`
	ExpiresAt  Stamp
}

// TableName implements gorm's Tabler.
func (SecurityRequest) TableName() string { return "security_request" }

// SecurityRequestType says what the secret is for.
type SecurityRequestType string

// The types of UserSecurityRequest.
const (
	RequestInvite      SecurityRequestType = "invite"
	RequestReset       SecurityRequestType = "reset"
	RequestVerifyEmail SecurityRequestType = "verify-email"
	RequestChangeEmail SecurityRequestType = "change-email" // to an address that is to be proven
)

// AddSecurityRequest stores a request; earlier ones of its type for its User count no longer.
func (tx *Tx) AddSecurityRequest(ctx context.Context, request SecurityRequest) error {
	request.CreatedAt, request.Opens = At(tx.Now()), cmp.Or(request.Opens, OpensAll)
	if tx.collected != nil && tx.collected.fresh[Ref{request.UserProject, "User", request.User}] {
		tx.collected.requests = append(tx.collected.requests, request)
		return nil
	}
	err := tx.gorm(ctx).Model(&SecurityRequest{}).
		Where("user_project = ? AND user_id = ? AND type = ? AND NOT used", request.UserProject, request.User, request.Type).
		UpdateColumn("superseded", true).Error
	if err == nil {
		err = tx.gorm(ctx).Create(&request).Error
	}
	if err != nil {
		return fmt.Errorf("add security request: %w", err)
	}
	return nil
}

// SecurityRequest reads a request, whatever became of it, or ErrNotFound.
func (r reader) SecurityRequest(ctx context.Context, id string) (SecurityRequest, error) {
	var request SecurityRequest
	err := r.gorm(ctx).Where("id = ?", id).Take(&request).Error
	return request, notFound(err, "read security request")
}

// UseSecurityRequest uses a request up; false when it was used before, has run out or was
// superseded.
func (tx *Tx) UseSecurityRequest(ctx context.Context, id string) (bool, error) {
	result := tx.gorm(ctx).Model(&SecurityRequest{}).
		Where("id = ? AND NOT used AND NOT superseded AND expires_at > ?", id, At(tx.Now())).UpdateColumn("used", true)
	if result.Error != nil {
		return false, fmt.Errorf("use security request: %w", result.Error)
	}
	return result.RowsAffected == 1, nil
}

// SupersedeSecurityRequests makes that no request of a User counts any longer, or none of these types.
func (tx *Tx) SupersedeSecurityRequests(ctx context.Context, user Ref, types ...SecurityRequestType) error {
	rows := tx.gorm(ctx).Model(&SecurityRequest{}).Where("user_project = ? AND user_id = ? AND NOT used", user.Project, user.ID)
	if len(types) > 0 {
		rows = rows.Where("type IN ?", types)
	}
	err := rows.UpdateColumn("superseded", true).Error
	if err != nil {
		return fmt.Errorf("supersede security requests: %w", err)
	}
	return nil
}

// SupersedeSecurityRequest makes that a request counts no longer.
func (tx *Tx) SupersedeSecurityRequest(ctx context.Context, id string) error {
	if err := tx.gorm(ctx).Model(&SecurityRequest{}).Where("id = ? AND NOT used", id).UpdateColumn("superseded", true).Error; err != nil {
		return fmt.Errorf("supersede security request: %w", err)
	}
	return nil
}

// ExtendSecurityRequest lets a request that still counts do so until another time; false when it does not.
func (tx *Tx) ExtendSecurityRequest(ctx context.Context, id string, until Stamp) (bool, error) {
	result := tx.gorm(ctx).Model(&SecurityRequest{}).
		Where("id = ? AND NOT used AND NOT superseded AND expires_at > ?", id, At(tx.Now())).UpdateColumn("expires_at", until)
	if result.Error != nil {
		return false, fmt.Errorf("extend security request: %w", result.Error)
	}
	return result.RowsAffected == 1, nil
}
