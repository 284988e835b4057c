package rest

import (
	"errors"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/fhir/bundle"
	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/web"
)

// Refusals has it recorded when a request is refused for want of rights. It stands around what finds
// the caller, so that nobody's requests are recorded, too.
func (h *Handler) Refusals() echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			err := next(c)
			if denied(err) {
				h.noteRefusal(c, interactionOf(c.Request()), strings.TrimPrefix(c.Request().URL.Path, "/fhir/R4/"), err)
			}
			return err
		}
	}
}

func denied(err error) bool {
	return outcome.Has(err, outcome.Forbidden) || outcome.Has(err, outcome.Unauthorized)
}

// noteRefusals has the entries of a Bundle recorded that were refused.
func (h *Handler) noteRefusals(c echo.Context, entries []bundle.Entry, results []done) {
	for i, result := range results {
		if denied(result.err) {
			h.noteRefusal(c, interactionNamed(entries[i].Method, entries[i].Path), strings.Join(entries[i].Path, "/"), result.err)
		}
	}
}

// maxStrangers is how many refusals of nobody known are recorded for an address within a minute: the
// log has them all, and the journal must not be somebody's to fill.
const maxStrangers = 20

// noteRefusal names the resource when the address could be one's: whatever else stands in an address
// is no reference.
func (h *Handler) noteRefusal(c echo.Context, interaction, address string, err error) {
	who, ctx := caller.From(c), c.Request().Context()
	e := audit.Access{
		Project: who.Project, Interaction: interaction, User: who.Profile.Reference, Client: who.ClientID,
		RemoteAddr: c.RealIP(), RequestID: web.RequestID(ctx), Refusal: reason(err),
	}
	if e.Project == "" {
		if n, _ := h.strangers.Add(web.Network(e.RemoteAddr), 1); n > maxStrangers {
			return
		}
		e.Project = store.SystemProject
	}
	if resourceType, id, _ := strings.Cut(address, "/"); repo.KnownType(resourceType) == nil && repo.ValidID(id) {
		e.Resource = address
	} else {
		e.Query = address
	}
	h.repo.NoteRefusal(ctx, e)
}

func reason(err error) string {
	var known *outcome.Outcome
	if errors.As(err, &known) && len(known.Issues) > 0 {
		return known.Issues[0].Text
	}
	return "refused"
}

func interactionOf(r *http.Request) string {
	return interactionNamed(r.Method, strings.Split(strings.Trim(strings.TrimPrefix(r.URL.Path, "/fhir/R4"), "/"), "/"))
}

// interactionNamed is an interaction as http://hl7.org/fhir/restful-interaction spells it.
func interactionNamed(method string, path []string) string {
	last := path[max(0, len(path)-1):]
	switch {
	case len(last) > 0 && strings.HasPrefix(last[0], "$"):
		return "operation"
	case method == http.MethodPut:
		return "update"
	case method == http.MethodPatch:
		return "patch"
	case method == http.MethodDelete:
		return "delete"
	case method == http.MethodPost && len(last) > 0 && last[0] == "_search":
		return "search-type"
	case method == http.MethodPost && len(path) == 1 && path[0] != "":
		return "create"
	case method == http.MethodPost:
		return "batch"
	case len(path) == 2:
		return "read"
	case len(path) == 4 && path[2] == "_history":
		return "vread"
	case len(last) > 0 && last[0] == "_history":
		return "history"
	}
	return "search-type"
}
