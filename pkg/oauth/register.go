package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/pkg/fetch"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/secret"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/web"
)

// Registrar makes clients that register themselves, in projects that let them.
type Registrar interface {
	// Registration is what a project lets such clients have; store.ErrNotFound where it lets none come.
	Registration(ctx context.Context, project string) (Registration, error)
	// RegisterClient makes one, without a membership of its own.
	RegisterClient(ctx context.Context, project string, client NewClient) (id string, err error)
}

// Registration is the rule of a project for clients that register themselves.
type Registration struct {
	Scope  string // all that such a client may ever ask for
	PerDay int    // how many may come in a day
}

// NewClient is a client that registers itself.
type NewClient struct {
	Name, Scope, JWKSURI     string
	Secret                   string // empty for a client that has none
	RedirectURIs, GrantTypes []string
	KeyBound, PushedOnly     bool
	RemoteAddr, RequestID    string
}

// The errors of RFC 7591 §3.2.2 and what is said when a project has had enough for today.
const (
	invalidRedirectURI     = "invalid_redirect_uri"
	invalidClientMetadata  = "invalid_client_metadata"
	temporarilyUnavailable = "temporarily_unavailable"
)

const (
	maxRedirectURIs   = 10
	maxRedirectURI    = 2000
	maxClientName     = 100
	clientSecretBytes = 32
	registrationDay   = 24 * time.Hour
)

// clientMetadata is RFC 7591 §2, as far as it means anything here; a client is told what it got.
type clientMetadata struct {
	RedirectURIs  []string `json:"redirect_uris"`
	AuthMethod    string   `json:"token_endpoint_auth_method"`
	GrantTypes    []string `json:"grant_types"`
	ResponseTypes []string `json:"response_types"`
	Name          string   `json:"client_name,omitempty"`
	Scope         string   `json:"scope"`
	JWKSURI       string   `json:"jwks_uri,omitempty"`
	JWKS          any      `json:"jwks,omitempty"`
	KeyBound      bool     `json:"dpop_bound_access_tokens,omitempty"`              // RFC 9449 §5.2
	PushedOnly    bool     `json:"require_pushed_authorization_requests,omitempty"` // RFC 9126 §6
}

// registeredClient is RFC 7591 §3.2.1.
type registeredClient struct {
	ID            string `json:"client_id"`
	IssuedAt      int64  `json:"client_id_issued_at"`
	Secret        string `json:"client_secret,omitempty"`
	SecretExpires *int64 `json:"client_secret_expires_at,omitempty"`
	clientMetadata
}

// registrationOf is the rule of the project that a request names; store.ErrNotFound when it names none
// that lets clients come.
func (s *Server) registrationOf(c echo.Context) (project string, rule Registration, err error) {
	project = c.QueryParam("project")
	if !store.ValidProject(project) || s.Registrar == nil {
		return "", Registration{}, store.ErrNotFound
	}
	rule, err = s.Registrar.Registration(c.Request().Context(), project)
	return project, rule, err
}

// registrationEndpoint is where the clients of the project that a request for metadata names register;
// empty where they may not.
func (s *Server) registrationEndpoint(c echo.Context) (string, error) {
	project, _, err := s.registrationOf(c)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return "", nil
	case err != nil:
		return "", err
	}
	return s.issuer + "oauth2/register?project=" + project, nil
}

// registerClient is POST /oauth2/register?project= (RFC 7591 §3). Whoever comes gets a client that can do
// nothing by itself: it has no membership, and people who sign in through it have their own.
func (s *Server) registerClient(c echo.Context) error {
	project, rule, err := s.registrationOf(c)
	if errors.Is(err, store.ErrNotFound) {
		return &Error{Code: accessDenied, Description: "Clients may not register themselves here", Status: http.StatusForbidden}
	} else if err != nil {
		return err
	}
	var asked clientMetadata
	if err := web.ReadJSON(c, &asked); err != nil {
		if outcome.Has(err, outcome.Invalid) {
			return refuse(invalidClientMetadata, err.Error())
		}
		return err
	}
	if err := asked.settle(rule, s.AllowPrivateURLs); err != nil {
		return err
	}
	ctx := c.Request().Context()
	if err := s.countRegistration(ctx, project, rule); err != nil {
		return err
	}
	made := registeredClient{clientMetadata: asked, IssuedAt: s.Clock.Now().Unix()}
	if strings.HasPrefix(asked.AuthMethod, "client_secret_") {
		made.Secret, made.SecretExpires = secret.Token(clientSecretBytes), new(int64) // 0: it does not expire
	}
	made.ID, err = s.Registrar.RegisterClient(ctx, project, NewClient{
		Name: asked.Name, Scope: asked.Scope, JWKSURI: asked.JWKSURI, Secret: made.Secret,
		RedirectURIs: asked.RedirectURIs, GrantTypes: asked.GrantTypes, KeyBound: asked.KeyBound, PushedOnly: asked.PushedOnly,
		RemoteAddr: c.RealIP(), RequestID: web.RequestID(ctx),
	})
	if err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, made)
}

// countRegistration refuses one too many in a day. Every process counts in the same place.
func (s *Server) countRegistration(ctx context.Context, project string, rule Registration) error {
	_, over, ends, err := s.Store.CountUpTo(ctx, store.Count{Name: "client registration " + project, Window: registrationDay, Limit: rule.PerDay})
	if err == nil && over {
		err = &Error{
			Code: temporarilyUnavailable, Description: "The project takes no more clients today", Status: http.StatusTooManyRequests,
			RetryAfter: ends.Sub(s.Clock.Now()),
		}
	}
	return err
}

// settle completes what a client asks for and makes it what it gets.
func (m *clientMetadata) settle(rule Registration, private bool) error {
	if err := checkRedirectURIs(m.RedirectURIs); err != nil {
		return err
	}
	m.Name = strings.TrimSpace(Text(m.Name, maxClientName))
	for _, d := range []struct {
		list   *[]string
		wanted string
		known  []string
	}{
		{&m.GrantTypes, "authorization_code", []string{"authorization_code", "refresh_token"}},
		{&m.ResponseTypes, "code", []string{"code"}},
	} {
		if len(*d.list) == 0 {
			*d.list = []string{d.wanted} // RFC 7591 §2
		}
		if !slices.Contains(*d.list, d.wanted) || slices.ContainsFunc(*d.list, func(s string) bool { return !slices.Contains(d.known, s) }) {
			return refuse(invalidClientMetadata, fmt.Sprintf("Only %s may be asked for, and %s must be", strings.Join(d.known, " and "), d.wanted))
		}
	}
	if m.AuthMethod == "" {
		m.AuthMethod = "client_secret_basic"
	}
	signs := m.AuthMethod == "private_key_jwt"
	switch {
	case !slices.Contains(tokenAuthMethods, m.AuthMethod):
		return refuse(invalidClientMetadata, "Unsupported token_endpoint_auth_method")
	case m.JWKS != nil:
		return refuse(invalidClientMetadata, "Keys are read from jwks_uri alone")
	case signs != (m.JWKSURI != ""), len(m.JWKSURI) > maxRedirectURI:
		return refuse(invalidClientMetadata, "private_key_jwt goes with a jwks_uri")
	case signs && fetch.Check(m.JWKSURI, private) != nil:
		return refuse(invalidClientMetadata, "jwks_uri is no https URL")
	case !ValidScope(m.Scope):
		return refuse(invalidClientMetadata, "Invalid scope")
	}
	if m.Scope == "" {
		m.Scope = rule.Scope
	}
	if m.Scope = Narrow(m.Scope, rule.Scope); m.Scope == "" {
		return refuse(invalidClientMetadata, "Nothing of this scope may be asked for: "+rule.Scope)
	}
	return nil
}

// checkRedirectURIs holds the redirect URIs of a stranger to more than those that an administrator
// writes down: https, a loopback address, or a scheme that is a domain of the app's (RFC 8252 §7,
// RFC 9700 §2.1).
func checkRedirectURIs(all []string) error {
	if len(all) == 0 || len(all) > maxRedirectURIs {
		return refuse(invalidRedirectURI, fmt.Sprintf("One to %d redirect URIs are needed", maxRedirectURIs))
	}
	for _, one := range all {
		if !strangersRedirectURI(one) {
			return refuse(invalidRedirectURI, "A redirect URI is https, http to the loopback interface, or of a scheme with a dot, without fragment and user")
		}
	}
	return nil
}
