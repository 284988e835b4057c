package admin

import (
	"context"
	"time"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// Reindex has the index rows of a resource type made again, or of all types when it is "*", and returns
// where to ask how far that is. The intent is on record before it begins.
//
// Errors: outcome Forbidden, Invalid, Structure.
func (s *Service) Reindex(ctx context.Context, who caller.Caller, resourceType string) (status string, err error) {
	if err := s.mustBeSuper(ctx, who, audit.Reindex); err != nil {
		return "", err
	}
	switch resourceType {
	case "":
		return "", outcome.New(outcome.Invalid, "Resource type is required").At("resourceType")
	case "*":
		resourceType = ""
	default:
		if err := repo.KnownType(resourceType); err != nil {
			return "", err
		}
	}
	err = s.Repo.System("record who reindexes", who.Project).InTx(ctx, func(tx *repo.Tx) error {
		return audit.Record(ctx, tx.Store(), event(who, who.Project, audit.Reindex))
	})
	if err != nil {
		return "", err
	}
	task, err := s.Repo.As(who).StartReindex(ctx, resourceType, "")
	return s.BaseURL.JoinPath("fhir/R4/job", task.ID, "status").String(), err
}

// Migration is a migration of the database; Applied is zero while it waits.
type Migration struct {
	Version int64     `json:"version"`
	Name    string    `json:"name"`
	Applied time.Time `json:"applied,omitzero"`
}

// Migrations are those of the database.
//
// Errors: outcome Forbidden.
func (s *Service) Migrations(ctx context.Context, who caller.Caller) ([]Migration, error) {
	if err := s.mustBeSuper(ctx, who, audit.MigrationsRead); err != nil {
		return nil, err
	}
	states, err := s.Store.MigrationStatus(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]Migration, len(states))
	for i, state := range states {
		list[i] = Migration(state)
	}
	return list, s.Store.InTx(ctx, func(tx *store.Tx) error {
		return audit.Record(ctx, tx, event(who, who.Project, audit.MigrationsRead))
	})
}
