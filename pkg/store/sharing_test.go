package store

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// sharers are what a sharing asks for; each waits for its answer.
type sharers struct {
	asked  chan []Write
	answer chan error
}

func newSharers() (*sharing, sharers) {
	s := sharers{make(chan []Write), make(chan error)}
	many := func(_ context.Context, all []Write) (bool, error) {
		s.asked <- all
		err := <-s.answer
		if err != nil && err.Error() == "panic" {
			panic(err)
		}
		return err == nil, err
	}
	one := func(ctx context.Context, w Write) (bool, error) { return many(ctx, []Write{w}) }
	return &sharing{one: one, many: many, slow: time.Hour, lanes: map[lane]*waiting{}}, s
}

// puts has this many write at once, each content of its own.
func puts(g *sharing, from, to int, content string) (wait func() []error) {
	var done sync.WaitGroup
	errs := make([]error, to-from)
	for i := range errs {
		done.Go(func() {
			defer func() { _ = recover() }()
			_, errs[i] = g.put(context.Background(), Write{Resource: Resource{Ref: Ref{ID: strconv.Itoa(from + i)}, Content: []byte(content)}})
		})
	}
	return func() []error { done.Wait(); return errs }
}

func TestWritesThatWaitShareAStatement(t *testing.T) {
	for name, c := range map[string]struct {
		rest, shared int
		content      string
	}{
		"many":  {maxShared + 1, maxShared, ""},
		"large": {4, 3, string(make([]byte, maxSharedBytes/3))},
	} {
		t.Run(name, func(t *testing.T) {
			g, s := newSharers()
			first := puts(g, 0, maxSharing, c.content)
			for range maxSharing {
				require.Len(t, <-s.asked, 1, "nobody waits while there is room")
			}
			rest := puts(g, maxSharing, maxSharing+c.rest, c.content)
			g.await(c.rest)
			s.answer <- nil
			require.Len(t, <-s.asked, c.shared)
			s.answer <- nil
			require.Len(t, <-s.asked, 1)
			for range maxSharing {
				s.answer <- nil
			}
			for _, err := range append(first(), rest()...) {
				assert.NoError(t, err)
			}
			assert.Empty(t, g.lanes)
		})
	}
}

func TestASharedStatementThatPanicsIsTold(t *testing.T) {
	g, s := newSharers()
	first := puts(g, 0, maxSharing, "")
	for range maxSharing {
		<-s.asked
	}
	rest := puts(g, maxSharing, maxSharing+3, "")
	g.await(3)
	s.answer <- nil
	<-s.asked
	for range maxSharing {
		s.answer <- errors.New("panic")
	}
	first()
	told := 0
	for _, err := range rest() {
		if errors.Is(err, errBrokenOff) {
			told++
		}
	}
	assert.Equal(t, 2, told, "besides the one that panics")
	assert.Empty(t, g.lanes, "a panic gives the turn back")
}

func TestASlowStatementLetsOthersBegin(t *testing.T) {
	g, s := newSharers()
	g.slow = time.Nanosecond
	all := puts(g, 0, 3*maxSharing, "")
	for asked := 0; asked < 3*maxSharing; {
		asked += len(<-s.asked)
	}
	close(s.answer)
	for _, err := range all() {
		assert.NoError(t, err)
	}
	assert.Empty(t, g.lanes)
}
