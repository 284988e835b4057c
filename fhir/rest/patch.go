package rest

import (
	"mime"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/fhir/patch"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/web"
)

// patch changes a resource (R4 http.html#patch) by a JSON Patch or a FHIRPath Patch.
func (h *Handler) patch(c echo.Context) error {
	if _, err := parameters(c); err != nil {
		return err
	}
	if err := repo.KnownType(c.Param("type")); err != nil {
		return err
	}
	version, err := ifMatch(c.Request().Header)
	if err != nil {
		return err
	}
	p, err := h.readPatch(c)
	if err != nil {
		return err
	}
	made, err := h.session(c).Patch(c.Request().Context(), c.Param("type"), c.Param("id"), p, version)
	if err != nil {
		return err
	}
	return h.written(c, outcome.OK, made)
}

// patchOne is the conditional patch.
func (h *Handler) patchOne(c echo.Context) error {
	condition, err := h.conditionOf(c)
	if err != nil {
		return err
	}
	version, err := ifMatch(c.Request().Header)
	if err != nil {
		return err
	}
	p, err := h.readPatch(c)
	if err != nil {
		return err
	}
	made, err := h.session(c).PatchOne(c.Request().Context(), condition, p, version)
	if err != nil {
		return err
	}
	return h.written(c, outcome.OK, made)
}

// readPatch reads the patch that the content type says it is, of a caller who may patch the type.
func (h *Handler) readPatch(c echo.Context) (patch.Patch, error) {
	if err := h.session(c).MayPatch(c.Param("type")); err != nil {
		return nil, err
	}
	body, err := web.ReadBody(c, web.MaxJSON)
	if err != nil {
		return nil, err
	}
	switch media, _, _ := mime.ParseMediaType(c.Request().Header.Get(echo.HeaderContentType)); {
	case media == patch.MediaType:
		return patch.JSON(body)
	case isJSON(media) && media != echo.MIMEApplicationJSON:
		return patch.Parameters(body)
	}
	return nil, outcome.New(outcome.UnsupportedMedia, "A patch is %s or application/fhir+json (Parameters)", patch.MediaType)
}
