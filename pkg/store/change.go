package store

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Change says that something which processes may have cached is no longer what it was.
type Change struct {
	ID   string
	Kind string // ChangeLogin, or a resource type
	Ref  string // its id
	At   time.Time
}

// ChangeLogin is the kind of a change of a login; the other kinds are resource types.
const ChangeLogin = "Login"

// listeners are those in this process who hear of a change as soon as it is committed.
type listeners struct {
	mu  sync.Mutex
	all []func(Change)
}

func (l *listeners) tell(change Change) {
	l.mu.Lock()
	all := l.all
	l.mu.Unlock()
	for _, fn := range all {
		fn(change)
	}
}

// OnChange calls fn for every change that this process announces, once its transaction is
// committed and before InTx returns. fn must be quick and may run at the same time as itself.
func (s *Store) OnChange(fn func(Change)) {
	s.listeners.mu.Lock()
	defer s.listeners.mu.Unlock()
	s.listeners.all = append(s.listeners.all[:len(s.listeners.all):len(s.listeners.all)], fn)
}

// Announce tells every process that what it cached of kind and ref is no longer true, if the
// transaction is committed.
func (tx *Tx) Announce(ctx context.Context, kind, ref string) error {
	change := Change{ID: tx.NewID(), Kind: kind, Ref: ref, At: tx.Now()}
	tx.AfterCommit(func() { tx.listeners.tell(change) })
	if tx.collected != nil {
		tx.collected.changes = append(tx.collected.changes, change)
		return nil
	}
	return tx.addChange(ctx, change)
}

func (tx *Tx) addChange(ctx context.Context, change Change) error {
	return tx.later(ctx, later{doing: "announce change of " + change.Kind, table: "change", adds: true, text: func(b *builder) string {
		return "INSERT INTO change (id, kind, ref, at) SELECT " + b.list(change.ID, change.Kind, change.Ref, change.At.UnixMilli()) + " WHERE true"
	}})
}

// Changes lists the changes stamped at or after since. A stamp is older than its commit, so a
// reader looks back further than its last round and knows by the id what it has seen.
func (r reader) Changes(ctx context.Context, since time.Time) ([]Change, error) {
	const query = `SELECT id, kind, ref, at FROM change WHERE at >= $1`
	rows, err := r.q.QueryContext(ctx, r.dialect.text(query), since.UnixMilli())
	if err != nil {
		return nil, fmt.Errorf("read changes: %w", err)
	}
	defer rows.Close()
	var changes []Change
	for rows.Next() {
		var change Change
		var at int64
		if err := rows.Scan(&change.ID, &change.Kind, &change.Ref, &at); err != nil {
			return nil, fmt.Errorf("read changes: %w", err)
		}
		change.At = time.UnixMilli(at).UTC()
		changes = append(changes, change)
	}
	return changes, rows.Err()
}

// ForgetChanges removes the changes stamped before.
func (s *Store) ForgetChanges(ctx context.Context, before time.Time) error {
	return s.InTx(ctx, func(tx *Tx) error {
		const statement = `DELETE FROM change WHERE at < $1`
		_, err := tx.q.ExecContext(ctx, tx.dialect.text(statement), before.UnixMilli())
		return err
	})
}
