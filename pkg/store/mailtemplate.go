package store

import (
	"context"
	"fmt"

	"gorm.io/gorm/clause"
)

// MailTemplate is a mail in a project's own words.
type MailTemplate struct {
	Project   string `gorm:"column:project_id;primaryKey"`
	Template  string `gorm:"primaryKey"`
	Subject   string
	Text      string `gorm:"column:body_text"`
	HTML      string `gorm:"column:body_html"`
	Version   int64
	UpdatedAt Stamp `gorm:"autoUpdateTime:false"`
}

// TableName implements gorm's Tabler.
func (MailTemplate) TableName() string { return "mail_template" }

const ofMailTemplate = "project_id = ? AND template = ?"

// MailTemplate reads one, or ErrNotFound.
func (r reader) MailTemplate(ctx context.Context, project, template string) (MailTemplate, error) {
	var t MailTemplate
	err := r.gorm(ctx).Where(ofMailTemplate, project, template).Take(&t).Error
	return t, notFound(err, "read mail template")
}

// PutMailTemplate stores a template as the version after the one that it has, 0 for none; false when it
// is another that is there.
func (tx *Tx) PutMailTemplate(ctx context.Context, t *MailTemplate) (bool, error) {
	before := t.Version
	t.Version, t.UpdatedAt = before+1, At(tx.Now())
	rows := tx.gorm(ctx)
	if before == 0 {
		rows = rows.Clauses(clause.OnConflict{DoNothing: true}).Create(t)
	} else {
		rows = rows.Model(t).Where("version = ?", before).Select("*").UpdateColumns(t)
	}
	if rows.Error != nil {
		return false, fmt.Errorf("put mail template: %w", rows.Error)
	}
	return rows.RowsAffected == 1, nil
}

// DeleteMailTemplate deletes a version of a template; false when it is another that is there.
func (tx *Tx) DeleteMailTemplate(ctx context.Context, project, template string, version int64) (bool, error) {
	result := tx.gorm(ctx).Where(ofMailTemplate+" AND version = ?", project, template, version).Delete(&MailTemplate{})
	if result.Error != nil {
		return false, fmt.Errorf("delete mail template: %w", result.Error)
	}
	return result.RowsAffected == 1, nil
}
