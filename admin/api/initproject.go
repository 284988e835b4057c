package api

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/web"
)

// MountFHIR adds the operations that administer under the FHIR surface (contract §1.3).
func (h *Handler) MountFHIR(g *echo.Group) {
	g.POST("/Project/$init", h.initProject)
	g.POST("/Project/:id/$clone", h.cloneProject)
	g.POST("/User/:id/$update-email", h.updateEmail)
	g.POST("/ClientApplication/:id/$rotate-secret", h.rotateSecret)
}

// initProject takes plain JSON, as Medplum's clients send it, or a Parameters resource.
func (h *Handler) initProject(c echo.Context) error {
	var body struct {
		Name       string            `json:"name"`
		Owner      medplum.Reference `json:"owner"`
		OwnerEmail string            `json:"ownerEmail"`
		Parameter  []struct {
			Name           string            `json:"name"`
			ValueString    string            `json:"valueString"`
			ValueReference medplum.Reference `json:"valueReference"`
		} `json:"parameter"`
	}
	if err := web.ReadJSON(c, &body); err != nil {
		return err
	}
	in := admin.ProjectInit{Name: body.Name, Owner: body.Owner, OwnerEmail: body.OwnerEmail}
	for _, p := range body.Parameter {
		switch p.Name {
		case "name":
			in.Name = p.ValueString
		case "owner":
			in.Owner = p.ValueReference
		case "ownerEmail":
			in.OwnerEmail = p.ValueString
		}
	}
	made, err := h.Admin.InitProject(c.Request().Context(), caller.From(c), in)
	if err != nil {
		return err
	}
	return resource(c, http.StatusCreated, web.FHIRJSON, made)
}
