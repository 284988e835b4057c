package store

import (
	"context"
	"fmt"
	"strings"
)

// EachLastLive calls fn with what each of some resources of a partition is now, or what it was before it
// was deleted, in one statement. Those of which nothing is left are left out. fn must not keep the
// database waiting.
func (r reader) EachLastLive(ctx context.Context, project string, refs []Ref, fn func(Resource) error) error {
	if !validProject(project) || len(refs) == 0 {
		return nil
	}
	b := &builder{dialect: r.dialect, projects: []string{project}}
	statement := b.lastLive(project, refs)
	rows, err := r.q.QueryContext(r.dialect.statementContext(ctx), statement, b.args...)
	if err != nil {
		return fmt.Errorf("read what is live: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		res := Resource{Ref: Ref{Project: project}}
		version := versionScan{resource: &res}
		if err := rows.Scan(append([]any{&res.Type, &res.ID}, version.into()...)...); err != nil {
			return fmt.Errorf("read what is live: %w", err)
		}
		version.finish()
		if err := fn(res); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (b *builder) lastLive(project string, refs []Ref) string {
	ids := map[string][]string{}
	var types []string
	for _, ref := range refs {
		if ids[ref.Type] == nil {
			types = append(types, ref.Type)
		}
		ids[ref.Type] = append(ids[ref.Type], ref.ID)
	}
	p := b.arg(project) + "::uuid"
	var parts []string
	for _, t := range types {
		of := " c.project_id = " + p + " AND c.type = " + b.arg(clean(t)) + " AND " + b.oneOf("c.id", ids[t])
		parts = append(parts,
			"SELECT c.type, c.id, c.version, c.last_updated, c.deleted, c.content, c.meta FROM resource c WHERE"+of+" AND NOT c.deleted",
			`SELECT r.type, r.id, `+versionColumns+` FROM resource c
JOIN resource_history r ON r.project_id = c.project_id AND r.type = c.type AND r.id = c.id WHERE`+of+` AND c.deleted AND NOT r.deleted
AND r.last_updated = (SELECT max(n.last_updated) FROM resource_history n WHERE n.project_id = c.project_id AND n.type = c.type AND n.id = c.id AND NOT n.deleted)`)
	}
	return b.dialect.text(strings.Join(parts, "\nUNION ALL "))
}
