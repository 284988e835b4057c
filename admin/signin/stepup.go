package signin

import (
	"errors"
	"fmt"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/pkg/web"
)

// insufficient names the way out of a refusal for want of a recent authentication in the words of RFC
// 9470 §3. The status stays 403: clients take 401 for the end of the session.
func (h *Handler) insufficient(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		err := next(c)
		if errors.As(err, new(*admin.StaleSignIn)) {
			c.Response().Header().Set(echo.HeaderWWWAuthenticate,
				fmt.Sprintf(`Bearer error="insufficient_user_authentication", max_age="%.0f"`, admin.ProvenLasts.Seconds()))
		}
		return err
	}
}

func (h *Handler) stepUp(c echo.Context) error {
	var in admin.Proof
	if err := web.ReadJSON(c, &in); err != nil {
		return err
	}
	return done(c, h.people.StepUp(c.Request().Context(), caller.From(c), in))
}

func (h *Handler) stepUpOptions(c echo.Context) error {
	options, err := h.people.PasskeyStepUp(c.Request().Context(), caller.From(c))
	return answer(c, options, err)
}

func (h *Handler) sessions(c echo.Context) error {
	all, err := h.people.Sessions(c.Request().Context(), caller.From(c))
	return answer(c, map[string][]admin.Session{"sessions": all}, err)
}

func (h *Handler) changeEmail(c echo.Context) error {
	var in struct {
		Email string `json:"email"`
	}
	if err := web.ReadJSON(c, &in); err != nil {
		return err
	}
	return done(c, h.people.ChangeEmail(c.Request().Context(), caller.From(c), in.Email))
}
