package signin

import (
	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/pkg/web"
)

func (h *Handler) enrollLogin(c echo.Context) error {
	var in further
	if err := web.ReadJSON(c, &in); err != nil {
		return err
	}
	step, err := h.people.EnrollLogin(c.Request().Context(), in.Login, in.Token)
	return answer(c, step, err)
}

func (h *Handler) verifyMFA(c echo.Context) error {
	var in further
	if err := web.ReadJSON(c, &in); err != nil {
		return err
	}
	step, err := h.people.VerifyMFA(c.Request().Context(), in.Login, in.Token)
	return answer(c, step, err)
}

func (h *Handler) mfaStatus(c echo.Context) error {
	status, err := h.people.MFAStatus(c.Request().Context(), caller.From(c))
	return answer(c, status, err)
}

func (h *Handler) enrollMFA(c echo.Context) error {
	var in further
	if err := web.ReadJSON(c, &in); err != nil {
		return err
	}
	return done(c, h.people.EnrollMFA(c.Request().Context(), caller.From(c), in.Token))
}

func (h *Handler) disableMFA(c echo.Context) error {
	var in further
	if err := web.ReadJSON(c, &in); err != nil {
		return err
	}
	return done(c, h.people.DisableMFA(c.Request().Context(), caller.From(c), in.Token))
}
