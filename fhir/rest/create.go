package rest

import (
	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/web"
)

// create makes a resource (R4 http.html#create), or finds it when If-None-Exist asks for that.
func (h *Handler) create(c echo.Context) error {
	resourceType := c.Param("type")
	if !definitions.IsResource(resourceType) {
		return outcome.New(outcome.Invalid, "Unknown data type: %s", resourceType)
	}
	if err := onlyPreconditions(c.Request().Header, "If-Match"); err != nil { // there is no version to replace
		return err
	}
	if resourceType == typeBinary {
		return h.createBinary(c)
	}
	if _, err := parameters(c); err != nil {
		return err
	}
	body, err := web.ReadBody(c, web.MaxJSON)
	if err != nil {
		return err
	}
	if query := c.Request().Header.Get("If-None-Exist"); query != "" {
		return h.createIfNone(c, resourceType, query, body)
	}
	made, err := h.session(c).Create(c.Request().Context(), resourceType, body)
	if err != nil {
		return err
	}
	return h.written(c, outcome.Created, made)
}

// createIfNone is the conditional create (R4 http.html#ccreate).
func (h *Handler) createIfNone(c echo.Context, resourceType, query string, body []byte) error {
	condition, err := h.condition(c.Request().Context(), h.session(c), resourceType, query)
	if err != nil {
		return err
	}
	made, created, err := h.session(c).CreateIfNone(c.Request().Context(), body, condition)
	if err != nil {
		return err
	}
	return h.written(c, createdOr(created), made)
}
