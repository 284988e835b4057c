package store

import (
	"context"
	"errors"
	"sync"
	"time"
)

// gather has reads that wait for one another go to PostgreSQL together, as SQLite's writer has writes share a
// transaction. Up to maxGathering are on their way; what comes meanwhile waits, and goes all together when one of
// them is back. A read that need not wait goes by itself. Each begins after those have come whom it answers, so
// they see what was committed before.
type gather[T any] struct {
	run     func(ctx context.Context, all []*T)
	slow    time.Duration // how long a read keeps others from beginning; zero: until it has ended
	mu      sync.Mutex
	running int
	waiting []*gathered[T]
}

const (
	maxGathering = 2 // as many as there are cores keep a small server busy, and more go together
	maxGathered  = 64
	// gatherTime is how long those that go together may take. None of them can cancel what the others wait for.
	gatherTime = 10 * time.Second
	// slowGathering lets a larger server work on more at once when there is more to do than to look up.
	slowGathering = 10 * time.Millisecond
)

// gathered is a read that waits.
type gathered[T any] struct {
	what T
	turn chan []*gathered[T] // those to read, this one first; nil when it has been read
	err  error
}

var errBrokenOff = errors.New("the statement that it shared broke off")

// do carries out what, which says itself how it ended. The error is that it did not come to an end.
func (g *gather[T]) do(ctx context.Context, what T) (*T, error) {
	w := &gathered[T]{what: what, err: errBrokenOff}
	if g.begins(w) {
		g.lead(ctx, []*gathered[T]{w})
	} else if all := <-w.turn; all != nil {
		g.lead(ctx, all)
	}
	return &w.what, w.err
}

// begins says whether w goes at once; else it waits for its turn.
func (g *gather[T]) begins(w *gathered[T]) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.running < maxGathering {
		g.running++
		return true
	}
	w.turn = make(chan []*gathered[T], 1)
	g.waiting = append(g.waiting, w)
	return false
}

// lead carries out all, whose first is the caller's, and gives the turn to the first of those who came meanwhile.
func (g *gather[T]) lead(ctx context.Context, all []*gathered[T]) {
	next := g.next
	if g.slow > 0 {
		next = sync.OnceFunc(g.next)
		defer time.AfterFunc(g.slow, next).Stop()
	}
	defer func() { // also when reading panics
		for _, w := range all[1:] {
			w.turn <- nil
		}
		next()
	}()
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), gatherTime)
	defer stop()
	what := make([]*T, len(all))
	for i, w := range all {
		what[i] = &w.what
	}
	g.run(ctx, what)
	for _, w := range all {
		w.err = nil
	}
}

func (g *gather[T]) next() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.waiting) == 0 {
		g.running--
		return
	}
	n := min(len(g.waiting), maxGathered)
	all := g.waiting[:n:n]
	g.waiting = g.waiting[n:]
	all[0].turn <- all
}
