package rest

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/fhir/search"
	"github.com/admitdev/admit/pkg/store"
)

// read gives the current version (R4 http.html#read); 304 when the client has it already.
func (h *Handler) read(c echo.Context) error {
	if c.Param("type") == typeBinary {
		return h.readBinary(c, "")
	}
	wanted, err := wantedSubset(c)
	if err != nil {
		return err
	}
	got, err := h.session(c).Read(c.Request().Context(), c.Param("type"), c.Param("id"))
	if err != nil {
		return err
	}
	if unmodified(c.Request().Header, got) {
		headers(c, got)
		return c.NoContent(http.StatusNotModified)
	}
	return part(c, wanted, got)
}

// wantedSubset is what a read asks for of the resource (R4 http.html#parameters), nil for all of it.
func wantedSubset(c echo.Context) (*search.Request, error) {
	query, err := parameters(c, subsetParameters...)
	if err != nil || len(query) == 0 {
		return nil, err
	}
	return search.ParseSubset(query.Get("_summary"), query.Get("_elements"))
}

var subsetParameters = []string{"_summary", "_elements"}

// part answers with what is wanted of a resource.
func part(c echo.Context, wanted *search.Request, got store.Resource) (err error) {
	if wanted != nil {
		if got.Content, err = subset(wanted, got); err != nil {
			return err
		}
	}
	return resource(c, http.StatusOK, got)
}

// unmodified says whether the client has what was read already (R4 http.html#cread). If-None-Match
// counts for more than If-Modified-Since, which knows seconds alone (RFC 9110 §13.1.3).
func unmodified(header http.Header, got store.Resource) bool {
	if len(header.Values("If-None-Match")) > 0 {
		return noneMatch(header, got.Version)
	}
	text := header.Get("If-Modified-Since")
	if text == "" {
		return false
	}
	since, err := http.ParseTime(text)
	return err == nil && !got.LastUpdated.Truncate(time.Second).After(since)
}
