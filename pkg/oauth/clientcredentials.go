package oauth

import (
	"context"
	"errors"

	"github.com/admitdev/admit/pkg/secret"
	"github.com/admitdev/admit/pkg/store"
)

// defaultScope is the scope of whoever asks for none.
const defaultScope = "openid"

// clientCredentials is RFC 6749 §4.4. It gives no refresh token.
func (s *Server) clientCredentials(ctx context.Context, r grantRequest) (tokens, error) {
	client, err := s.provenClient(ctx, r.presented)
	if err != nil {
		return tokens{}, err
	}
	scope := r.form.Get("scope")
	switch {
	case scope == "":
		scope = defaultScope
	case !ValidScope(scope):
		return tokens{}, refuse(invalidScope, "Invalid scope")
	}
	member, err := s.clientMember(ctx, client)
	if err == nil {
		err = s.mayComeFrom(ctx, member, r.address)
	}
	if err != nil {
		return tokens{}, err
	}
	now := s.Clock.Now()
	of := session{client: client, member: member, now: now}
	of.login = store.Login{
		ID: secret.ID(), UserProject: client.Project, UserType: typeClient, UserID: client.ID, Client: client.ID,
		MembershipProject: member.Project, Membership: member.ID, AuthMethod: "client", AuthTime: store.At(now), Scope: scope,
		Granted: true, RemoteAddress: r.address, UserAgent: r.agent, KeyThumbprint: r.key, ExpiresAt: store.At(now.Add(of.accessLasts())),
	}
	made, err := s.issue(ctx, of)
	if err != nil {
		return tokens{}, err
	}
	return made, s.Store.InTx(ctx, func(tx *store.Tx) error {
		if err := tx.AddLogin(ctx, of.login); err != nil {
			return err
		}
		return recordClient(ctx, tx, of.login)
	})
}

// clientMember is the active membership of a client; one without gets nothing.
func (s *Server) clientMember(ctx context.Context, client Client) (Membership, error) {
	member, err := s.Directory.ClientMembership(ctx, client)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return Membership{}, refuse(invalidRequest, "Invalid client")
	case err != nil:
		return Membership{}, err
	case !member.Active:
		return Membership{}, refuse(invalidRequest, "Invalid client")
	}
	return member, nil
}
