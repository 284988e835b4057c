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

// CodeLogin reads a code by its hash, used or run out or not, with its login; ErrNotFound when there is none, or its
// login has run out.
func (r reader) CodeLogin(ctx context.Context, hash string) (AuthorizationCode, Login, error) {
	var found struct {
		AuthorizationCode `gorm:"embedded;embeddedPrefix:kept_"`
		Login             `gorm:"embedded"`
	}
	err := r.withLogin(ctx, "authorization_code", "kept.redirect_uri AS kept_redirect_uri, ", hash, &found)
	return found.AuthorizationCode, found.Login, notFound(err, "read code with its login")
}

// withLogin reads a row of a table that is kept by hash, with its login.
func (r reader) withLogin(ctx context.Context, table, further, hash string, into any) error {
	return r.gorm(ctx).Table(table+" kept").Joins("JOIN login ON login.id = kept.login_id AND login.expires_at > ?", At(r.clock.Now())).
		Select("kept.hash AS kept_hash, kept.login_id AS kept_login_id, kept.used AS kept_used, kept.expires_at AS kept_expires_at, "+further+"login.*").
		Where("kept.hash = ?", hash).Take(into).Error
}

// UseCode uses a code up. The transaction fails with ErrChanged, at the latest when it ends, if the code was used
// before, has run out or was replaced.
func (tx *Tx) UseCode(ctx context.Context, hash string) error {
	return tx.useUp(ctx, AuthorizationCode{}.TableName(), hash)
}

func (tx *Tx) useUp(ctx context.Context, table, hash string) error {
	return tx.later(ctx, later{doing: "use " + table, table: table, must: changed, text: func(b *builder) string {
		return "UPDATE " + table + " SET used = true WHERE hash = " + b.arg(hash) + " AND NOT used AND expires_at > " + b.arg(At(tx.Now()))
	}})
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

// RefreshTokenLogin reads a refresh token by its hash, used or not, with its login; ErrNotFound when there is none, or
// its login has run out.
func (r reader) RefreshTokenLogin(ctx context.Context, hash string) (RefreshToken, Login, error) {
	var found struct {
		RefreshToken `gorm:"embedded;embeddedPrefix:kept_"`
		Login        `gorm:"embedded"`
	}
	err := r.withLogin(ctx, "refresh_token", "", hash, &found)
	return found.RefreshToken, found.Login, notFound(err, "read refresh token with its login")
}

// UseRefreshToken uses a refresh token up. The transaction fails with ErrChanged, at the latest when it ends, if the
// token was used before or has run out.
func (tx *Tx) UseRefreshToken(ctx context.Context, hash string) error {
	return tx.useUp(ctx, RefreshToken{}.TableName(), hash)
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
