package admin

import (
	"context"

	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/store"
)

// acceptInvitation marks the invitation whose link was used.
func acceptInvitation(ctx context.Context, tx *repo.Tx, request store.SecurityRequest) error {
	return moveInvitation(ctx, tx.Store(), request, store.InvitationAccepted)
}

// openInvitation marks the invitation whose link was looked at. Mail scanners do that too, so it
// means no more than that the link arrived.
func (s *Service) openInvitation(ctx context.Context, request store.SecurityRequest) error {
	return s.Store.InTx(ctx, func(tx *store.Tx) error {
		return moveInvitation(ctx, tx, request, store.InvitationOpened)
	})
}

// moveInvitation looks in the projects of the User: the request of a server-scoped one does not say
// which of them it was made for.
func moveInvitation(ctx context.Context, tx *store.Tx, request store.SecurityRequest, state store.InvitationState) error {
	projects, err := projectsOf(ctx, tx, request.User)
	if err != nil {
		return err
	}
	for _, project := range projects {
		if err := tx.MoveInvitationOf(ctx, project, request.ID, state); err != nil {
			return err
		}
	}
	return nil
}
