package apptest

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/admitdev/admit/pkg/store/storetest"
	"github.com/admitdev/admit/pkg/web"
)

// recorder keeps the statements that requests cause while it listens. What the server does in the
// background has no request id, and is left out.
type recorder struct {
	listening atomic.Bool
	mu        sync.Mutex
	open      map[int64]*transaction // by connection
	kept      []storetest.Statement
}

// transaction is kept whole when one of its statements is a request's: the calls that begin and
// end it do not know whose they are.
type transaction struct {
	statements []storetest.Statement
	requested  bool
}

// watch implements storetest.Watch. A recorder that does not listen costs a request nothing.
func (r *recorder) watch(ctx context.Context, s storetest.Statement) error {
	if !r.listening.Load() {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s.Args = slices.Clone(s.Args) // database/sql uses the slice again
	requested := web.RequestID(ctx) != ""
	if s.Text == "BEGIN" {
		r.open[s.Conn] = &transaction{}
	}
	tx := r.open[s.Conn]
	switch {
	case tx != nil:
		tx.statements = append(tx.statements, s)
		tx.requested = tx.requested || requested
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

// record gives the statements that do causes, in their order.
func (r *recorder) record(do func()) []storetest.Statement {
	r.mu.Lock()
	r.open, r.kept = map[int64]*transaction{}, nil
	r.mu.Unlock()
	r.listening.Store(true)
	defer r.listening.Store(false)
	do()
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.kept
}

// transactional says whether a statement only begins or ends a transaction or a part of one.
func transactional(text string) bool {
	word, _, _ := strings.Cut(text, " ")
	return slices.Contains([]string{"BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE"}, word)
}
