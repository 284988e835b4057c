package store

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// sharing has creates, and updates, of a project that wait for one another share a statement on PostgreSQL, and
// with it the time to begin and to commit one. Up to maxSharing statements of a lane are on their way; what comes
// meanwhile waits, and goes together when one of them is back. A write that need not wait is a statement of its
// own. No statement for several waits long for a lock: where one of them would have to, each is a statement of
// its own and waits where it keeps nobody else.
type sharing struct {
	one   func(ctx context.Context, w Write) (bool, error)
	many  func(ctx context.Context, all []Write) (bool, error) // all of them or none
	slow  time.Duration                                        // how long a statement keeps others from beginning
	mu    sync.Mutex
	lanes map[lane]*waiting // those in use
}

// lane is what can share a statement.
type lane struct {
	project string
	creates bool
}

type waiting struct {
	running int
	writes  []*shared
}

const (
	maxSharing = 2 // as many as there are cores keep a small server busy, and more wait for one another
	maxShared  = 64
	// maxSharedBytes bounds how large a statement becomes by sharing.
	maxSharedBytes = 1 << 20
	// slowSharing is short: a statement of its own may be waiting for a lock.
	slowSharing = 100 * time.Millisecond
)

// shared is a write that waits.
type shared struct {
	Write
	ctx     context.Context // its caller's
	turn    chan []*shared  // those to write, this one first; nil when it has been written or is to be alone
	written bool
	alone   bool // the statement for all was refused, so that each has its own error
	err     error
}

// put writes w, which is prepared and has no keys; false when it did not find what it is to replace, or found
// it locked, or when the id is taken.
func (g *sharing) put(ctx context.Context, w Write) (bool, error) {
	p := &shared{Write: w, ctx: ctx, turn: make(chan []*shared, 1), err: errBrokenOff}
	if g.begins(p) {
		g.lead([]*shared{p})
	} else if all := <-p.turn; all != nil {
		g.lead(all)
	}
	if p.alone {
		return g.one(ctx, w)
	}
	return p.written, p.err
}

func (p *shared) lane() lane { return lane{p.Project, p.Replaces == ""} }

// begins says whether p goes at once; else it waits for its turn.
func (g *sharing) begins(p *shared) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	of := g.lanes[p.lane()]
	if of == nil {
		of = &waiting{}
		g.lanes[p.lane()] = of
	}
	if of.running < maxSharing {
		of.running++
		return true
	}
	of.writes = append(of.writes, p)
	return false
}

// lead writes all, whose first is the caller's, and gives the turn to the first of those who came meanwhile.
func (g *sharing) lead(all []*shared) {
	next := sync.OnceFunc(func() { g.next(all[0].lane()) })
	slow := time.AfterFunc(g.slow, next)
	defer func() { // also when writing panics
		slow.Stop()
		for _, p := range all[1:] {
			p.turn <- nil
		}
		next()
	}()
	if first := all[0]; len(all) == 1 {
		first.written, first.err = g.one(first.ctx, first.Write)
		return
	}
	rows := make([]Write, len(all))
	for i, p := range all {
		rows[i] = p.Write
	}
	slices.SortFunc(rows, func(a, b Write) int { // one order everywhere, so that two statements cannot deadlock
		return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.ID, b.ID))
	})
	ctx, stop := context.WithTimeout(context.WithoutCancel(all[0].ctx), gatherTime)
	defer stop()
	written, err := g.many(ctx, rows)
	var refused *pgconn.PgError
	alone := err == nil && !written || errors.Is(err, ErrExists) || errors.As(err, &refused) && !lost(err)
	for _, p := range all {
		p.written, p.err, p.alone = written, err, alone
	}
}

// next gives the turn to the first that waits, with all that can share its statement.
func (g *sharing) next(l lane) {
	g.mu.Lock()
	defer g.mu.Unlock()
	of := g.lanes[l]
	of.writes = slices.DeleteFunc(of.writes, func(p *shared) bool {
		err := p.ctx.Err()
		if err != nil {
			p.err = err
			p.turn <- nil
		}
		return err != nil
	})
	if len(of.writes) == 0 {
		if of.running--; of.running == 0 {
			delete(g.lanes, l)
		}
		return
	}
	var all, left []*shared
	refs, size := map[Ref]bool{}, 0
	for _, p := range of.writes {
		fits := len(all) < maxShared && size+len(p.Content) <= maxSharedBytes
		if len(all) == 0 || fits && !refs[p.Ref] {
			all, refs[p.Ref] = append(all, p), true
			size += len(p.Content)
		} else {
			left = append(left, p)
		}
	}
	of.writes = left
	all[0].turn <- all
}
