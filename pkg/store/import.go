package store

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Import is a list of people who are to be invited.
type Import struct {
	Project string `gorm:"column:project_id;primaryKey"`
	ID      string `gorm:"primaryKey"`
	// Digest is a keyed digest of the list, by which it is known again: a plain one would let the passwords in
	// it be guessed.
	Digest string
	State  ImportState
	// Reason is why it was stopped.
	Reason     string
	UploadedBy string
	// Caller is who has it applied or undone, as JSON.
	Caller    string
	Total     int
	CreatedAt Stamp `gorm:"autoCreateTime:false"`
	UpdatedAt Stamp `gorm:"autoUpdateTime:false"`
	// AppliedAt is when its last row was done.
	AppliedAt Stamp
}

// TableName implements gorm's Tabler.
func (Import) TableName() string { return "import" }

// ImportState is where an import stands.
type ImportState string

// The states of an import.
const (
	ImportChecked ImportState = "checked" // nothing has been done
	ImportRunning ImportState = "running"
	ImportStopped ImportState = "stopped" // whoever had it applied may not do so any more
	ImportDone    ImportState = "done"
	ImportUndoing ImportState = "undoing"
	ImportUndone  ImportState = "undone"
)

// ImportRow is a row of an import.
type ImportRow struct {
	Project string `gorm:"column:project_id;primaryKey"`
	Import  string `gorm:"column:import_id;primaryKey"`
	Number  int    `gorm:"primaryKey;autoIncrement:false"`
	State   ImportRowState
	Action  ImportAction
	Person  string
	Request []byte
	Problem string
	Result  string
}

// TableName implements gorm's Tabler.
func (ImportRow) TableName() string { return "import_row" }

// ImportRowState is where a row stands.
type ImportRowState string

// The states of a row. One that is kept could not be undone.
const (
	RowPending ImportRowState = "pending"
	RowDone    ImportRowState = "done"
	RowFailed  ImportRowState = "failed"
	RowUndone  ImportRowState = "undone"
	RowKept    ImportRowState = "kept"
)

// ImportAction is what a row does, or would do.
type ImportAction string

// The actions of rows.
const (
	RowCreate    ImportAction = "create"
	RowUpdate    ImportAction = "update"
	RowUnchanged ImportAction = "unchanged"
	RowError     ImportAction = "error"
)

// importRowsAtOnce is how many rows one statement inserts.
const importRowsAtOnce = 500

// AddImport keeps an import with its rows.
func (tx *Tx) AddImport(ctx context.Context, in Import, rows []ImportRow) error {
	now := At(tx.Now())
	in.CreatedAt, in.UpdatedAt, in.Total = now, now, len(rows)
	if err := tx.gorm(ctx).Create(&in).Error; err != nil {
		return fmt.Errorf("add import: %w", err)
	}
	for chunk := range slices.Chunk(rows, importRowsAtOnce) {
		for i := range chunk {
			chunk[i].Project, chunk[i].Import = in.Project, in.ID
		}
		if err := tx.gorm(ctx).Create(&chunk).Error; err != nil {
			return fmt.Errorf("add the rows of an import: %w", err)
		}
	}
	return nil
}

// ForgetImports removes a project's imports that were uploaded before a time, and those of which
// nothing has been done that were uploaded before another.
func (tx *Tx) ForgetImports(ctx context.Context, project string, before, unused time.Time) error {
	var old []string
	err := tx.gorm(ctx).Model(&Import{}).
		Where("project_id = ? AND state NOT IN ? AND (created_at < ? OR state = ? AND created_at < ?)", project,
			[]ImportState{ImportRunning, ImportUndoing}, At(before), ImportChecked, At(unused)).Pluck("id", &old).Error
	if err != nil {
		return fmt.Errorf("forget imports: %w", err)
	}
	return tx.forgetImports(ctx, project, old)
}

// KeepImports removes the oldest of a project's imports that are over and have not changed since a time, so that at most
// so many of all are left. It gives how many are.
func (tx *Tx) KeepImports(ctx context.Context, project string, most int, since time.Time) (left int, err error) {
	var all int64
	if err := tx.gorm(ctx).Model(&Import{}).Where("project_id = ?", project).Count(&all).Error; err != nil {
		return 0, fmt.Errorf("count imports: %w", err)
	}
	if int(all) <= most {
		return int(all), nil
	}
	var oldest []string
	err = tx.gorm(ctx).Model(&Import{}).
		Where("project_id = ? AND state IN ? AND updated_at < ?", project, []ImportState{ImportStopped, ImportDone, ImportUndone}, At(since)).
		Order("id").Limit(int(all)-most).Pluck("id", &oldest).Error
	if err != nil {
		return 0, fmt.Errorf("list the oldest imports: %w", err)
	}
	return int(all) - len(oldest), tx.forgetImports(ctx, project, oldest)
}

func (tx *Tx) forgetImports(ctx context.Context, project string, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	err := tx.gorm(ctx).Where("project_id = ? AND import_id IN ?", project, ids).Delete(&ImportRow{}).Error
	if err == nil {
		err = tx.gorm(ctx).Where("project_id = ? AND id IN ?", project, ids).Delete(&Import{}).Error
	}
	if err != nil {
		return fmt.Errorf("forget imports: %w", err)
	}
	return nil
}

// Import reads one, or ErrNotFound.
func (r reader) Import(ctx context.Context, project, id string) (Import, error) {
	var in Import
	if !validProject(project) {
		return in, ErrNotFound
	}
	err := r.gorm(ctx).Where("project_id = ? AND id = ?", project, clean(id)).Take(&in).Error
	return in, notFound(err, "read import")
}

// ImportOf reads the newest import of a list that has begun and not ended, or ErrNotFound.
func (r reader) ImportOf(ctx context.Context, project, digest string) (Import, error) {
	var in Import
	err := r.gorm(ctx).Where("project_id = ? AND digest = ? AND state IN ?", project, digest, []ImportState{ImportRunning, ImportStopped}).
		Order("id DESC").Take(&in).Error
	return in, notFound(err, "read import")
}

// Imports lists the imports of a project, newest first; after is the id of the last one of the page before.
func (r reader) Imports(ctx context.Context, project, after string, limit int) ([]Import, error) {
	if !validProject(project) {
		return nil, nil
	}
	query := r.gorm(ctx).Where("project_id = ?", project)
	if after != "" {
		query = query.Where("id < ?", clean(after))
	}
	var imports []Import
	if err := query.Order("id DESC").Limit(limit).Find(&imports).Error; err != nil {
		return nil, fmt.Errorf("list imports: %w", err)
	}
	return imports, nil
}

// CountImports counts the imports of a project that are in a state.
func (r reader) CountImports(ctx context.Context, project string, state ImportState) (int, error) {
	var n int64
	err := r.gorm(ctx).Model(&Import{}).Where("project_id = ? AND state = ?", project, state).Count(&n).Error
	if err != nil {
		return 0, fmt.Errorf("count imports: %w", err)
	}
	return int(n), nil
}

// HoldImport is Import, which no other transaction holds until this one ends.
func (tx *Tx) HoldImport(ctx context.Context, project, id string) (Import, error) {
	if !validProject(project) {
		return Import{}, ErrNotFound
	}
	err := tx.gorm(ctx).Model(&Import{}).Where("project_id = ? AND id = ?", project, clean(id)).
		UpdateColumn("updated_at", At(tx.Now())).Error
	if err != nil {
		return Import{}, fmt.Errorf("hold import: %w", err)
	}
	return tx.Import(ctx, project, id)
}

// MoveImport keeps the state of an import that is held, with why, who has it done and when it was.
func (tx *Tx) MoveImport(ctx context.Context, in Import) error {
	err := tx.gorm(ctx).Model(&Import{}).Where("project_id = ? AND id = ?", in.Project, in.ID).
		UpdateColumns(map[string]any{"state": in.State, "reason": in.Reason, "caller": in.Caller, "applied_at": in.AppliedAt}).Error
	if err != nil {
		return fmt.Errorf("move import to %s: %w", in.State, err)
	}
	return nil
}

// ImportRows lists the rows of an import in a state, or in any, after a number.
func (r reader) ImportRows(ctx context.Context, in Import, state ImportRowState, after, limit int) ([]ImportRow, error) {
	var rows []ImportRow
	query := r.gorm(ctx).Where("project_id = ? AND import_id = ? AND number > ?", in.Project, in.ID, after)
	if state != "" {
		query = query.Where("state = ?", state)
	}
	if err := query.Order("number").Limit(limit).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list the rows of an import: %w", err)
	}
	return rows, nil
}

// ImportCount is how many rows of an import are in a state and have an action.
type ImportCount struct {
	Import string `gorm:"column:import_id"`
	State  ImportRowState
	Action ImportAction
	Count  int
}

// CountImportRows counts the rows of imports of a project.
func (r reader) CountImportRows(ctx context.Context, project string, ids ...string) ([]ImportCount, error) {
	var counts []ImportCount
	err := r.gorm(ctx).Model(&ImportRow{}).Select("import_id, state, action, count(*) AS count").
		Where("project_id = ? AND import_id IN ?", project, ids).Group("import_id, state, action").Find(&counts).Error
	if err != nil {
		return nil, fmt.Errorf("count the rows of imports: %w", err)
	}
	return counts, nil
}

// SetImportRows keeps what became of rows; what they asked for is forgotten unless they wait.
func (tx *Tx) SetImportRows(ctx context.Context, rows []ImportRow) error {
	if _, on := tx.dialect.(postgres); on {
		return tx.setImportRows(ctx, rows)
	}
	const statement = `UPDATE import_row SET state = ?4, action = ?5, problem = ?6, result = ?7, request = CASE ?4 WHEN 'pending' THEN request ELSE '' END
WHERE project_id = ?1 AND import_id = ?2 AND number = ?3`
	for _, row := range rows {
		if _, err := tx.q.ExecContext(ctx, statement, row.Project, row.Import, row.Number, row.State, row.Action, clean(row.Problem), row.Result); err != nil {
			return fmt.Errorf("keep a row of an import: %w", err)
		}
	}
	return nil
}

func (tx *Tx) setImportRows(ctx context.Context, rows []ImportRow) error {
	if len(rows) == 0 {
		return nil
	}
	n := len(rows)
	numbers := make([]int64, n)
	states, actions, problems, results := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	for i, row := range rows {
		numbers[i], states[i], actions[i], problems[i], results[i] = int64(row.Number), string(row.State), string(row.Action), clean(row.Problem), row.Result
	}
	const statement = `UPDATE import_row r SET state = n.state, action = n.action, problem = n.problem, result = n.result,
request = CASE n.state WHEN 'pending' THEN r.request ELSE '' END
FROM unnest($3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[]) AS n(number, state, action, problem, result)
WHERE r.project_id = $1::uuid AND r.import_id = $2 AND r.number = n.number`
	if _, err := tx.q.ExecContext(ctx, statement, rows[0].Project, rows[0].Import, numbers, states, actions, problems, results); err != nil {
		return fmt.Errorf("keep %d rows of an import: %w", n, err)
	}
	return nil
}
