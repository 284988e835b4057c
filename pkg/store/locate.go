package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// partitionsQuery lists every partition: a project's is its id, and the system's is constant.
const partitionsQuery = `SELECT p.id::uuid FROM resource p
WHERE p.project_id = $1::uuid AND p.type = 'Project' AND NOT p.deleted`

// Partitions lists the partitions that there are, for those who act across projects. The system's
// is the first.
func (r reader) Partitions(ctx context.Context) ([]string, error) {
	rows, err := r.q.QueryContext(ctx, r.dialect.text(partitionsQuery), SystemProject)
	if err != nil {
		return nil, fmt.Errorf("list partitions: %w", err)
	}
	defer rows.Close()
	partitions := []string{SystemProject}
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("list partitions: %w", err)
		}
		partitions = append(partitions, id)
	}
	return partitions, rows.Err()
}

// Locate finds in which partition a resource lives, deleted or not: one look at the primary key
// per project.
//
// Errors: ErrNotFound.
func (r reader) Locate(ctx context.Context, resourceType, id string) (Ref, error) {
	ref := Ref{Type: clean(resourceType), ID: clean(id)}
	const query = `SELECT r.project_id FROM resource r
WHERE r.type = $2 AND r.id = $3 AND (r.project_id = $1::uuid OR r.project_id IN (` + partitionsQuery + `)) LIMIT 1`
	err := first(ctx, r.q, r.dialect.text(query), []any{SystemProject, ref.Type, ref.ID}, &ref.Project)
	if errors.Is(err, sql.ErrNoRows) {
		return Ref{}, ErrNotFound
	}
	if err != nil {
		return Ref{}, fmt.Errorf("locate %s/%s: %w", resourceType, id, err)
	}
	return ref, nil
}

// ValidProject says whether id can be a partition's: a UUID in its canonical form.
func ValidProject(id string) bool { return validProject(id) }
