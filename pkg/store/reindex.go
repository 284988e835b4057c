package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"
)

// Reindex is a task: the rows of resources are made again, in the order of their keys.
type Reindex struct {
	Project    string // the partition, or SystemProject when Everywhere
	ID         string
	Everywhere bool   // in all partitions
	Type       string // empty for all
	Resource   string // the id of one; empty for all
	// Generation is what all resources of Type will have reached; 0 when nothing waits for that.
	Generation int64
	// At is the last resource that was looked at.
	At       Ref
	Done     int64 // how many were
	Started  time.Time
	Finished time.Time // zero until then
}

type reindexRow struct {
	ProjectID, ID     string
	Everywhere        bool
	Type, Resource    string
	Generation        int64
	AtProject         string
	AtType            string
	AtID              string `gorm:"column:at_id"`
	Done              int64
	Started, Finished int64
}

func (reindexRow) TableName() string { return "reindex" }

func (row reindexRow) task() Reindex {
	t := Reindex{
		Project: row.ProjectID, ID: row.ID, Everywhere: row.Everywhere, Type: row.Type, Resource: row.Resource, Generation: row.Generation,
		At: Ref{row.AtProject, row.AtType, row.AtID}, Done: row.Done, Started: time.UnixMilli(row.Started).UTC(),
	}
	if row.Finished > 0 {
		t.Finished = time.UnixMilli(row.Finished).UTC()
	}
	return t
}

// CreateReindex adds a task that has not begun.
func (tx *Tx) CreateReindex(ctx context.Context, t Reindex) error {
	row := reindexRow{
		ProjectID: t.Project, ID: t.ID, Everywhere: t.Everywhere, Type: t.Type, Resource: t.Resource, Generation: t.Generation,
		Started: tx.Now().UnixMilli(),
	}
	if err := tx.gorm(ctx).Create(&row).Error; err != nil {
		return fmt.Errorf("add a task to index again: %w", err)
	}
	return nil
}

// Reindex reads a task.
//
// Errors: ErrNotFound.
func (r reader) Reindex(ctx context.Context, project, id string) (Reindex, error) {
	if !validProject(project) {
		return Reindex{}, ErrNotFound
	}
	var row reindexRow
	err := r.gorm(ctx).Where("project_id = ? AND id = ?", project, clean(id)).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return Reindex{}, ErrNotFound
	}
	if err != nil {
		return Reindex{}, fmt.Errorf("read a task to index again: %w", err)
	}
	return row.task(), nil
}

// Unfinished lists the tasks of a partition that are not at their end.
func (r reader) Unfinished(ctx context.Context, project string) ([]Reindex, error) {
	var rows []reindexRow
	if err := r.gorm(ctx).Where("project_id = ? AND finished = 0", project).Order("id").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list the tasks to index again: %w", err)
	}
	tasks := make([]Reindex, len(rows))
	for i, row := range rows {
		tasks[i] = row.task()
	}
	return tasks, nil
}

// Advance records how far a task is, unless another has moved it from where it was. One that has finished keeps no
// place, which would name a project that is erased.
func (tx *Tx) Advance(ctx context.Context, was, is Reindex) (bool, error) {
	finished := int64(0)
	if !is.Finished.IsZero() {
		finished, is.At = is.Finished.UnixMilli(), Ref{}
	}
	result := tx.gorm(ctx).Model(&reindexRow{}).
		Where("project_id = ? AND id = ? AND at_project = ? AND at_type = ? AND at_id = ? AND finished = 0", was.Project, was.ID, was.At.Project, was.At.Type, was.At.ID).
		Updates(map[string]any{"at_project": is.At.Project, "at_type": is.At.Type, "at_id": is.At.ID, "done": is.Done, "finished": finished})
	if result.Error != nil {
		return false, fmt.Errorf("record how far a task is: %w", result.Error)
	}
	return result.RowsAffected == 1, nil
}

// ListCurrent lists current versions that are not deleted, in the order of type and id, beginning
// after a type and id. An only type limits it to that.
func (r reader) ListCurrent(ctx context.Context, project, only string, after Ref, limit int) ([]Resource, error) {
	if !validProject(project) {
		return nil, nil
	}
	query := `SELECT r.type, r.id, ` + versionColumns + ` FROM resource r
WHERE r.project_id = $1::uuid AND (r.type, r.id) > ($2, $3) AND NOT r.deleted ORDER BY r.type, r.id LIMIT $4`
	args := []any{project, after.Type, after.ID, limit}
	if only != "" {
		query = `SELECT r.type, r.id, ` + versionColumns + ` FROM resource r
WHERE r.project_id = $1::uuid AND r.type = $2 AND r.id > $3 AND NOT r.deleted ORDER BY r.id LIMIT $4`
		args[1] = only
	}
	rows, err := r.q.QueryContext(ctx, r.dialect.text(query), args...)
	if err != nil {
		return nil, fmt.Errorf("list resources: %w", err)
	}
	defer rows.Close()
	var all []Resource
	for rows.Next() {
		version := versionScan{resource: &Resource{Ref: Ref{Project: project}}}
		if err := rows.Scan(append([]any{&version.resource.Type, &version.resource.ID}, version.into()...)...); err != nil {
			return nil, fmt.Errorf("list resources: %w", err)
		}
		version.finish()
		all = append(all, *version.resource)
	}
	return all, rows.Err()
}

// PutIndex makes the rows of a resource those of w, when its version is still w's and its
// generation is not behind. It touches nothing else of the resource.
func (tx *Tx) PutIndex(ctx context.Context, w Write) (bool, error) {
	w, err := prepareWrite(w)
	if err != nil {
		return false, err
	}
	written, err := tx.dialect.putIndex(ctx, tx.q, w)
	if err != nil {
		return false, fmt.Errorf("index %s/%s: %w", w.Type, w.ID, err)
	}
	return written, nil
}

// Settled waits until every transaction has ended that began before now, so that what they wrote
// can be seen. On SQLite a transaction that writes is alone, so there is nothing to wait for.
//
// Errors: ErrUnsettled when they last longer than patience.
func (s *Store) Settled(ctx context.Context, patience time.Duration) error {
	return s.dialect.settled(ctx, s.q, patience)
}

// ErrUnsettled says that a transaction that began before lasts too long.
var ErrUnsettled = errors.New("store: an earlier transaction has not ended")

const settlePause = 20 * time.Millisecond

func (lite) settled(context.Context, querier, time.Duration) error { return nil }

func (postgres) settled(ctx context.Context, q querier, patience time.Duration) error {
	var begun time.Time
	if err := first(ctx, q, "SELECT clock_timestamp()", nil, &begun); err != nil {
		return fmt.Errorf("read the database's clock: %w", err)
	}
	const query = `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start <= $1`
	for waited := time.Duration(0); ; waited += settlePause {
		var open int
		if err := first(ctx, q, query, []any{begun}, &open); err != nil {
			return fmt.Errorf("read the open transactions: %w", err)
		}
		if open == 0 {
			return nil
		}
		if waited >= patience {
			return ErrUnsettled
		}
		pause := time.NewTimer(settlePause)
		select {
		case <-ctx.Done():
			pause.Stop()
			return ctx.Err()
		case <-pause.C:
		}
	}
}
