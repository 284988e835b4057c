package oauth

import (
	"context"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/secret"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/web"
)

// Options are what a Server stands on.
type Options struct {
	Store     *store.Store
	Clock     clock.Clock
	Log       *slog.Logger
	Box       *secret.Box
	Directory Directory
	// Registrar makes clients that register themselves; nil where none may.
	Registrar Registrar
	// BaseURL is the issuer; it ends with a slash.
	BaseURL *url.URL
	// OwnPages says that people sign in on our own pages, where they can choose a patient.
	OwnPages bool
	// AllowPKCEPlain accepts code challenges of method plain, for old clients.
	AllowPKCEPlain bool
	// AllowPrivateURLs lets the addresses of clients' keys be private, for tests.
	AllowPrivateURLs bool
	// Externals knows people by the tokens of other servers; without it no token is exchanged.
	Externals Externals
	// Counter counts what clients ask for, ClientLimit how often each may within a minute; -1: any number.
	Counter     *web.Counter
	ClientLimit int
	// Addresses knows from where members may come; without it from anywhere.
	Addresses Addresses
}

// Server is the authorization server.
type Server struct {
	Options
	issuer   string
	keys     *keyring
	verified *tokenCache
	clients  *clientKeys
	foreign  *foreignCache // nil: tokens of other servers are none
}

// New makes a Server.
func New(o Options) *Server {
	issuer := strings.TrimSuffix(o.BaseURL.String(), "/") + "/"
	return &Server{Options: o, issuer: issuer, keys: newKeyring(o), verified: newTokenCache(), clients: newClientKeys(o)}
}

// Issuer is the iss of every token: the base URL with its slash.
func (s *Server) Issuer() string { return s.issuer }

// Mount adds the routes of the protocol. They read credentials themselves.
func (s *Server) Mount(e *echo.Echo) {
	wellKnown := e.Group("/.well-known", web.Errors(web.Outcome))
	wellKnown.GET("/openid-configuration", s.configuration)
	wellKnown.GET("/oauth-authorization-server", s.configuration)
	wellKnown.GET("/jwks.json", s.jwks)
	wellKnown.GET("/oauth-protected-resource", s.protectedResource)
	wellKnown.GET("/smart-styles.json", smartStyles)
	wellKnown.GET("/smart-configuration", s.smartConfiguration)
	e.GET("/fhir/R4/.well-known/smart-styles.json", smartStyles)
	e.GET("/fhir/R4/.well-known/smart-configuration", s.smartConfiguration)

	protocol := e.Group("/oauth2", web.Errors(render))
	protocol.POST("/token", s.token)
	protocol.POST("/par", s.push)
	protocol.POST("/introspect", s.introspect)
	protocol.POST("/revoke", s.revoke)
	protocol.POST("/register", s.registerClient)
	e.POST("/auth/exchange", s.externalToken, web.Errors(web.Outcome))

	signedIn := e.Group("/oauth2", web.Errors(web.Outcome), s.Authenticate())
	for _, method := range []string{echo.GET, echo.POST} {
		signedIn.Add(method, "/userinfo", s.userinfo)
		signedIn.Add(method, "/logout", s.logout)
	}
}

// tidyEvery is how often keys are looked after and what has run out is removed.
const tidyEvery = time.Minute

// Run looks after the keys and removes what has run out, until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	tick := time.NewTicker(tidyEvery)
	defer tick.Stop()
	for {
		if err := s.keys.rotate(ctx); err != nil && ctx.Err() == nil {
			s.Log.WarnContext(ctx, "signing keys cannot be looked after", "error", err)
		}
		if err := s.Store.ForgetRunOut(ctx); err != nil && ctx.Err() == nil {
			s.Log.WarnContext(ctx, "what has run out cannot be removed", "error", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}
