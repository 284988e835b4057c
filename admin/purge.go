package admin

import (
	"context"
	"fmt"
	"time"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// Purge says what is to be removed for good.
type Purge struct {
	ResourceType string `json:"resourceType"`
	Before       string `json:"before"`
}

func (in Purge) check() (before time.Time, err error) {
	if in.ResourceType == "AuditEvent" {
		return before, outcome.New(outcome.Invalid, "AuditEvents cannot be purged: each seals the one before, and admit audit verify would find the gap").
			At("resourceType")
	}
	var f outcome.Fields
	before, err = time.Parse(time.RFC3339, in.Before)
	f.Check(in.ResourceType == "Login", "resourceType", "Invalid resource type")
	f.Check(err == nil, "before", "Invalid before date")
	return before, f.Err()
}

// Purge removes the Logins of everybody that had ended before an instant. One that is live stays, however
// late the instant.
//
// Errors: outcome Forbidden, Invalid.
func (s *Service) Purge(ctx context.Context, who caller.Caller, in Purge) error {
	if err := s.mustBeSuper(ctx, who, audit.SessionsPurge); err != nil {
		return err
	}
	before, err := in.check()
	if err != nil {
		return err
	}
	return s.Repo.System("purge logins that have ended", who.Project).InTx(ctx, func(tx *repo.Tx) error {
		n, err := tx.Store().PurgeLogins(ctx, store.At(before))
		if err != nil {
			return err
		}
		e := event(who, who.Project, audit.SessionsPurge)
		e.Description = fmt.Sprintf("%d ended before %s", n, before.UTC().Format(time.RFC3339))
		return audit.Record(ctx, tx.Store(), e)
	})
}
