package audit

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/store"
)

// Notes records what changed nothing, reads and refusals: in groups, beside the request that it is
// about. A request waits only while the journal cannot keep up; no note is dropped, and refusals beyond
// maxRefusals are counted.
type Notes struct {
	server Server
	store  *store.Store
	clock  clock.Clock
	log    *slog.Logger
	queue  chan store.AuditEvent

	refusals refusals
}

const (
	maxWaiting = 4096
	noteEvery  = 100 * time.Millisecond
)

// NewNotes makes Notes; nothing is written before Run.
func NewNotes(server Server, s *store.Store, c clock.Clock, log *slog.Logger) *Notes {
	return &Notes{server: server, store: s, clock: c, log: log, queue: make(chan store.AuditEvent, maxWaiting)}
}

// Row is the record of a write, to be written with it.
func (n *Notes) Row(a Access) (*store.AuditEvent, error) {
	row, err := n.server.Row(a, n.clock.NewID(), n.clock.Now())
	return &row, err
}

// Note takes down an access that changed nothing. After ctx has ended it is lost.
func (n *Notes) Note(ctx context.Context, a Access) {
	if n.counts(a) {
		return
	}
	row, err := n.Row(a)
	if err != nil {
		n.log.ErrorContext(ctx, "access was not recorded", "error", err)
		return
	}
	select {
	case n.queue <- *row:
	default:
		select {
		case n.queue <- *row:
		case <-ctx.Done():
			n.log.ErrorContext(ctx, "access was not recorded", "error", ctx.Err())
		}
	}
}

// Run writes until ctx ends, then what still waits.
func (n *Notes) Run(ctx context.Context) {
	ticker := time.NewTicker(noteEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			n.flush(context.WithoutCancel(ctx))
			n.settle(context.WithoutCancel(ctx), n.clock.Now().Add(time.Minute))
			return
		case <-ticker.C:
			n.flush(ctx)
			n.settle(ctx, n.clock.Now())
		}
	}
}

// flush writes what waits. What the database does not take goes to the log.
func (n *Notes) flush(ctx context.Context) {
	for {
		group := n.take()
		if len(group) == 0 {
			return
		}
		if !n.write(ctx, group) {
			return
		}
	}
}

// settle writes what stands for the refusals of minutes that are over at a time.
func (n *Notes) settle(ctx context.Context, at time.Time) {
	rows, err := n.refusals.over(at)
	if err != nil {
		n.log.ErrorContext(ctx, "refusals were not recorded", "error", err)
	}
	for group := range slices.Chunk(rows, together) {
		n.write(ctx, group)
	}
}

func (n *Notes) write(ctx context.Context, group []store.AuditEvent) bool {
	err := n.store.AddAudits(ctx, group)
	if err != nil {
		for _, e := range group {
			n.log.ErrorContext(ctx, "access was not recorded", "error", err, "event", e.Content)
		}
	}
	return err == nil
}

func (n *Notes) take() []store.AuditEvent {
	var group []store.AuditEvent
	for len(group) < together {
		select {
		case e := <-n.queue:
			group = append(group, e)
		default:
			return group
		}
	}
	return group
}
