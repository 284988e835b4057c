package rest

import (
	"net/http"

	"github.com/labstack/echo/v4"
)

// read gives the current version (R4 http.html#read); 304 when the client has it already.
func (h *Handler) read(c echo.Context) error {
	if c.Param("type") == typeBinary {
		return h.readBinary(c, "")
	}
	if _, err := parameters(c); err != nil {
		return err
	}
	got, err := h.session(c).Read(c.Request().Context(), c.Param("type"), c.Param("id"))
	if err != nil {
		return err
	}
	if noneMatch(c.Request().Header, got.Version) {
		headers(c, got)
		return c.NoContent(http.StatusNotModified)
	}
	return resource(c, http.StatusOK, got)
}
