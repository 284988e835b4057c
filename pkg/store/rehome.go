package store

import (
	"context"
	"fmt"
)

// Rehome moves a User to another partition, with its history, index rows, keys, credentials, factors, mailed
// requests, identities elsewhere and sessions. Its content is still that of where it came from: the write that
// follows in the same transaction says the new project and claims the keys of its scope.
func (tx *Tx) Rehome(ctx context.Context, user Ref, to string) error {
	if !validProject(user.Project) || !validProject(to) {
		return fmt.Errorf("rehome %s/%s: %q is no project id", user.Type, user.ID, to)
	}
	tables := []string{"unique_key", "credential", "resource_history", "resource"}
	for _, t := range indexTables() {
		tables = append(tables, t.name)
	}
	statements := make([]string, len(tables), len(tables)+5)
	for i, name := range tables {
		statements[i] = "UPDATE " + name + " SET project_id = $4::uuid WHERE project_id = $1::uuid AND type = $2 AND id = $3"
	}
	statements = append(statements,
		"UPDATE recovery_code SET project_id = $4::uuid WHERE project_id = $1::uuid AND $2 = 'User' AND user_id = $3",
		"UPDATE passkey SET user_project = $4::text WHERE user_project = $1::text AND $2 = 'User' AND user_id = $3",
		"UPDATE security_request SET user_project = $4::text WHERE user_project = $1::text AND $2 = 'User' AND user_id = $3",
		"UPDATE external_identity SET user_project = $4::text WHERE user_project = $1::text AND $2 = 'User' AND user_id = $3",
		"UPDATE login SET user_project = $4::text WHERE user_project = $1::text AND user_type = $2 AND user_id = $3",
	)
	ctx = tx.dialect.statementContext(ctx)
	for _, statement := range statements {
		if _, err := tx.q.ExecContext(ctx, tx.dialect.text(statement), user.Project, user.Type, user.ID, to); err != nil {
			return fmt.Errorf("rehome %s/%s: %w", user.Type, user.ID, err)
		}
	}
	return nil
}
