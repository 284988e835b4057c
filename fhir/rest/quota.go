package rest

import (
	"cmp"
	"encoding/json"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/fhir/bundle"
	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/pkg/web"
)

// perProject is how many times the quota of one member the quota of a project is.
const perProject = 10

// cost is what an interaction takes of the quota (contract §0.5).
func cost(interaction string) int {
	switch interaction {
	case "read", "vread":
		return 1
	case "search-type", "operation":
		return 20
	case "history":
		return 10
	case "batch": // its entries are charged when they are known
		return 0
	}
	return 100
}

// Quota refuses the FHIR interactions of a member, and of a project, that go over what they may do in
// a minute; the RateLimit header tells what is left. It stands within what finds the caller.
func (h *Handler) Quota() echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			who := caller.From(c)
			if limit := who.Quota.Requests; limit != nil && *limit >= 0 {
				used, reset := h.counter.Add("project "+who.Project+" "+web.Network(c.RealIP()), 1)
				web.TellLimit(c, "projectRequests", *limit-used, reset)
				if used > *limit {
					return web.TooMany(c, reset)
				}
			}
			if err := h.charge(c, who, cost(interactionOf(c.Request()))); err != nil {
				return err
			}
			return next(c)
		}
	}
}

// quotas are the limits of a member and of the project; negative for none.
func (h *Handler) quotas(who caller.Caller) (user, project int) {
	if h.quota < 0 || who.Quota.Off || who.SuperAdmin {
		return -1, -1
	}
	user, project = h.quota, perProject*h.quota
	if who.Quota.User != nil {
		user = *who.Quota.User
	}
	if who.Quota.Project != nil {
		project = *who.Quota.Project
	}
	return user, project
}

// memberUnits and projectUnits are the keys under which units are counted.
func memberUnits(who caller.Caller) string {
	return "fhir " + cmp.Or(who.Membership.Reference, who.Profile.Reference) + " " + who.Project
}

func projectUnits(project string) string { return "fhir " + project }

// exceeded is what a client is told of the limits, as Medplum words it.
type exceeded struct {
	User    int `json:"_userConsumedPoints"`
	Project int `json:"_projectConsumedPoints"`
	Limit   int `json:"limit"`
	Reset   int `json:"secondsBeforeNext"`
}

// charge takes units of the quotas.
//
// Errors: outcome TooManyRequests.
func (h *Handler) charge(c echo.Context, who caller.Caller, units int) error {
	user, project := h.quotas(who)
	if user < 0 && project < 0 {
		return nil
	}
	ofUser, reset := h.counter.Add(memberUnits(who), units)
	ofProject, _ := h.counter.Add(projectUnits(who.Project), units)
	left := user - ofUser
	if project >= 0 && (user < 0 || project-ofProject < left) {
		left = project - ofProject
	}
	web.TellLimit(c, "fhirInteractions", left, reset)
	if user >= 0 && ofUser > user || project >= 0 && ofProject > project {
		told, err := json.Marshal(exceeded{ofUser, ofProject, user, reset})
		if err != nil {
			return err
		}
		return web.TooMany(c, reset).Because("%s", told)
	}
	return nil
}

// chargeEntries takes what a Bundle costs. One that goes over the quota is still carried out, and
// what follows it within the minute is not: else a Bundle larger than a quota could never be.
func (h *Handler) chargeEntries(c echo.Context, entries []bundle.Entry) {
	units := 0
	for i := range entries {
		path := entries[i].Path
		if len(path) == 1 && strings.HasPrefix(path[0], "_") {
			path = nil
		}
		units += cost(interactionNamed(entries[i].Method, path))
	}
	_ = h.charge(c, caller.From(c), units)
}
