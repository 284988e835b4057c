package api

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/pkg/web"
)

// updateEmail takes plain JSON, as Medplum's clients send it, or a Parameters resource.
func (h *Handler) updateEmail(c echo.Context) error {
	var body struct {
		Email                 string `json:"email"`
		UpdateProfileTelecom  bool   `json:"updateProfileTelecom"`
		SkipEmailVerification bool   `json:"skipEmailVerification"`
		Parameter             []struct {
			Name         string `json:"name"`
			ValueString  string `json:"valueString"`
			ValueBoolean bool   `json:"valueBoolean"`
		} `json:"parameter"`
	}
	if err := web.ReadJSON(c, &body); err != nil {
		return err
	}
	in := admin.EmailUpdate{Email: body.Email, ProfileTelecom: body.UpdateProfileTelecom, SkipVerification: body.SkipEmailVerification}
	for _, p := range body.Parameter {
		switch p.Name {
		case "email":
			in.Email = p.ValueString
		case "updateProfileTelecom":
			in.ProfileTelecom = p.ValueBoolean
		case "skipEmailVerification":
			in.SkipVerification = p.ValueBoolean
		}
	}
	made, err := h.Admin.UpdateEmail(c.Request().Context(), caller.From(c), c.Param("id"), in)
	if err != nil {
		return err
	}
	return resource(c, http.StatusOK, web.FHIRJSON, made)
}

// rotateSecret takes plain JSON, as Medplum's clients send it, or a Parameters resource.
func (h *Handler) rotateSecret(c echo.Context) error {
	var body struct {
		Secret         string `json:"secret"`
		RetiringSecret string `json:"retiringSecret"`
		Parameter      []struct {
			Name        string `json:"name"`
			ValueString string `json:"valueString"`
		} `json:"parameter"`
	}
	if err := web.ReadJSON(c, &body); err != nil {
		return err
	}
	for _, p := range body.Parameter {
		switch p.Name {
		case "secret":
			body.Secret = p.ValueString
		case "retiringSecret":
			body.RetiringSecret = p.ValueString
		}
	}
	made, err := h.Admin.RotateSecret(c.Request().Context(), caller.From(c), c.Param("id"), body.Secret, body.RetiringSecret)
	if err != nil {
		return err
	}
	return resource(c, http.StatusOK, web.FHIRJSON, made)
}
