package rest

import (
	"context"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/web"
)

// condition parses the query of a conditional interaction.
func (h *Handler) condition(ctx context.Context, as searcher, resourceType, query string) (repo.Condition, error) {
	if err := repo.KnownType(resourceType); err != nil {
		return repo.Condition{}, err
	}
	language, err := as.Language(ctx, h.base)
	if err != nil {
		return repo.Condition{}, err
	}
	request, err := language.Condition(resourceType, query)
	return repo.Condition{Type: resourceType, Query: query, Search: request}, err
}

// conditionOf is the condition in the address of a request.
func (h *Handler) conditionOf(c echo.Context) (repo.Condition, error) {
	condition, err := h.condition(c.Request().Context(), h.session(c), c.Param("type"), withoutPretty(c.Request().URL.RawQuery))
	if err != nil {
		return condition, err
	}
	return condition, negotiate(c.Request().Header, url.Values{"_format": {condition.Search.Format}})
}

// withoutPretty takes _pretty out, which is about the answer and not a criterion.
func withoutPretty(query string) string {
	kept := []string{}
	for part := range strings.SplitSeq(query, "&") {
		if part != "_pretty=true" && part != "_pretty=false" {
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, "&")
}

func createdOr(created bool) outcome.Code {
	if created {
		return outcome.Created
	}
	return outcome.OK
}

// updateOne is the conditional update (R4 http.html#cond-update).
func (h *Handler) updateOne(c echo.Context) error {
	condition, err := h.conditionOf(c)
	if err != nil {
		return err
	}
	version, err := ifMatch(c.Request().Header)
	if err != nil {
		return err
	}
	body, err := web.ReadBody(c, web.MaxJSON)
	if err != nil {
		return err
	}
	made, created, err := h.session(c).UpdateOne(c.Request().Context(), body, condition, version)
	if err != nil {
		return err
	}
	return h.written(c, createdOr(created), made)
}

// deleteOne is the conditional delete (R4 http.html#2.21.0.10.1); several matches are refused.
func (h *Handler) deleteOne(c echo.Context) error {
	condition, err := h.conditionOf(c)
	if err != nil {
		return err
	}
	version, err := ifMatch(c.Request().Header)
	if err != nil {
		return err
	}
	if err := h.session(c).DeleteOne(c.Request().Context(), condition, version); err != nil {
		return err
	}
	return deleted(c)
}
