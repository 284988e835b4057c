package rest

import (
	"net/http"

	"github.com/labstack/echo/v4"
)

// expunge removes a resource with its history; with everything, a Patient's compartment or all of a
// Project in the background.
func (h *Handler) expunge(c echo.Context) error {
	if err := h.forSuper(c, c.Param("type")); err != nil {
		return err
	}
	in, err := operationInput(c, "everything")
	if err != nil {
		return err
	}
	everything, err := in.boolean("everything")
	if err != nil {
		return err
	}
	ctx, session := c.Request().Context(), h.session(c)
	if !everything {
		if err := session.Expunge(ctx, c.Param("type"), c.Param("id")); err != nil {
			return err
		}
		return c.NoContent(http.StatusNoContent)
	}
	task, err := session.ExpungeEverything(ctx, c.Param("type"), c.Param("id"))
	if err != nil {
		return err
	}
	return h.accepted(c, task.ID)
}
