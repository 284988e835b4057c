package web

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/admitdev/admit/pkg/clock"
)

// Shared keeps counts for all processes; *store.Store implements it.
type Shared interface {
	// CountUpAll adds to what is counted in the window that begins at starts, and says what it comes to.
	CountUpAll(ctx context.Context, starts time.Time, window time.Duration, add map[string]int) (map[string]int, error)
}

// Counter counts per minute of the clock, at once for this process and, where Run is running, twice a
// second for all of them: a request costs no round trip. So what N processes let through together
// exceeds a limit by at most what the other N-1 have admitted within the last half second. A new
// minute begins with an empty map, so memory is bounded by the keys seen in one minute.
type Counter struct {
	clock  clock.Clock
	mu     sync.Mutex
	minute time.Time
	counts map[string]*tally
}

// tally is what all processes have counted, as far as is known, and what is not known to them yet.
type tally struct{ settled, pending int }

// settleEvery is how long a count stays unknown to other processes.
const settleEvery = 500 * time.Millisecond

// NewCounter makes a Counter.
func NewCounter(c clock.Clock) *Counter { return &Counter{clock: c} }

// Add counts n for key and returns the count with the seconds until it starts again.
func (c *Counter) Add(key string, n int) (count, reset int) {
	now := c.clock.Now()
	minute := now.Truncate(time.Minute)
	c.mu.Lock()
	defer c.mu.Unlock()
	if !minute.Equal(c.minute) || c.counts == nil {
		c.minute, c.counts = minute, map[string]*tally{}
	}
	t := c.counts[key]
	if t == nil {
		t = &tally{}
		c.counts[key] = t
	}
	t.pending += n
	return t.settled + t.pending, int(minute.Add(time.Minute).Sub(now)/time.Second) + 1
}

// Run settles until ctx ends.
func (c *Counter) Run(ctx context.Context, with Shared, log *slog.Logger) {
	ticker := time.NewTicker(settleEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := c.settle(ctx, with); err != nil && ctx.Err() == nil {
			log.WarnContext(ctx, "limits are not shared", "error", err)
		}
	}
}

// settle tells the other processes what this one has counted, and learns what they have. What a minute
// had counted when it ended is of no use any more.
func (c *Counter) settle(ctx context.Context, with Shared) error {
	c.mu.Lock()
	minute, add := c.minute, map[string]int{}
	for key, t := range c.counts {
		if t.pending != 0 {
			add[key] = t.pending
		}
	}
	c.mu.Unlock()
	if len(add) == 0 {
		return nil
	}
	totals, err := with.CountUpAll(ctx, minute, time.Minute, add)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !minute.Equal(c.minute) {
		return nil
	}
	for key, total := range totals {
		t := c.counts[key]
		t.settled, t.pending = total, t.pending-add[key]
	}
	return nil
}
