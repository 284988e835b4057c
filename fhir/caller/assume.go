package caller

import (
	"context"
	"time"

	"github.com/admitdev/admit/fhir/medplum"
)

// Assumed is how a membership is looked at that calls nothing now.
type Assumed struct {
	Scope string    // of the token; empty: none
	At    time.Time // whose access entries hold
	// Unlimited has all access entries hold, whatever their periods say.
	Unlimited bool
}

// Assume is the Caller that an active membership would be. It is for explaining what a member may do,
// and is never let do anything.
//
// Errors: as Resolve's.
func (r *Resolver) Assume(ctx context.Context, m medplum.ProjectMembership, as Assumed) (Caller, error) {
	l := &loading{Resolver: r, now: as.At, unlimited: as.Unlimited}
	_, project := m.Project.Split()
	return l.caller(ctx, Claims{Project: project, Membership: m.ID, Scope: as.Scope})
}
