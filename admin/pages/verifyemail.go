package pages

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/pkg/outcome"
)

func (h *Handler) askVerification(c echo.Context) error {
	return show(c, http.StatusOK, h.ask(form{
		title: "Confirm your email address", button: "Confirm",
		intro: "Press the button to confirm that this address is yours. If you have not registered yourself, close this page: somebody else chose the password.",
	}))
}

func (h *Handler) verifyEmail(c echo.Context) error {
	err := h.SignIn.VerifyEmail(c.Request().Context(), c.Param("id"), c.Param("secret"))
	if outcome.Has(err, outcome.Invalid) || outcome.Has(err, outcome.NotFound) {
		return h.deadLink(c, err)
	}
	if err != nil {
		return err
	}
	return show(c, http.StatusOK, h.message("Your email address is confirmed", "Thank you.", h.toSignIn("")))
}
