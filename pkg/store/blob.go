package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm/clause"
)

// withBlobs is the type whose versions have blobs.
const withBlobs = "Binary"

// Blob is bytes that lie in storage of their own (package blob).
type Blob struct {
	Project, ID string
	Size        int64
}

// BlobUse is the blob that a version of a Binary has for its content.
type BlobUse struct {
	Blob
	// FileName is what the client called it; it names no file of ours.
	FileName string
}

// blobRow is the life of a blob, which package blob tells.
type blobRow struct {
	ID        string `gorm:"primaryKey"`
	ProjectID string
	State     blobState
	CreatedAt Stamp `gorm:"autoCreateTime:false"`
}

type blobState string

const (
	blobPending blobState = "pending"
	blobKept    blobState = "kept"
	blobDoomed  blobState = "doomed"
)

// TableName implements gorm's Tabler.
func (blobRow) TableName() string { return "blob" }

// blobUseRow says which blob a version of a Binary has.
type blobUseRow struct {
	ProjectID string `gorm:"primaryKey"`
	BinaryID  string `gorm:"primaryKey"`
	Version   string `gorm:"primaryKey"`
	BlobID    string
	Size      int64
	FileName  string
}

// TableName implements gorm's Tabler.
func (blobUseRow) TableName() string { return "blob_use" }

// ErrBlobGone says that a blob took too long to be named and was given up.
var ErrBlobGone = errors.New("store: the blob was given up")

// BeginBlob notes a blob whose bytes are about to be written.
func (tx *Tx) BeginBlob(ctx context.Context, b Blob) error {
	row := blobRow{ID: b.ID, ProjectID: b.Project, State: blobPending, CreatedAt: At(tx.Now())}
	if err := tx.gorm(ctx).Create(&row).Error; err != nil {
		return fmt.Errorf("begin blob: %w", err)
	}
	return nil
}

// UseBlob makes a blob the content of a version of a Binary.
//
// Errors: ErrBlobGone.
func (tx *Tx) UseBlob(ctx context.Context, of Ref, version string, use BlobUse) error {
	kept := tx.gorm(ctx).Model(&blobRow{}).Where("id = ? AND project_id = ? AND state <> ?", use.ID, of.Project, blobDoomed).
		UpdateColumn("state", blobKept)
	switch {
	case kept.Error != nil:
		return fmt.Errorf("keep blob: %w", kept.Error)
	case kept.RowsAffected != 1:
		return ErrBlobGone
	}
	row := blobUseRow{of.Project, of.ID, clean(version), use.ID, use.Size, clean(use.FileName)}
	if err := tx.gorm(ctx).Create(&row).Error; err != nil {
		return fmt.Errorf("use blob: %w", err)
	}
	return nil
}

// BlobOf is the blob of a version of a Binary, or ErrNotFound.
func (r reader) BlobOf(ctx context.Context, of Ref, version string) (BlobUse, error) {
	var row blobUseRow
	err := r.gorm(ctx).Where("project_id = ? AND binary_id = ? AND version = ?", of.Project, clean(of.ID), clean(version)).Take(&row).Error
	return BlobUse{Blob{of.Project, row.BlobID, row.Size}, row.FileName}, notFound(err, "read blob of a Binary")
}

// DoomBlobs gives up blobs that were begun before a time and that no version has named, and lists
// those that are given up.
func (tx *Tx) DoomBlobs(ctx context.Context, before time.Time, limit int) ([]Blob, error) {
	err := tx.gorm(ctx).Model(&blobRow{}).Where("state = ? AND created_at < ?", blobPending, At(before)).UpdateColumn("state", blobDoomed).Error
	if err != nil {
		return nil, fmt.Errorf("give up blobs: %w", err)
	}
	var rows []blobRow
	err = tx.gorm(ctx).Where("state = ?", blobDoomed).Order(clause.OrderByColumn{Column: clause.Column{Name: "id"}}).Limit(limit).Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("list blobs: %w", err)
	}
	blobs := make([]Blob, len(rows))
	for i, row := range rows {
		blobs[i] = Blob{Project: row.ProjectID, ID: row.ID}
	}
	return blobs, nil
}

// ForgetBlob removes the row of a blob whose bytes are gone.
func (tx *Tx) ForgetBlob(ctx context.Context, b Blob) error {
	if err := tx.gorm(ctx).Where("id = ? AND state = ?", b.ID, blobDoomed).Delete(&blobRow{}).Error; err != nil {
		return fmt.Errorf("forget blob: %w", err)
	}
	return nil
}

// purgeBlobs gives up the blobs of all versions of Binaries.
func (tx *Tx) purgeBlobs(ctx context.Context, project string, ids []string) error {
	const ofBinary = "project_id = ? AND binary_id IN ?"
	named := tx.gorm(ctx).Model(&blobUseRow{}).Select("blob_id").Where(ofBinary, project, ids)
	if err := tx.gorm(ctx).Model(&blobRow{}).Where("id IN (?)", named).UpdateColumn("state", blobDoomed).Error; err != nil {
		return fmt.Errorf("give up blobs: %w", err)
	}
	if err := tx.gorm(ctx).Where(ofBinary, project, ids).Delete(&blobUseRow{}).Error; err != nil {
		return fmt.Errorf("forget blobs: %w", err)
	}
	return nil
}
