package apptest

import (
	"sync/atomic"
	"time"

	"github.com/admitdev/admit/pkg/clock"
)

// Clock is the machine's, which a test sets ahead and stops. Limits count within windows of the clock: who
// tests one stops it, so that no window ends meanwhile.
type Clock struct {
	clock.System
	Ahead time.Duration

	stopped atomic.Pointer[time.Time]
}

// Now implements clock.Clock.
func (c *Clock) Now() time.Time {
	if at := c.stopped.Load(); at != nil {
		return at.Add(c.Ahead)
	}
	return c.System.Now().Add(c.Ahead)
}

// Stop lets no time go by until release is called.
func (c *Clock) Stop() (release func()) {
	now := c.System.Now()
	c.stopped.Store(&now)
	return func() { c.stopped.Store(nil) }
}

// Standing has the server's clock stand still.
func Standing() Option {
	c := &Clock{}
	c.Stop()
	return At(c)
}
