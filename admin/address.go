package admin

import (
	"context"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/pkg/oauth"
	"github.com/admitdev/admit/pkg/outcome"
)

// LetsIn implements oauth.Addresses: it says whether the policies of a membership let it in from an address.
func (s *SignIn) LetsIn(ctx context.Context, member oauth.Membership, address string) (bool, error) {
	_, err := s.Entrance.Enter(ctx, caller.Claims{Project: member.Project, Membership: member.ID}, "", address)
	if outcome.Has(err, outcome.Forbidden) {
		return false, nil
	}
	return err == nil, err
}

// mayComeFrom refuses a membership to somebody who has shown who they are, and comes from an address that
// its policies keep out (contract §5.7). Nobody else learns that they do.
//
// Errors: outcome Invalid.
func (s *SignIn) mayComeFrom(ctx context.Context, project, membership string, from Device) error {
	ok, err := s.LetsIn(ctx, oauth.Membership{Project: project, ID: membership}, from.Address)
	if err == nil && !ok {
		err = outcome.New(outcome.Invalid, "IP address not allowed")
	}
	return err
}
