package store

import (
	"context"
	"fmt"
)

// Unsealed lists resources that were stored before their secrets were kept apart, and have not been
// looked at since.
func (s *Store) Unsealed(ctx context.Context, limit int) ([]Ref, error) {
	const query = `SELECT project_id, type, id FROM unsealed ORDER BY project_id, type, id LIMIT $1`
	rows, err := s.q.QueryContext(ctx, s.dialect.text(query), limit)
	if err != nil {
		return nil, fmt.Errorf("list what is not sealed: %w", err)
	}
	defer rows.Close()
	var found []Ref
	for rows.Next() {
		var ref Ref
		if err := rows.Scan(&ref.Project, &ref.Type, &ref.ID); err != nil {
			return nil, fmt.Errorf("list what is not sealed: %w", err)
		}
		found = append(found, ref)
	}
	return found, rows.Err()
}

// MarkSealed takes a resource off that list.
func (tx *Tx) MarkSealed(ctx context.Context, ref Ref) error {
	const statement = `DELETE FROM unsealed WHERE project_id = $1::uuid AND type = $2 AND id = $3`
	if _, err := tx.q.ExecContext(ctx, tx.dialect.text(statement), ref.Project, ref.Type, ref.ID); err != nil {
		return fmt.Errorf("seal %s/%s: %w", ref.Type, ref.ID, err)
	}
	return nil
}

// Censor replaces the content of a version, current or not, and nothing else of it. It is for taking
// out what should never have been stored.
func (tx *Tx) Censor(ctx context.Context, ref Ref, version string, content []byte) error {
	for _, table := range []string{"resource", "resource_history"} {
		statement := "UPDATE " + table + " SET content = $5 WHERE project_id = $1::uuid AND type = $2 AND id = $3 AND version = $4"
		_, err := tx.q.ExecContext(ctx, tx.dialect.text(statement), ref.Project, ref.Type, ref.ID, version, string(content))
		if err != nil {
			return fmt.Errorf("censor %s/%s: %w", ref.Type, ref.ID, err)
		}
	}
	return nil
}
