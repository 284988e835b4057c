package store

import (
	"context"
	"fmt"
)

// Purge removes a resource with its history, index rows, keys and credentials, as if it had never been.
func (tx *Tx) Purge(ctx context.Context, ref Ref) error {
	return tx.PurgeAll(ctx, ref.Project, ref.Type, []string{ref.ID})
}

// Purge is Tx.Purge in a transaction of its own.
func (s *Store) Purge(ctx context.Context, ref Ref) error {
	return s.InTx(ctx, func(tx *Tx) error { return tx.Purge(ctx, ref) })
}

// PurgeAll is Purge of many resources of one type.
func (tx *Tx) PurgeAll(ctx context.Context, project, resourceType string, ids []string) error {
	if !validProject(project) {
		return nil
	}
	tables := []string{"unique_key", "credential", "resource_history", "resource"}
	for _, t := range indexTables() {
		tables = append(tables, t.name)
	}
	cleaned := make([]string, len(ids))
	for i, id := range ids {
		cleaned[i] = clean(id)
	}
	ctx = tx.dialect.statementContext(ctx)
	for _, name := range tables {
		statement := "DELETE FROM " + name + " WHERE project_id = $1::uuid AND type = $2 AND "
		statement = tx.dialect.text(statement) + tx.dialect.in("id", 3)
		if _, err := tx.q.ExecContext(ctx, statement, project, clean(resourceType), tx.dialect.list(cleaned)); err != nil {
			return fmt.Errorf("purge %s: %w", resourceType, err)
		}
	}
	if resourceType == withBlobs {
		return tx.purgeBlobs(ctx, project, cleaned)
	}
	return nil
}

// ofProject are the tables that have rows of a project besides those of its resources: the condition
// that makes a row the project's, and the column that tells the project's rows apart well enough to
// take some of them.
var ofProject = []struct{ table, condition, by string }{
	{"audit_head", own, "seq"}, // held by whoever makes AuditEvents of the journal
	{"audit", own, "id"},
	{"audit_chain", own, "id"},
	{"authorization_code", "login_id IN (SELECT id FROM login WHERE " + loginOfProject + ")", "hash"},
	{"refresh_token", "login_id IN (SELECT id FROM login WHERE " + loginOfProject + ")", "hash"},
	{"passkey_challenge", "login_id IN (SELECT id FROM login WHERE " + loginOfProject + ")", "hash"},
	{"login", loginOfProject, "id"},
	{"passkey", "user_project = $1::text", "id"},
	{"security_request", "(user_project = $1::text OR project_id = $1::text)", "id"},
	{"external_identity", own, "subject"},
	{"external_identity", "user_project = $1::text", "subject"},
	{"recovery_code", own, "hash"},
	{"member_token", own, "hash"},
	{"credential", own, "id"},
	{"unique_key", own, "value"},
	{"invitation", own, "id"},
	{"mail", own, "id"},
	{"mail_template", own, "template"},
	{"idempotency", own, "key"},
	{"async_job", own, "id"},
	{"search_parameter", own, "code"},
	{"index_generation", own, "type"},
	{"reindex", own, "id"},
}

const (
	own            = "project_id = $1::uuid"
	loginOfProject = "(membership_project = $1::text OR user_project = $1::text OR wanted_project = $1::text)"
)

// PurgeProject removes at least one and about limit rows of a project from the tables that are not
// its resources', and tells how many; none are left when there were none.
func (tx *Tx) PurgeProject(ctx context.Context, project string, limit int) (int64, error) {
	if !validProject(project) || project == SystemProject {
		return 0, nil
	}
	ctx = tx.dialect.statementContext(ctx)
	for _, t := range ofProject {
		statement := "DELETE FROM " + t.table + " WHERE " + t.condition + " AND " + t.by +
			" IN (SELECT " + t.by + " FROM " + t.table + " WHERE " + t.condition + " LIMIT $2)"
		n, err := affected(ctx, tx.q, tx.dialect.text(statement), project, limit)
		if err != nil {
			return 0, fmt.Errorf("purge %s of a project: %w", t.table, err)
		}
		if n > 0 {
			return n, nil
		}
	}
	kept := tx.gorm(ctx).Model(&blobRow{}).Where("project_id = ? AND state <> ?", project, blobDoomed)
	if err := kept.UpdateColumn("state", blobDoomed).Error; err != nil {
		return 0, fmt.Errorf("give up the blobs of a project: %w", err)
	}
	return 0, nil
}
