package rest

import "github.com/labstack/echo/v4"

// vread gives one version (R4 http.html#vread).
func (h *Handler) vread(c echo.Context) error {
	if c.Param("type") == typeBinary {
		return h.readBinary(c, c.Param("vid"))
	}
	wanted, err := wantedSubset(c)
	if err != nil {
		return err
	}
	got, err := h.session(c).VRead(c.Request().Context(), c.Param("type"), c.Param("id"), c.Param("vid"))
	if err != nil {
		return err
	}
	return part(c, wanted, got)
}
