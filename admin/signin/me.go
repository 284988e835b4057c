package signin

import (
	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/pkg/web"
)

func (h *Handler) me(c echo.Context) error {
	me, err := h.people.Me(c.Request().Context(), caller.From(c))
	return answer(c, me, err)
}

func (h *Handler) revoke(c echo.Context) error {
	var in struct {
		LoginID string `json:"loginId"`
	}
	if err := web.ReadJSON(c, &in); err != nil {
		return err
	}
	return done(c, h.people.RevokeLogin(c.Request().Context(), caller.From(c), in.LoginID))
}
