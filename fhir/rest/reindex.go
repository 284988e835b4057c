package rest

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/outcome"
)

// mountReindex adds the operations of super administrators.
func (h *Handler) mountReindex(g *echo.Group) {
	g.POST("/$reindex", h.reindex)
	g.POST("/:type/$reindex", h.reindex)
	g.POST("/:type/:id/$reindex", h.reindex)
	g.POST("/:type/:id/$expunge", h.expunge)
}

// reindex has the index rows of the whole server, a type or a resource made again in the background,
// as R4 has it for what takes long (async.html): 202 and where to ask.
func (h *Handler) reindex(c echo.Context) error {
	resourceType := c.Param("type")
	if err := h.forSuper(c, resourceType); err != nil {
		return err
	}
	if _, err := operationInput(c); err != nil {
		return err
	}
	task, err := h.session(c).StartReindex(c.Request().Context(), resourceType, c.Param("id"))
	if err != nil {
		return err
	}
	return h.accepted(c, task.ID)
}

// reindexed is the status of such a job: 202 while the work lasts, with the number of resources so far
// in X-Progress, and then the AsyncJob.
func (h *Handler) reindexed(c echo.Context) error {
	task, err := h.session(c).ReindexTask(c.Request().Context(), c.Param("id"))
	if err != nil {
		return err
	}
	c.Response().Header().Set("X-Progress", strconv.FormatInt(task.Done, 10)+" resources")
	if task.Finished.IsZero() {
		return h.accepted(c, task.ID)
	}
	request := strings.TrimSuffix(task.Type+"/"+task.Resource, "/")
	body, err := json.Marshal(asyncJob{
		ResourceType: typeAsyncJob, ID: task.ID, Status: jobCompleted, Request: h.base + strings.TrimPrefix(request+"/$reindex", "/"),
		RequestTime: task.Started.Format(document.InstantFormat), TransactionTime: task.Finished.UTC().Format(document.InstantFormat),
	})
	if err != nil {
		return err
	}
	return blob(c, http.StatusOK, body)
}

// expunge removes a resource with its history.
func (h *Handler) expunge(c echo.Context) error {
	if err := h.forSuper(c, c.Param("type")); err != nil {
		return err
	}
	in, err := operationInput(c, "everything")
	if err != nil {
		return err
	}
	everything, err := in.boolean("everything")
	switch {
	case err != nil:
		return err
	case everything:
		return outcome.New(outcome.NotSupported, "Only single resources are expunged").At("everything")
	}
	if err := h.session(c).Expunge(c.Request().Context(), c.Param("type"), c.Param("id")); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// forSuper refuses everybody but super administrators, before anything else is looked at.
func (h *Handler) forSuper(c echo.Context, resourceType string) error {
	switch {
	case !caller.From(c).SuperAdmin:
		return outcome.New(outcome.Forbidden, "")
	case resourceType == "":
		return nil
	}
	return repo.KnownType(resourceType)
}
