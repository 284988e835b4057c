package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// gather has reads by key that wait for one another share a statement, as SQLite's writer has writes
// share a transaction. Up to maxGathering statements are on their way; what comes meanwhile waits, and
// goes all together when one of them is back. A read that need not wait is a statement of its own. Every
// statement begins after the reads that it answers have come, so they see what was committed before.
type gather struct {
	run     func(ctx context.Context, all []*wanted) error
	mu      sync.Mutex
	running int
	waiting []*wanted
}

const (
	maxGathering = 4
	maxGathered  = 64
	// gatherTime is how long one statement may take. It answers several, so none of them can cancel it.
	gatherTime = 10 * time.Second
)

// wanted is a resource that somebody waits for.
type wanted struct {
	Resource
	found bool
	turn  chan []*wanted // those to read, this one among them; nil when it has been read
	err   error
}

// get reads the current version.
func (g *gather) get(ctx context.Context, ref Ref) (Resource, error) {
	w := &wanted{Resource: Resource{Ref: ref}, turn: make(chan []*wanted, 1)}
	if g.begins(w) {
		g.lead(ctx, []*wanted{w})
	} else if all := <-w.turn; all != nil {
		g.lead(ctx, all)
	}
	switch {
	case w.err != nil:
		return Resource{}, fmt.Errorf("read %s/%s: %w", ref.Type, ref.ID, w.err)
	case !w.found:
		return Resource{}, ErrNotFound
	}
	return w.Resource, nil
}

// begins says whether w goes at once; else it waits for its turn.
func (g *gather) begins(w *wanted) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.running < maxGathering {
		g.running++
		return true
	}
	g.waiting = append(g.waiting, w)
	return false
}

// lead reads all, whose first is the caller's, and gives the turn to the first of those who came meanwhile.
func (g *gather) lead(ctx context.Context, all []*wanted) {
	err := errBrokenOff
	defer func() { // also when reading panics
		for _, w := range all {
			w.err = err
		}
		for _, w := range all[1:] {
			w.turn <- nil
		}
		g.next()
	}()
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), gatherTime)
	defer stop()
	err = g.run(ctx, all)
}

var errBrokenOff = errors.New("the statement that it shared broke off")

func (g *gather) next() {
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
