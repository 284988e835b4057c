package rest

import (
	"context"
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/fhir/r4"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// The bounds of a page of history.
const (
	defaultHistory = 100
	maxHistory     = 1000
	maxOffset      = 1_000_000
)

// deletedForm is how Medplum's clients are told when a version was deleted.
const deletedForm = "Mon Jan 02 2006 15:04:05 GMT+0000 (Coordinated Universal Time)"

// history lists the versions of a resource (R4 http.html#history), newest first.
func (h *Handler) history(c echo.Context) error {
	query, err := parameters(c, "_count", "_offset")
	if err != nil {
		return err
	}
	bundle, err := h.versionsOf(c.Request().Context(), h.session(c), c.Param("type"), c.Param("id"), query)
	if err != nil {
		return err
	}
	return blob(c, http.StatusOK, bundle.JSON())
}

func (h *Handler) versionsOf(ctx context.Context, session actor, resourceType, id string, query url.Values) (r4.Bundle, error) {
	count, err := number(query, "_count", defaultHistory, maxHistory)
	if err != nil {
		return r4.Bundle{}, err
	}
	offset, err := number(query, "_offset", 0, maxOffset)
	if err != nil {
		return r4.Bundle{}, err
	}
	versions, total, err := session.History(ctx, resourceType, id, count, offset)
	bundle := r4.Bundle{Type: "history", Total: &total}
	for _, v := range versions {
		bundle.Entries = append(bundle.Entries, h.historyEntry(v))
	}
	return bundle, err
}

func (h *Handler) historyEntry(v store.Resource) r4.Entry {
	entry := r4.Entry{
		FullURL: h.base + v.Type + "/" + v.ID,
		Request: &r4.Request{Method: http.MethodGet, URL: v.Type + "/" + v.ID + "/_history/" + v.Version},
	}
	if v.Deleted {
		text := "Deleted on " + v.LastUpdated.UTC().Format(deletedForm)
		entry.Response = &r4.Response{Status: "410", Outcome: r4.Outcome(outcome.Gone.ID, "error", outcome.Gone.Issue, text)}
		return entry
	}
	entry.Response = &r4.Response{Status: "200", Outcome: r4.Outcome(outcome.OK.ID, "information", outcome.OK.Issue, outcome.OK.Text)}
	entry.Resource = v.Content
	return entry
}
