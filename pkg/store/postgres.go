package store

import (
	"context"
	"fmt"
	"strings"
	"sync"
)

// headArgs are the parameters with which every write statement begins.
func headArgs(w Write) []any {
	return []any{
		w.Project, w.Type, w.ID, w.Version, w.LastUpdated.UnixMilli(), w.Deleted,
		string(w.Content), string(w.Meta),
	}
}

func (d postgres) create(ctx context.Context, q querier, w Write) (bool, error) {
	statement, args := d.createStatement(w)
	var written int
	err := first(ctx, q, statement, args, &written)
	return written == 1, err
}

// createAll is one statement for any number of resources.
func (d postgres) createAll(ctx context.Context, q querier, all []Write) (bool, error) {
	return d.createAllBy(ctx, q, d.statements.text("create all", func() string { return d.createAllText("1") }), all)
}

// shareAll does not wait for who creates one of the ids or writes one of the resources. The time that
// is set for creates ends with the statement, which is its own transaction; a wait longer than that
// is an error of PostgreSQL.
func (d postgres) shareAll(ctx context.Context, q querier, all []Write) (bool, error) {
	if all[0].Replaces != "" {
		return d.replaceAll(ctx, q, all)
	}
	return d.createAllBy(ctx, q, d.statements.text("share all", func() string {
		return d.createAllText("set_config('lock_timeout', '100ms', true)")
	}), all)
}

func (d postgres) createAllBy(ctx context.Context, q querier, statement string, all []Write) (bool, error) {
	var written int
	err := first(ctx, q, statement, d.allArguments(all), &written)
	if uniqueViolation(err) {
		return false, ErrExists
	}
	return written == 1, err
}

func (d postgres) replace(ctx context.Context, q querier, w Write, unkeyed bool) (bool, error) {
	statement, args := d.replaceStatement(w, unkeyed)
	var written int
	err := first(ctx, q, statement, args, &written)
	return written == 1, err
}

// createStatement writes the resource and its index rows in one statement.
func (d postgres) createStatement(w Write) (string, []any) {
	shape, args := d.arguments(append(headArgs(w), w.Generation), w.Index, w.Audit)
	return d.statements.text("create "+shape, func() string { return d.createText(shape) }), args
}

func (d postgres) replaceStatement(w Write, unkeyed bool) (string, []any) {
	shape, args := d.arguments(append(headArgs(w), w.Replaces, w.Generation), w.Index, w.Audit)
	kind := "replace "
	if unkeyed {
		kind = "replace unkeyed "
	}
	return d.statements.text(kind+shape, func() string { return d.replaceText(shape, unkeyed) }), args
}

// arguments appends the columns of the index tables that get rows, and what is recorded of the
// write. Which those are is the shape, a letter for each table and one for the record, and all that
// the text of a statement depends on.
func (d postgres) arguments(args []any, ix Index, record *AuditEvent) (shape string, all []any) {
	letters := make([]byte, len(d.tables), len(d.tables)+1)
	for i, t := range d.tables {
		letters[i] = '-'
		if arrays := t.arrays(ix); arrays != nil {
			letters[i] = '+'
			args = append(args, arrays...)
		}
	}
	if record != nil {
		letters = append(letters, '+')
		args = append(args, record.Project, record.ID, record.At.UnixMilli(), record.Content)
	}
	return string(letters), args
}

// recordText writes down what is recorded of a write that has given as many arguments as given before
// those of the shape.
func (d postgres) recordText(s *strings.Builder, shape string, given int) {
	if len(shape) == len(d.tables) {
		return
	}
	for i, t := range d.tables {
		if shape[i] == '+' {
			given += len(t.columns)
		}
	}
	fmt.Fprintf(s, ",\naudit_new AS (INSERT INTO audit (project_id, id, at, content) SELECT $%d::uuid, $%d::text, $%d::bigint, $%d::text FROM w)",
		given+1, given+2, given+3, given+4)
}

// texts keeps rendered statements; there are as many as shapes.
type texts struct{ byShape sync.Map }

func (t *texts) text(shape string, render func() string) string {
	if kept, ok := t.byShape.Load(shape); ok {
		return kept.(string)
	}
	rendered := render()
	t.byShape.Store(shape, rendered)
	return rendered
}

func (d postgres) createText(shape string) string {
	var s strings.Builder
	s.WriteString(`WITH w AS (INSERT INTO resource (project_id, type, id, version, last_updated, deleted, content, meta)
SELECT $1::uuid, $2, $3, $4, $5::bigint, $6::boolean, $7, $8 WHERE ` + current + `$9::bigint) ON CONFLICT DO NOTHING RETURNING 1)`)
	given := 9
	for i, t := range d.tables {
		if shape[i] == '-' {
			continue
		}
		fmt.Fprintf(&s, ",\n%s_new AS (INSERT INTO %[1]s (project_id, type, id, %s) SELECT $1::uuid, $2::text, $3::text, n.* FROM w, %s)",
			t.name, strings.Join(t.columns, ", "), unnest(t, given))
		given += len(t.columns)
	}
	d.recordText(&s, shape, 9)
	s.WriteString("\nSELECT count(*) FROM w")
	return s.String()
}

// createAllText takes columns of resources, and columns of index rows that begin with their
// resource's type and id. What it begins with is done before anything is written.
func (d postgres) createAllText(begin string) string {
	var s strings.Builder
	s.WriteString(`WITH c AS MATERIALIZED (SELECT ` + begin + ` WHERE NOT EXISTS (
SELECT 1 FROM index_generation g, unnest($2::text[], $9::bigint[]) AS n(type, generation)
WHERE g.project_id = $1::uuid AND g.type = n.type AND g.generation > n.generation)),
w AS (INSERT INTO resource (project_id, type, id, version, last_updated, deleted, content, meta)
SELECT $1::uuid, n.* FROM c, unnest($2::text[], $3::text[], $4::text[], $5::bigint[], $6::boolean[], $7::text[], $8::text[]) AS n)`)
	given := 9
	for _, t := range d.tables {
		fmt.Fprintf(&s, ",\n%s_new AS (INSERT INTO %[1]s (project_id, type, id, %s) SELECT $1::uuid, n.* FROM c, %s)",
			t.name, strings.Join(t.columns, ", "), unnestAll(t, given))
		given += 2 + len(t.columns)
	}
	recordAllText(&s, given)
	s.WriteString("\nSELECT count(*) FROM c")
	return s.String()
}

// recordAllText writes down what is recorded of the writes that hang on c.
func recordAllText(s *strings.Builder, given int) {
	fmt.Fprintf(s, ",\naudit_new AS (INSERT INTO audit (project_id, id, at, content) SELECT n.project::uuid, n.id, n.at, n.content FROM c, "+
		"unnest($%d::text[], $%d::text[], $%d::bigint[], $%d::text[]) AS n(project, id, at, content))", given+1, given+2, given+3, given+4)
}

// allArguments are the columns of resources, what more there is, and the columns of index rows.
func (d postgres) allArguments(all []Write, more ...any) []any {
	n := len(all)
	types, ids, versions, contents, metas := make([]string, n), make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	times, deleted, generations := make([]int64, n), make([]bool, n), make([]int64, n)
	for i, w := range all {
		types[i], ids[i], versions[i], contents[i], metas[i] = w.Type, w.ID, w.Version, string(w.Content), string(w.Meta)
		times[i], deleted[i], generations[i] = w.LastUpdated.UnixMilli(), w.Deleted, w.Generation
	}
	args := []any{all[0].Project, types, ids, versions, times, deleted, contents, metas, generations}
	args = append(args, more...)
	var joined Index
	for _, w := range all {
		joined.add(w.Index)
	}
	for _, t := range d.tables {
		var rowTypes, rowIDs []string
		for _, w := range all {
			for range t.count(w.Index) {
				rowTypes, rowIDs = append(rowTypes, w.Type), append(rowIDs, w.ID)
			}
		}
		args = append(args, rowTypes, rowIDs)
		arrays := t.arrays(joined)
		if arrays == nil {
			arrays = make([]any, len(t.columns))
		}
		args = append(args, arrays...)
	}
	var records []AuditEvent
	for _, w := range all {
		if w.Audit != nil {
			records = append(records, *w.Audit)
		}
	}
	return append(args, auditColumns(records)...)
}

// replaceText does the whole update in one statement. Index rows that stay the same are left
// alone, so an update that changes one name writes two index rows. Everything hangs on w, the
// compare-and-set: when another was faster it is empty and nothing happens.
func (d postgres) replaceText(shape string, unkeyed bool) string {
	var s strings.Builder
	s.WriteString(`WITH old AS (SELECT version, last_updated, deleted, content, meta FROM resource
WHERE project_id = $1::uuid AND type = $2 AND id = $3 AND version = $9 AND last_updated < $5 AND ` + current + `$10)`)
	lock := " FOR UPDATE"
	if unkeyed { // one that would have to wait has another way
		lock = " FOR UPDATE SKIP LOCKED"
		s.WriteString(` AND NOT EXISTS (SELECT 1 FROM unique_key WHERE project_id = $1::uuid AND type = $2 AND id = $3)
AND xmin = (SELECT xmin FROM resource WHERE project_id = $1::uuid AND type = $2 AND id = $3)`)
	}
	s.WriteString(lock + `),
w AS (UPDATE resource SET version = $4, last_updated = $5, deleted = $6, content = $7, meta = $8 FROM old
WHERE resource.project_id = $1::uuid AND resource.type = $2 AND resource.id = $3 RETURNING 1),
history AS (INSERT INTO resource_history (project_id, type, id, version, last_updated, deleted, content, meta)
SELECT $1::uuid, $2::text, $3::text, old.* FROM old)`)
	d.adjustText(&s, shape, 10)
	d.recordText(&s, shape, 10)
	s.WriteString("\nSELECT count(*) FROM w")
	return s.String()
}

// current says that there is no later generation than the parameter that follows it.
const current = `NOT EXISTS (SELECT 1 FROM index_generation WHERE project_id = $1::uuid AND type = $2 AND generation > `

// putIndex writes the resource as it is, so that xmin tells of it: an update in one statement that has
// waited for this one does not see the new rows and could not take them away, so it tries again.
func (d postgres) putIndex(ctx context.Context, q querier, w Write) (bool, error) {
	shape, args := d.arguments([]any{w.Project, w.Type, w.ID, w.Version, w.Generation}, w.Index, nil)
	statement := d.statements.text("index "+shape, func() string {
		var s strings.Builder
		s.WriteString(`WITH w AS (UPDATE resource SET version = version WHERE project_id = $1::uuid AND type = $2 AND id = $3 AND version = $4 AND NOT deleted AND ` +
			current + `$5) RETURNING 1)`)
		d.adjustText(&s, shape, 5)
		s.WriteString("\nSELECT count(*) FROM w")
		return s.String()
	})
	var written int
	err := first(ctx, q, statement, args, &written)
	return written == 1, err
}

// adjustText makes the index rows of the resource those of the parameters after the first given
// ones, if w has a row.
func (d postgres) adjustText(s *strings.Builder, shape string, given int) {
	for i, t := range d.tables {
		if shape[i] == '-' {
			fmt.Fprintf(s, ",\n%s_old AS (DELETE FROM %[1]s i USING w WHERE %s)", t.name, ofResource)
			continue
		}
		rows, same, first := unnest(t, given), t.same(), ""
		if t.name == "reference_index" { // a row that only gets newer keeps its key, so the old one must be gone
			first = " AND (SELECT count(*) FROM reference_index_old) >= 0"
		}
		fmt.Fprintf(s, ",\n%s_old AS (DELETE FROM %[1]s i USING w WHERE %s AND NOT EXISTS (SELECT 1 FROM %s WHERE %s) RETURNING 1)",
			t.name, ofResource, rows, same)
		fmt.Fprintf(s, ",\n%s_new AS (INSERT INTO %[1]s (project_id, type, id, %s) SELECT $1::uuid, $2::text, $3::text, n.* FROM w, %s "+
			"WHERE NOT EXISTS (SELECT 1 FROM %[1]s i WHERE %[4]s AND %[5]s)%[6]s)",
			t.name, strings.Join(t.columns, ", "), rows, ofResource, same, first)
		given += len(t.columns)
	}
}

const ofResource = "i.project_id = $1::uuid AND i.type = $2 AND i.id = $3"

// unnest is the new rows of a table as n, from the array parameters after the first given ones.
func unnest(t indexTable, given int) string {
	arrays := make([]string, len(t.columns))
	for i, kind := range t.types {
		arrays[i] = fmt.Sprintf("$%d::%s[]", given+1+i, kind)
	}
	return "unnest(" + strings.Join(arrays, ", ") + ") AS n(" + strings.Join(t.columns, ", ") + ")"
}

// same compares a row i of the table with a new row n.
func (t indexTable) same() string {
	equal := make([]string, len(t.columns))
	for i, c := range t.columns {
		equal[i] = "i." + c + " = n." + c
	}
	return strings.Join(equal, " AND ")
}

func (postgres) lockVersion(ctx context.Context, q querier, ref Ref) (version string, lastUpdated int64, err error) {
	const query = `SELECT version, last_updated FROM resource WHERE project_id = $1::uuid AND type = $2 AND id = $3 FOR UPDATE`
	err = first(ctx, q, query, []any{ref.Project, ref.Type, ref.ID}, &version, &lastUpdated)
	return version, lastUpdated, err
}

// claim relies on DO UPDATE, which waits for and locks the row of a key that another has. xmax
// is zero only on a row that this statement inserted.
func (postgres) claim(ctx context.Context, q querier, wanted []KeyClaim, pinned bool) ([]claimed, error) {
	const statement = `INSERT INTO unique_key AS u (scope, kind, value, project_id, type, id, pinned)
SELECT k.scope, k.kind, k.value, k.project::uuid, k.type, k.id, $7::boolean
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[]) AS k(scope, kind, value, project, type, id)
ON CONFLICT (scope, kind, value) DO UPDATE SET pinned = u.pinned AND (EXCLUDED.pinned
 OR u.project_id <> EXCLUDED.project_id OR u.type <> EXCLUDED.type OR u.id <> EXCLUDED.id)
RETURNING scope, kind, value, project_id, type, id, xmax = 0`
	var scopes, kinds, values, projects, types, ids []string
	for _, k := range wanted {
		scopes, kinds, values = append(scopes, k.Scope), append(kinds, k.Kind), append(values, k.Value)
		projects, types, ids = append(projects, k.Owner.Project), append(types, k.Owner.Type), append(ids, k.Owner.ID)
	}
	rows, err := q.QueryContext(ctx, statement, scopes, kinds, values, projects, types, ids, pinned)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var claims []claimed
	for rows.Next() {
		var c claimed
		if err := rows.Scan(&c.key.Scope, &c.key.Kind, &c.key.Value, &c.holder.Project, &c.holder.Type, &c.holder.ID, &c.fresh); err != nil {
			return nil, err
		}
		claims = append(claims, c)
	}
	return claims, rows.Err()
}
