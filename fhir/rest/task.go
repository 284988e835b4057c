package rest

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/outcome"
)

// task is how far the work is that a super administrator has begun on the whole server, a type, a
// resource or a Project. Its AsyncJob is made for the answer.
type task struct {
	id, request       string
	done              int64
	started, finished time.Time
}

func taskOf(ctx context.Context, session *repo.Session, id string) (task, error) {
	t, err := session.ReindexTask(ctx, id)
	if !outcome.Has(err, outcome.NotFound) {
		request := strings.TrimPrefix(strings.TrimSuffix(t.Type+"/"+t.Resource, "/")+"/$reindex", "/")
		return task{t.ID, request, t.Done, t.Started, t.Finished}, err
	}
	e, err := session.ExpungeTask(ctx, id)
	return task{e.ID, e.Of.Type + "/" + e.Of.ID + "/$expunge?everything=true", e.Done, e.Started, e.Finished}, err
}

// taskStatus is 202 while the work lasts, with the number of resources so far in X-Progress, and then
// the AsyncJob.
func (h *Handler) taskStatus(c echo.Context) error {
	t, err := taskOf(c.Request().Context(), h.session(c), c.Param("id"))
	if err != nil {
		return err
	}
	c.Response().Header().Set("X-Progress", strconv.FormatInt(t.done, 10)+" resources")
	if t.finished.IsZero() {
		return h.accepted(c, t.id)
	}
	body, err := json.Marshal(asyncJob{
		ResourceType: typeAsyncJob, ID: t.id, Status: jobCompleted, Request: h.base + t.request,
		RequestTime: t.started.Format(document.InstantFormat), TransactionTime: t.finished.UTC().Format(document.InstantFormat),
	})
	if err != nil {
		return err
	}
	return blob(c, http.StatusOK, body)
}
