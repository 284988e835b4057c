package rest

import "github.com/labstack/echo/v4"

// delete deletes a resource (R4 http.html#delete); once more is as good.
func (h *Handler) delete(c echo.Context) error {
	if _, err := parameters(c); err != nil {
		return err
	}
	version, err := ifMatch(c.Request().Header)
	if err != nil {
		return err
	}
	err = h.session(c).DeleteVersion(c.Request().Context(), c.Param("type"), c.Param("id"), version)
	if err != nil {
		return err
	}
	return deleted(c)
}
