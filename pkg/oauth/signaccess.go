package oauth

import (
	"context"
	"time"

	"github.com/admitdev/admit/pkg/store"
)

// SignAccess makes the access token of a login for which somebody else vouches, good for as long as
// the login lasts. profile is what it says of the membership's profile. There is no refresh token.
func (s *Server) SignAccess(ctx context.Context, login store.Login, profile string) (string, error) {
	now := s.Clock.Now()
	signed, err := s.keys.sign(ctx, accessClaims{
		registered: s.register(useAccess, s.issuer, login.Client, login.ID, now, login.ExpiresAt.Sub(now).Truncate(time.Second)),
		Subject:    login.UserID, Username: login.UserID, Scope: login.Scope, Profile: profile,
		Data: &about{login.Membership}, Pool: login.MembershipProject,
	})
	if err != nil {
		return "", err
	}
	return signed[0], nil
}
