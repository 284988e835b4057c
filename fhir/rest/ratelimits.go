package rest

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/r4"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/outcome"
)

// rateLimits tells the administrators of a project what it, and each member named by membershipId, has used
// of the quotas of this minute (contract §1.3): Parameters with a project and with a membership for each, in
// units of contract §0.5. One without a limit has no limit and nothing remaining.
func (h *Handler) rateLimits(c echo.Context) error {
	who, project := caller.From(c), c.Param("id")
	switch {
	case !who.ProjectAdmin():
		return outcome.New(outcome.Forbidden, "")
	case !who.SuperAdmin && who.Project != project:
		return outcome.New(outcome.NotFound, "")
	}
	in, err := operationInput(c, "membershipId")
	if err != nil {
		return err
	}
	session := h.session(c)
	var described medplum.Project
	if err := readInto(c, session, medplum.TypeProject, project, &described); err != nil {
		return err
	}
	_, limit := h.quotas(caller.Caller{Quota: caller.ProjectQuota(described)})
	list := []r4.Parameter{h.usage("project", "Project/"+project, projectUnits(project), limit)}
	for _, id := range in.texts("membershipId") {
		var m medplum.ProjectMembership
		if err := readInto(c, session, medplum.TypeProjectMembership, id, &m); err != nil {
			return err
		}
		if m.Project.Reference != "Project/"+project {
			return outcome.New(outcome.NotFound, "")
		}
		member, err := h.callers.Assume(c.Request().Context(), m, caller.Assumed{At: clock.System{}.Now()})
		if err != nil {
			return err
		}
		limit, _ := h.quotas(member)
		list = append(list, h.usage("membership", "ProjectMembership/"+id, memberUnits(member), limit))
	}
	body, err := r4.Parameters(list)
	if err != nil {
		return err
	}
	return blob(c, http.StatusOK, body)
}

func readInto(c echo.Context, session *repo.Session, resourceType, id string, into any) error {
	got, err := session.Read(c.Request().Context(), resourceType, id)
	if err != nil {
		return err
	}
	return json.Unmarshal(got.Content, into)
}

// usage is what is counted under a key.
func (h *Handler) usage(name, reference, key string, limit int) r4.Parameter {
	used, reset := h.counter.Add(key, 0)
	whole := func(name string, n int) r4.Parameter {
		return r4.Parameter{Name: name, ValueInteger: json.Number(strconv.Itoa(n))}
	}
	parts := []r4.Parameter{{Name: "reference", ValueString: reference}, whole("used", used), whole("secondsBeforeNext", reset)}
	if limit >= 0 {
		parts = append(parts, whole("limit", limit), whole("remaining", max(0, limit-used)))
	}
	return r4.Parameter{Name: name, Part: parts}
}
