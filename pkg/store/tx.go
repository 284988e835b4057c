package store

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"slices"
	"time"
)

// Tx is a transaction. Its reads see its own writes.
type Tx struct {
	reader
	lazy    *lazy   // on PostgreSQL
	sql     *sql.Tx // on SQLite
	after   []func()
	reasons []string
	// collected is what Collect writes when it ends; nil outside it.
	collected *collected
}

// SQL is for pkg/jobs alone, so that a job is queued in the transaction that needs it. Statements
// on it must not be given a context that can be cancelled (see lite.statementContext).
func (tx *Tx) SQL(ctx context.Context) (*sql.Tx, error) {
	if tx.lazy != nil {
		return tx.lazy.begun(ctx)
	}
	return tx.sql, nil
}

// Now is the time; NewID a new id.
func (tx *Tx) Now() time.Time { return tx.clock.Now() }

// NewID is a new id.
func (tx *Tx) NewID() string { return tx.clock.NewID() }

// AfterCommit has fn called once the transaction is committed, and never when it is not.
func (tx *Tx) AfterCommit(fn func()) { tx.after = append(tx.after, fn) }

// maxReasons bounds what is kept of why a transaction acts with rights of its own.
const maxReasons = 20

// Because notes why Admit acts with its own rights in the transaction; the audit event that is
// written in it says so.
func (tx *Tx) Because(reason string) {
	if len(tx.reasons) < maxReasons && !slices.Contains(tx.reasons, reason) {
		tx.reasons = append(tx.reasons, reason)
	}
}

// Reasons are the reasons that were noted, in their order.
func (tx *Tx) Reasons() []string { return tx.reasons }

// Later is the time of a version that replaces one of the time previous: now, or just after
// previous when the clock has not moved on.
func Later(now, previous time.Time) time.Time {
	if now.After(previous) {
		return now
	}
	return previous.Add(time.Millisecond)
}

// InTx runs fn in one transaction: all of its writes or none. On PostgreSQL (READ COMMITTED) fn
// runs again when the database undid it for another's sake or the connection broke before the
// commit; so fn assigns, never appends. fn uses tx for everything: a call of the store within it
// would wait for itself on SQLite.
func (s *Store) InTx(ctx context.Context, fn func(*Tx) error) error {
	var tx *Tx
	var err error
	if s.writer != nil {
		err = s.writer.do(ctx, func(g *group) error {
			tx = &Tx{reader: reader{base: s.base, q: g, pool: g}, sql: g.tx}
			return fn(tx)
		})
	} else {
		err = s.retry(ctx, func() (bool, error) {
			var again bool
			tx, again, err = s.attempt(ctx, fn)
			return again, err
		})
	}
	if err != nil {
		return err
	}
	for _, after := range tx.after {
		after()
	}
	return nil
}

// attempt is one try of a transaction; again when it left nothing and may be tried once more.
func (s *Store) attempt(ctx context.Context, fn func(*Tx) error) (tx *Tx, again bool, err error) {
	l := &lazy{ctx: ctx, store: s}
	defer func() { // also when fn panics
		err = errors.Join(err, l.undo())
	}()
	tx = &Tx{reader: reader{base: s.base, q: l, pool: l}, lazy: l}
	if err := fn(tx); err != nil {
		return tx, serialization(err) || lost(err), err
	}
	again, err = l.commit()
	return tx, again, err
}

// ignoreDone: rolling back what a cancelled context or a broken connection has ended already is
// no failure.
func ignoreDone(err error) error {
	if errors.Is(err, sql.ErrTxDone) || lost(err) {
		return nil
	}
	return err
}

// maxAttempts bounds the retries of one transaction.
const maxAttempts = 10

// retry repeats try while it asks for it, with growing pauses, as long as ctx lasts.
func (s *Store) retry(ctx context.Context, try func() (again bool, err error)) error {
	pause := 2 * time.Millisecond
	for attempt := 1; ; attempt++ {
		again, err := try()
		if err == nil || !again || attempt == maxAttempts {
			return err
		}
		s.log.DebugContext(ctx, "transaction is tried again", "attempt", attempt, "error", err)
		timer := time.NewTimer(pause/2 + rand.N(pause))
		select {
		case <-ctx.Done():
			timer.Stop()
			return errors.Join(ctx.Err(), err)
		case <-timer.C:
		}
		pause = min(2*pause, 500*time.Millisecond)
	}
}
