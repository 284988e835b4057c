package api

import (
	"encoding/json"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/medplum"
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

func (h *Handler) rescopeUser(c echo.Context) error {
	var body struct {
		Scope   string    `json:"scope"`
		Project projectOf `json:"project"`
	}
	if err := readInput(c, &body); err != nil {
		return err
	}
	made, err := h.Admin.RescopeUser(c.Request().Context(), caller.From(c), c.Param("id"), admin.Rescope{Scope: body.Scope, Project: string(body.Project)})
	if err != nil {
		return err
	}
	return resource(c, http.StatusOK, web.FHIRJSON, made)
}

// projectOf is an id of a project, or a reference to it.
type projectOf string

// UnmarshalJSON implements json.Unmarshaler.
func (p *projectOf) UnmarshalJSON(raw []byte) error {
	var reference medplum.Reference
	if json.Unmarshal(raw, &reference) == nil {
		*p = projectOf(reference.Reference)
		return nil
	}
	return json.Unmarshal(raw, (*string)(p))
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
