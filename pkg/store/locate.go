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

// membersQuery has its kind as text, not as a parameter, for it is that of a partial index.
const membersQuery = `SELECT project_id, type, id FROM unique_key
WHERE kind = 'ProjectMembership.externalId' AND value IN ($1, $2) ORDER BY scope, value`

// MembersByExternalID lists the memberships that have one of two external ids, in whichever project.
func (r reader) MembersByExternalID(ctx context.Context, id, other string) ([]Ref, error) {
	rows, err := r.q.QueryContext(ctx, r.dialect.text(membersQuery), Key{Value: id}.kept().Value, Key{Value: other}.kept().Value)
	if err != nil {
		return nil, fmt.Errorf("list members by external id: %w", err)
	}
	return owners(rows)
}

// owners reads who holds keys.
func owners(rows *sql.Rows) (all []Ref, err error) {
	defer rows.Close()
	for rows.Next() {
		var owner Ref
		if err := rows.Scan(&owner.Project, &owner.Type, &owner.ID); err != nil {
			return nil, err
		}
		all = append(all, owner)
	}
	return all, rows.Err()
}

// ValidProject says whether id can be a partition's: a UUID in its canonical form.
func ValidProject(id string) bool { return validProject(id) }
