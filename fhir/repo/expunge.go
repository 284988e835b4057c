package repo

import (
	"context"

	"github.com/admitdev/admit/fhir/policy"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// Expunge removes a resource as if it had never been: every version, its index rows and its keys.
// What deleting it entails is done first, so what may not be deleted may not be expunged. It is for
// super administrators.
//
// Errors: as Delete's.
func (s *Session) Expunge(ctx context.Context, resourceType, id string) error {
	if !s.everywhere() {
		return outcome.New(outcome.Forbidden, "")
	}
	visible, err := s.writable(policy.Delete, resourceType)
	if err != nil {
		return err
	}
	return refused(s.inTx(ctx, func(a *access) error {
		got, err := a.writeTarget(ctx, resourceType, id, visible)
		if err != nil {
			return err
		}
		if err := a.remove(ctx, resourceType, id, "", visible); err != nil {
			return err
		}
		return a.tx.Purge(ctx, store.Ref{Project: got.Project, Type: resourceType, ID: id})
	}))
}
