package rest

import (
	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/web"
)

// update replaces a resource (R4 http.html#update). There is no update as create.
func (h *Handler) update(c echo.Context) error {
	if c.Param("type") == typeBinary {
		return h.updateBinary(c)
	}
	if _, err := parameters(c); err != nil {
		return err
	}
	if err := repo.KnownType(c.Param("type")); err != nil {
		return err
	}
	version, err := ifMatch(c.Request().Header)
	if err != nil {
		return err
	}
	body, err := web.ReadBody(c, web.MaxJSON)
	if err != nil {
		return err
	}
	made, err := h.session(c).Update(c.Request().Context(), c.Param("type"), c.Param("id"), body, version)
	if err != nil {
		return err
	}
	return h.written(c, outcome.OK, made)
}
