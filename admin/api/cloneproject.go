package api

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/pkg/web"
)

// cloneProject takes plain JSON, as Medplum's clients send it, or a Parameters resource.
func (h *Handler) cloneProject(c echo.Context) error {
	var body struct {
		Name          string   `json:"name"`
		ResourceTypes []string `json:"resourceTypes"`
		IncludeIDs    []string `json:"includeIds"`
		ExcludeIDs    []string `json:"excludeIds"`
		Parameter     []struct {
			Name        string `json:"name"`
			ValueString string `json:"valueString"`
		} `json:"parameter"`
	}
	if err := web.ReadJSON(c, &body); err != nil {
		return err
	}
	in := admin.ProjectClone{Name: body.Name, ResourceTypes: body.ResourceTypes, IncludeIDs: body.IncludeIDs, ExcludeIDs: body.ExcludeIDs}
	for _, p := range body.Parameter {
		switch p.Name {
		case "name":
			in.Name = p.ValueString
		case "resourceTypes":
			in.ResourceTypes = append(in.ResourceTypes, p.ValueString)
		case "includeIds":
			in.IncludeIDs = append(in.IncludeIDs, p.ValueString)
		case "excludeIds":
			in.ExcludeIDs = append(in.ExcludeIDs, p.ValueString)
		}
	}
	made, err := h.Admin.CloneProject(c.Request().Context(), caller.From(c), c.Param("id"), in)
	if err != nil {
		return err
	}
	return resource(c, http.StatusCreated, web.FHIRJSON, made)
}
