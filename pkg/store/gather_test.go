package store

import (
	"context"
	"errors"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// statements are what a gather asks for; each waits for its answer.
type statements struct {
	asked  chan []*wanted
	answer chan error
}

func newStatements() (direct, statements) {
	s := statements{make(chan []*wanted), make(chan error)}
	return direct{byKey: &gather[wanted]{run: func(_ context.Context, all []*wanted) {
		s.asked <- all
		err := <-s.answer
		for _, w := range all {
			w.found, w.Version, w.err = w.ID != "none", "version of "+w.ID, err
		}
	}}}, s
}

// reads has this many read at once and gives what each got.
func reads(d direct, from, to int) (wait func() []error) {
	var done sync.WaitGroup
	errs := make([]error, to-from)
	for i := range errs {
		done.Go(func() {
			id := strconv.Itoa(from + i)
			res, err := d.get(context.Background(), Ref{ID: id})
			if err == nil && (res.ID != id || res.Version != "version of "+id) {
				err = errors.New(id + " got " + res.ID)
			}
			errs[i] = err
		})
	}
	return func() []error { done.Wait(); return errs }
}

func TestReadsThatWaitShareAStatement(t *testing.T) {
	d, s := newStatements()
	first := reads(d, 0, maxGathering)
	for range maxGathering {
		require.Len(t, <-s.asked, 1, "nobody waits while there is room")
	}
	rest := reads(d, maxGathering, maxGathering+maxGathered+1)
	for waitingIn(d.byKey) <= maxGathered {
		runtime.Gosched()
	}
	s.answer <- nil
	require.Len(t, <-s.asked, maxGathered)
	s.answer <- nil
	require.Len(t, <-s.asked, 1)
	for range maxGathering {
		s.answer <- nil
	}
	for _, err := range append(first(), rest()...) {
		assert.NoError(t, err)
	}
	assert.Zero(t, d.byKey.running)
}

func waitingIn[T any](g *gather[T]) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.waiting)
}

func TestASlowReadLetsOthersBegin(t *testing.T) {
	d, s := newStatements()
	d.byKey.slow = time.Millisecond
	wait := reads(d, 0, 2*maxGathering)
	statements := 0
	for begun := 0; begun < 2*maxGathering; statements++ { // none of them has come back
		begun += len(<-s.asked)
	}
	for range statements {
		s.answer <- nil
	}
	for _, err := range wait() {
		assert.NoError(t, err)
	}
}

func TestWhatASharedStatementComesTo(t *testing.T) {
	d, s := newStatements()
	go func() { <-s.asked; s.answer <- nil }()
	_, err := d.get(t.Context(), Ref{ID: "none"})
	require.ErrorIs(t, err, ErrNotFound)

	broken := errors.New("broken")
	go func() { <-s.asked; s.answer <- broken }()
	_, err = d.get(t.Context(), Ref{ID: "1"})
	require.ErrorIs(t, err, broken)

	gone := &gather[wanted]{run: func(context.Context, []*wanted) { panic("gone") }}
	require.Panics(t, func() { _, _ = gone.do(t.Context(), wanted{}) })
	assert.Zero(t, gone.running, "a panic gives the turn back")
}
