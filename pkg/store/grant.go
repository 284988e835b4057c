package store

import (
	"context"
	"fmt"
)

// AuthorizationCode is a code as it is kept: by its hash.
type AuthorizationCode struct {
	Hash        string `gorm:"primaryKey"`
	Login       string `gorm:"column:login_id"`
	RedirectURI string `gorm:"column:redirect_uri"` // of the authorization request; empty when it had none
	Used        bool
	ExpiresAt   Stamp
}

// TableName implements gorm's Tabler.
func (AuthorizationCode) TableName() string { return "authorization_code" }

// RefreshToken is a refresh token as it is kept: by the hash of its secret. Those of one login are
// a family; using one twice ends the login.
type RefreshToken struct {
	Hash      string `gorm:"primaryKey"`
	Login     string `gorm:"column:login_id"`
	Used      bool
	ExpiresAt Stamp
}

// TableName implements gorm's Tabler.
func (RefreshToken) TableName() string { return "refresh_token" }

// AddCode stores the code of a login, the only one that counts from now on.
func (tx *Tx) AddCode(ctx context.Context, code AuthorizationCode) error {
	err := tx.later(ctx, later{doing: "forget code", table: "authorization_code", text: func(b *builder) string {
		return "DELETE FROM authorization_code WHERE login_id = " + b.arg(code.Login) + " AND NOT used"
	}})
	if err != nil {
		return err
	}
	return tx.add(ctx, "add code", &code)
}

// Code reads a code by its hash, used or run out or not, or ErrNotFound.
func (r reader) Code(ctx context.Context, hash string) (AuthorizationCode, error) {
	var code AuthorizationCode
	err := r.gorm(ctx).Where("hash = ?", hash).Take(&code).Error
	return code, notFound(err, "read code")
}

// UseCode uses a code up; false when it was used before, has run out or was replaced.
func (tx *Tx) UseCode(ctx context.Context, hash string) (bool, error) {
	result := tx.gorm(ctx).Model(&AuthorizationCode{}).
		Where("hash = ? AND NOT used AND expires_at > ?", hash, At(tx.Now())).UpdateColumn("used", true)
	if result.Error != nil {
		return false, fmt.Errorf("use code: %w", result.Error)
	}
	return result.RowsAffected == 1, nil
}

// AddRefreshToken stores a refresh token.
func (tx *Tx) AddRefreshToken(ctx context.Context, token RefreshToken) error {
	return tx.add(ctx, "add refresh token", &token)
}

// RefreshToken reads a refresh token by its hash, used or not, or ErrNotFound.
func (r reader) RefreshToken(ctx context.Context, hash string) (RefreshToken, error) {
	var token RefreshToken
	err := r.gorm(ctx).Where("hash = ?", hash).Take(&token).Error
	return token, notFound(err, "read refresh token")
}

// UseRefreshToken uses a refresh token up; false when it was used before or has run out.
func (tx *Tx) UseRefreshToken(ctx context.Context, hash string) (bool, error) {
	result := tx.gorm(ctx).Model(&RefreshToken{}).
		Where("hash = ? AND NOT used AND expires_at > ?", hash, At(tx.Now())).UpdateColumn("used", true)
	if result.Error != nil {
		return false, fmt.Errorf("use refresh token: %w", result.Error)
	}
	return result.RowsAffected == 1, nil
}

// ForgetRunOut removes what has run out of logins, codes, refresh tokens, client assertions,
// challenges, member tokens, pushed requests, journeys to identity providers and counts. A used code
// is kept a while longer, so that its replay is still known for one.
func (s *Store) ForgetRunOut(ctx context.Context) error {
	return s.InTx(ctx, func(tx *Tx) error {
		now := At(tx.Now())
		for _, row := range []any{&AuthorizationCode{}, &RefreshToken{}, &Login{}, &usedOnce{}, &PasskeyChallenge{}, &ExternalRequest{}, &MemberToken{}, &PushedRequest{}} {
			if err := tx.gorm(ctx).Where("expires_at < ?", At(now.Add(-graceOfReplay))).Delete(row).Error; err != nil {
				return fmt.Errorf("forget what has run out: %w", err)
			}
		}
		if err := tx.gorm(ctx).Where("ends_at < ?", now).Delete(&rateLimit{}).Error; err != nil {
			return fmt.Errorf("forget counts: %w", err)
		}
		return nil
	})
}
