package api

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/pkg/web"
)

func (h *Handler) updateEmail(c echo.Context) error {
	var body struct {
		Email                 string `json:"email"`
		UpdateProfileTelecom  bool   `json:"updateProfileTelecom"`
		SkipEmailVerification bool   `json:"skipEmailVerification"`
	}
	if err := readInput(c, &body); err != nil {
		return err
	}
	in := admin.EmailUpdate{Email: body.Email, ProfileTelecom: body.UpdateProfileTelecom, SkipVerification: body.SkipEmailVerification}
	made, err := h.Admin.UpdateEmail(c.Request().Context(), caller.From(c), c.Param("id"), in)
	if err != nil {
		return err
	}
	return resource(c, http.StatusOK, web.FHIRJSON, made)
}

func (h *Handler) rotateSecret(c echo.Context) error {
	var body struct {
		Secret         string `json:"secret"`
		RetiringSecret string `json:"retiringSecret"`
	}
	if err := readInput(c, &body); err != nil {
		return err
	}
	made, err := h.Admin.RotateSecret(c.Request().Context(), caller.From(c), c.Param("id"), body.Secret, body.RetiringSecret)
	if err != nil {
		return err
	}
	return resource(c, http.StatusOK, web.FHIRJSON, made)
}
