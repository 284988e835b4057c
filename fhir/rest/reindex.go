package rest

import (
	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/outcome"
)

// mountReindex adds the operations of super administrators.
func (h *Handler) mountReindex(g *echo.Group) {
	g.POST("/$reindex", h.reindex)
	g.POST("/:type/$reindex", h.reindex)
	g.POST("/:type/:id/$reindex", h.reindex)
	g.POST("/:type/:id/$expunge", h.expunge)
}

// reindex has the index rows of the whole server, a type or a resource made again in the background,
// as R4 has it for what takes long (async.html): 202 and where to ask.
func (h *Handler) reindex(c echo.Context) error {
	resourceType := c.Param("type")
	if err := h.forSuper(c, resourceType); err != nil {
		return err
	}
	if _, err := operationInput(c); err != nil {
		return err
	}
	task, err := h.session(c).StartReindex(c.Request().Context(), resourceType, c.Param("id"))
	if err != nil {
		return err
	}
	return h.accepted(c, task.ID)
}

// forSuper refuses everybody but super administrators, before anything else is looked at.
func (h *Handler) forSuper(c echo.Context, resourceType string) error {
	switch {
	case !caller.From(c).SuperAdmin:
		return outcome.New(outcome.Forbidden, "")
	case resourceType == "":
		return nil
	}
	return repo.KnownType(resourceType)
}
