package audit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/admitdev/admit/pkg/store"
)

// Files makes resources of records; *repo.Repo implements it.
type Files interface {
	// FileAudit runs fn in a transaction. What fn files becomes resources of the project, whose bytes
	// file gives back in the same order.
	FileAudit(ctx context.Context, project string, fn func(tx *store.Tx, file func([]store.AuditEvent) ([]string, error)) error) error
}

// Sealer takes records out of the journal and lengthens the chains by them.
type Sealer struct {
	Store *store.Store
	Files Files
	Key   Signer
	Log   *slog.Logger
}

const (
	// sealEvery is how long a record waits at most.
	sealEvery = 500 * time.Millisecond
	// together is how many records a transaction seals.
	together = 500
)

// Run seals until ctx ends. What fails is logged and tried again.
func (s *Sealer) Run(ctx context.Context) error {
	ticker := time.NewTicker(sealEvery)
	defer ticker.Stop()
	for {
		if err := s.round(ctx); err != nil && ctx.Err() == nil {
			s.Log.ErrorContext(ctx, "audit records wait to be sealed", "error", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

func (s *Sealer) round(ctx context.Context) error {
	projects, err := s.Store.AuditWaiting(ctx)
	if err != nil {
		return err
	}
	var failed []error
	for _, project := range projects {
		failed = append(failed, s.Seal(ctx, project)) // one project's trouble is not another's
	}
	return errors.Join(failed...)
}

// Seal seals what waits in a project.
func (s *Sealer) Seal(ctx context.Context, project string) error {
	for {
		sealed, err := s.some(ctx, project)
		if err != nil {
			return fmt.Errorf("seal audit records of project %s: %w", project, err)
		}
		if sealed < together {
			return nil
		}
	}
}

// some seals as many as one transaction takes.
func (s *Sealer) some(ctx context.Context, project string) (sealed int, err error) {
	err = s.Files.FileAudit(ctx, project, func(tx *store.Tx, file func([]store.AuditEvent) ([]string, error)) error {
		sealed = 0
		head, err := tx.HoldAuditHead(ctx, project)
		if err != nil {
			return err
		}
		waiting, err := tx.AuditEvents(ctx, project, together)
		if err != nil || len(waiting) == 0 {
			return err
		}
		contents, err := file(waiting)
		if err != nil {
			return err
		}
		links := make([]store.AuditLink, len(waiting))
		for i, e := range waiting {
			links[i] = link(head, project, e.ID, contents[i])
			head.Seq, head.Hash = links[i].Seq, links[i].Hash
		}
		head.Signature = signature(s.Key, project, head)
		sealed = len(waiting)
		return tx.SealAudit(ctx, project, links, head)
	})
	return sealed, err
}
