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
	kept, err := s.Store.RefreshToken(ctx, hash)
	if err != nil {
		return tokens{}, notFoundIs(err, "Invalid refresh token")
	}
	login, err := s.Store.Login(ctx, kept.Login)
	if err != nil || login.ID != claims.LoginID {
		return tokens{}, notFoundIs(errors.Join(err, mismatch(login.ID == claims.LoginID)), "Invalid refresh token")
	}
	if err := s.refreshClient(ctx, r, login); err != nil {
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
	of, err := s.sessionOf(ctx, login)
	if err == nil {
		err = s.mayComeFrom(ctx, of.member, r.address)
	}
	if err != nil {
		return tokens{}, err
	}
	return s.rotate(ctx, of, hash)
}

// mismatch is a login that is not the token's.
func mismatch(same bool) error {
	if same {
		return nil
	}
	return store.ErrNotFound
}

// refreshClient holds a refresh to the client that the tokens were given to, and what it shows
// itself with to be right.
func (s *Server) refreshClient(ctx context.Context, r grantRequest, login store.Login) error {
	named := r.presented.id != "" || r.presented.secret != ""
	if named && (r.presented.id != login.Client || login.Client == "") {
		return refuse(invalidRequest, "Incorrect client")
	}
	if login.Client == "" {
		return nil
	}
	client, err := s.client(ctx, login.Client, "Invalid client")
	switch {
	case err != nil:
		return err
	case !r.presented.proves():
		return s.mayGoUnproven(client)
	}
	return s.authenticate(ctx, client, r.presented, "Incorrect client secret")
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
	var fresh, live bool
	err = s.Store.InTx(ctx, func(tx *store.Tx) (err error) {
		if fresh, err = tx.UseRefreshToken(ctx, hash); err != nil || !fresh {
			return err
		}
		if live, err = tx.ExtendLogin(ctx, of.login.ID, of.login.KeyThumbprint, store.At(of.now.Add(of.lasts()))); err != nil || !live {
			return err
		}
		return s.keepRefreshToken(ctx, tx, of)
	})
	switch {
	case err != nil:
		return tokens{}, err
	case !fresh:
		return tokens{}, s.reused(ctx, of.login.ID)
	case !live:
		return tokens{}, refuse(invalidGrant, "Token revoked")
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
