package rest

import (
	"context"
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/index"
	"github.com/admitdev/admit/fhir/r4"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// The bounds of a page of history. A page also ends when it has become large (repo.HistoryPage), so
// a history is never in memory whole.
const (
	defaultHistory = 100
	maxHistory     = 1000
	maxOffset      = 1_000_000
)

// deletedForm is how Medplum's clients are told when a version was deleted.
const deletedForm = "Mon Jan 02 2006 15:04:05 GMT+0000 (Coordinated Universal Time)"

// mountHistory adds the routes of R4 http.html#history: of a resource, a type, the project.
func (h *Handler) mountHistory(g *echo.Group) {
	g.GET("/:type/:id/_history", h.history)
	g.GET("/:type/_history", h.history)
	g.GET("/_history", h.history)
}

// history lists versions, newest first.
func (h *Handler) history(c echo.Context) error {
	query, err := parameters(c, historyParameters...)
	if err != nil {
		return err
	}
	bundle, err := h.versionsOf(c.Request().Context(), h.session(c), c.Param("type"), c.Param("id"), query)
	if err != nil {
		return err
	}
	return blob(c, http.StatusOK, bundle.JSON())
}

var historyParameters = []string{"_count", "_offset", "_since", "_at", "_cursor"}

// versionsOf is a page of the history of a resource, of a type when there is no id, or of the project.
func (h *Handler) versionsOf(ctx context.Context, session actor, resourceType, id string, query url.Values) (r4.Bundle, error) {
	request, err := historyRequest(query)
	if err != nil {
		return r4.Bundle{}, err
	}
	request.Type, request.ID = resourceType, id
	page, err := session.History(ctx, request)
	bundle := r4.Bundle{Type: "history", Total: page.Total, Links: h.historyLinks(request, query, page)}
	for _, v := range page.Versions {
		bundle.Entries = append(bundle.Entries, h.historyEntry(v))
	}
	return bundle, err
}

// historyRequest reads the parameters of R4 http.html#history.
func historyRequest(query url.Values) (r repo.HistoryRequest, err error) {
	if r.Count, err = number(query, "_count", defaultHistory, maxHistory); err != nil {
		return r, err
	}
	if r.Offset, err = number(query, "_offset", 0, maxOffset); err != nil {
		return r, err
	}
	if query.Has("_offset") && query.Has("_cursor") {
		return r, outcome.New(outcome.Invalid, "Cannot use both offset and cursor")
	}
	if r.Since, _, err = interval(query, "_since"); err != nil {
		return r, err
	}
	if r.From, r.To, err = interval(query, "_at"); err != nil {
		return r, err
	}
	return r, readHistoryCursor(query, &r)
}

// interval is the time from which and the time before which a date lies.
func interval(query url.Values, name string) (from, to time.Time, err error) {
	if !query.Has(name) {
		return from, to, nil
	}
	low, high, ok := index.Date(query.Get(name))
	if !ok {
		return from, to, outcome.New(outcome.Invalid, "Invalid value of %s: %.40s", name, query.Get(name))
	}
	return time.UnixMicro(low).UTC(), time.UnixMicro(high + 1).UTC(), nil
}

// A cursor of a history is time/type/id of the version that the page begins after or, with /back, ends before.
func readHistoryCursor(query url.Values, r *repo.HistoryRequest) error {
	if !query.Has("_cursor") {
		return nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(query.Get("_cursor"))
	text, back := strings.CutSuffix(string(raw), onTheWayBack)
	parts := strings.Split(text, "/")
	if err != nil || len(parts) != 3 {
		return outcome.New(outcome.Invalid, "Invalid value of _cursor")
	}
	millis, err := strconv.ParseInt(parts[0], 10, 64)
	if err != nil || parts[2] != "" && !repo.ValidID(parts[2]) {
		return outcome.New(outcome.Invalid, "Invalid value of _cursor")
	}
	at := store.HistoryPosition{Time: time.UnixMilli(millis), Type: parts[1], ID: parts[2]}
	if back {
		r.Before = at
	} else {
		r.After = at
	}
	return nil
}

const onTheWayBack = "/back"

func writeHistoryCursor(at *store.HistoryPosition, direction string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(at.Time.UnixMilli(), 10) + "/" + at.Type + "/" + at.ID + direction))
}

// historyLinks are the pages of a history (R4 http.html#paging).
func (h *Handler) historyLinks(r repo.HistoryRequest, query url.Values, around repo.HistoryPage) []r4.Link {
	path := h.base + strings.TrimPrefix(r.Type+"/", "/")
	if r.ID != "" {
		path += r.ID + "/"
	}
	path += "_history"
	link := func(relation string, parameters url.Values) r4.Link {
		return r4.Link{Relation: relation, URL: strings.TrimSuffix(path+"?"+parameters.Encode(), "?")}
	}
	page := func(name, value string) url.Values {
		parameters := url.Values{} // a query without any is nil
		maps.Copy(parameters, query)
		parameters.Del("_cursor")
		parameters.Del("_offset")
		if value != "" {
			parameters.Set(name, value)
			parameters.Set("_count", strconv.Itoa(r.Count))
		}
		return parameters
	}
	links := []r4.Link{link("self", query), link("first", page("", ""))}
	if r.Offset > 0 && r.Count > 0 {
		before := ""
		if r.Offset > r.Count {
			before = strconv.Itoa(r.Offset - r.Count)
		}
		links = append(links, link("previous", page("_offset", before)))
	} else if around.Previous != nil {
		links = append(links, link("previous", page("_cursor", writeHistoryCursor(around.Previous, onTheWayBack))))
	}
	if around.Next != nil {
		links = append(links, link("next", page("_cursor", writeHistoryCursor(around.Next, ""))))
	}
	return links
}

// historyEntry says what was done (R4 http.html#history), and, as Medplum's clients read it, how a
// read of the version would be answered.
func (h *Handler) historyEntry(v repo.Version) r4.Entry {
	name := v.Type + "/" + v.ID
	entry := r4.Entry{FullURL: h.base + name, Request: &r4.Request{Method: http.MethodPut, URL: name}}
	entry.Response = &r4.Response{Status: "200", ETag: etag(v.Version), LastModified: v.LastUpdated.UTC().Format(document.InstantFormat)}
	if v.Deleted {
		text := "Deleted on " + v.LastUpdated.UTC().Format(deletedForm)
		entry.Request.Method, entry.Response.Status = http.MethodDelete, "410"
		entry.Response.Outcome = r4.Outcome(outcome.Gone.ID, "error", outcome.Gone.Issue, text)
		return entry
	}
	if v.First {
		entry.Request, entry.Response.Status = &r4.Request{Method: http.MethodPost, URL: v.Type}, "201"
	}
	entry.Response.Outcome = r4.Outcome(outcome.OK.ID, "information", outcome.OK.Issue, outcome.OK.Text)
	entry.Resource = v.Content
	return entry
}
