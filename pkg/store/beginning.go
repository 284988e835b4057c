package store

import (
	"context"
	"fmt"
)

// Beginning lists resources of a type of which a string of param begins with the folded prefix, from
// behind the id given and in no order, at most limit rows of the index. A resource may be given twice.
// When fewer come than limit, they are all.
func (r reader) Beginning(ctx context.Context, project, resourceType, param, prefix, after string, limit int) ([]string, error) {
	if !validProject(project) {
		return nil, nil
	}
	prefix, _ = firstRunes(clean(prefix), prefixRunes)
	query := `SELECT id FROM string_index WHERE project_id = $1::uuid AND type = $2 AND param = $3
AND substr(folded, 1, 200) >= $4 AND id > $5`
	args := []any{project, clean(resourceType), clean(param), prefix, clean(after), limit}
	if end, ok := prefixEnd(prefix); ok {
		query += ` AND substr(folded, 1, 200) < $7`
		args = append(args, end)
	}
	return r.ids(ctx, query+` LIMIT $6`, args...)
}

// ids reads a column of ids.
func (r reader) ids(ctx context.Context, query string, args ...any) ([]string, error) {
	rows, err := r.q.QueryContext(ctx, r.dialect.text(query), args...)
	if err != nil {
		return nil, fmt.Errorf("list ids: %w", err)
	}
	defer rows.Close()
	var ids []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("list ids: %w", err)
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}
