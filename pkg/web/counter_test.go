package web_test

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/pkg/store/storetest"
	"github.com/admitdev/admit/pkg/web"
)

// standing is a clock whose minute does not end within a test.
type standing struct{ time.Time }

func (s standing) Now() time.Time { return s.Time }
func (standing) NewID() string    { return "" }

func TestProcessesShareTheirCounts(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		defer running.Wait()
		defer stop()
		clock := standing{time.Now().Truncate(time.Minute)}
		var processes [3]*web.Counter
		for i := range processes {
			processes[i] = web.NewCounter(clock)
			s := storetest.Open(t, db)
			running.Go(func() { processes[i].Run(ctx, s, slog.New(slog.NewTextHandler(io.Discard, nil))) })
		}
		for i, p := range processes {
			count, reset := p.Add("key", 1000*(i+1))
			assert.Equal(t, 1000*(i+1), count, "what it has counted itself it knows at once")
			assert.Equal(t, 61, reset)
			p.Add("another", 1)
		}
		for _, p := range processes {
			require.Eventually(t, func() bool {
				count, _ := p.Add("key", 1)
				return count >= 6000
			}, 10*time.Second, 50*time.Millisecond)
		}
	})
}
