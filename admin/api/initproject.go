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
	g.POST("/User/:id/$rescope", h.rescopeUser)
	g.POST("/ClientApplication/:id/$rotate-secret", h.rotateSecret)
}

func (h *Handler) initProject(c echo.Context) error {
	var body struct {
		Name       string            `json:"name"`
		Owner      medplum.Reference `json:"owner"`
		OwnerEmail string            `json:"ownerEmail"`
	}
	if err := readInput(c, &body); err != nil {
		return err
	}
	made, err := h.Admin.InitProject(c.Request().Context(), caller.From(c), admin.ProjectInit(body))
	if err != nil {
		return err
	}
	return resource(c, http.StatusCreated, web.FHIRJSON, made)
}
