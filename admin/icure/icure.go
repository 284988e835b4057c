// Package icure lets the clients of iCure administer the users of a project: /rest/v2/user,
// /rest/v2/auth and the message gateway, /msggw. It is thin over package admin, which decides who may do
// what; here is how iCure spells it.
//
//   - A project speaks the dialect when its setting "icure" is true. Else every route is 404 for its
//     members, and nobody gets in by it.
//   - A group is the project, a user the membership of a User of the project alone, a data owner its
//     profile: a Practitioner or a Patient. A user without an owner has an empty Patient as its profile,
//     and shows none.
//   - A rev is the version of the membership, counted by what this dialect has written.
//   - What Admit has no home for (properties, roles, autoDelegations, …) is kept in the user's custom data,
//     given back as it was written, and never acted upon.
//   - A password is hashed whatever it looks like; "*" and nothing leave it as it is. A hash is never given.
//   - The value of a named token is the server's, whatever the client wishes for.
//   - The gateway writes to users of the caller's project and to nobody else.
package icure

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/web"
)

// Options are what a Handler stands on.
type Options struct {
	Admin   *admin.Service
	People  *admin.SignIn
	Callers *caller.Resolver
	// Authenticate reads the bearer tokens and the Basic credentials of clients, Verified says what it found.
	Authenticate echo.MiddlewareFunc
	Verified     func(echo.Context) (caller.Claims, bool)
	Clock        clock.Clock
}

// Handler is the routes.
type Handler struct {
	Options
	basics *basicSessions
}

// New makes a Handler.
func New(o Options) *Handler { return &Handler{o, newBasicSessions()} }

// Mount adds the routes.
func (h *Handler) Mount(e *echo.Echo) {
	public := e.Group("/rest/v2", web.Errors(h.render))
	public.POST("/auth/login", h.login)
	public.POST("/auth/check", h.check)
	public.POST("/auth/refresh", h.refresh)
	public.POST("/auth/switch/:project", h.switchGroup)
	public.POST("/user/forgottenPassword/:email", h.forgottenPassword)

	called := []echo.MiddlewareFunc{web.Errors(h.render), h.Authenticate, h.basic, h.Callers.Middleware(h.verified), h.speaks}
	g := e.Group("/rest/v2", called...)
	g.GET("/auth/logout", h.logout)
	g.POST("/auth/logout", h.logout)
	h.mountUsers(g.Group("/user"))

	gateway := e.Group("/msggw", called...)
	gateway.POST("/:spec/email/to/:email", h.email)
	gateway.POST("/:spec/sms/to/:phone", h.sms)
}

func (h *Handler) mountUsers(g *echo.Group) {
	g.GET("", h.list)
	g.POST("", h.create)
	g.PUT("", h.modify)
	g.GET("/current", h.current)
	g.PUT("/current/hcparty/:hcp", h.assignHealthcareParty)
	g.GET("/session", h.session)
	g.GET("/matches", h.matches)
	g.GET("/checkPassword", h.checkPassword)
	g.GET("/encodePassword", h.encodePassword)
	g.GET("/byEmail/:email", h.byEmail)
	g.GET("/byPhoneNumber/:phone", h.byPhoneNumber)
	g.GET("/byHealthcarePartyId/:id", h.byHealthcarePartyID)
	g.GET("/byPatientId/:id", h.byPatientID)
	g.POST("/byIds", h.byIDs)
	g.POST("/filter", h.filter)
	g.POST("/filter/inGroup/:project", h.filter)
	g.POST("/match", h.match)
	g.GET("/token/:user", h.checkToken)
	g.POST("/token/:user/:key", h.createToken)
	g.POST("/undelete/:user", h.undelete)
	g.DELETE("/purge/:user", h.purge)
	g.GET("/inGroup/:project", h.list)
	g.POST("/inGroup/:project", h.create)
	g.PUT("/inGroup/:project", h.modify)
	g.DELETE("/inGroup/:project/:user", h.delete)
	g.POST("/inGroup/:project/token/:user/:key", h.createToken)
	g.POST("/inAllGroups/token/:name/:key", h.createTokens)
	g.GET("/:user", h.read)
	g.DELETE("/:user", h.delete)
	g.PUT("/:user/properties", h.modifyProperties)
}

// speaks answers only to members of a project that speaks the dialect.
func (h *Handler) speaks(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		speaks, err := h.Admin.Listed(c.Request().Context(), caller.From(c).Project, admin.DialectICure)
		if err != nil {
			return err
		}
		if !speaks {
			return outcome.New(outcome.NotFound, "")
		}
		return next(c)
	}
}

// group is the project that a request is about: the caller's, unless it names one.
func group(c echo.Context) string {
	if named := c.Param("project"); named != "" {
		return named
	}
	return caller.From(c).Project
}

// render writes an error as iCure does: {"message"}, and nothing at all for 401.
func (h *Handler) render(c echo.Context, err error) error {
	var tooSoon *admin.TooSoon
	if errors.As(err, &tooSoon) {
		seconds := math.Ceil(tooSoon.Until.Sub(h.Clock.Now()).Seconds())
		c.Response().Header().Set(echo.HeaderRetryAfter, fmt.Sprintf("%.0f", max(1, seconds)))
	}
	if errors.Is(err, admin.ErrFactorDue) {
		return message(c, http.StatusExpectationFailed, "This user must show a second factor, which is done on the server's own pages")
	}
	known := web.Known(c, err)
	switch known.Code {
	case outcome.Unauthorized:
		return c.NoContent(http.StatusUnauthorized)
	case outcome.PreconditionFailed:
		return message(c, http.StatusConflict, "Outdated revision")
	case outcome.Gone:
		return message(c, http.StatusNotFound, outcome.NotFound.Text)
	}
	return message(c, known.Code.Status, describe(known))
}

func message(c echo.Context, status int, text string) error {
	return c.JSON(status, map[string]string{"message": text})
}

// fieldNames are iCure's names of what the service says is wrong.
var fieldNames = map[string]string{
	"phone": "mobilePhone", "password": "passwordHash", "profile": "healthcarePartyId or patientId",
	"validity": "tokenValidity", "customData": "properties, roles, autoDelegations and identifier",
}

// describe is what is wrong, each with its field.
func describe(o *outcome.Outcome) string {
	texts := make([]string, len(o.Issues))
	for i, issue := range o.Issues {
		texts[i] = issue.Text
		if len(issue.Expression) == 0 {
			continue
		}
		name := issue.Expression[0]
		if ours, ok := fieldNames[name]; ok {
			name = ours
		}
		texts[i] = name + ": " + issue.Text
	}
	return strings.Join(texts, "; ")
}
