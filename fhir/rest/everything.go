package rest

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/index"
	"github.com/admitdev/admit/fhir/r4"
	"github.com/admitdev/admit/fhir/search"
	"github.com/admitdev/admit/pkg/store"
)

// defaultEverything is how many resources a page of $everything has, unless _count says otherwise.
const defaultEverything = 1000

// everything gives a patient's compartment with what its resources lean on (R4
// patient-operation-everything.html), by pages.
func (h *Handler) everything(c echo.Context) error {
	in, err := operationInput(c, "start", "end", "_since", "_type"+repeated, "_count", "_cursor")
	if err != nil {
		return err
	}
	if err := in.onlyParameters(); err != nil {
		return err
	}
	ctx, session, id := c.Request().Context(), h.session(c), c.Param("id")
	if _, err := session.Read(ctx, "Patient", id); err != nil {
		return err
	}
	request, err := h.everythingRequest(ctx, session, id, in)
	if err != nil {
		return err
	}
	bundle, err := h.everythingPage(ctx, session, request)
	if err != nil {
		return err
	}
	return blob(c, http.StatusOK, bundle.JSON())
}

// everythingRequest is the search of the compartment that the parameters ask for.
func (h *Handler) everythingRequest(ctx context.Context, as actor, id string, in input) (*search.Request, error) {
	types, named, _, err := typesWithin("Patient", typeQuery(in.texts("_type")))
	if err != nil {
		return nil, err
	}
	count, err := in.number("_count", defaultEverything, defaultEverything)
	if err != nil {
		return nil, err
	}
	query := "_count=" + strconv.Itoa(count)
	if in.has("_cursor") {
		query += "&_cursor=" + url.QueryEscape(in.text("_cursor"))
	}
	request, err := h.parse(ctx, as, types, query, handling{})
	if err != nil {
		return nil, err
	}
	request.Within("Patient", id, "Patient/"+id+"/$everything")
	if named != "" {
		request.Repeat("_type", named)
	}
	return request, narrowEverything(request, in)
}

func typeQuery(types []string) string {
	if len(types) == 0 {
		return ""
	}
	return "_type=" + url.QueryEscape(strings.Join(types, ","))
}

// narrowEverything keeps to what was changed since a time and to the care of a span of time. What
// has no date of care is always part of everything.
func narrowEverything(request *search.Request, in input) error {
	dates := url.Values{}
	for _, name := range []string{"start", "end", "_since"} {
		if in.has(name) {
			dates.Set(name, in.text(name))
			request.Repeat(name, in.text(name))
		}
	}
	since, _, err := interval(dates, "_since")
	if err != nil {
		return err
	}
	from, _, err := interval(dates, "start")
	if err != nil {
		return err
	}
	_, to, err := interval(dates, "end")
	if err != nil {
		return err
	}
	low, high := store.MinDate, store.MaxDate
	if !from.IsZero() {
		low = from.UnixMicro()
	}
	if !to.IsZero() {
		high = to.Add(-time.Microsecond).UnixMicro()
	}
	for _, t := range request.Types {
		if !since.IsZero() {
			at := since.UnixMicro()
			request.Restrict(t, store.LastUpdated{Op: store.Ge, Low: at, High: at})
		}
		if code := careDate(t); code != "" && (low != store.MinDate || high != store.MaxDate) {
			request.Uses = append(request.Uses, search.Use{Type: t, Param: code})
			request.Restrict(t, store.Or{store.Missing{Param: code, Kind: store.DateKind}, store.Date{Param: code, Op: store.Ap, Low: low, High: high}})
		}
	}
	return nil
}

// careDates are the search parameters that say when care was given, the better ones first.
var careDates = []string{
	"date", "period", "onset-date", "performed", "occurrence", "effective-time", "effective", "started", "authoredon", "authored",
	"whenhandedover", "issued", "created", "recorded-date", "collected", "sent", "service-period", "authored-on",
}

// careDate is the one that a type has. A patient is not dated.
func careDate(resourceType string) string {
	for _, code := range careDates {
		if p, ok := definitions.SearchParamOf(resourceType, code); ok && p.Type == definitions.Date && p.Expression != "" {
			return code
		}
	}
	return ""
}

// leanedOn are the types outside of the compartment that belong to everything when something in it
// refers to them.
var leanedOn = []string{"Practitioner", "PractitionerRole", "Organization", "Location", "Medication", "Substance", "Device"}

func (h *Handler) everythingPage(ctx context.Context, session actor, request *search.Request) (r4.Bundle, error) {
	bundle := r4.Bundle{Type: "searchset"}
	rows, err := session.Search(ctx, request)
	if err != nil {
		return bundle, err
	}
	rows, links := request.Page(rows)
	for _, l := range links {
		bundle.Links = append(bundle.Links, r4.Link(l))
	}
	others, err := leaned(ctx, session, rows)
	if err != nil {
		return bundle, err
	}
	if err := h.entries(&bundle, request, "match", rows); err != nil {
		return bundle, err
	}
	return bundle, h.entries(&bundle, request, "include", others)
}

// leaned are the resources that rows lean on, as far as the caller may find them. A hidden reference
// leads nowhere.
func leaned(ctx context.Context, session actor, rows []store.Row) ([]store.Row, error) {
	in := &inclusion{session: session, seen: map[string]bool{}}
	wanted := map[string]store.IDIn{}
	asked := map[string]bool{}
	for _, row := range rows {
		in.seen[row.Type+"/"+row.ID] = true
		doc, err := document.Parse(row.Content)
		if err != nil {
			return nil, err
		}
		for _, r := range index.Extract(doc, row.Type).Reference {
			name := r.TargetType + "/" + r.TargetID
			if slices.Contains(leanedOn, r.TargetType) && r.Param != index.CompartmentParam && !asked[name] {
				asked[name] = true
				wanted[r.TargetType] = append(wanted[r.TargetType], r.TargetID)
			}
		}
	}
	for _, t := range leanedOn {
		for ids := range slices.Chunk(wanted[t], maxIncluded) {
			if err := in.add(ctx, t, ids); err != nil {
				return nil, err
			}
		}
	}
	return in.found, nil
}

// mountEverything adds the routes of operations on what a caller may see.
func (h *Handler) mountEverything(g *echo.Group) {
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		g.Add(method, "/Patient/:id/$everything", h.unhurried(h.everything))
		g.Add(method, "/:type/:id/$graph", h.unhurried(h.graph))
		g.Add(method, "/:type/$csv", h.unhurried(h.csv))
	}
}
