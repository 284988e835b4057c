package api

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/pkg/web"
)

func (h *Handler) cloneProject(c echo.Context) error {
	var body struct {
		Name          string   `json:"name"`
		ResourceTypes []string `json:"resourceTypes"`
		IncludeIDs    []string `json:"includeIds"`
		ExcludeIDs    []string `json:"excludeIds"`
	}
	if err := readInput(c, &body, "resourceTypes", "includeIds", "excludeIds"); err != nil {
		return err
	}
	made, err := h.Admin.CloneProject(c.Request().Context(), caller.From(c), c.Param("id"), admin.ProjectClone(body))
	if err != nil {
		return err
	}
	return resource(c, http.StatusCreated, web.FHIRJSON, made)
}
