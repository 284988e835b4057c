package store

import (
	"context"
	"fmt"
	"strings"
)

// replaceAll tries the one statement that is for many updates. When it is false nothing has
// changed, and one put after the other tells why.
func replaceAll(ctx context.Context, r reader, w []Write) (bool, error) {
	rows, err := prepareAll(w)
	if err != nil {
		return false, err
	}
	written, err := r.dialect.replaceAll(ctx, r.q, rows)
	if err != nil {
		return false, fmt.Errorf("put %d updates of %s: %w", len(w), w[0].Project, err)
	}
	return written, nil
}

// replaceAll has no round trips to save, so it leaves the updates to be made one by one.
func (lite) replaceAll(context.Context, querier, []Write) (bool, error) { return false, nil }

// shareAll is never asked for: SQLite's writer has writes that wait share a transaction.
func (lite) shareAll(context.Context, querier, []Write) (bool, error) { return false, nil }

// replaceAll is one statement for any number of updates: all of them or, when one of them does not
// find what it replaces, none.
func (d postgres) replaceAll(ctx context.Context, q querier, all []Write) (bool, error) {
	replaces := make([]string, len(all))
	for i, w := range all {
		replaces[i] = w.Replaces
	}
	args := d.allArguments(all, replaces, len(all))
	var written int
	err := first(ctx, q, d.statements.text("replace all", d.replaceAllText), args, &written)
	return written == 1, err
}

// replaceAllText is replaceText for columns of resources, and columns of index rows that begin
// with their resource's type and id. Everything hangs on c, which is empty unless all versions to
// replace were found.
func (d postgres) replaceAllText() string {
	var s strings.Builder
	s.WriteString(`WITH old AS (SELECT r.type, r.id, r.version, r.last_updated, r.deleted, r.content, r.meta
FROM unnest($2::text[], $3::text[], $10::text[], $5::bigint[], $9::bigint[]) AS n(type, id, replaces, last_updated, generation)
JOIN resource r ON r.project_id = $1::uuid AND r.type = n.type AND r.id = n.id AND r.version = n.replaces AND r.last_updated < n.last_updated
WHERE NOT EXISTS (SELECT 1 FROM index_generation g WHERE g.project_id = $1::uuid AND g.type = n.type AND g.generation > n.generation)
AND NOT EXISTS (SELECT 1 FROM unique_key u WHERE u.project_id = $1::uuid AND u.type = n.type AND u.id = n.id)
AND r.xmin = (SELECT x.xmin FROM resource x WHERE x.project_id = $1::uuid AND x.type = n.type AND x.id = n.id) FOR UPDATE OF r SKIP LOCKED),
c AS MATERIALIZED (SELECT 1 WHERE (SELECT count(*) FROM old) = $11::bigint),
w AS (UPDATE resource r SET version = n.version, last_updated = n.last_updated, deleted = n.deleted, content = n.content, meta = n.meta
FROM c, unnest($2::text[], $3::text[], $4::text[], $5::bigint[], $6::boolean[], $7::text[], $8::text[]) AS n(type, id, version, last_updated, deleted, content, meta)
WHERE r.project_id = $1::uuid AND r.type = n.type AND r.id = n.id RETURNING r.type, r.id),
history AS (INSERT INTO resource_history (project_id, type, id, version, last_updated, deleted, content, meta)
SELECT $1::uuid, old.* FROM c, old)`)
	given := 11
	for _, t := range d.tables {
		rows, first, key := unnestAll(t, given), "", "type, id, "+strings.Join(t.columns, ", ")
		if t.name == "reference_index" { // see adjustText
			first = " AND (SELECT count(*) FROM reference_index_old) >= 0"
		}
		fmt.Fprintf(&s, ",\n%s_old AS (DELETE FROM %[1]s i USING w WHERE i.project_id = $1::uuid AND i.type = w.type AND i.id = w.id AND (i.%s) NOT IN (SELECT %s FROM %s) RETURNING 1)",
			t.name, strings.ReplaceAll(key, ", ", ", i."), key, rows)
		fmt.Fprintf(&s, ",\n%s_new AS (INSERT INTO %[1]s (project_id, %s) SELECT $1::uuid, n.* FROM c, %s "+
			"WHERE NOT EXISTS (SELECT 1 FROM %[1]s i WHERE i.project_id = $1::uuid AND i.type = n.type AND i.id = n.id AND %[4]s)%[5]s)",
			t.name, key, rows, t.same(), first)
		given += 2 + len(t.columns)
	}
	recordAllText(&s, given)
	s.WriteString("\nSELECT count(*) FROM c")
	return s.String()
}

// unnestAll is unnest for rows that begin with their resource's type and id.
func unnestAll(t indexTable, given int) string {
	arrays := []string{fmt.Sprintf("$%d::text[], $%d::text[]", given+1, given+2)}
	for j, kind := range t.types {
		arrays = append(arrays, fmt.Sprintf("$%d::%s[]", given+3+j, kind))
	}
	return "unnest(" + strings.Join(arrays, ", ") + ") AS n(type, id, " + strings.Join(t.columns, ", ") + ")"
}
