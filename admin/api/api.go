// Package api is the HTTP surface of package admin for Medplum's clients: /admin/projects and
// /admin/super (contract §1). It reads, calls and writes; who may do what is the services' to say.
//
//   - Every route wants a caller; the group that it is mounted on sees to that.
//   - Errors are OperationOutcomes, rendered by the group.
package api

import (
	"encoding/json"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/web"
)

// Handler is the routes.
type Handler struct{ Admin *admin.Service }

// Mount adds the routes to the group of /admin.
func (h *Handler) Mount(g *echo.Group) {
	g.POST("/projects/setpassword", h.forcePassword)
	p := g.Group("/projects/:project")
	p.GET("", h.project)
	p.POST("/secrets", h.replace(admin.Secrets))
	p.POST("/sites", h.replace(admin.Sites))
	p.POST("/settings", h.replace(admin.Settings))
	p.POST("/invite", h.invite)
	p.POST("/access/$explain", h.explainAccess)
	p.POST("/client", h.createClient)
	p.POST("/bot", h.createBot)
	p.GET("/members/:membership", h.member)
	p.POST("/members/:membership", h.updateMember)
	p.DELETE("/members/:membership", h.deleteMember)
	p.POST("/members/:membership/resetpassword", h.resetPassword)
	p.POST("/members/:membership/mfa/reset", h.resetMFA)
	p.GET("/members/:membership/sessions", h.sessions)
	p.DELETE("/members/:membership/sessions/:login", h.endSession)
	h.mountUsers(p)
	h.mountInvitations(p)
	h.mountImports(p)
	h.mountMailTemplates(p)
	g.POST("/super/setpassword", h.superForcePassword)
	g.POST("/super/reindex", h.reindex)
	g.POST("/super/purge", h.purge)
	g.GET("/super/migrations", h.migrations)
	g.GET("/super/mail", h.mail)
	g.GET("/super/mail/:mail", h.mailMessage)
}

func (h *Handler) project(c echo.Context) error {
	details, err := h.Admin.Project(c.Request().Context(), caller.From(c), c.Param("project"))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]admin.ProjectDetails{"project": details})
}

func (h *Handler) replace(list admin.List) echo.HandlerFunc {
	return func(c echo.Context) error {
		var items []json.RawMessage
		if err := web.ReadJSON(c, &items); err != nil {
			return err
		}
		made, err := h.Admin.ReplaceList(c.Request().Context(), caller.From(c), c.Param("project"), list, items)
		if err != nil {
			return err
		}
		return resource(c, http.StatusOK, plainJSON, made)
	}
}

func (h *Handler) createClient(c echo.Context) error {
	in := admin.Program{}
	if err := web.ReadJSON(c, &in); err != nil {
		return err
	}
	made, err := h.Admin.CreateClient(c.Request().Context(), caller.From(c), c.Param("project"), in)
	if err != nil {
		return err
	}
	return resource(c, http.StatusCreated, plainJSON, made)
}

func (h *Handler) createBot(c echo.Context) error {
	in := admin.Program{}
	if err := web.ReadJSON(c, &in); err != nil {
		return err
	}
	made, err := h.Admin.CreateBot(c.Request().Context(), caller.From(c), c.Param("project"), in)
	if err != nil {
		return err
	}
	return resource(c, http.StatusCreated, plainJSON, made)
}

// plainJSON is how Medplum labels what is no answer of the FHIR surface.
const plainJSON = "application/json; charset=utf-8"

// resource writes a version of a resource with the headers by which it is recognised.
func resource(c echo.Context, status int, contentType string, res store.Resource) error {
	header := c.Response().Header()
	header.Set("ETag", `W/"`+res.Version+`"`)
	header.Set(echo.HeaderLastModified, res.LastUpdated.UTC().Format(http.TimeFormat))
	return c.Blob(status, contentType, res.Content)
}

// done is Medplum's "All OK".
func done(c echo.Context) error { return web.WriteOutcome(c, outcome.New(outcome.OK, "")) }
