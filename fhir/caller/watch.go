package caller

import (
	"context"
	"errors"
	"time"

	"github.com/admitdev/admit/pkg/store"
)

const (
	// pollEvery is how long a change made by another process may go unnoticed.
	pollEvery = 400 * time.Millisecond
	// overlap is how far each poll looks back: a change is stamped before its transaction commits,
	// by a clock that may differ from ours.
	overlap = time.Minute
	// keepFor is how long changes are kept.
	keepFor = 10 * time.Minute
)

// Changes is the list of what processes may have cached; *store.Store implements it.
type Changes interface {
	// Changes lists the changes stamped at or after since.
	Changes(ctx context.Context, since time.Time) ([]store.Change, error)
	// ForgetChanges removes those stamped before.
	ForgetChanges(ctx context.Context, before time.Time) error
	// OnChange calls fn for each change of this process as soon as it is committed.
	OnChange(fn func(store.Change))
}

// Run reads the changes made by other processes until ctx ends. Before its first round nothing is
// served from the cache.
func (r *Resolver) Run(ctx context.Context) error {
	seen := map[string]time.Time{}
	tidied := r.clock.Now()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		if err := r.poll(ctx, seen); err != nil && !errors.Is(err, context.Canceled) {
			r.log.WarnContext(ctx, "changes cannot be read; callers are not cached", "error", err)
			r.hear(store.Change{})
		}
		if now := r.clock.Now(); now.Sub(tidied) > keepFor {
			tidied = now
			if err := r.changes.ForgetChanges(ctx, now.Add(-keepFor)); err != nil {
				r.log.WarnContext(ctx, "old changes cannot be removed", "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// poll drops what changed. seen are the changes known from earlier rounds, by their stamp.
func (r *Resolver) poll(ctx context.Context, seen map[string]time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, trust)
	defer cancel()
	begun := r.clock.Now()
	changes, err := r.changes.Changes(ctx, begun.Add(-overlap))
	if err != nil {
		return err
	}
	for _, change := range changes {
		if _, known := seen[change.ID]; !known {
			seen[change.ID] = change.At
			r.cache.drop(mark{change.Kind, change.Ref})
			r.hear(change)
		}
	}
	for id, at := range seen {
		if begun.Sub(at) > 2*overlap {
			delete(seen, id)
		}
	}
	r.cache.known(begun)
	return nil
}
