package oauth

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/admitdev/admit/pkg/secret"
	"github.com/admitdev/admit/pkg/store"
)

// PKCE's methods (RFC 7636 §4.3).
const (
	methodS256  = "S256"
	methodPlain = "plain"
)

var (
	challengeS256  = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)
	challengePlain = regexp.MustCompile(`^[A-Za-z0-9._~-]{1,128}$`)
)

// ValidChallenge says whether a code challenge can be met with the method; method says whether the
// method itself is accepted.
func (s *Server) ValidChallenge(challenge, method string) (challengeOK, methodOK bool) {
	switch {
	case method == methodS256:
		return challengeS256.MatchString(challenge), true
	case method == methodPlain && s.AllowPKCEPlain:
		return challengePlain.MatchString(challenge), true
	}
	return true, false
}

// IssueCode makes the code of a login that has its membership, good for a minute. A code that the
// login had before counts no longer. redirectURI is that of the authorization request, if any.
func (s *Server) IssueCode(ctx context.Context, tx *store.Tx, login, redirectURI string) (string, error) {
	code := secret.Token(16)
	err := tx.AddCode(ctx, store.AuthorizationCode{
		Hash: secret.SHA256(code), Login: login, RedirectURI: redirectURI, ExpiresAt: store.At(tx.Now().Add(codeLifetime)),
	})
	return code, err
}

// authorizationCode is RFC 6749 §4.1.3 with RFC 7636. What fails before the code is used up leaves
// it as it was.
func (s *Server) authorizationCode(ctx context.Context, r grantRequest) (tokens, error) {
	given := r.form.Get("code")
	if given == "" {
		return tokens{}, refuse(invalidRequest, "Missing code")
	}
	hash := secret.SHA256(given)
	code, login, err := s.Store.CodeLogin(ctx, hash)
	if err != nil {
		return tokens{}, notFoundIs(err, "Invalid code")
	}
	of, err := s.codeSession(ctx, r, login)
	if err != nil {
		return tokens{}, err
	}
	switch {
	case code.Used || login.Granted:
		return tokens{}, s.replayed(ctx, login.ID)
	case login.Revoked:
		return tokens{}, refuse(invalidGrant, "Token revoked")
	case !code.ExpiresAt.After(of.now):
		return tokens{}, refuse(invalidGrant, "Code expired")
	case code.RedirectURI != "" && code.RedirectURI != r.form.Get("redirect_uri"):
		return tokens{}, refuse(invalidGrant, "Invalid redirect URI")
	}
	if err := s.verifier(of, r); err != nil {
		return tokens{}, err
	}
	if err := s.mayComeFrom(ctx, of.member, r.address); err != nil {
		return tokens{}, err
	}
	if of.login.KeyThumbprint != "" && of.login.KeyThumbprint != r.key { // RFC 9449 §10
		return tokens{}, refuse(invalidProof, "The code is bound to another key")
	}
	of.login.KeyThumbprint = r.key
	return s.exchange(ctx, of, hash)
}

// codeSession is the session that a code stands for, if this client may have it.
func (s *Server) codeSession(ctx context.Context, r grantRequest, login store.Login) (session, error) {
	if login.Membership == "" {
		return session{}, refuse(invalidRequest, "Invalid profile")
	}
	if r.presented.id != login.Client { // RFC 6749 §4.1.3: a code is good for the client that it was given to
		return session{}, refuse(invalidRequest, "Invalid client")
	}
	client, err := s.clientOf(ctx, login)
	if err != nil {
		return session{}, err
	}
	of, err := s.sessionOf(ctx, login, client)
	if err != nil {
		return session{}, err
	}
	if r.presented.secret == "" && r.presented.assertion == nil {
		return of, s.mayGoUnproven(of.client)
	}
	return of, s.authenticate(ctx, of.client, r.presented, "Invalid secret")
}

// The AuthMethods of logins by what we have asked for ourselves.
const (
	methodPassword = "password"
	methodPasskey  = "passkey"
)

// needsFactor are the AuthMethods of which one may have taken a single factor.
var needsFactor = []string{methodPassword, MethodExternal, MethodExchange}

// clientOf reads the client of a login, zero where it has none.
func (s *Server) clientOf(ctx context.Context, login store.Login) (Client, error) {
	if login.Client == "" {
		return Client{}, nil
	}
	return s.client(ctx, login.Client, "Invalid client")
}

// sessionOf reads what the tokens of a login say. Whoever lost their membership gets none.
func (s *Server) sessionOf(ctx context.Context, login store.Login, client Client) (of session, err error) {
	of.login, of.client, of.now = login, client, s.Clock.Now()
	of.member, err = s.Directory.Membership(ctx, login.MembershipProject, login.Membership)
	switch {
	case err != nil:
		return session{}, notFoundIs(err, "Invalid profile")
	case !of.member.Active:
		return session{}, refuse(accessDenied, "Profile not active")
	case of.member.MFARequired && !login.MFAVerified && slices.Contains(needsFactor, login.AuthMethod): // since the sign-in
		return session{}, refuse(accessDenied, "A second factor is required; sign in again")
	}
	if login.Offline && !of.member.SuperAdmin {
		of.refreshSecret = secret.Token(32)
	}
	if login.UserType == typeUser && hasScope(login.Scope, "email") {
		person, err := s.Directory.Person(ctx, login.User(), of.member)
		if err != nil {
			return session{}, notFoundIs(err, "Invalid profile")
		}
		of.email = person.Email
	}
	return of, nil
}

// verifier compares the code verifier with the login's challenge. A client that may go without PKCE
// must then prove itself, and one that sent a challenge is held to it (RFC 9700 §2.1.1).
func (s *Server) verifier(of session, r grantRequest) error {
	challenge, verifier := of.login.CodeChallenge, r.form.Get("code_verifier")
	if challenge == "" {
		switch {
		case !s.withoutPKCE(of.client) || verifier != "":
			return refuse(invalidRequest, "Missing verification context")
		case of.client.BuiltIn || r.presented.secret != "" || r.presented.assertion != nil: // proven in codeSession
			return nil
		}
		return refuse(invalidRequest, "Missing client_secret")
	}
	if verifier == "" {
		return refuse(invalidRequest, "Missing code verifier")
	}
	met := verifier
	if of.login.CodeChallengeMethod == methodS256 {
		digest := sha256.Sum256([]byte(verifier))
		met = base64.RawURLEncoding.EncodeToString(digest[:])
	}
	if !secret.Equal(met, strings.TrimRight(challenge, "=")) {
		return refuse(invalidRequest, "Invalid code verifier")
	}
	return nil
}

// exchange uses the code up for tokens. Of many that try at once one succeeds.
func (s *Server) exchange(ctx context.Context, of session, hash string) (tokens, error) {
	made, err := s.issue(ctx, of)
	if err != nil {
		return tokens{}, err
	}
	err = s.Store.InTx(ctx, func(tx *store.Tx) error {
		if err := tx.UseCode(ctx, hash); err != nil {
			return err
		}
		if err := tx.GrantLogin(ctx, of.login.ID, of.login.KeyThumbprint, store.At(of.now.Add(of.lasts()))); err != nil {
			return err
		}
		return s.keepRefreshToken(ctx, tx, of)
	})
	switch {
	case errors.Is(err, store.ErrChanged):
		return tokens{}, s.replayed(ctx, of.login.ID)
	case err != nil:
		return tokens{}, err
	}
	return made, nil
}

// keepRefreshToken stores the refresh token that the session's tokens hold.
func (s *Server) keepRefreshToken(ctx context.Context, tx *store.Tx, of session) error {
	if of.refreshSecret == "" {
		return nil
	}
	return tx.AddRefreshToken(ctx, store.RefreshToken{
		Hash: secret.SHA256(of.refreshSecret), Login: of.login.ID, ExpiresAt: store.At(of.now.Add(of.refreshLasts())),
	})
}

// replayed ends a login whose code came twice, and says so (RFC 6749 §4.1.2).
func (s *Server) replayed(ctx context.Context, login string) error {
	if err := s.revokeLogin(ctx, login); err != nil {
		return err
	}
	return refuse(invalidGrant, "Token already granted")
}

func (s *Server) revokeLogin(ctx context.Context, login string) error {
	return s.Store.InTx(ctx, func(tx *store.Tx) error {
		_, err := tx.RevokeLogin(ctx, login)
		return err
	})
}

// notFoundIs refuses what is not there; any other error is ours.
func notFoundIs(err error, description string) error {
	if errors.Is(err, store.ErrNotFound) {
		return refuse(invalidRequest, description)
	}
	return err
}
