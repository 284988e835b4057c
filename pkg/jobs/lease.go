package jobs

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"

	"github.com/admitdev/admit/pkg/clock"
)

// leaseTime is how long a process may say nothing of a job that it runs until it is taken for dead.
// River looks for such jobs every half minute, and who looks is settled anew within a quarter.
const leaseTime = time.Minute

// errLost ends the work on a job that others have taken over.
var errLost = errors.New("the job is not this process's any more")

// leases keep the jobs that run from being rescued. River rescues by the time at which an attempt
// began, and knows a job that takes long from one whose process died only by its timeout: so an
// attempt that goes on begins again and again.
type leases struct {
	rows riverdriver.Executor
	beat time.Duration // well below leaseTime
	log  *slog.Logger
}

// hold renews the lease until release. The context ends when the job has been rescued. When that cannot
// be found out the work goes on: what is the matter is likely a database that nobody reaches.
func (l *leases) hold(ctx context.Context, job *rivertype.JobRow) (_ context.Context, release func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(l.beat)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			switch held, err := l.renew(ctx, job); {
			case ctx.Err() != nil:
			case err != nil:
				l.log.WarnContext(ctx, "a job that runs could not say so", "job", job.ID, "kind", job.Kind, "error", err)
			case !held:
				cancel(errLost)
			}
		}
	}()
	return ctx, func() { cancel(nil); <-done }
}

// renew says that the attempt goes on, and finds out whether it is still the one that counts.
func (l *leases) renew(ctx context.Context, job *rivertype.JobRow) (held bool, err error) {
	now := clock.System{}.Now()
	row, err := l.rows.JobUpdateFull(ctx, &riverdriver.JobUpdateFullParams{ID: job.ID, AttemptedAtDoUpdate: true, AttemptedAt: &now})
	if errors.Is(err, rivertype.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return row.State == rivertype.JobStateRunning && row.Attempt == job.Attempt, nil
}
