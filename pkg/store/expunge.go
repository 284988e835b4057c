package store

import (
	"context"
	"fmt"
	"time"
)

// Expunge is a task: what belongs to a resource is erased, one step after the other.
type Expunge struct {
	ID   string
	Of   Ref
	Step string
	// At is the last resource that the step has looked at.
	At       Ref
	Done     int64 // how many resources were erased
	Started  time.Time
	Finished time.Time // zero until then
}

type expungeRow struct {
	ProjectID, ID     string
	OfProject, OfType string
	OfID              string `gorm:"column:of_id"`
	Step, AtType      string
	AtID              string `gorm:"column:at_id"`
	Done              int64
	Started, Finished int64
}

func (expungeRow) TableName() string { return "expunge" }

func (row expungeRow) task() Expunge {
	t := Expunge{
		ID: row.ID, Of: Ref{row.OfProject, row.OfType, row.OfID}, Step: row.Step, At: Ref{row.OfProject, row.AtType, row.AtID},
		Done: row.Done, Started: time.UnixMilli(row.Started).UTC(),
	}
	if row.Finished > 0 {
		t.Finished = time.UnixMilli(row.Finished).UTC()
	}
	return t
}

// CreateExpunge adds a task that has not begun.
func (tx *Tx) CreateExpunge(ctx context.Context, t Expunge) error {
	row := expungeRow{
		ProjectID: SystemProject, ID: t.ID, OfProject: t.Of.Project, OfType: t.Of.Type, OfID: t.Of.ID, Step: t.Step, Started: tx.Now().UnixMilli(),
	}
	if err := tx.gorm(ctx).Create(&row).Error; err != nil {
		return fmt.Errorf("add a task to expunge: %w", err)
	}
	return nil
}

// Expunge reads a task.
//
// Errors: ErrNotFound.
func (r reader) Expunge(ctx context.Context, id string) (Expunge, error) {
	var row expungeRow
	err := r.gorm(ctx).Where("project_id = ? AND id = ?", SystemProject, clean(id)).Take(&row).Error
	return row.task(), notFound(err, "read a task to expunge")
}

// UnfinishedExpunges lists the tasks that are not at their end.
func (r reader) UnfinishedExpunges(ctx context.Context) ([]Expunge, error) {
	var rows []expungeRow
	if err := r.gorm(ctx).Where("project_id = ? AND finished = 0", SystemProject).Order("id").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list the tasks to expunge: %w", err)
	}
	tasks := make([]Expunge, len(rows))
	for i, row := range rows {
		tasks[i] = row.task()
	}
	return tasks, nil
}

// AdvanceExpunge records how far a task is, unless another has moved it from where it was.
func (tx *Tx) AdvanceExpunge(ctx context.Context, was, is Expunge) (bool, error) {
	finished := int64(0)
	if !is.Finished.IsZero() {
		finished = is.Finished.UnixMilli()
	}
	result := tx.gorm(ctx).Model(&expungeRow{}).Where("project_id = ? AND id = ? AND finished = 0", SystemProject, was.ID).
		Where("step = ? AND at_type = ? AND at_id = ? AND done = ?", was.Step, was.At.Type, was.At.ID, was.Done).
		Updates(map[string]any{"step": is.Step, "at_type": is.At.Type, "at_id": is.At.ID, "done": is.Done, "finished": finished})
	if result.Error != nil {
		return false, fmt.Errorf("record how far a task is: %w", result.Error)
	}
	return result.RowsAffected == 1, nil
}

// Rest narrows what ListRefs lists.
type Rest struct {
	Type    string // empty for all
	Deleted bool   // what is deleted alone
}

// ListRefs lists the resources of a partition, deleted or not, in the order of type and id, beginning
// after a type and id.
func (r reader) ListRefs(ctx context.Context, project string, only Rest, after Ref, limit int) ([]Ref, error) {
	if !validProject(project) {
		return nil, nil
	}
	query := `SELECT r.type, r.id FROM resource r WHERE r.project_id = $1::uuid AND (r.type, r.id) > ($2, $3)`
	args := []any{project, after.Type, after.ID, limit}
	if only.Type != "" {
		query = `SELECT r.type, r.id FROM resource r WHERE r.project_id = $1::uuid AND r.type = $2 AND r.id > $3`
		args[1] = only.Type
	}
	if only.Deleted {
		query += ` AND r.deleted`
	}
	var refs []Ref
	err := each(r.dialect.statementContext(ctx), r.q, r.dialect.text(query+` ORDER BY r.type, r.id LIMIT $4`), args, func(row scanner) error {
		ref := Ref{Project: project}
		err := row.Scan(&ref.Type, &ref.ID)
		refs = append(refs, ref)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list resources: %w", err)
	}
	return refs, nil
}
