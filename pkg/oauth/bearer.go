package oauth

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// Claims are what verified credentials say: an access token's login, or the client of a Basic
// header or a token of an external issuer, which have no login and name their membership.
type Claims struct {
	LoginID    string
	Project    string
	Membership string
	ClientID   string
	Scope      string
	Patient    string // id of the patient that the client was launched about, empty when there is none
	// ScopeOnly says that the client may do what the scopes about data say, and without any nothing.
	ScopeOnly bool
}

const claimsKey = "oauth.claims"

// Verified is what Authenticate found in a request.
func Verified(c echo.Context) (Claims, bool) {
	claims, ok := c.Get(claimsKey).(Claims)
	return claims, ok
}

// Authenticate reads the credentials of a request. It lets a request without any, or with bad ones,
// pass unverified: who needs a caller refuses it. Every refusal then names the scheme to use.
//
// Whether a token's login is still live is for LiveLogin, which the resolver of callers asks and
// caches.
func (s *Server) Authenticate() echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			values := c.Request().Header[echo.HeaderAuthorization]
			claims, err := s.credentials(c, values)
			if err == nil {
				c.Set(claimsKey, claims)
				err = next(c)
			} else if errors.Is(err, errToken) {
				err = next(c)
			}
			if outcome.Has(err, outcome.Unauthorized) {
				c.Response().Header().Set(echo.HeaderWWWAuthenticate, s.challenge(c, values))
			}
			return err
		}
	}
}

// challenge asks for the scheme that was tried, Bearer by default, Basic if the query wants a
// browser to prompt (contract §0.4).
func (s *Server) challenge(c echo.Context, values []string) string {
	scheme := "Bearer"
	if len(values) > 0 && schemeOf(values[0]) == "dpop" {
		return `DPoP realm="` + s.issuer + `", algs="` + strings.Join(proofAlgorithms, " ") + `", error="invalid_token"`
	}
	if c.QueryParams().Has("_medplum-prompt-basic-auth") || len(values) > 0 && schemeOf(values[0]) == "basic" {
		scheme = "Basic"
	}
	return scheme + ` realm="` + s.issuer + `"`
}

func schemeOf(value string) string {
	scheme, _, _ := strings.Cut(value, " ")
	return strings.ToLower(scheme)
}

// read verifies one Authorization header; anything less than good credentials is errToken.
func (s *Server) read(request *http.Request, values []string) (Claims, error) {
	if len(values) != 1 {
		return Claims{}, errToken
	}
	if schemeOf(values[0]) == "basic" {
		return s.readBasic(request.Context(), values)
	}
	// One space and one token (RFC 6750 §2.1); a token has no space in it.
	scheme, token, ok := strings.Cut(values[0], " ")
	if !ok || strings.ContainsAny(token, " \t,") {
		return Claims{}, errToken
	}
	claims, err := s.accessBy(request, scheme, token)
	if err != nil {
		return Claims{}, err
	}
	return Claims{LoginID: claims.LoginID, ClientID: claims.ClientID, Scope: claims.Scope}, nil
}

// readBasic is a client with its current secret and an active membership.
func (s *Server) readBasic(ctx context.Context, values []string) (Claims, error) {
	id, password, ok := basic(values)
	if !ok || id == "" || password == "" {
		return Claims{}, errToken
	}
	client, err := s.Directory.Client(ctx, id)
	if err != nil {
		return Claims{}, nobody(err)
	}
	if !client.prove(password, false) || !client.Active {
		return Claims{}, errToken
	}
	member, err := s.Directory.ClientMembership(ctx, client)
	switch {
	case err != nil:
		return Claims{}, nobody(err)
	case !member.Active:
		return Claims{}, errToken
	}
	return Claims{Project: member.Project, Membership: member.ID, ClientID: client.ID}, nil
}

// nobody makes what is not there into bad credentials.
func nobody(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return errToken
	}
	return err
}

// LiveLogin completes the claims of a login that is not revoked, has a membership, and whose client
// has not been switched off or deleted. Any other is store.ErrNotFound.
func (s *Server) LiveLogin(ctx context.Context, id string) (Claims, error) {
	login, client, err := s.liveLogin(ctx, id)
	if err != nil {
		return Claims{}, err
	}
	return Claims{
		LoginID: login.ID, Project: login.MembershipProject, Membership: login.Membership, ClientID: login.Client, Scope: login.Scope,
		Patient: login.LaunchPatient, ScopeOnly: client.Registered,
	}, nil
}

// liveLogin is such a login with its client, if it has one.
func (s *Server) liveLogin(ctx context.Context, id string) (login store.Login, client Client, err error) {
	login, err = s.Store.Login(ctx, id)
	switch {
	case err != nil:
		return store.Login{}, client, err
	case login.Revoked || !login.Granted || login.Membership == "":
		return store.Login{}, client, store.ErrNotFound
	case login.Client == "":
		return login, client, nil
	}
	client, err = s.Directory.Client(ctx, login.Client)
	if err == nil && !client.Active {
		err = store.ErrNotFound
	}
	return login, client, err
}

// caller is the live session of a request that Authenticate has seen: its login (zero for Basic)
// and its active membership. Anything less is outcome Unauthorized.
func (s *Server) caller(c echo.Context) (store.Login, Membership, error) {
	ctx := c.Request().Context()
	claims, ok := Verified(c)
	if !ok {
		return store.Login{}, Membership{}, outcome.New(outcome.Unauthorized, "")
	}
	var login store.Login
	if claims.LoginID != "" {
		var err error
		if login, _, err = s.liveLogin(ctx, claims.LoginID); err != nil {
			return store.Login{}, Membership{}, unauthorized(err)
		}
		claims.Project, claims.Membership = login.MembershipProject, login.Membership
	}
	member, err := s.Directory.Membership(ctx, claims.Project, claims.Membership)
	switch {
	case err != nil:
		return store.Login{}, Membership{}, unauthorized(err)
	case !member.Active:
		return store.Login{}, Membership{}, outcome.New(outcome.Unauthorized, "")
	}
	return login, member, nil
}

func unauthorized(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return outcome.New(outcome.Unauthorized, "")
	}
	return err
}

// logout ends the session of the token it comes with.
func (s *Server) logout(c echo.Context) error {
	login, _, err := s.caller(c)
	if err != nil {
		return err
	}
	if login.ID != "" {
		if err := s.revokeLogin(c.Request().Context(), login.ID); err != nil {
			return err
		}
	}
	return writeOK(c)
}

// basicChallenge is for the endpoints that clients alone may use.
func (s *Server) basicChallenge() *Error {
	return &Error{
		Code: invalidClient, Description: "Client authentication failed", Status: http.StatusUnauthorized,
		Challenge: `Basic realm="` + s.issuer + `"`,
	}
}
