package api

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/pkg/web"
)

func (h *Handler) superForcePassword(c echo.Context) error {
	var in admin.ForcedPassword
	if err := web.ReadJSON(c, &in); err != nil {
		return err
	}
	if err := h.Admin.SuperForcePassword(c.Request().Context(), caller.From(c), in); err != nil {
		return err
	}
	return done(c)
}

func (h *Handler) mail(c echo.Context) error {
	list, err := h.Admin.Mail(c.Request().Context(), caller.From(c), c.QueryParam("after"))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, list)
}

func (h *Handler) mailMessage(c echo.Context) error {
	message, err := h.Admin.MailMessage(c.Request().Context(), caller.From(c), c.Param("mail"))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, message)
}
