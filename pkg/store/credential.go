package store

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// Credential is what a User, a ClientApplication or a Bot proves itself with, and what else of a resource
// is secret.
type Credential struct {
	Project string         `gorm:"column:project_id;primaryKey"`
	Type    string         `gorm:"primaryKey"`
	ID      string         `gorm:"primaryKey"`
	Kind    CredentialKind `gorm:"primaryKey"`
	// Hash is Argon2id of a password, SHA-256 of a secret; empty when only Sealed counts.
	Hash string
	// Sealed is the plain value under the server key, where a protocol needs it.
	Sealed []byte
	// UsedStep is the last time step of a one-time password that was accepted (RFC 6238 §5.2).
	UsedStep int64
	// Opens are the memberships that a password leads to: OpensAll, or those of the projects named,
	// separated by spaces.
	Opens     string
	UpdatedAt Stamp `gorm:"autoUpdateTime:false"`
}

// TableName implements gorm's Tabler.
func (Credential) TableName() string { return "credential" }

// CredentialKind says what a credential is.
type CredentialKind string

// The kinds of credentials. A retiring secret still gets tokens while its client moves on.
const (
	Password       CredentialKind = "password"
	ClientSecret   CredentialKind = "secret"
	RetiringSecret CredentialKind = "retiring-secret"
	TOTP           CredentialKind = "totp"
	// ProviderSecret is what a client or a domain shows to its identity provider.
	ProviderSecret CredentialKind = "provider-secret"
	// SealedContent is the current version of a resource that holds secrets, whole; what is stored of
	// it elsewhere is without them.
	SealedContent CredentialKind = "sealed-content"
	// PasswordKey is the private key of a project for which its clients encrypt passwords.
	PasswordKey CredentialKind = "password-key"
)

// OpensAll is Opens of a password whose holder has shown that the User's address is theirs.
const OpensAll = "*"

// OpensProject says whether a password leads to the User's memberships of a project.
func (c Credential) OpensProject(project string) bool {
	return c.Opens == OpensAll || slices.Contains(strings.Fields(c.Opens), project)
}

const ofCredential = "project_id = ? AND type = ? AND id = ?"

// SetCredential stores a credential in place of the one of its kind.
func (tx *Tx) SetCredential(ctx context.Context, c Credential) error {
	c.UpdatedAt = At(tx.Now())
	if err := tx.gorm(ctx).Clauses(clause.OnConflict{UpdateAll: true}).Create(&c).Error; err != nil {
		return fmt.Errorf("set %s: %w", c.Kind, err)
	}
	return nil
}

// Credential reads the credential of a kind, or ErrNotFound.
func (r reader) Credential(ctx context.Context, of Ref, kind CredentialKind) (Credential, error) {
	var c Credential
	err := r.gorm(ctx).Where(ofCredential+" AND kind = ?", of.Project, of.Type, of.ID, kind).Take(&c).Error
	return c, notFound(err, "read credential")
}

// Credentials reads every credential of a resource.
func (r reader) Credentials(ctx context.Context, of Ref) ([]Credential, error) {
	var all []Credential
	if err := r.gorm(ctx).Where(ofCredential, of.Project, of.Type, of.ID).Find(&all).Error; err != nil {
		return nil, fmt.Errorf("read credentials: %w", err)
	}
	return all, nil
}

// CredentialsOf reads the credentials of a kind of all resources of a type in a project, up to limit.
func (r reader) CredentialsOf(ctx context.Context, project, resourceType string, kind CredentialKind, limit int) ([]Credential, error) {
	var all []Credential
	err := r.gorm(ctx).Where("project_id = ? AND type = ? AND kind = ?", project, resourceType, kind).Order("id").Limit(limit).Find(&all).Error
	if err != nil {
		return nil, fmt.Errorf("read the credentials of a project: %w", err)
	}
	return all, nil
}

// KeepCredential is the credential of a kind; fresh becomes it when there is none yet. Processes that
// ask at once get the same.
func (s *Store) KeepCredential(ctx context.Context, fresh Credential) (kept Credential, err error) {
	err = s.InTx(ctx, func(tx *Tx) error {
		fresh.UpdatedAt = At(tx.Now())
		if err := tx.gorm(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(&fresh).Error; err != nil {
			return fmt.Errorf("keep %s: %w", fresh.Kind, err)
		}
		kept, err = tx.Credential(ctx, Ref{Project: fresh.Project, Type: fresh.Type, ID: fresh.ID}, fresh.Kind)
		return err
	})
	return kept, err
}

// ConfirmCredential says whether the credential is still the one with this hash, and keeps it from
// changing until the transaction ends: a login that is added after it is one that a change of the
// password will see and revoke.
func (tx *Tx) ConfirmCredential(ctx context.Context, of Ref, kind CredentialKind, hash string) (bool, error) {
	result := tx.gorm(ctx).Model(&Credential{}).
		Where(ofCredential+" AND kind = ? AND hash = ?", of.Project, of.Type, of.ID, kind, hash).UpdateColumn("hash", hash)
	if result.Error != nil {
		return false, fmt.Errorf("confirm %s: %w", kind, result.Error)
	}
	return result.RowsAffected == 1, nil
}

// HoldCredential is ConfirmCredential for a transaction that does nothing if the credential is another: it fails
// with ErrChanged, at the latest when it ends.
func (tx *Tx) HoldCredential(ctx context.Context, of Ref, kind CredentialKind, hash string) error {
	return tx.later(ctx, later{doing: "hold " + string(kind), table: "credential", must: held, text: func(b *builder) string {
		return "SELECT 1 FROM credential WHERE project_id = " + b.arg(of.Project) + " AND type = " + b.arg(of.Type) + " AND id = " + b.arg(of.ID) +
			" AND kind = " + b.arg(string(kind)) + " AND hash = " + b.arg(hash)
	}})
}

// OpenProject lets a password lead to a project as well; one that leads to all stays as it is.
func (tx *Tx) OpenProject(ctx context.Context, of Ref, project string) error {
	err := tx.gorm(ctx).Model(&Credential{}).
		Where(ofCredential+" AND kind = ? AND opens <> ?", of.Project, of.Type, of.ID, Password, OpensAll).
		UpdateColumn("opens", gorm.Expr("opens || ?", " "+project)).Error
	if err != nil {
		return fmt.Errorf("open a project to a password: %w", err)
	}
	return nil
}

// DeleteCredential forgets the credential of a kind, if there is one.
func (tx *Tx) DeleteCredential(ctx context.Context, of Ref, kind CredentialKind) error {
	err := tx.gorm(ctx).Where(ofCredential+" AND kind = ?", of.Project, of.Type, of.ID, kind).Delete(&Credential{}).Error
	if err != nil {
		return fmt.Errorf("delete %s: %w", kind, err)
	}
	return nil
}

// DeleteCredentials forgets every credential of a resource.
func (tx *Tx) DeleteCredentials(ctx context.Context, of Ref) error {
	if err := tx.gorm(ctx).Where(ofCredential, of.Project, of.Type, of.ID).Delete(&Credential{}).Error; err != nil {
		return fmt.Errorf("delete credentials: %w", err)
	}
	return nil
}

// UseStep records that the one-time password of a time step was accepted; false when one of that
// step or a later one was before.
func (tx *Tx) UseStep(ctx context.Context, of Ref, step int64) (bool, error) {
	result := tx.gorm(ctx).Model(&Credential{}).
		Where(ofCredential+" AND kind = ? AND used_step < ?", of.Project, of.Type, of.ID, TOTP, step).
		UpdateColumn("used_step", step)
	if result.Error != nil {
		return false, fmt.Errorf("use one-time password: %w", result.Error)
	}
	return result.RowsAffected == 1, nil
}
