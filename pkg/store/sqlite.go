package store

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
)

// create inserts the resource, then its index rows.
func (d lite) create(ctx context.Context, q querier, w Write) (bool, error) {
	const statement = `INSERT INTO resource (project_id, type, id, version, last_updated, deleted, content, meta)
SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 WHERE ` + liteCurrent + `?9) ON CONFLICT DO NOTHING`
	written, err := affected(ctx, q, statement, append(headArgs(w), w.Generation)...)
	if err != nil || written == 0 {
		return false, err
	}
	for _, t := range d.tables {
		if err := t.insert(ctx, q, w.Ref, t.rows(w.Index)); err != nil {
			return false, err
		}
	}
	return true, d.record(ctx, q, w.Audit)
}

// record writes down what is recorded of a write.
func (d lite) record(ctx context.Context, q querier, e *AuditEvent) error {
	if e == nil {
		return nil
	}
	_, err := q.ExecContext(ctx, d.text(addAudit), e.Project, e.ID, e.At.UnixMilli(), e.Content)
	return err
}

// liteCurrent says that there is no later generation than the parameter that follows it.
const liteCurrent = `NOT EXISTS (SELECT 1 FROM index_generation WHERE project_id = ?1 AND type = ?2 AND generation > `

// createAll has no round trips to save, but statements.
func (d lite) createAll(ctx context.Context, q querier, all []Write) (bool, error) {
	const query = `SELECT count(*) FROM index_generation WHERE project_id = ?1 AND type = ?2 AND generation > ?3`
	type made struct {
		project, resourceType string
		generation            int64
	}
	asked := map[made]bool{}
	for _, w := range all {
		of := made{w.Project, w.Type, w.Generation}
		if asked[of] {
			continue
		}
		asked[of] = true
		var later int
		if err := first(ctx, q, query, []any{w.Project, w.Type, w.Generation}, &later); err != nil || later > 0 {
			return false, err
		}
	}
	const columns = "project_id, type, id, version, last_updated, deleted, content, meta"
	resources := make([][]any, len(all))
	for i, w := range all {
		resources[i] = headArgs(w)
	}
	err := insertRows(ctx, q, "resource ("+columns+")", resources)
	if uniqueViolation(err) {
		err = ErrExists
	}
	if err != nil {
		return false, err
	}
	for _, t := range d.tables {
		var rows [][]any
		for _, w := range all {
			rows = append(rows, t.rowsOf(w.Ref, t.rows(w.Index))...)
		}
		if err := t.insertAll(ctx, q, rows); err != nil {
			return false, err
		}
	}
	for _, w := range all {
		if err := d.record(ctx, q, w.Audit); err != nil {
			return false, err
		}
	}
	return true, nil
}

// replace copies the old version to the history, which is the compare-and-set: nothing else
// happens when that copies no row. No other writer can come between.
func (d lite) replace(ctx context.Context, q querier, w Write, unkeyed bool) (bool, error) {
	statement := `INSERT INTO resource_history (project_id, type, id, version, last_updated, deleted, content, meta)
SELECT project_id, type, id, version, last_updated, deleted, content, meta FROM resource
WHERE project_id = ?1 AND type = ?2 AND id = ?3 AND version = ?4 AND last_updated < ?5 AND ` + liteCurrent + `?6)`
	if unkeyed {
		statement += ` AND NOT EXISTS (SELECT 1 FROM unique_key WHERE project_id = ?1 AND type = ?2 AND id = ?3)`
	}
	moved, err := affected(ctx, q, statement, w.Project, w.Type, w.ID, w.Replaces, w.LastUpdated.UnixMilli(), w.Generation)
	if err != nil || moved == 0 {
		return false, err
	}
	const update = `UPDATE resource SET version = ?4, last_updated = ?5, deleted = ?6, content = ?7, meta = ?8
WHERE project_id = ?1 AND type = ?2 AND id = ?3`
	if _, err := q.ExecContext(ctx, update, headArgs(w)...); err != nil {
		return false, err
	}
	return true, cmp.Or(d.adjustAll(ctx, q, w), d.record(ctx, q, w.Audit))
}

func (d lite) adjustAll(ctx context.Context, q querier, w Write) error {
	for _, t := range d.tables {
		if err := t.adjust(ctx, q, w.Ref, t.rows(w.Index)); err != nil {
			return err
		}
	}
	return nil
}

func (d lite) putIndex(ctx context.Context, q querier, w Write) (bool, error) {
	const query = `SELECT count(*) FROM resource WHERE project_id = ?1 AND type = ?2 AND id = ?3 AND version = ?4 AND NOT deleted AND ` + liteCurrent + `?5)`
	var same int
	if err := first(ctx, q, query, []any{w.Project, w.Type, w.ID, w.Version, w.Generation}, &same); err != nil || same == 0 {
		return false, err
	}
	return true, d.adjustAll(ctx, q, w)
}

// adjust makes the rows of a resource in this table those of want, touching only what differs.
func (t indexTable) adjust(ctx context.Context, q querier, ref Ref, want [][]any) error {
	wanted := make(map[string]int, len(want))
	for i, row := range want {
		wanted[rowKey(row)] = i
	}
	have, err := t.read(ctx, q, ref)
	if err != nil {
		return err
	}
	for _, row := range have {
		if _, ok := wanted[rowKey(row)]; ok {
			delete(wanted, rowKey(row))
		} else if err := t.delete(ctx, q, ref, row); err != nil {
			return err
		}
	}
	missing := make([][]any, 0, len(wanted))
	for i, row := range want {
		if at, ok := wanted[rowKey(row)]; ok && at == i {
			missing = append(missing, row)
		}
	}
	return t.insert(ctx, q, ref, missing)
}

func (t indexTable) read(ctx context.Context, q querier, ref Ref) ([][]any, error) {
	query := "SELECT " + strings.Join(t.columns, ", ") + " FROM " + t.name + " WHERE project_id = ?1 AND type = ?2 AND id = ?3"
	rows, err := q.QueryContext(ctx, query, ref.Project, ref.Type, ref.ID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all [][]any
	for rows.Next() {
		row := make([]any, len(t.columns))
		into := make([]any, len(row))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		all = append(all, row)
	}
	return all, errors.Join(rows.Err(), rows.Close())
}

func (t indexTable) delete(ctx context.Context, q querier, ref Ref, row []any) error {
	statement := "DELETE FROM " + t.name + " WHERE project_id = ? AND type = ? AND id = ?"
	for _, c := range t.columns {
		statement += " AND " + c + " = ?"
	}
	_, err := q.ExecContext(ctx, statement, append([]any{ref.Project, ref.Type, ref.ID}, row...)...)
	return err
}

// maxRows bounds how many forms of an insertion are kept compiled.
const maxRows = 32

// insert writes rows in one statement, unless they are very many.
func (t indexTable) insert(ctx context.Context, q querier, ref Ref, rows [][]any) error {
	return t.insertAll(ctx, q, t.rowsOf(ref, rows))
}

// rowsOf are rows with the resource that they are of.
func (t indexTable) rowsOf(ref Ref, rows [][]any) [][]any {
	whole := make([][]any, len(rows))
	for i, row := range rows {
		whole[i] = append(append(make([]any, 0, 3+len(row)), ref.Project, ref.Type, ref.ID), row...)
	}
	return whole
}

func (t indexTable) insertAll(ctx context.Context, q querier, rows [][]any) error {
	return insertRows(ctx, q, t.name+" (project_id, type, id, "+strings.Join(t.columns, ", ")+")", rows)
}

// insertRows inserts rows of a table, given with its columns.
func insertRows(ctx context.Context, q querier, into string, rows [][]any) error {
	for chunk := range slices.Chunk(rows, maxRows) {
		row := "(?" + strings.Repeat(", ?", len(chunk[0])-1) + ")"
		statement := "INSERT INTO " + into + " VALUES " + row + strings.Repeat(", "+row, len(chunk)-1)
		if _, err := q.ExecContext(ctx, statement, slices.Concat(chunk...)...); err != nil {
			return err
		}
	}
	return nil
}

// rowKey is a row as a map key; no value holds a NUL.
func rowKey(row []any) string {
	var s strings.Builder
	for _, v := range row {
		switch v := v.(type) {
		case string:
			s.WriteString(v)
		case int64:
			for shift := 0; shift < 64; shift += 8 {
				s.WriteByte(byte(v >> shift))
			}
		}
		s.WriteByte(0)
	}
	return s.String()
}

func (lite) lockVersion(ctx context.Context, q querier, ref Ref) (version string, lastUpdated int64, err error) {
	const query = `SELECT version, last_updated FROM resource WHERE project_id = ?1 AND type = ?2 AND id = ?3`
	err = first(ctx, q, query, []any{ref.Project, ref.Type, ref.ID}, &version, &lastUpdated)
	return version, lastUpdated, err
}

// claim needs no lock: there is one writer.
func (d lite) claim(ctx context.Context, q querier, wanted []KeyClaim, pinned bool) ([]claimed, error) {
	claims := make([]claimed, len(wanted))
	for i, k := range wanted {
		c, err := d.claimOne(ctx, q, k.Key, k.Owner, pinned)
		if err != nil {
			return nil, err
		}
		claims[i] = c
	}
	return claims, nil
}

func (lite) claimOne(ctx context.Context, q querier, k Key, owner Ref, pinned bool) (claimed, error) {
	c := claimed{key: k, holder: owner, fresh: true}
	const insert = `INSERT INTO unique_key (scope, kind, value, project_id, type, id, pinned) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
ON CONFLICT DO NOTHING`
	written, err := affected(ctx, q, insert, k.Scope, k.Kind, k.Value, owner.Project, owner.Type, owner.ID, pinned)
	if err != nil || written == 1 {
		return c, err
	}
	c.fresh = false
	var wasPinned bool
	const query = `SELECT project_id, type, id, pinned FROM unique_key WHERE scope = ?1 AND kind = ?2 AND value = ?3`
	err = first(ctx, q, query, []any{k.Scope, k.Kind, k.Value}, &c.holder.Project, &c.holder.Type, &c.holder.ID, &wasPinned)
	if err == nil && c.holder == owner && wasPinned && !pinned {
		const unpin = `UPDATE unique_key SET pinned = 0 WHERE scope = ?1 AND kind = ?2 AND value = ?3`
		_, err = q.ExecContext(ctx, unpin, k.Scope, k.Kind, k.Value)
	}
	return c, err
}
