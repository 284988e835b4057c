package jobs

import (
	"time"

	"github.com/riverqueue/river/rivertype"

	"github.com/admitdev/admit/pkg/clock"
)

// retryPolicy is a pause that depends on the attempt alone. River falls back to its own policy
// when the pause is over before it has asked.
type retryPolicy func(attempt int) time.Duration

// NextRetry implements river.ClientRetryPolicy.
func (p retryPolicy) NextRetry(job *rivertype.JobRow) time.Time {
	return clock.System{}.Now().Add(p(job.Attempt))
}
