// Package authing lets clients that were written for Authing manage the users of a project: version 2 of
// its API (GraphQL at /graphql/v2 with a few routes under /api/v2) and version 3 (/api/v3). It reads,
// calls and writes; who may do what is the services' to say.
//
//   - A user pool is a Project whose setting "authing" is true. For any other these routes are not there.
//   - Its id is the project's, its secret that of a ClientApplication of the project whose membership is
//     admin. Only such a client is answered: an access token of a person is none of a pool, whatever its
//     holder may do, and so neither is the one that refreshToken makes.
//   - A user is a User of the project alone, and goes by the membership's id. A new one has a Patient
//     profile with the project's default policy for patients: nobody gets more than was given aloud.
//   - A role is an AccessPolicy by its name, which is the role's code, behind its namespace and a colon
//     unless that is "default". A grant gives nothing that the AccessPolicy does not say.
//   - A policy, which names resources and actions of its client's own, is a role that allows nothing. What it
//     says is kept with the role, and nothing of it is enforced: neither what it allows nor what it denies.
//   - What of a user means nothing to Admit (gender, address, identities, counters) is kept among the
//     membership's properties, returned as it was written, and never acted upon. Departments, tenants,
//     pipelines and second factors are refused, not made believe.
//   - Passwords come encrypted for a key of the project (admin.PasswordEnvelope). A text that was
//     encrypted for another, as by old clients for the key of Authing's own service, is refused.
//   - Errors have Authing's codes and form, with HTTP status 200, which its clients need.
package authing

import (
	"context"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/web"
)

// Callers makes Callers of those who have shown who they are; *caller.Resolver implements it.
type Callers interface {
	Enter(ctx context.Context, claims caller.Claims, onBehalfOf, address string) (caller.Caller, error)
}

// Handler is the routes.
type Handler struct {
	Admin   *admin.Service
	Callers Callers
	// Attempt counts n tries to guess a secret; the error is that there were too many.
	Attempt func(c echo.Context, n int) error
	// Verified finds the claims of an access token that was checked before.
	Verified func(echo.Context) (caller.Claims, bool)
}

// Mount adds the routes. authenticate checks access tokens.
func (h *Handler) Mount(e *echo.Echo, authenticate echo.MiddlewareFunc) {
	e.POST("/graphql/v2", h.graphQL, web.Errors(writeGraphQL), authenticate, h.enter)
	g := e.Group("/api/v2", web.Errors(writeREST), authenticate, h.enter)
	g.GET("/.well-known", h.wellKnown)
	g.GET("/users/:user", h.asClient(h.detail))
	g.POST("/users/batch", h.asClient(h.batch))
	g.POST("/users/kick", h.asClient(h.kick))
	h.mountV3(e, authenticate)
}

const (
	poolHeader = "X-Authing-Userpool-Id"
	poolKey    = "authing.pool"
)

// pool is the project that a request is about.
func pool(c echo.Context) string {
	id, _ := c.Get(poolKey).(string)
	return id
}

// enter finds the pool of a request, and the client whose access token it has. A request without one
// names the pool in a header, or goes on without a pool.
func (h *Handler) enter(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		named := c.Request().Header.Get(poolHeader)
		id := named
		claims, ok := h.Verified(c)
		if ok {
			who, err := h.enterAs(c, claims)
			switch {
			case outcome.Has(err, outcome.Unauthorized): // the token has ended
			case err != nil:
				return err
			default:
				id = who.Project
				caller.Put(c, who)
			}
		}
		if named != "" && named != id {
			return errNotLoggedIn
		}
		if id != "" {
			if err := h.speak(c, id); err != nil {
				return err
			}
		}
		return next(c)
	}
}

// speak makes a project the pool of the request.
func (h *Handler) speak(c echo.Context, project string) error {
	on, err := h.Admin.Speaks(c.Request().Context(), project, admin.DialectAuthing)
	if err == nil && !on {
		err = errOff
	}
	c.Set(poolKey, project)
	return err
}

func (h *Handler) enterAs(c echo.Context, claims caller.Claims) (caller.Caller, error) {
	ctx := c.Request().Context()
	who, err := h.Callers.Enter(ctx, claims, "", c.RealIP())
	who.RequestID = web.RequestID(ctx)
	return who, err
}

// client is the client that asks, which administers the pool.
func client(c echo.Context) (caller.Caller, error) {
	who := caller.From(c)
	kind, _ := who.Profile.Split()
	switch {
	case pool(c) == "":
		return who, errOff
	case who.Project == "":
		return who, errNotLoggedIn
	case who.Project != pool(c), kind != medplum.TypeClientApplication, !who.ProjectAdmin():
		return who, errNotAllowed
	}
	return who, nil
}

// asClient is a handler of REST that wants a client.
func (h *Handler) asClient(handle func(echo.Context, session) (any, error)) echo.HandlerFunc {
	return func(c echo.Context) error {
		who, err := client(c)
		if err != nil {
			return err
		}
		data, err := handle(c, session{h.Admin, who})
		if err != nil {
			return err
		}
		return writeData(c, data)
	}
}

// session is a client at its work.
type session struct {
	*admin.Service
	who caller.Caller
}

// pool is the id of the client's own pool.
func (s session) pool() string { return s.who.Project }
