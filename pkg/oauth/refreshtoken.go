package oauth

import (
	"context"
	"errors"

	"github.com/admitdev/admit/pkg/secret"
	"github.com/admitdev/admit/pkg/store"
)

// refreshToken is RFC 6749 §6 with rotation: each refresh token gives one successor. One that comes
// again was stolen, or its successor was; the login ends (RFC 9700 §4.14.2).
func (s *Server) refreshToken(ctx context.Context, r grantRequest) (tokens, error) {
	claims, err := s.refresh(ctx, r.form.Get("refresh_token"))
	if errors.Is(err, errToken) {
		return tokens{}, refuse(invalidRequest, "Invalid refresh token")
	} else if err != nil {
		return tokens{}, err
	}
	hash := secret.SHA256(claims.Secret)
	kept, login, err := s.Store.RefreshTokenLogin(ctx, hash)
	if err == nil && login.ID != claims.LoginID {
		err = store.ErrNotFound
	}
	if err != nil {
		return tokens{}, notFoundIs(err, "Invalid refresh token")
	}
	client, err := s.refreshClient(ctx, r, login)
	if err != nil {
		return tokens{}, err
	}
	switch {
	case login.Revoked:
		return tokens{}, refuse(invalidGrant, "Token revoked")
	case kept.Used:
		return tokens{}, s.reused(ctx, login.ID)
	}
	if login.KeyThumbprint, err = rebind(login, r.key); err != nil {
		return tokens{}, err
	}
	of, err := s.sessionOf(ctx, login, client)
	if err == nil {
		err = s.mayComeFrom(ctx, of.member, r.address)
	}
	if err != nil {
		return tokens{}, err
	}
	return s.rotate(ctx, of, hash)
}

// refreshClient holds a refresh to the client that the tokens were given to, and what it shows
// itself with to be right.
func (s *Server) refreshClient(ctx context.Context, r grantRequest, login store.Login) (Client, error) {
	named := r.presented.id != "" || r.presented.secret != ""
	if named && (r.presented.id != login.Client || login.Client == "") {
		return Client{}, refuse(invalidRequest, "Incorrect client")
	}
	client, err := s.clientOf(ctx, login)
	switch {
	case err != nil || login.Client == "":
		return client, err
	case !r.presented.proves():
		return client, s.mayGoUnproven(client)
	}
	return client, s.authenticate(ctx, client, r.presented, "Incorrect client secret")
}

// rotate uses a refresh token up for new tokens. Of many that try at once one succeeds.
func (s *Server) rotate(ctx context.Context, of session, hash string) (tokens, error) {
	if of.refreshSecret == "" {
		return tokens{}, refuse(invalidGrant, "Token revoked") // the project became a super-admin one
	}
	if of.now.Sub(of.login.AuthTime.Time) > max(sessionLifetime, of.refreshLasts()) {
		return tokens{}, refuse(invalidGrant, "The session is too old: sign in again")
	}
	made, err := s.issue(ctx, of)
	if err != nil {
		return tokens{}, err
	}
	err = s.Store.InTx(ctx, func(tx *store.Tx) error {
		if err := tx.UseRefreshToken(ctx, hash); err != nil {
			return err
		}
		if err := tx.ExtendLogin(ctx, of.login.ID, of.login.KeyThumbprint, store.At(of.now.Add(of.lasts()))); err != nil {
			return err
		}
		return s.keepRefreshToken(ctx, tx, of)
	})
	switch {
	case errors.Is(err, store.ErrChanged): // by another refresh with the token, or by the end of the session
		return tokens{}, s.reused(ctx, of.login.ID)
	case err != nil:
		return tokens{}, err
	}
	return made, nil
}

// reused ends a login whose refresh token came twice.
func (s *Server) reused(ctx context.Context, login string) error {
	if err := s.revokeLogin(ctx, login); err != nil {
		return err
	}
	return refuse(invalidRequest, "Invalid token")
}
