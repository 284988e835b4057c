package store_test

import (
	"database/sql"
	"fmt"
	"strings"

	"github.com/admitdev/admit/pkg/store"
)

// rawInserts are the index rows of w as one multi-row insert per table. Placeholders begin after
// the first given ones, or anew in each statement when given is negative.
func rawInserts(w store.Write, given int) (statements []string, args [][]any) {
	add := func(table, columns string, rows ...[]any) {
		if len(rows) == 0 {
			return
		}
		var s strings.Builder
		var all []any
		fmt.Fprintf(&s, "INSERT INTO %s (project_id, type, id, %s) VALUES ", table, columns)
		for n, row := range rows {
			if n > 0 {
				s.WriteString(", ")
			}
			s.WriteString("(")
			for i, v := range append([]any{w.Project, w.Type, w.ID}, row...) {
				if i > 0 {
					s.WriteString(", ")
				}
				all = append(all, v)
				fmt.Fprintf(&s, "$%d", max(given, 0)+len(all))
			}
			s.WriteString(")")
		}
		statements, args = append(statements, s.String()), append(args, all)
		if given >= 0 {
			given += len(all)
		}
	}
	var tokens, references, texts, dates [][]any
	for _, r := range w.Index.Token {
		tokens = append(tokens, []any{r.Param, r.System, r.Code})
	}
	for _, r := range w.Index.Reference {
		references = append(references, []any{r.Param, r.TargetType, r.TargetID, r.URL})
	}
	for _, r := range w.Index.String {
		texts = append(texts, []any{r.Param, r.Folded, r.Exact})
	}
	for _, r := range w.Index.Date {
		dates = append(dates, []any{r.Param, r.Low, r.High})
	}
	add("token_index", "param, system, code", tokens...)
	add("reference_index", "param, target_type, target_id, url", references...)
	add("string_index", "param, folded, exact", texts...)
	add("date_index", "param, low, high", dates...)
	return statements, args
}

const rawResource = `INSERT INTO resource (project_id, type, id, version, last_updated, deleted, content, meta) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`

// create is a resource and its index rows in one transaction: on SQLite a statement per table, on
// PostgreSQL one statement in all.
func (r raw) create(w store.Write) error {
	head := []any{w.Project, w.Type, w.ID, w.Version, w.LastUpdated.UnixMilli(), false, string(w.Content), string(w.Meta)}
	if r.dialect == "postgres" {
		statements, args := rawInserts(w, len(head))
		text := "WITH w AS (" + rawResource + ")"
		for i, statement := range statements {
			text += fmt.Sprintf(", w%d AS (%s)", i, statement)
			head = append(head, args[i]...)
		}
		_, err := r.Exec(text+" SELECT 1", head...)
		return err
	}
	return r.inTx(func(tx *sql.Tx) error {
		if _, err := tx.Exec(rawResource, head...); err != nil {
			return err
		}
		return execAll(tx, w)
	})
}

// update moves the old version, replaces it and rewrites all index rows.
func (r raw) update(w store.Write) error {
	return r.inTx(func(tx *sql.Tx) error {
		key := []any{w.Project, w.Type, w.ID}
		if _, err := tx.Exec(`INSERT INTO resource_history SELECT * FROM resource WHERE project_id = $1 AND type = $2 AND id = $3`, key...); err != nil {
			return err
		}
		const update = `UPDATE resource SET version = $4, last_updated = $5, content = $6 WHERE project_id = $1 AND type = $2 AND id = $3`
		if _, err := tx.Exec(update, append(key, w.Version, w.LastUpdated.UnixMilli(), string(w.Content))...); err != nil {
			return err
		}
		for _, table := range []string{"token_index", "reference_index", "string_index", "date_index"} {
			if _, err := tx.Exec("DELETE FROM "+table+" WHERE project_id = $1 AND type = $2 AND id = $3", key...); err != nil {
				return err
			}
		}
		return execAll(tx, w)
	})
}

func execAll(tx *sql.Tx, w store.Write) error {
	statements, args := rawInserts(w, -1)
	for i, statement := range statements {
		if _, err := tx.Exec(statement, args[i]...); err != nil {
			return err
		}
	}
	return nil
}

func (r raw) inTx(fn func(*sql.Tx) error) error {
	tx, err := r.Begin()
	if err != nil {
		return err
	}
	if err := fn(tx); err != nil {
		_ = tx.Rollback()
		return err
	}
	return tx.Commit()
}

func (r raw) get(ref store.Ref) error {
	var content []byte
	return r.QueryRow(`SELECT content FROM resource WHERE project_id = $1 AND type = $2 AND id = $3`, ref.Project, ref.Type, ref.ID).Scan(&content)
}

func (r raw) search(project, code string) error {
	var content []byte
	return r.QueryRow(`SELECT r.content FROM token_index i JOIN resource r ON r.project_id = i.project_id AND r.type = i.type AND r.id = i.id
WHERE i.project_id = $1 AND i.type = 'Patient' AND i.param = 'identifier' AND i.code = $2 AND i.system = 'urn:s' ORDER BY r.id LIMIT 20`, project, code).Scan(&content)
}

func (r raw) timeline(project, patient string) error {
	rows, err := r.Query(`SELECT r.content FROM reference_index i JOIN resource r ON r.project_id = i.project_id AND r.type = i.type AND r.id = i.id
WHERE i.project_id = $1 AND i.type = 'Observation' AND i.param = 'subject' AND i.target_id <> '' AND i.target_id = $2 AND i.target_type = 'Patient'
ORDER BY i.newest DESC, i.id DESC LIMIT 21`, project, patient)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var content []byte
		if err := rows.Scan(&content); err != nil {
			return err
		}
	}
	return rows.Err()
}
