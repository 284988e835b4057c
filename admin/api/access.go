package api

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/pkg/web"
)

func (h *Handler) explainAccess(c echo.Context) error {
	var in admin.AccessQuestion
	if err := web.ReadJSON(c, &in, web.RefuseUnknown()); err != nil { // a word misspelled would answer another question
		return err
	}
	decision, err := h.Admin.ExplainAccess(c.Request().Context(), caller.From(c), c.Param("project"), in)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, decision)
}
