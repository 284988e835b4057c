package admin

import (
	"context"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/secret"
	"github.com/admitdev/admit/pkg/store"
)

// ClientSecrets keeps the secrets of clients; oauth.ClientSecrets implements it.
type ClientSecrets interface {
	SetClientSecret(ctx context.Context, tx *store.Tx, project, client, secret string) error
	// SetRetiringSecret keeps a former secret good for getting tokens; empty ends that.
	SetRetiringSecret(ctx context.Context, tx *store.Tx, project, client, secret string) error
	ClientSecrets(ctx context.Context, tx *store.Tx, project, client string) (current, retiring string, err error)
}

// RotateSecret replaces the secret of a client, which must be named as it is now; the old one is retiring from
// then on. Or it ends a retiring secret (contract §1.3).
//
// Errors: outcome Forbidden, NotFound, Gone, Invalid.
func (s *Service) RotateSecret(ctx context.Context, who caller.Caller, id, current, retiring string) (store.Resource, error) {
	project := who.Project
	if who.SuperAdmin {
		if ref, err := s.Store.Owner(ctx, store.Key{Scope: store.SystemProject, Kind: medplum.TypeClientApplication, Value: id}); err == nil {
			project = ref.Project
		}
	}
	if err := s.mayAdminister(ctx, who, project, audit.SecretRotate); err != nil {
		return store.Resource{}, err
	}
	switch {
	case current == "" && retiring == "":
		return store.Resource{}, outcome.New(outcome.Invalid, "Secret to rotate must be provided")
	case current != "" && retiring != "":
		return store.Resource{}, outcome.New(outcome.Invalid, "Only one secret can be rotated at a time")
	}
	var made store.Resource
	err := s.Repo.System("rotate the secret of a client", project).InTx(ctx, func(tx *repo.Tx) (err error) {
		if err = s.rotateSecret(ctx, tx, who, store.Ref{Project: project, Type: medplum.TypeClientApplication, ID: id}, current, retiring); err != nil {
			return err
		}
		who.Extended = true
		made, err = tx.As(who).Read(ctx, medplum.TypeClientApplication, id)
		return err
	})
	return made, err
}

func (s *Service) rotateSecret(ctx context.Context, tx *repo.Tx, who caller.Caller, ref store.Ref, current, retiring string) error {
	rows := tx.Store()
	if _, err := tx.System("find the client whose secret is rotated", ref.Project).Read(ctx, ref.Type, ref.ID); err != nil {
		return err
	}
	if _, err := rows.Hold(ctx, ref); err != nil { // two that rotate at once take turns, and the second one's secret is not it
		return err
	}
	kept, former, err := s.ClientSecrets.ClientSecrets(ctx, rows, ref.Project, ref.ID)
	switch {
	case err != nil:
		return err
	case current != "" && kept != "" && secret.Equal(current, kept):
		err = s.ClientSecrets.SetClientSecret(ctx, rows, ref.Project, ref.ID, secret.Token(clientSecretBytes))
		if err == nil {
			err = s.ClientSecrets.SetRetiringSecret(ctx, rows, ref.Project, ref.ID, kept)
		}
	case retiring != "" && former != "" && secret.Equal(retiring, former):
		err = s.ClientSecrets.SetRetiringSecret(ctx, rows, ref.Project, ref.ID, "")
	default:
		return outcome.New(outcome.Invalid, "Provided secret does not match client")
	}
	if err != nil {
		return err
	}
	if err := rows.Announce(ctx, ref.Type, ref.ID); err != nil {
		return err
	}
	return audit.Record(ctx, rows, event(who, ref.Project, audit.SecretRotate, ref.Type+"/"+ref.ID))
}
