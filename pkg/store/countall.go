package store

import (
	"context"
	"fmt"
)

// CountAll says how many resources a project has, without the records of what was done in it.
func (r reader) CountAll(ctx context.Context, project string) (count int, err error) {
	const query = `SELECT count(*) FROM resource WHERE project_id = $1 AND NOT deleted AND type <> 'AuditEvent'`
	if err := first(ctx, r.q, r.dialect.text(query), []any{project}, &count); err != nil {
		return 0, fmt.Errorf("count the resources of a project: %w", err)
	}
	return count, nil
}
