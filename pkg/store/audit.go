package store

import (
	"context"
	"fmt"
)

// AuditEvent is one row of the audit table; package audit makes its content.
type AuditEvent struct {
	Project string `gorm:"column:project_id;primaryKey"`
	ID      string `gorm:"primaryKey"`
	At      Stamp
	Action  string
	Outcome string
	Agent   string // who, as a reference; empty for nobody known
	Entity  string // what, as a reference
	Content string // AuditEvent as JSON
}

// TableName implements gorm's Tabler.
func (AuditEvent) TableName() string { return "audit" }

// AddAudit stores an event.
func (tx *Tx) AddAudit(ctx context.Context, e AuditEvent) error {
	if err := tx.gorm(ctx).Create(&e).Error; err != nil {
		return fmt.Errorf("add audit event: %w", err)
	}
	return nil
}

// AuditEvents lists the events of a project, newest first; before is the id of the last one of
// the page before.
func (r reader) AuditEvents(ctx context.Context, project, before string, limit int) ([]AuditEvent, error) {
	query := r.gorm(ctx).Where("project_id = ?", project).Order("id DESC").Limit(limit)
	if before != "" {
		query = query.Where("id < ?", before)
	}
	var found []AuditEvent
	if err := query.Find(&found).Error; err != nil {
		return nil, fmt.Errorf("list audit events: %w", err)
	}
	return found, nil
}
