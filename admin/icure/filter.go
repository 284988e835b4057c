package icure

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/web"
)

// filter is one of iCure's filters about users; $type says which.
type filter struct {
	Type              string   `json:"$type"`
	Description       string   `json:"desc"`
	IDs               []string `json:"ids"`
	PatientID         string   `json:"patientId"`
	HealthcarePartyID string   `json:"healthcarePartyId"`
	SearchString      string   `json:"searchString"`
	Filters           []filter `json:"filters"`
	SuperSet          *filter  `json:"superSet"`
	SubSet            *filter  `json:"subSet"`
}

// filterChain is a filter with a predicate, of which there is none here.
type filterChain struct {
	Type      string           `json:"$type"`
	Filter    *filter          `json:"filter"`
	Predicate *json.RawMessage `json:"predicate"`
}

// maxFilters is how many filters one request may hold.
const maxFilters = 20

// filtering is one evaluation.
type filtering struct {
	*Handler
	who     caller.Caller
	project string
	left    int // filters that may still be evaluated
}

// ids are the ids of the users whom a filter finds, in their order.
//
// Errors: outcome Invalid, TooCostly.
func (f *filtering) ids(ctx context.Context, of *filter, at string) ([]string, error) {
	if f.left--; f.left < 0 {
		return nil, outcome.New(outcome.TooCostly, "At most %d filters", maxFilters)
	}
	if of == nil {
		return nil, outcome.New(outcome.Invalid, "A filter is required").At(at)
	}
	required := func(value, name string) error {
		if value == "" {
			return outcome.New(outcome.Invalid, "Required").At(at + "." + name)
		}
		return nil
	}
	find := func(q admin.UserQuery, err error) ([]string, error) {
		if err != nil {
			return nil, err
		}
		return f.collect(ctx, f.who, f.project, q)
	}
	switch of.Type {
	case "AllUsersFilter":
		return find(admin.UserQuery{}, nil)
	case "UserByIdsFilter":
		return find(admin.UserQuery{IDs: append([]string{}, of.IDs...)}, nil)
	case "UsersByPatientIdFilter":
		return find(admin.UserQuery{Patient: of.PatientID}, required(of.PatientID, "patientId"))
	case "UserByHealthcarePartyIdFilter":
		return find(admin.UserQuery{Practitioner: of.HealthcarePartyID}, required(of.HealthcarePartyID, "healthcarePartyId"))
	case "UserByNameEmailPhoneFilter":
		return find(admin.UserQuery{Search: of.SearchString}, required(of.SearchString, "searchString"))
	case "UnionFilter":
		return f.combine(ctx, of.Filters, at, func(all, more []string) []string { return append(all, without(more, all)...) })
	case "IntersectionFilter":
		return f.combine(ctx, of.Filters, at, within)
	case "ComplementFilter":
		all, err := f.ids(ctx, of.SuperSet, at+".superSet")
		if err != nil {
			return nil, err
		}
		some, err := f.ids(ctx, of.SubSet, at+".subSet")
		return without(all, some), err
	}
	return nil, outcome.New(outcome.Invalid, "This filter is not known").At(at + ".$type")
}

// combine makes one list of what several filters find.
func (f *filtering) combine(ctx context.Context, of []filter, at string, with func(all, more []string) []string) ([]string, error) {
	var all []string
	for i := range of {
		found, err := f.ids(ctx, &of[i], at+".filters")
		if err != nil {
			return nil, err
		}
		if i == 0 {
			all = found
		} else {
			all = with(all, found)
		}
	}
	slices.Sort(all)
	return all, nil
}

func set(ids []string) map[string]bool {
	has := make(map[string]bool, len(ids))
	for _, id := range ids {
		has[id] = true
	}
	return has
}

func within(all, some []string) []string {
	has := set(some)
	return slices.DeleteFunc(slices.Clone(all), func(id string) bool { return !has[id] })
}

func without(all, some []string) []string {
	has := set(some)
	return slices.DeleteFunc(slices.Clone(all), func(id string) bool { return has[id] })
}

// filter gives a page of the users whom a filter finds.
func (h *Handler) filter(c echo.Context) error {
	var chain filterChain
	if err := web.ReadJSON(c, &chain, web.RefuseUnknown()); err != nil {
		return err
	}
	var fields outcome.Fields
	fields.Check(chain.Type == "FilterChain", "$type", "A FilterChain is required")
	fields.Check(chain.Predicate == nil || string(*chain.Predicate) == "null", "predicate", "Predicates are not supported")
	if err := fields.Err(); err != nil {
		return err
	}
	limit, err := limitOf(c)
	if err != nil {
		return err
	}
	ctx, who, project := c.Request().Context(), caller.From(c), group(c)
	f := filtering{h, who, project, maxFilters}
	ids, err := f.ids(ctx, chain.Filter, "filter")
	if err != nil {
		return err
	}
	at, _ := slices.BinarySearch(ids, c.QueryParam("startDocumentId"))
	ids = ids[at:]
	further := ids[min(limit, len(ids)):]
	wanted := ids[:min(limit, len(ids))]
	rows, err := h.read1000(ctx, who, project, wanted)
	if err != nil {
		return err
	}
	var next *admin.User
	if len(further) > 0 {
		next = &admin.User{ID: further[0]}
	}
	p, err := h.page(ctx, project, rows, next)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, p)
}

// match gives the ids of the users whom a filter finds.
func (h *Handler) match(c echo.Context) error {
	var of filter
	if err := web.ReadJSON(c, &of, web.RefuseUnknown()); err != nil {
		return err
	}
	who := caller.From(c)
	f := filtering{h, who, who.Project, maxFilters}
	ids, err := f.ids(c.Request().Context(), &of, "filter")
	if err != nil {
		return err
	}
	if ids == nil {
		ids = []string{}
	}
	return c.JSON(http.StatusOK, ids)
}
