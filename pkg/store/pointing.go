package store

import (
	"context"
	"fmt"
)

// Refers says whether some resource of a type points with param at any target.
func (r reader) Refers(ctx context.Context, project, resourceType, param string) (some bool, err error) {
	const query = `SELECT EXISTS (SELECT 1 FROM reference_index WHERE project_id = $1 AND type = $2 AND param = $3 AND target_id <> '')`
	if err := first(ctx, r.q, r.dialect.text(query), []any{project, clean(resourceType), clean(param)}, &some); err != nil {
		return false, fmt.Errorf("look for a reference: %w", err)
	}
	return some, nil
}

// Pointing lists the ids of the resources of a type that point with param at a target, in their order
// from the one after the id given. It reads as many rows of the index as it gives ids, however many
// point there: an order that a search would have to make first. The index is in it for what has no date
// of a timeline, as memberships have none; what has one is not listed.
func (r reader) Pointing(ctx context.Context, project, resourceType, param string, at ReferenceValue, after string, limit int) ([]string, error) {
	if !validProject(project) {
		return nil, nil
	}
	const query = `SELECT id FROM reference_index WHERE project_id = $1::uuid AND type = $2 AND param = $3
AND target_id = $4 AND target_id <> '' AND target_type = $5 AND newest = $6 AND id > $7 ORDER BY id LIMIT $8`
	return r.ids(ctx, query, project, clean(resourceType), clean(param), clean(at.ID), clean(at.Type), noDate, clean(after), limit)
}
