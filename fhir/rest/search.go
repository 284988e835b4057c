package rest

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/r4"
	"github.com/admitdev/admit/fhir/search"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/web"
)

// mountSearch adds the routes of R4 http.html#search.
func (h *Handler) mountSearch(g *echo.Group) {
	g.GET("", h.searchSystem)
	g.GET("/", h.searchSystem)
	g.POST("/_search", h.searchSystem)
	g.GET("/:type", h.searchType)
	g.POST("/:type/_search", h.searchType)
}

// searchSystem searches the types that _type names.
func (h *Handler) searchSystem(c echo.Context) error { return h.search(c, nil) }

// searchType searches one type.
func (h *Handler) searchType(c echo.Context) error {
	resourceType := c.Param("type")
	if !definitions.IsResource(resourceType) {
		return outcome.New(outcome.Structure, "Unknown resource type")
	}
	return h.search(c, []string{resourceType})
}

func (h *Handler) search(c echo.Context, types []string) error {
	query, err := searchQuery(c)
	if err != nil {
		return err
	}
	session := h.session(c)
	how := handlingOf(c)
	request, err := h.parse(c.Request().Context(), session, types, query, how)
	if err != nil {
		return err
	}
	how.applied(c)
	if err := negotiate(c.Request().Header, url.Values{"_format": {request.Format}}); err != nil {
		return err
	}
	bundle, err := h.searchset(c.Request().Context(), session, request)
	if err != nil {
		return err
	}
	return blob(c, http.StatusOK, bundle.JSON())
}

// handling is how a search treats what is not known or has no value (R4 search.html#errors): its zero
// value refuses it, as is right for a search that a client has not spelled itself.
type handling struct{ lenient, strict, form bool }

// handlingOf is what the client prefers.
func handlingOf(c echo.Context) handling {
	value, _ := web.Preference(c.Request().Header, "handling")
	return handling{lenient: value == "lenient", strict: value == "strict", form: true}
}

// applied says which preference was heeded (RFC 7240 §3).
func (h handling) applied(c echo.Context) {
	switch {
	case h.lenient:
		c.Response().Header().Set("Preference-Applied", "handling=lenient")
	case h.strict:
		c.Response().Header().Set("Preference-Applied", "handling=strict")
	}
}

// parse understands a search by the parameters that the caller's projects have. A client that
// prefers so is not told of the parameters that are unknown: the self link leaves them out.
func (h *Handler) parse(ctx context.Context, as searcher, types []string, query string, how handling) (*search.Request, error) {
	language, err := as.Language(ctx, h.base)
	if err != nil {
		return nil, err
	}
	language.Lenient, language.Strict, language.Form = how.lenient, how.strict, how.form
	return language.Parse(types, query)
}

// searchQuery is the query string together with the form of a POST (R4 http.html#search).
func searchQuery(c echo.Context) (string, error) {
	query := c.Request().URL.RawQuery
	if c.Request().Method != http.MethodPost {
		return query, nil
	}
	form, err := web.ReadForm(c)
	if err != nil {
		return "", err
	}
	return strings.Trim(query+"&"+form.Encode(), "&"), nil
}

// searchset runs the search (R4 http.html#search, bundle.html#searchset). The matches come first,
// then what was included with them.
func (h *Handler) searchset(ctx context.Context, session actor, request *search.Request) (r4.Bundle, error) {
	bundle := r4.Bundle{Type: "searchset"}
	if request.Total == search.TotalEstimate || request.Total == search.TotalAccurate {
		total, err := session.Count(ctx, request)
		if err != nil {
			return bundle, err
		}
		bundle.Total = &total
	}
	var rows []store.Row
	if request.Count > 0 || bundle.Total == nil { // whoever may not search is told so, even of nothing
		var err error
		if rows, err = session.Search(ctx, request); err != nil {
			return bundle, err
		}
	}
	rows, links := request.Page(rows)
	for _, l := range links {
		bundle.Links = append(bundle.Links, r4.Link(l))
	}
	included, err := h.included(ctx, session, request, rows)
	if err != nil {
		return bundle, err
	}
	if err := h.entries(&bundle, request, "match", rows); err != nil {
		return bundle, err
	}
	return bundle, h.entries(&bundle, request, "include", included)
}

// entries adds rows to the bundle, as much of each as was asked for: _elements are those of the
// matches (R4 search.html#elements).
func (h *Handler) entries(bundle *r4.Bundle, request *search.Request, mode string, rows []store.Row) error {
	if mode == "include" && len(request.Elements) > 0 {
		request = &search.Request{Summary: request.Summary}
	}
	bundle.Entries = slices.Grow(bundle.Entries, len(rows))
	for _, row := range rows {
		content, err := subset(request, row.Resource)
		if err != nil {
			return err
		}
		bundle.Entries = append(bundle.Entries, r4.Entry{
			FullURL: h.base + row.Type + "/" + row.ID, Mode: mode, Resource: content,
		})
	}
	return nil
}
