package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// AsyncJob is a request that is carried out without its client waiting. Its status is that of the
// AsyncJob resource with the same id.
type AsyncJob struct {
	Project, ID string
	Caller      string // who asked and how, as JSON
	Request     []byte // empty when there is an answer
	Answer      []byte
	Sealed      bool // Request and Answer are under the server key, as all are that this version writes
	Created     time.Time
}

// AsyncJob reads one.
//
// Errors: ErrNotFound.
func (r reader) AsyncJob(ctx context.Context, project, id string) (AsyncJob, error) {
	job := AsyncJob{Project: project, ID: clean(id)}
	if !validProject(project) {
		return job, ErrNotFound
	}
	var created int64
	const query = `SELECT caller, request, answer, sealed, created_at FROM async_job WHERE project_id = $1::uuid AND id = $2`
	err := first(r.dialect.statementContext(ctx), r.q, r.dialect.text(query), []any{project, job.ID}, &job.Caller, &job.Request, &job.Answer, &job.Sealed, &created)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return job, ErrNotFound
	case err != nil:
		return job, fmt.Errorf("read async job: %w", err)
	}
	job.Created = time.UnixMilli(created).UTC()
	return job, nil
}

// CreateAsyncJob keeps a sealed request, and forgets the project's jobs from before a time.
func (tx *Tx) CreateAsyncJob(ctx context.Context, job AsyncJob, forget time.Time) error {
	ctx = tx.dialect.statementContext(ctx)
	const old = `DELETE FROM async_job WHERE project_id = $1::uuid AND created_at < $2`
	if _, err := tx.q.ExecContext(ctx, tx.dialect.text(old), job.Project, forget.UnixMilli()); err != nil {
		return fmt.Errorf("forget async jobs: %w", err)
	}
	const statement = `INSERT INTO async_job (project_id, id, caller, request, answer, sealed, created_at) VALUES ($1::uuid, $2, $3, $4, $5, true, $6)`
	_, err := tx.q.ExecContext(ctx, tx.dialect.text(statement), job.Project, job.ID, clean(job.Caller), job.Request, []byte{}, job.Created.UnixMilli())
	if err != nil {
		return fmt.Errorf("keep async job: %w", err)
	}
	return nil
}

// AdvanceAsyncJob keeps what is left to do, sealed, in place of the request.
func (tx *Tx) AdvanceAsyncJob(ctx context.Context, project, id string, request []byte) error {
	const statement = `UPDATE async_job SET request = $3, sealed = true WHERE project_id = $1::uuid AND id = $2`
	_, err := tx.q.ExecContext(tx.dialect.statementContext(ctx), tx.dialect.text(statement), project, clean(id), request)
	if err != nil {
		return fmt.Errorf("advance async job: %w", err)
	}
	return nil
}

// AnswerAsyncJob keeps the sealed answer in place of the request.
func (tx *Tx) AnswerAsyncJob(ctx context.Context, project, id string, answer []byte) error {
	const statement = `UPDATE async_job SET request = $3, answer = $4, sealed = true WHERE project_id = $1::uuid AND id = $2`
	_, err := tx.q.ExecContext(tx.dialect.statementContext(ctx), tx.dialect.text(statement), project, clean(id), []byte{}, answer)
	if err != nil {
		return fmt.Errorf("answer async job: %w", err)
	}
	return nil
}
