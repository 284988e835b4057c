package rest

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/web"
)

// errInterrupted is for a request that was being carried out when its process ended.
var errInterrupted = outcome.New(outcome.Exception, "The server was stopped while it carried out the request: a part of it may have been done")

// RunRequest carries out a request that was kept. A transaction ends in the statement that records its
// end, so that it is done once however often the job is tried; what only reads is done again; anything
// else is begun once.
func (h *Handler) RunRequest(ctx context.Context, job RequestJob) error {
	row, err := h.keptJob(ctx, job.Project, job.ID)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	state, res, err := h.jobState(ctx, job.Project, job.ID, true)
	if err != nil || state.final() {
		return err
	}
	if len(row.Request) > web.MaxJSON {
		select {
		case h.large <- struct{}{}:
			defer func() { <-h.large }()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	r := &running{Handler: h, state: state, res: res, row: row}
	c, err := r.context(ctx)
	if err == nil {
		err = r.perform(ctx, c)
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err() // the next try goes on
	case err != nil:
		return r.fail(ctx, c, err)
	}
	return nil
}

// running is a job at work.
type running struct {
	*Handler
	state asyncJob
	res   store.Resource
	row   store.AsyncJob
	by    asker
	who   caller.Caller // who asked, as he is now
}

// context is a request like the one that was kept, by its caller as he is now.
func (r *running) context(ctx context.Context) (echo.Context, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.base, nil)
	if err != nil {
		return nil, err
	}
	c := echo.New().NewContext(request, &captured{header: http.Header{}, status: http.StatusOK})
	if err := json.Unmarshal([]byte(r.row.Caller), &r.by); err != nil {
		return c, err
	}
	request.Header["Prefer"] = r.by.Prefer
	who, err := r.callers.Enter(ctx, r.by.Claims, r.by.OnBehalfOf, r.by.Address)
	if err != nil {
		return c, err
	}
	who.Extended = r.by.Extended
	r.who = who
	caller.Put(c, who)
	c.Set(inBackground, true)
	return c, nil
}

// inBackground marks a context that stands for no request.
const inBackground = "admit.background"

// perform does what was asked for, and records the end.
func (r *running) perform(ctx context.Context, c echo.Context) error {
	if r.by.Operation {
		return r.operation(ctx, c)
	}
	b, err := r.readBundle(r.row.Request)
	if err != nil {
		return err
	}
	if err := r.begin(ctx, b.Transaction); err != nil {
		return err
	}
	answer, err := r.carryOut(c, b, r.commit)
	if err != nil || b.Transaction {
		return err
	}
	return r.end(ctx, jobCompleted, answer)
}

// begin records that the request is at work. It may be so already when it can be done again.
func (r *running) begin(ctx context.Context, again bool) error {
	switch {
	case r.state.Status == jobActive && again:
		return nil
	case r.state.Status == jobActive:
		return errInterrupted
	}
	err := r.move(ctx, jobActive, nil)
	if err == nil {
		r.state, r.res, err = r.jobState(ctx, r.res.Project, r.res.ID, true)
	}
	return err
}

func (r *running) move(ctx context.Context, status string, answer []byte) error {
	return r.repo.System("record how far a job is", r.res.Project).InTx(ctx, func(tx *repo.Tx) error {
		return r.endJob(ctx, tx, r.state, r.res, status, answer)
	})
}

// commit ends the job within the transaction that did its work.
func (r *running) commit(ctx context.Context, tx *repo.Tx, answer []byte) error {
	answer, err := marked(r.who, answer)
	if err != nil {
		return err
	}
	return r.endJob(ctx, tx, r.state, r.res, jobCompleted, answer)
}

// end records the end, unless somebody has cancelled the job.
func (r *running) end(ctx context.Context, status string, answer []byte) error {
	answer, err := marked(r.who, answer)
	if err != nil {
		return err
	}
	err = r.move(ctx, status, answer)
	if outcome.Has(err, outcome.PreconditionFailed) {
		return nil
	}
	return err
}

// fail ends the job with what went wrong. What is our own failure is tried again.
func (r *running) fail(ctx context.Context, c echo.Context, failure error) error {
	var known *outcome.Outcome
	if c == nil || !errors.As(failure, &known) || ctx.Err() != nil {
		return failure
	}
	answer, err := web.MarshalOutcome(c, known)
	if err != nil {
		return err
	}
	return r.end(ctx, jobError, answer)
}
