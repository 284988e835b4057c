package store

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// statements are what a gather asks for; each waits for its answer.
type statements struct {
	asked  chan []*wanted
	answer chan error
}

func newStatements() (*gather, statements) {
	s := statements{make(chan []*wanted), make(chan error)}
	return &gather{run: func(_ context.Context, all []*wanted) error {
		s.asked <- all
		for _, w := range all {
			w.found, w.Version = w.ID != "none", "version of "+w.ID
		}
		return <-s.answer
	}}, s
}

// reads has this many read at once and gives what each got.
func reads(g *gather, from, to int) (wait func() []error) {
	var done sync.WaitGroup
	errs := make([]error, to-from)
	for i := range errs {
		done.Go(func() {
			id := strconv.Itoa(from + i)
			res, err := g.get(context.Background(), Ref{ID: id})
			if err == nil && (res.ID != id || res.Version != "version of "+id) {
				err = errors.New(id + " got " + res.ID)
			}
			errs[i] = err
		})
	}
	return func() []error { done.Wait(); return errs }
}

func TestReadsThatWaitShareAStatement(t *testing.T) {
	g, s := newStatements()
	first := reads(g, 0, maxGathering)
	for range maxGathering {
		require.Len(t, <-s.asked, 1, "nobody waits while there is room")
	}
	rest := reads(g, maxGathering, maxGathering+maxGathered+1)
	for waiting := 0; waiting <= maxGathered; {
		g.mu.Lock()
		waiting = len(g.waiting)
		g.mu.Unlock()
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
	assert.Zero(t, g.running)
}

func TestWhatASharedStatementComesTo(t *testing.T) {
	g, s := newStatements()
	go func() { <-s.asked; s.answer <- nil }()
	_, err := g.get(t.Context(), Ref{ID: "none"})
	require.ErrorIs(t, err, ErrNotFound)

	broken := errors.New("broken")
	go func() { <-s.asked; s.answer <- broken }()
	_, err = g.get(t.Context(), Ref{ID: "1"})
	require.ErrorIs(t, err, broken)

	gone := &gather{run: func(context.Context, []*wanted) error { panic("gone") }}
	require.Panics(t, func() { _, _ = gone.get(t.Context(), Ref{ID: "1"}) })
	assert.Zero(t, gone.running, "a panic gives the turn back")
}
