package store

import (
	"context"
	"fmt"
	"time"
)

// Idempotent is a request that carries an Idempotency-Key.
type Idempotent struct {
	Project, Caller, Key string
	// Fingerprint tells one body from another.
	Fingerprint string
}

// FirstAnswer is what the first request with a key came to; Answer is empty while that request's
// own transaction lasts.
type FirstAnswer struct{ Fingerprint, Answer string }

// idempotencyAge is how long first answers are kept.
const idempotencyAge = 24 * time.Hour

// Begin notes the request. It waits for a transaction that has begun the same key; when that one
// was committed its first answer is given back and isFirst is false.
func (tx *Tx) Begin(ctx context.Context, r Idempotent) (answer FirstAnswer, isFirst bool, err error) {
	now := tx.Now()
	const forget = `DELETE FROM idempotency WHERE project_id = $1::uuid AND created_at < $2`
	if _, err := tx.q.ExecContext(ctx, tx.dialect.text(forget), r.Project, now.Add(-idempotencyAge).UnixMilli()); err != nil {
		return FirstAnswer{}, false, fmt.Errorf("forget first answers: %w", err)
	}
	const note = `INSERT INTO idempotency (project_id, caller, key, fingerprint, answer, created_at)
VALUES ($1::uuid, $2, $3, $4, '', $5) ON CONFLICT (project_id, caller, key) DO NOTHING`
	rows, err := affected(ctx, tx.q, tx.dialect.text(note), r.Project, r.Caller, r.Key, r.Fingerprint, now.UnixMilli())
	if err != nil {
		return FirstAnswer{}, false, fmt.Errorf("note idempotent request: %w", err)
	}
	if rows == 1 {
		return FirstAnswer{}, true, nil
	}
	const read = `SELECT fingerprint, answer FROM idempotency WHERE project_id = $1::uuid AND caller = $2 AND key = $3`
	err = first(ctx, tx.q, tx.dialect.text(read), []any{r.Project, r.Caller, r.Key}, &answer.Fingerprint, &answer.Answer)
	if err != nil {
		return FirstAnswer{}, false, fmt.Errorf("read first answer: %w", err)
	}
	return answer, false, nil
}

// Answered notes what the request came to.
func (tx *Tx) Answered(ctx context.Context, r Idempotent, answer string) error {
	const note = `UPDATE idempotency SET answer = $4 WHERE project_id = $1::uuid AND caller = $2 AND key = $3`
	if _, err := tx.q.ExecContext(ctx, tx.dialect.text(note), r.Project, r.Caller, r.Key, answer); err != nil {
		return fmt.Errorf("note first answer: %w", err)
	}
	return nil
}
