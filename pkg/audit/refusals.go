package audit

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/admitdev/admit/pkg/store"
)

// maxRefusals is how many refusals of one caller within a minute are recorded one by one. The journal must
// not be somebody's to fill: of what comes beyond, the last is recorded when the minute is over, with how
// many they were. The log has them all.
const maxRefusals = 20

// refusals are those of the running minute, by caller.
type refusals struct {
	mu      sync.Mutex
	minute  time.Time
	callers map[string]*refused
	ended   []*refused // of minutes that are over
}

type refused struct {
	times int
	// record is the last one, which stands for so many.
	record func(times int) (store.AuditEvent, error)
}

// admits says whether a refusal is to be recorded by itself.
func (r *refusals) admits(caller string, now time.Time, record func(times int) (store.AuditEvent, error)) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.end(now.Truncate(time.Minute))
	c := r.callers[caller]
	if c == nil {
		c = &refused{}
		r.callers[caller] = c
	}
	c.times++
	if c.times <= maxRefusals {
		return true
	}
	c.record = record
	return false
}

// end begins a minute, if it is another than the one that runs.
func (r *refusals) end(minute time.Time) {
	if minute.Equal(r.minute) && r.callers != nil {
		return
	}
	for _, c := range r.callers {
		if c.record != nil {
			r.ended = append(r.ended, c)
		}
	}
	r.minute, r.callers = minute, map[string]*refused{}
}

// over are the records of the minutes that are over at a time.
func (r *refusals) over(now time.Time) (rows []store.AuditEvent, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.end(now.Truncate(time.Minute))
	ended := r.ended
	r.ended = nil
	for _, c := range ended {
		row, err := c.record(c.times - maxRefusals)
		if err != nil {
			return rows, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// oneOf says in a reason for how many refusals it stands.
func oneOf(reason string, times int) string {
	return fmt.Sprintf("%s (the last of %d further refusals within a minute)", reason, times)
}

// Refuse records that something was refused that changed nothing, at once; of a caller who is refused over
// and over it is counted.
func (n *Notes) Refuse(ctx context.Context, e Event) error {
	at := n.clock.Now()
	last := func(times int) (store.AuditEvent, error) {
		e.Description = oneOf(e.Description, times)
		return e.resource(at).row(e.Project, n.clock.NewID(), at)
	}
	if !n.refusals.admits(e.Project+" "+e.Agent, at, last) {
		return nil
	}
	return RecordAlone(ctx, n.store, e)
}

// counts says whether a note is only counted: one of the many refusals of a caller.
func (n *Notes) counts(a Access) bool {
	if a.Refusal == "" {
		return false
	}
	at := n.clock.Now()
	last := func(times int) (store.AuditEvent, error) {
		a.Refusal = oneOf(a.Refusal, times)
		return n.server.Row(a, n.clock.NewID(), at)
	}
	return !n.refusals.admits(a.Project+" "+a.User+" "+a.Client, at, last)
}
