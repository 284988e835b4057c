package store

import (
	"context"
	"fmt"

	"gorm.io/gorm/clause"
)

// Passkey is a credential that an authenticator made for a User.
type Passkey struct {
	ID          string `gorm:"primaryKey"` // the credential id in base64url
	UserProject string // where the User lives
	User        string `gorm:"column:user_id"`
	Name        string
	// Record is the public key with what is checked beside it, as JSON.
	Record    string
	SignCount uint32
	CreatedAt Stamp `gorm:"autoCreateTime:false"`
	UsedAt    Stamp // zero before the first use
}

// TableName implements gorm's Tabler.
func (Passkey) TableName() string { return "passkey" }

const passkeysOf = "user_project = ? AND user_id = ?"

// AddPasskey stores a new passkey; false when its id is taken, by whomever.
func (tx *Tx) AddPasskey(ctx context.Context, p Passkey) (bool, error) {
	p.CreatedAt = At(tx.Now())
	result := tx.gorm(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(&p)
	if result.Error != nil {
		return false, fmt.Errorf("add passkey: %w", result.Error)
	}
	return result.RowsAffected == 1, nil
}

// Passkeys lists the passkeys of a User, oldest first.
func (r reader) Passkeys(ctx context.Context, user Ref) ([]Passkey, error) {
	var all []Passkey
	err := r.gorm(ctx).Where(passkeysOf, user.Project, user.ID).Order("created_at, id").Find(&all).Error
	if err != nil {
		return nil, fmt.Errorf("list passkeys: %w", err)
	}
	return all, nil
}

// UsePasskey records a use of a passkey; false when it is gone, or was used meanwhile: then its count
// is another than before.
func (tx *Tx) UsePasskey(ctx context.Context, user Ref, id string, before, count uint32, record string) (bool, error) {
	result := tx.gorm(ctx).Model(&Passkey{}).
		Where(passkeysOf+" AND id = ? AND sign_count = ?", user.Project, user.ID, id, before).
		UpdateColumns(map[string]any{"sign_count": count, "record": record, "used_at": At(tx.Now())})
	if result.Error != nil {
		return false, fmt.Errorf("use passkey: %w", result.Error)
	}
	return result.RowsAffected == 1, nil
}

// RenamePasskey gives a passkey another name; false when the User has none of this id.
func (tx *Tx) RenamePasskey(ctx context.Context, user Ref, id, name string) (bool, error) {
	result := tx.gorm(ctx).Model(&Passkey{}).Where(passkeysOf+" AND id = ?", user.Project, user.ID, id).UpdateColumn("name", name)
	if result.Error != nil {
		return false, fmt.Errorf("rename passkey: %w", result.Error)
	}
	return result.RowsAffected == 1, nil
}

// DeletePasskey forgets a passkey; false when the User has none of this id.
func (tx *Tx) DeletePasskey(ctx context.Context, user Ref, id string) (bool, error) {
	result := tx.gorm(ctx).Where(passkeysOf+" AND id = ?", user.Project, user.ID, id).Delete(&Passkey{})
	if result.Error != nil {
		return false, fmt.Errorf("delete passkey: %w", result.Error)
	}
	return result.RowsAffected == 1, nil
}

// DeletePasskeys forgets every passkey of a User.
func (tx *Tx) DeletePasskeys(ctx context.Context, user Ref) error {
	if err := tx.gorm(ctx).Where(passkeysOf, user.Project, user.ID).Delete(&Passkey{}).Error; err != nil {
		return fmt.Errorf("delete passkeys: %w", err)
	}
	return nil
}

// PasskeyChallenge is what an authenticator was asked to sign.
type PasskeyChallenge struct {
	Hash    string `gorm:"primaryKey"` // SHA-256 of the challenge
	Purpose string
	Login   string `gorm:"column:login_id"` // the session it is for; empty before there is one
	// Record is what the answer is checked with, as JSON.
	Record    string
	ExpiresAt Stamp
}

// TableName implements gorm's Tabler.
func (PasskeyChallenge) TableName() string { return "passkey_challenge" }

// AddPasskeyChallenge stores a challenge.
func (s *Store) AddPasskeyChallenge(ctx context.Context, c PasskeyChallenge) error {
	return s.InTx(ctx, func(tx *Tx) error {
		if err := tx.gorm(ctx).Create(&c).Error; err != nil {
			return fmt.Errorf("add challenge: %w", err)
		}
		return nil
	})
}

// UsePasskeyChallenge uses a challenge up and gives its record; false when it was used, has run out,
// or was made for something or somebody else.
func (s *Store) UsePasskeyChallenge(ctx context.Context, hash, purpose, login string) (record string, ok bool, err error) {
	err = s.InTx(ctx, func(tx *Tx) error {
		var used []PasskeyChallenge
		err := tx.gorm(ctx).Clauses(clause.Returning{}).
			Where("hash = ? AND purpose = ? AND login_id = ? AND expires_at > ?", hash, purpose, login, At(tx.Now())).Delete(&used).Error
		if err != nil {
			return fmt.Errorf("use challenge: %w", err)
		}
		if ok = len(used) == 1; ok {
			record = used[0].Record
		}
		return nil
	})
	return record, ok, err
}
