package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// versionColumns are what scanVersion reads, of an alias.
const versionColumns = "r.version, r.last_updated, r.deleted, r.content, r.meta"

// versionScan is where a row of versionColumns goes.
type versionScan struct {
	resource *Resource
	millis   int64
}

func (v *versionScan) into() []any {
	r := v.resource
	return []any{&r.Version, &v.millis, &r.Deleted, &r.Content, &r.Meta}
}

func (v *versionScan) finish() { v.resource.LastUpdated = time.UnixMilli(v.millis).UTC() }

// currentVersion reads those of one resource.
const currentVersion = versionColumns + ` FROM resource r
WHERE r.project_id = $1::uuid AND r.type = $2 AND r.id = $3`

// Get reads the current version; a deleted one has Deleted set. visible narrows as in a search,
// in the same statement: what it does not admit is ErrNotFound. A deleted resource has no index
// rows, so only a predicate that holds without any still admits it.
func (r reader) Get(ctx context.Context, ref Ref, visible Predicate) (Resource, error) {
	if !validProject(ref.Project) {
		return Resource{}, ErrNotFound
	}
	ref.Type, ref.ID = clean(ref.Type), clean(ref.ID)
	if d, ok := r.q.(direct); ok && visible == nil {
		return d.get(ctx, ref)
	}
	query, args := r.getStatement(ref, visible)
	return r.oneVersion(ctx, ref, query, args)
}

func (b *base) getStatement(ref Ref, visible Predicate) (string, []any) {
	if visible == nil {
		return b.dialect.text(`SELECT ` + currentVersion), []any{ref.Project, ref.Type, ref.ID}
	}
	s := scope{alias: "r", projects: []string{ref.Project}, types: []string{ref.Type}, probe: true}
	render := &builder{dialect: b.dialect, projects: s.projects, args: make([]any, 0, 8), places: make([]placed, 0, 2)}
	return "SELECT " + versionColumns + " FROM resource r WHERE " + render.place("r", s) + " AND r.id = " + render.arg(ref.ID) +
		" AND " + render.condition(simplify(visible), s), render.args
}

func (r reader) oneVersion(ctx context.Context, ref Ref, query string, args []any) (Resource, error) {
	if err := ctx.Err(); err != nil { // on SQLite a read by key takes less than to watch for a cancel
		return Resource{}, err
	}
	found := versionScan{resource: &Resource{Ref: ref}}
	err := firstOf(func(row func(scanner) error) error {
		return eachBounded(r.dialect.statementContext(ctx), r.q, query, args, row)
	}, found.into())
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return Resource{}, ErrNotFound
	case err != nil:
		return Resource{}, fmt.Errorf("read %s/%s: %w", ref.Type, ref.ID, err)
	}
	found.finish()
	return *found.resource, nil
}

// GetVersion reads one version, current or not.
func (r reader) GetVersion(ctx context.Context, ref Ref, version string) (Resource, error) {
	if !validProject(ref.Project) {
		return Resource{}, ErrNotFound
	}
	ref.Type, ref.ID = clean(ref.Type), clean(ref.ID)
	const query = `SELECT ` + versionColumns + ` FROM resource r
WHERE r.project_id = $1::uuid AND r.type = $2 AND r.id = $3 AND r.version = $4
UNION ALL SELECT ` + versionColumns + ` FROM resource_history r
WHERE r.project_id = $1::uuid AND r.type = $2 AND r.id = $3 AND r.version = $4`
	return r.oneVersion(ctx, ref, r.dialect.text(query), []any{ref.Project, ref.Type, ref.ID, clean(version)})
}

// History reads the versions of one resource, newest first; an unknown one has none.
func (r reader) History(ctx context.Context, ref Ref, limit, offset int) ([]Resource, error) {
	if !validProject(ref.Project) || limit <= 0 {
		return nil, nil
	}
	ref.Type, ref.ID = clean(ref.Type), clean(ref.ID)
	const query = `SELECT * FROM (SELECT ` + versionColumns + ` FROM resource r
WHERE r.project_id = $1::uuid AND r.type = $2 AND r.id = $3
UNION ALL SELECT ` + versionColumns + ` FROM resource_history r
WHERE r.project_id = $1::uuid AND r.type = $2 AND r.id = $3) v
ORDER BY v.last_updated DESC LIMIT $4 OFFSET $5`
	rows, err := r.q.QueryContext(ctx, r.dialect.text(query), ref.Project, ref.Type, ref.ID, limit, max(offset, 0))
	if err != nil {
		return nil, fmt.Errorf("read history of %s/%s: %w", ref.Type, ref.ID, err)
	}
	defer rows.Close()
	var versions []Resource
	for rows.Next() {
		version := versionScan{resource: &Resource{Ref: ref}}
		if err := rows.Scan(version.into()...); err != nil {
			return nil, err
		}
		version.finish()
		versions = append(versions, *version.resource)
	}
	return versions, rows.Err()
}

// HistoryCount is how many versions a resource has.
func (r reader) HistoryCount(ctx context.Context, ref Ref) (int, error) {
	if !validProject(ref.Project) {
		return 0, nil
	}
	const query = `SELECT (SELECT count(*) FROM resource WHERE project_id = $1::uuid AND type = $2 AND id = $3) +
(SELECT count(*) FROM resource_history WHERE project_id = $1::uuid AND type = $2 AND id = $3)`
	var n int
	if err := first(ctx, r.q, r.dialect.text(query), []any{ref.Project, clean(ref.Type), clean(ref.ID)}, &n); err != nil {
		return 0, fmt.Errorf("count history of %s/%s: %w", ref.Type, ref.ID, err)
	}
	return n, nil
}
