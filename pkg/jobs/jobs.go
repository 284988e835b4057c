package jobs

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/riverqueue/river"

	"github.com/admitdev/admit/pkg/store"
)

// Args is what one job is to do; it is kept as JSON, so it holds ids, never secrets. Kind must
// not change while jobs of it may be waiting.
type Args interface{ Kind() string }

// Worker does the work of one kind of job; Work makes one.
type Worker interface {
	add(*river.Workers, *leases) error
	// queue is the queue of the jobs of a kind.
	queue() (kind, queue string)
}

// Work makes the worker of the jobs of type A. An error has the job tried again; Cancel(err)
// gives it up.
func Work[A Args](work func(ctx context.Context, args A) error) Worker { return worker[A]{work: work} }

// WorkFor is Work for jobs that may take as long as limit. They have a queue of their own, in which no other
// job waits for them.
func WorkFor[A Args](limit time.Duration, work func(ctx context.Context, args A) error) Worker {
	return worker[A]{work: work, limit: limit}
}

// Cancel marks a failure that no later try can mend.
func Cancel(err error) error { return river.JobCancel(err) }

type worker[A Args] struct {
	river.WorkerDefaults[A]
	work   func(context.Context, A) error
	limit  time.Duration // zero for that of all jobs
	leases *leases
}

func (w worker[A]) queue() (kind, queue string) {
	var args A
	if w.limit == 0 {
		return args.Kind(), river.QueueDefault
	}
	return args.Kind(), longQueue
}

func (w worker[A]) add(workers *river.Workers, l *leases) error {
	w.leases = l
	return river.AddWorkerSafely(workers, w)
}

// Timeout implements river.Worker: none, because River would not rescue a job before it is over. Work
// sees to the limit.
func (w worker[A]) Timeout(*river.Job[A]) time.Duration { return -1 }

// Work implements river.Worker.
func (w worker[A]) Work(ctx context.Context, job *river.Job[A]) error {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(w.limit, jobTimeout))
	defer cancel()
	ctx, release := w.leases.hold(ctx, job.JobRow)
	defer release()
	return w.work(ctx, job.Args)
}

// How River works for us.
const (
	workers      = 8
	longWorkers  = 4
	longQueue    = "long"
	pollInterval = time.Second           // for jobs that other processes queued
	cooldown     = 10 * time.Millisecond // the least time between two fetches
	jobTimeout   = time.Minute
	maxAttempts  = 14 // River waits attempt^4 seconds: about a day in all
)

// Client queues jobs and, once started, runs them.
type Client struct {
	river    *river.Client[*sql.Tx]
	listener *listener
	leases   *leases
	queues   map[string]string // of kinds
}

// Option changes how a client works.
type Option func(*river.Config)

// RetryAfter replaces the growing pauses between the tries of a job.
func RetryAfter(pause func(attempt int) time.Duration) Option {
	return func(c *river.Config) { c.RetryPolicy = retryPolicy(pause) }
}

// Log has River log there.
func Log(log *slog.Logger) Option { return func(c *river.Config) { c.Logger = log } }

// New makes a client of the store's job tables. A job whose kind no worker knows is refused when
// it is queued, unless there are no workers at all: then the client only queues.
func New(s *store.Store, all []Worker, options ...Option) (*Client, error) {
	config := &river.Config{
		FetchPollInterval: pollInterval, FetchCooldown: cooldown, JobTimeout: -1, RescueStuckJobsAfter: leaseTime, MaxAttempts: maxAttempts,
		Logger: slog.New(slog.DiscardHandler),
	}
	l := newListener()
	rows := driver{s.JobDriver(), l}
	held := &leases{rows: rows.GetExecutor(), beat: leaseTime / 4}
	queues := map[string]string{}
	if len(all) > 0 {
		config.Workers = river.NewWorkers()
		config.Queues = map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: workers}, longQueue: {MaxWorkers: longWorkers}}
		for _, w := range all {
			if err := w.add(config.Workers, held); err != nil {
				return nil, fmt.Errorf("jobs: %w", err)
			}
			kind, queue := w.queue()
			queues[kind] = queue
		}
	}
	for _, option := range options {
		option(config)
	}
	held.log = config.Logger
	client, err := river.NewClient(rows, config)
	if err != nil {
		return nil, fmt.Errorf("jobs: %w", err)
	}
	return &Client{river: client, listener: l, leases: held, queues: queues}, nil
}

// Start runs jobs until Stop, or until ctx is cancelled.
func (c *Client) Start(ctx context.Context) error {
	if err := c.river.Start(ctx); err != nil {
		return fmt.Errorf("start jobs: %w", err)
	}
	return nil
}

// Stop fetches no more jobs and waits for those that run. When ctx ends first they are cancelled,
// to be tried again by the next process.
func (c *Client) Stop(ctx context.Context) error {
	err := c.river.Stop(ctx)
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		cancelled, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		err = c.river.StopAndCancel(cancelled)
	}
	if err != nil {
		return fmt.Errorf("stop jobs: %w", err)
	}
	return nil
}

// Enqueue queues a job in the transaction; the work begins once that is committed.
func (c *Client) Enqueue(ctx context.Context, tx *store.Tx, args Args) error {
	return c.EnqueueAt(ctx, tx, args, time.Time{})
}

// EnqueueAt is Enqueue with the time before which the work must not begin.
func (c *Client) EnqueueAt(ctx context.Context, tx *store.Tx, args Args, at time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	queue := cmp.Or(c.queues[args.Kind()], river.QueueDefault)
	within, err := tx.SQL(ctx)
	if err != nil {
		return fmt.Errorf("queue job %s: %w", args.Kind(), err)
	}
	// Cancelling a statement would roll back others' writes on SQLite; this one is short.
	if _, err := c.river.InsertTx(context.WithoutCancel(ctx), within, args, &river.InsertOpts{ScheduledAt: at, Queue: queue}); err != nil {
		return fmt.Errorf("queue job %s: %w", args.Kind(), err)
	}
	tx.AfterCommit(func() { c.listener.inserted(queue) })
	return nil
}
