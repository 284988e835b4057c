package store

import (
	"context"
	"fmt"

	"gorm.io/gorm/clause"
)

// MemberToken is a named token with which a member signs in, as it is kept: by its hash.
type MemberToken struct {
	Project    string `gorm:"column:project_id;primaryKey"`
	Membership string `gorm:"column:membership_id;primaryKey"`
	Name       string `gorm:"primaryKey"`
	User       string `gorm:"column:user_id"` // a User of the project
	Hash       string
	CreatedAt  Stamp `gorm:"autoCreateTime:false"`
	ExpiresAt  Stamp
}

// TableName implements gorm's Tabler.
func (MemberToken) TableName() string { return "member_token" }

const ofMembership = "project_id = ? AND membership_id = ?"

// SetMemberToken stores a token in place of the member's one of the same name.
func (tx *Tx) SetMemberToken(ctx context.Context, token MemberToken) error {
	if err := tx.gorm(ctx).Clauses(clause.OnConflict{UpdateAll: true}).Create(&token).Error; err != nil {
		return fmt.Errorf("set member token: %w", err)
	}
	return nil
}

// MemberTokens lists the live tokens of a member by name.
func (r reader) MemberTokens(ctx context.Context, project, membership string) ([]MemberToken, error) {
	var all []MemberToken
	err := r.gorm(ctx).Where(ofMembership+" AND expires_at > ?", project, membership, At(r.clock.Now())).Order("name").Find(&all).Error
	if err != nil {
		return nil, fmt.Errorf("list member tokens: %w", err)
	}
	return all, nil
}

// MemberTokensOf lists the live tokens of several members of a project, by member and name.
func (r reader) MemberTokensOf(ctx context.Context, project string, memberships []string) ([]MemberToken, error) {
	var all []MemberToken
	if len(memberships) == 0 {
		return nil, nil
	}
	err := r.gorm(ctx).Where("project_id = ? AND membership_id IN ? AND expires_at > ?", project, memberships, At(r.clock.Now())).
		Order("membership_id, name").Find(&all).Error
	if err != nil {
		return nil, fmt.Errorf("list tokens of members: %w", err)
	}
	return all, nil
}

// MemberTokenByHash finds a live token, or ErrNotFound. Whoever signs in with one has not said which
// membership it is for.
func (r reader) MemberTokenByHash(ctx context.Context, hash string) (MemberToken, error) {
	var token MemberToken
	err := r.gorm(ctx).Where("hash = ? AND expires_at > ?", hash, At(r.clock.Now())).Take(&token).Error
	return token, notFound(err, "read member token")
}

// ConfirmMemberToken says whether a token is still the one that was found, and keeps it from being
// revoked until the transaction ends: a login that is added after it is one that a revocation sees.
func (tx *Tx) ConfirmMemberToken(ctx context.Context, token MemberToken) (bool, error) {
	result := tx.gorm(ctx).Model(&MemberToken{}).
		Where(ofMembership+" AND name = ? AND hash = ?", token.Project, token.Membership, token.Name, token.Hash).
		UpdateColumn("hash", token.Hash)
	if result.Error != nil {
		return false, fmt.Errorf("confirm member token: %w", result.Error)
	}
	return result.RowsAffected == 1, nil
}

// DeleteMemberToken revokes a token; false when there was none of the name.
func (tx *Tx) DeleteMemberToken(ctx context.Context, project, membership, name string) (bool, error) {
	result := tx.gorm(ctx).Where(ofMembership+" AND name = ?", project, membership, name).Delete(&MemberToken{})
	if result.Error != nil {
		return false, fmt.Errorf("delete member token: %w", result.Error)
	}
	return result.RowsAffected == 1, nil
}

// DeleteMemberTokens revokes every token of a member.
func (tx *Tx) DeleteMemberTokens(ctx context.Context, project, membership string) error {
	if err := tx.gorm(ctx).Where(ofMembership, project, membership).Delete(&MemberToken{}).Error; err != nil {
		return fmt.Errorf("delete member tokens: %w", err)
	}
	return nil
}

// DeleteUserTokens revokes every token of a User.
func (tx *Tx) DeleteUserTokens(ctx context.Context, user Ref) error {
	if err := tx.gorm(ctx).Where("project_id = ? AND user_id = ?", user.Project, user.ID).Delete(&MemberToken{}).Error; err != nil {
		return fmt.Errorf("delete tokens of a user: %w", err)
	}
	return nil
}
