package rest

import (
	"context"
	"sync/atomic"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/fhir/bundle"
	"github.com/admitdev/admit/pkg/outcome"
)

// budget is what a Bundle may still take. What is begun is carried to its end, so that nobody has to
// guess whether a write was done; after that entries are refused.
type budget struct {
	time  context.Context // over when no entry is to be begun any more
	bytes atomic.Int64    // of the answer, left
}

// budget begins that of a request. In the background a job's own time holds.
func (h *Handler) budget(c echo.Context) (*budget, context.CancelFunc) {
	b, stop := &budget{time: c.Request().Context()}, context.CancelFunc(func() {})
	if c.Get(inBackground) == nil {
		b.time, stop = context.WithTimeout(b.time, h.limits.Time)
	}
	b.bytes.Store(h.limits.Answer)
	return b, stop
}

// within carries out an entry if there is something left, and takes off what came of it.
func (b *budget) within(e *bundle.Entry, do func() done) done {
	if err := b.err(); err != nil {
		return done{err: err}
	}
	d := do()
	b.bytes.Add(-max(0, int64(len(d.content)+len(d.resource.Content)-len(e.Resource))))
	return d
}

func (b *budget) err() error {
	switch {
	case b.time.Err() != nil:
		return outcome.New(outcome.TooCostly, "The entries of the Bundle before this one took too long")
	case b.bytes.Load() < 0:
		return outcome.New(outcome.TooCostly, "The answers to the entries of the Bundle before this one are too large")
	}
	return nil
}
