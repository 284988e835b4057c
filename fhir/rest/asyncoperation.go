package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/fhir/bundle"
	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/web"
)

// keptRequest is a request of an operation, to be carried out by a job.
type keptRequest struct {
	Method      string `json:"method"`
	Path        string `json:"path"` // below the base, escaped
	Query       string `json:"query"`
	ContentType string `json:"contentType"`
	Body        []byte `json:"body"`
}

// unhurried has an operation carried out by a job for a client that prefers not to wait.
func (h *Handler) unhurried(operation echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if c.Get(inBackground) != nil || !web.RespondAsync(c.Request().Header) {
			return operation(c)
		}
		body, err := web.ReadRaw(c, web.MaxJSON)
		if err != nil {
			return err
		}
		r := c.Request()
		kept := keptRequest{r.Method, strings.TrimPrefix(r.URL.EscapedPath(), "/fhir/R4/"), r.URL.RawQuery, r.Header.Get(echo.HeaderContentType), body}
		request, err := json.Marshal(kept)
		if err != nil {
			return err
		}
		return h.later(c, true, kept.Path, request)
	}
}

// operation carries out the operation that was kept.
func (r *running) operation(ctx context.Context, c echo.Context) error {
	var kept keptRequest
	if err := json.Unmarshal(r.row.Request, &kept); err != nil {
		return err
	}
	if err := r.begin(ctx, kept.Method == http.MethodGet); err != nil {
		return err
	}
	answer, err := r.dispatch(c, kept)
	if denied(err) {
		r.noteRefusal(c, "operation", kept.Path, err)
	}
	if err != nil {
		return err
	}
	content, err := answer.resource()
	if err != nil {
		return err
	}
	return r.end(ctx, jobCompleted, content)
}

// dispatch gives a request to the handler of its route, by the caller that c has.
func (h *Handler) dispatch(c echo.Context, kept keptRequest) (*captured, error) {
	request, err := http.NewRequestWithContext(c.Request().Context(), kept.Method, "/"+kept.Path+"?"+kept.Query, bytes.NewReader(kept.Body))
	if err != nil {
		return nil, err
	}
	request.Header.Set(echo.HeaderContentType, kept.ContentType)
	answer := &captured{header: http.Header{}, status: http.StatusOK}
	inner := h.routes.NewContext(request, answer)
	caller.Put(inner, caller.From(c))
	inner.Set(inBackground, true)
	h.routes.Router().Find(request.Method, echo.GetPath(request), inner)
	return answer, inner.Handler()(inner)
}

// dispatchEntry carries out an operation that is an entry of a batch in the background.
func (h *Handler) dispatchEntry(c echo.Context, e *bundle.Entry) done {
	answer, err := h.dispatch(c, keptRequest{e.Method, escaped(e.Path), e.Query, web.FHIRJSON, e.Resource})
	if err != nil {
		return done{err: err}
	}
	content, err := answer.resource()
	return done{code: outcome.OK, content: content, read: true, err: err}
}

func escaped(path []string) string {
	steps := make([]string, len(path))
	for i, step := range path {
		steps[i] = url.PathEscape(step)
	}
	return strings.Join(steps, "/")
}

// binary is the Binary that holds an answer which is no resource.
type binary struct {
	ResourceType string `json:"resourceType"`
	ContentType  string `json:"contentType"`
	Data         []byte `json:"data"`
}

// resource is the answer as it stands within another resource.
func (c *captured) resource() ([]byte, error) {
	if media := c.header.Get(echo.HeaderContentType); media != web.FHIRJSON {
		return json.Marshal(binary{"Binary", media, c.body.Bytes()})
	}
	return c.body.Bytes(), nil
}
