package signin

import (
	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/pkg/web"
)

func (h *Handler) resetPassword(c echo.Context) error {
	var in admin.ResetRequest
	if err := web.ReadJSON(c, &in); err != nil {
		return err
	}
	return done(c, h.people.ResetPassword(c.Request().Context(), in, device(c)))
}

func (h *Handler) setPassword(c echo.Context) error {
	var in admin.PasswordSetting
	if err := web.ReadJSON(c, &in); err != nil {
		return err
	}
	return done(c, h.people.SetPassword(c.Request().Context(), in))
}

func (h *Handler) verifyEmail(c echo.Context) error {
	var in admin.PasswordSetting
	if err := web.ReadJSON(c, &in); err != nil {
		return err
	}
	return done(c, h.people.VerifyEmail(c.Request().Context(), in.ID, in.Secret))
}

func (h *Handler) changePassword(c echo.Context) error {
	var in struct {
		OldPassword string `json:"oldPassword"`
		NewPassword string `json:"newPassword"`
	}
	if err := web.ReadJSON(c, &in); err != nil {
		return err
	}
	return done(c, h.people.ChangePassword(c.Request().Context(), caller.From(c), in.OldPassword, in.NewPassword))
}
