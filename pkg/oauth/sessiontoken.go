package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// useRenewal is a token that gives access tokens of one session, as often as it is shown, until the
// session ends. It is for clients that keep the one refresh token that they were given (the iCure
// dialect); at the token endpoint it is worth nothing.
const useRenewal = "renewal"

// SessionTokens are what a client holds of a session of a dialect.
type SessionTokens struct{ Access, Renewal string }

type renewalClaims struct {
	registered
	Class int `json:"tac,omitempty"`
}

// SignSession makes the tokens of a granted login. class is what they say of how it was proven, in the
// dialect's own numbers; profile what the access token says of the membership's profile.
func (s *Server) SignSession(ctx context.Context, login store.Login, profile string, class int) (SessionTokens, error) {
	now := s.Clock.Now()
	left := login.ExpiresAt.Sub(now).Truncate(time.Second)
	signed, err := s.keys.sign(ctx,
		accessClaims{
			registered: s.register(useAccess, s.issuer, login.Client, login.ID, now, min(accessLifetime, left)),
			Subject:    login.UserID, Username: login.UserID, Scope: login.Scope, Profile: profile, Class: class,
		},
		renewalClaims{s.register(useRenewal, s.issuer, login.Client, login.ID, now, left), class})
	if err != nil {
		return SessionTokens{}, err
	}
	return SessionTokens{signed[0], signed[1]}, nil
}

// Renewal is the login that a renewal token belongs to. Whether it is live is for the caller to see.
//
// Errors: outcome Unauthorized for any other token.
func (s *Server) Renewal(ctx context.Context, token string) (login string, err error) {
	payload, err := s.keys.verify(ctx, token)
	var claims renewalClaims
	if err == nil && (json.Unmarshal(payload, &claims) != nil || !claims.valid(s.issuer, useRenewal, s.Clock.Now())) {
		err = errToken
	}
	if errors.Is(err, errToken) {
		return "", outcome.New(outcome.Unauthorized, "")
	}
	return claims.LoginID, err
}
