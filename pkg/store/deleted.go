package store

import (
	"context"
	"fmt"
)

// Deleted lists what was deleted of a type in a partition, without content, in the order of the ids
// and from the one after the id given.
func (r reader) Deleted(ctx context.Context, project, resourceType, after string, limit int) ([]Resource, error) {
	if !validProject(project) {
		return nil, nil
	}
	const query = `SELECT id, version, last_updated FROM resource
WHERE project_id = $1::uuid AND type = $2 AND deleted AND id > $3 ORDER BY id LIMIT $4`
	rows, err := r.q.QueryContext(ctx, r.dialect.text(query), project, clean(resourceType), clean(after), limit)
	if err != nil {
		return nil, fmt.Errorf("list deleted %s: %w", resourceType, err)
	}
	defer rows.Close()
	var found []Resource
	for rows.Next() {
		res := Resource{Ref: Ref{Project: project, Type: resourceType}, Deleted: true}
		var at Stamp
		if err := rows.Scan(&res.ID, &res.Version, &at); err != nil {
			return nil, fmt.Errorf("list deleted %s: %w", resourceType, err)
		}
		res.LastUpdated = at.Time
		found = append(found, res)
	}
	return found, rows.Err()
}
