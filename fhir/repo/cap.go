package repo

import (
	"context"
	"sync"
	"time"

	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// countedFor is how long a count of a project's resources is gone by: to count them for each that
// is made would take longer the more there are.
const countedFor = time.Second

// caps are the counts of the projects that may not have any number of resources.
type caps struct {
	mu     sync.Mutex
	counts map[string]*capped
}

type capped struct {
	at    time.Time
	count int
}

// withinCap refuses to make more resources than a caller's project may have (contract §0.5). A process
// knows its own at once, and those of others a second later.
func (a *access) withinCap(ctx context.Context, ref store.Ref) error {
	most := a.who.Quota.Resources
	if most == nil || a.system != "" || ref.Project != a.who.Project {
		return nil
	}
	now, kept := a.now(), &a.repo.caps
	kept.mu.Lock()
	defer kept.mu.Unlock()
	c := kept.counts[ref.Project]
	if c == nil || now.Sub(c.at) > countedFor {
		n, err := a.rows.CountAll(ctx, ref.Project)
		if err != nil {
			return err
		}
		if kept.counts == nil {
			kept.counts = map[string]*capped{}
		}
		c = &capped{now, n}
		kept.counts[ref.Project] = c
	}
	if c.count >= *most {
		return outcome.New(outcome.BusinessRule, "The project has as many resources as it may have (%d)", *most)
	}
	c.count++
	return nil
}
