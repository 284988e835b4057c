package rest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/web"
)

// headers say which version the answer is (R4 http.html#versions).
func headers(c echo.Context, res store.Resource) {
	header := c.Response().Header()
	header.Set("ETag", etag(res.Version))
	header.Set("Last-Modified", res.LastUpdated.UTC().Format(http.TimeFormat))
}

// resource answers with a resource.
func resource(c echo.Context, status int, res store.Resource) error {
	headers(c, res)
	return blob(c, status, res.Content)
}

// blob answers with a resource's bytes, indented when asked for.
func blob(c echo.Context, status int, content []byte) error {
	content, err := signed(c, content)
	if err != nil {
		return err
	}
	if pretty(c) {
		var indented bytes.Buffer
		if err := json.Indent(&indented, content, "", "  "); err != nil {
			return err
		}
		content = indented.Bytes()
	}
	// Without it net/http sends what does not fit its buffer in chunks.
	c.Response().Header().Set(echo.HeaderContentLength, strconv.Itoa(len(content)))
	return c.Blob(status, web.FHIRJSON, content)
}

// location is the address of a version, below the base (R4 http.html#create).
func location(res store.Resource) string { return res.Type + "/" + res.ID + "/_history/" + res.Version }

// deleted answers a delete, without content when Prefer asks for none.
func deleted(c echo.Context) error {
	if preferred(c.Request().Header) == "minimal" {
		return c.NoContent(http.StatusNoContent)
	}
	return web.WriteOutcome(c, outcome.New(outcome.OK, ""))
}

// written answers a write in the form that Prefer asks for (R4 http.html#ops), and tells where the
// version is, whether it was made or found (R4 http.html#update).
func (h *Handler) written(c echo.Context, code outcome.Code, res store.Resource) error {
	headers(c, res)
	c.Response().Header().Set(echo.HeaderLocation, h.base+location(res))
	switch preferred(c.Request().Header) {
	case "minimal":
		return c.NoContent(code.Status)
	case "OperationOutcome":
		return web.WriteOutcome(c, outcome.New(code, ""))
	}
	return blob(c, code.Status, res.Content)
}

// preferred is the value of return in Prefer (RFC 7240 §4.2); one that is unknown may be ignored (§2).
func preferred(header http.Header) string {
	value, _ := web.Preference(header, "return")
	return value
}
