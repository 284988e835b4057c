package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/fhir/bundle"
	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/web"
)

// BundleJob is the job that carries out a Bundle for a client that does not wait.
type BundleJob struct {
	Project string `json:"project"`
	ID      string `json:"id"` // of the AsyncJob
}

// Kind implements jobs.Args.
func (BundleJob) Kind() string { return "bundle" }

// BundleTime is how long a job may take.
const BundleTime = 30 * time.Minute

// keptJobs is how long an answer can be fetched.
const keptJobs = 7 * 24 * time.Hour

// Callers finds out what somebody may do now; *caller.Resolver implements it.
type Callers interface {
	Enter(ctx context.Context, claims caller.Claims, onBehalfOf, address string) (caller.Caller, error)
}

const typeAsyncJob = "AsyncJob"

// The states of an AsyncJob.
const (
	jobAccepted  = "accepted"
	jobActive    = "active"
	jobCompleted = "completed"
	jobError     = "error"
	jobCancelled = "cancelled"
)

// asyncJob is an AsyncJob as it is stored; the output is only in the answer to who asked.
type asyncJob struct {
	ResourceType    string `json:"resourceType"`
	ID              string `json:"id"`
	Status          string `json:"status"`
	RequestTime     string `json:"requestTime"`
	TransactionTime string `json:"transactionTime,omitempty"`
	Request         string `json:"request"`
}

func (j asyncJob) final() bool { return j.Status != jobAccepted && j.Status != jobActive }

// asker is who asked for a job, and in which form the answer is wanted.
type asker struct {
	Claims     caller.Claims
	OnBehalfOf string
	Extended   bool
	Address    string
	Prefer     []string
}

// mountJobs adds the routes of R4 async.html, as Medplum's clients know them.
func (h *Handler) mountJobs(g *echo.Group) {
	g.GET("/job/:id/status", h.jobStatus)
	g.DELETE("/job/:id/status", h.cancelJob)
	g.DELETE("/job/:id", h.cancelJob)
	g.POST("/AsyncJob/:id/$cancel", h.cancelJob)
}

// respondAsync says whether the client does not want to wait (RFC 7240 §4.1).
func respondAsync(header http.Header) bool {
	for preference := range strings.SplitSeq(strings.Join(header.Values("Prefer"), ","), ",") {
		name, _, _ := strings.Cut(preference, ";")
		if strings.EqualFold(strings.TrimSpace(name), "respond-async") {
			return true
		}
	}
	return false
}

// later keeps a Bundle to be carried out by a job, and says where its status is.
func (h *Handler) later(c echo.Context, body []byte) error {
	if h.queue == nil || h.box == nil {
		return outcome.New(outcome.NotSupported, "Nothing is done in the background here")
	}
	who := caller.From(c)
	_, membership := who.Membership.Split()
	by, err := json.Marshal(asker{
		Claims:     caller.Claims{LoginID: who.LoginID, Project: who.Project, Membership: membership, ClientID: who.ClientID, Scope: who.Scope},
		OnBehalfOf: onBehalfOf(who), Extended: who.Extended, Address: who.RemoteAddr, Prefer: c.Request().Header.Values("Prefer"),
	})
	if err != nil {
		return err
	}
	ctx, id := c.Request().Context(), ""
	err = h.repo.System("keep a request for later", who.Project).InTx(ctx, func(tx *repo.Tx) error {
		id = tx.NewID()
		now := tx.Store().Now()
		job := asyncJob{typeAsyncJob, id, jobAccepted, now.UTC().Format(document.InstantFormat), "", h.base}
		content, err := json.Marshal(job)
		if err != nil {
			return err
		}
		if _, err := tx.Administer(who, "keep a request for later", who.Project).CreateAs(ctx, typeAsyncJob, id, content); err != nil {
			return err
		}
		row := store.AsyncJob{Project: who.Project, ID: id, Caller: string(by), Request: h.sealJob(who.Project, id, body), Created: now}
		if err := tx.Store().CreateAsyncJob(ctx, row, now.Add(-keptJobs)); err != nil {
			return err
		}
		return h.queue.Enqueue(ctx, tx.Store(), BundleJob{who.Project, id})
	})
	if err != nil {
		return err
	}
	return h.accepted(c, id)
}

// onBehalfOf is the membership whose rights the caller has taken on, empty when it acts for itself.
func onBehalfOf(who caller.Caller) string {
	if who.OnBehalfOf == nil {
		return ""
	}
	return who.OnBehalfOf.Membership.Reference
}

// accepted tells where the status is.
func (h *Handler) accepted(c echo.Context, id string) error {
	address := h.base + "job/" + id + "/status"
	c.Response().Header().Set("Content-Location", address)
	return web.WriteOutcome(c, outcome.New(outcome.Accepted, "").Because("%s", address))
}

// job reads a job of the request's caller: nobody else's are there, nor those that the same member has
// asked for through another client or with other scopes.
func (h *Handler) job(c echo.Context) (store.AsyncJob, asyncJob, store.Resource, error) {
	who, ctx := caller.From(c), c.Request().Context()
	row, err := h.keptJob(ctx, who.Project, c.Param("id"))
	if errors.Is(err, store.ErrNotFound) {
		err = outcome.New(outcome.NotFound, "")
	}
	if err != nil {
		return row, asyncJob{}, store.Resource{}, err
	}
	var by asker
	if err := json.Unmarshal([]byte(row.Caller), &by); err != nil {
		return row, asyncJob{}, store.Resource{}, err
	}
	_, membership := who.Membership.Split()
	if by.Claims.Membership != membership || by.Claims.ClientID != who.ClientID || by.Claims.Scope != who.Scope || by.OnBehalfOf != onBehalfOf(who) {
		return row, asyncJob{}, store.Resource{}, outcome.New(outcome.NotFound, "")
	}
	state, res, err := h.jobState(ctx, row.Project, row.ID, who.Extended)
	if err == nil && state.final() && len(row.Request) > 0 { // it ended between the two reads
		row, err = h.keptJob(ctx, row.Project, row.ID)
	}
	return row, state, res, err
}

func (h *Handler) jobState(ctx context.Context, project, id string, extended bool) (asyncJob, store.Resource, error) {
	var state asyncJob
	session := h.repo.System("read the status of a job", project)
	if !extended {
		session = session.Unextended()
	}
	res, err := session.Read(ctx, typeAsyncJob, id)
	if err != nil {
		return state, res, err
	}
	return state, res, json.Unmarshal(res.Content, &state)
}

// jobStatus is 202 until the job has ended; then it is the AsyncJob with its output.
func (h *Handler) jobStatus(c echo.Context) error {
	if _, err := parameters(c); err != nil {
		return err
	}
	row, state, res, err := h.job(c)
	if outcome.Has(err, outcome.NotFound) && caller.From(c).SuperAdmin {
		return h.taskStatus(c)
	}
	if err != nil {
		return err
	}
	if !state.final() {
		return h.accepted(c, row.ID)
	}
	content := res.Content
	if len(row.Answer) > 0 {
		name := "results"
		if state.Status != jobCompleted {
			name = "outcome"
		}
		content = append(bytes.Clone(content[:len(content)-1]), `,"output":{"resourceType":"Parameters","parameter":[{"name":"`+name+`","resource":`...)
		content = append(append(content, row.Answer...), `}]}}`...)
	}
	headers(c, res)
	return blob(c, http.StatusOK, content)
}

// cancelJob ends a job that has not. What a transaction has not committed is not done; of a batch the
// entries that are done stay.
func (h *Handler) cancelJob(c echo.Context) error {
	if _, err := parameters(c); err != nil {
		return err
	}
	row, state, res, err := h.job(c)
	if err != nil {
		return err
	}
	if state.final() {
		return outcome.New(outcome.Invalid, "AsyncJob cannot be cancelled if status is not 'accepted', job had status '%s'", state.Status)
	}
	err = h.repo.System("cancel a job", row.Project).InTx(c.Request().Context(), func(tx *repo.Tx) error {
		return h.endJob(c.Request().Context(), tx, state, res, jobCancelled, []byte{})
	})
	if err != nil {
		return err
	}
	return web.WriteOutcome(c, outcome.New(outcome.OK, ""))
}

// endJob moves the job from the state that was read; another that was faster is PreconditionFailed.
func (h *Handler) endJob(ctx context.Context, tx *repo.Tx, state asyncJob, res store.Resource, status string, answer []byte) error {
	tx = tx.System("record the end of a job", res.Project)
	state.Status = status
	if state.final() {
		state.TransactionTime = tx.Store().Now().UTC().Format(document.InstantFormat)
		if err := tx.Store().AnswerAsyncJob(ctx, res.Project, res.ID, h.sealJob(res.Project, res.ID, answer)); err != nil {
			return err
		}
	}
	content, err := json.Marshal(state)
	if err != nil {
		return err
	}
	_, err = tx.Update(ctx, typeAsyncJob, res.ID, content, res.Version)
	return err
}

// errInterrupted is for a batch that was being carried out when its process ended.
var errInterrupted = outcome.New(outcome.Exception, "The server was stopped while it carried out the batch: some of its entries may have been done")

// RunBundle carries out a Bundle that was kept. A transaction ends in the statement that records its
// end, so that it is done once however often the job is tried; a batch is begun once.
func (h *Handler) RunBundle(ctx context.Context, job BundleJob) error {
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
	if err != nil {
		return r.fail(ctx, c, err)
	}
	b, err := r.begin(ctx)
	if err != nil {
		return r.fail(ctx, c, err)
	}
	answer, err := h.carryOut(c, b, r.commit)
	switch {
	case ctx.Err() != nil:
		return ctx.Err() // the next try goes on
	case err != nil:
		return r.fail(ctx, c, err)
	case b.Transaction:
		return nil
	}
	return r.end(ctx, jobCompleted, answer)
}

// running is a job at work.
type running struct {
	*Handler
	state asyncJob
	res   store.Resource
	row   store.AsyncJob
}

// context is a request like the one that was kept, by its caller as he is now.
func (r *running) context(ctx context.Context) (echo.Context, error) {
	var by asker
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.base, nil)
	if err != nil {
		return nil, err
	}
	c := echo.New().NewContext(request, &captured{header: http.Header{}, status: http.StatusOK})
	if err := json.Unmarshal([]byte(r.row.Caller), &by); err != nil {
		return c, err
	}
	request.Header["Prefer"] = by.Prefer
	who, err := r.callers.Enter(ctx, by.Claims, by.OnBehalfOf, by.Address)
	if err != nil {
		return c, err
	}
	who.Extended = by.Extended
	caller.Put(c, who)
	c.Set(inBackground, true)
	return c, nil
}

// inBackground marks a context that stands for no request.
const inBackground = "admit.background"

// begin reads the Bundle and records that it is at work.
func (r *running) begin(ctx context.Context) (bundle.Bundle, error) {
	b, err := r.readBundle(r.row.Request)
	if err != nil {
		return b, err
	}
	if r.state.Status == jobActive {
		if !b.Transaction {
			return b, errInterrupted
		}
		return b, nil
	}
	err = r.move(ctx, jobActive, nil)
	if err == nil {
		r.state, r.res, err = r.jobState(ctx, r.res.Project, r.res.ID, true)
	}
	return b, err
}

func (r *running) move(ctx context.Context, status string, answer []byte) error {
	return r.repo.System("record how far a job is", r.res.Project).InTx(ctx, func(tx *repo.Tx) error {
		return r.endJob(ctx, tx, r.state, r.res, status, answer)
	})
}

// commit ends the job within the transaction that did its work.
func (r *running) commit(ctx context.Context, tx *repo.Tx, answer []byte) error {
	return r.endJob(ctx, tx, r.state, r.res, jobCompleted, answer)
}

// end records the end, unless somebody has cancelled the job.
func (r *running) end(ctx context.Context, status string, answer []byte) error {
	err := r.move(ctx, status, answer)
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
