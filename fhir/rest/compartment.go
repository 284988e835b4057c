package rest

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/fhir/search"
	"github.com/admitdev/admit/pkg/outcome"
)

// mountCompartments adds the routes of R4 http.html#vsearch: Patient/x/Observation, and Patient/x/*
// for every type that the compartment has.
func (h *Handler) mountCompartments(g *echo.Group) {
	g.GET("/:type/:id/:inner", h.searchCompartment)
	g.POST("/:type/:id/:inner/_search", h.searchCompartment)
}

func (h *Handler) searchCompartment(c echo.Context) error {
	query, err := searchQuery(c)
	if err != nil {
		return err
	}
	ctx, session := c.Request().Context(), h.session(c)
	how := handlingOf(c)
	request, err := h.compartment(ctx, session, []string{c.Param("type"), c.Param("id"), c.Param("inner")}, query, how)
	if err != nil {
		return err
	}
	how.applied(c)
	if err := negotiate(c.Request().Header, url.Values{"_format": {request.Format}}); err != nil {
		return err
	}
	bundle, err := h.searchset(ctx, session, request)
	if err != nil {
		return err
	}
	return blob(c, http.StatusOK, bundle.JSON())
}

// compartment understands a search within a compartment: its type, its id and the type searched.
func (h *Handler) compartment(ctx context.Context, as actor, path []string, query string, how handling) (*search.Request, error) {
	compartment, id, inner := path[0], path[1], path[2]
	if !slices.Contains(definitions.Compartments(), compartment) || !repo.ValidID(id) || strings.HasPrefix(inner, "$") {
		return nil, outcome.New(outcome.NotFound, "")
	}
	types := []string{inner}
	named := ""
	if inner == "*" {
		var err error
		if types, named, query, err = typesWithin(compartment, query); err != nil {
			return nil, err
		}
	} else if _, ok := definitions.Compartment(compartment, inner); !ok {
		if err := repo.KnownType(inner); err != nil {
			return nil, err
		}
		return nil, outcome.New(outcome.Invalid, "%s is not in the compartment of a %s", inner, compartment)
	}
	request, err := h.parse(ctx, as, types, query, how)
	if err != nil {
		return nil, err
	}
	request.Within(compartment, id, strings.Join(path, "/"))
	if named != "" {
		request.Repeat("_type", named)
	}
	return request, nil
}

// typesWithin are the types that a search of a whole compartment is about, which _type may narrow;
// the query is what else is asked.
func typesWithin(compartment, query string) (types []string, named, rest string, err error) {
	var others []string
	for part := range strings.SplitSeq(query, "&") {
		value, ok := strings.CutPrefix(part, "_type=")
		if !ok {
			others = append(others, part)
			continue
		}
		if named, err = url.QueryUnescape(value); err != nil || types != nil {
			return nil, "", "", outcome.New(outcome.Invalid, "Invalid value of _type: %.100s", value)
		}
		for t := range strings.SplitSeq(named, ",") {
			if _, ok := definitions.Compartment(compartment, t); !ok {
				return nil, "", "", outcome.New(outcome.Invalid, "%.64s is not in the compartment of a %s", t, compartment)
			}
			if !slices.Contains(types, t) {
				types = append(types, t)
			}
		}
	}
	if types == nil {
		types = allWithin(compartment)
	}
	return types, named, strings.Join(others, "&"), nil
}

// allWithin are the types of a compartment.
func allWithin(compartment string) []string {
	var types []string
	for _, t := range definitions.ResourceTypes() {
		if _, ok := definitions.Compartment(compartment, t); ok {
			types = append(types, t)
		}
	}
	return types
}
