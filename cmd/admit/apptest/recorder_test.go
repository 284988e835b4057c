package apptest

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/admitdev/admit/pkg/store/storetest"
	"github.com/admitdev/admit/pkg/web"
)

// recorder keeps the statements that requests cause while it listens. What the server does in the
// background has no request id, and is left out.
type recorder struct {
	mu        sync.Mutex
	listening bool
	open      map[int64]*transaction // by connection
	kept      []storetest.Statement
}

// transaction is kept when one of its statements is a request's: the calls that begin and end it do
// not know whose they are. On SQLite a task of the background may share it, from a savepoint to its
// release; that is left out.
type transaction struct {
	statements []storetest.Statement
	requested  bool
	task       int  // where the task begins that runs
	wanted     bool // that task is a request's
}

// add has what a transaction does next.
func (tx *transaction) add(s storetest.Statement, requested bool) {
	if s.Text == "SAVEPOINT task" {
		tx.task, tx.wanted = len(tx.statements), false
	}
	tx.statements = append(tx.statements, s)
	tx.requested = tx.requested || requested
	tx.wanted = tx.wanted || requested
	if s.Text == "RELEASE task" && !tx.wanted {
		tx.statements = tx.statements[:tx.task]
	}
}

// watch implements storetest.Watch. It follows every transaction, since a request's may have been
// begun for another task before the recorder listened.
func (r *recorder) watch(ctx context.Context, s storetest.Statement) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.Args = slices.Clone(s.Args) // database/sql uses the slice again
	requested := r.listening && web.RequestID(ctx) != ""
	if s.Text == "BEGIN" {
		r.open[s.Conn] = &transaction{}
	}
	tx := r.open[s.Conn]
	switch {
	case tx != nil:
		tx.add(s, requested)
	case requested:
		r.kept = append(r.kept, s)
	}
	if tx != nil && (s.Text == "COMMIT" || s.Text == "ROLLBACK") {
		delete(r.open, s.Conn)
		if tx.requested {
			r.kept = append(r.kept, tx.statements...)
		}
	}
	return nil
}

// listen says whether requests are recorded from now on, and gives what was recorded before.
func (r *recorder) listen(listening bool) []storetest.Statement {
	r.mu.Lock()
	defer r.mu.Unlock()
	kept := r.kept
	r.listening, r.kept = listening, nil
	return kept
}

// record gives the statements that do causes, in their order.
func (r *recorder) record(do func()) []storetest.Statement {
	r.listen(true)
	do()
	return r.listen(false)
}

// transactional says whether a statement only begins or ends a transaction or a part of one.
func transactional(text string) bool {
	word, _, _ := strings.Cut(text, " ")
	return slices.Contains([]string{"BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE"}, word)
}
