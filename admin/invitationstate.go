package admin

import (
	"context"
	"slices"

	"github.com/admitdev/admit/fhir/medplum"
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
	members, err := tx.Owners(ctx, store.SystemProject, repo.KeyUserMembership, medplum.TypeUser+"/"+request.User+"/", maxMemberships)
	if err != nil {
		return err
	}
	var projects []string
	for _, member := range members {
		if !slices.Contains(projects, member.Project) {
			projects = append(projects, member.Project)
		}
	}
	for _, project := range projects {
		if err := tx.MoveInvitationOf(ctx, project, request.ID, state); err != nil {
			return err
		}
	}
	return nil
}
