package store

import (
	"context"
	"fmt"
)

// Pointing lists the ids of the resources of a type that point with param at a target, in their order
// from the one after the id given. It reads as many rows of the index as it gives ids, however many
// point there: an order that a search would have to make first.
func (r reader) Pointing(ctx context.Context, project, resourceType, param string, at ReferenceValue, after string, limit int) ([]string, error) {
	if !validProject(project) {
		return nil, nil
	}
	const query = `SELECT id FROM reference_index WHERE project_id = $1::uuid AND type = $2 AND param = $3
AND target_id = $4 AND target_id <> '' AND target_type = $5 AND id > $6 ORDER BY id LIMIT $7`
	rows, err := r.q.QueryContext(ctx, r.dialect.text(query),
		project, clean(resourceType), clean(param), clean(at.ID), clean(at.Type), clean(after), limit)
	if err != nil {
		return nil, fmt.Errorf("list what points at %s: %w", at.Type, err)
	}
	defer rows.Close()
	var ids []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("list what points at %s: %w", at.Type, err)
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}
