package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/web"
)

// RequestJob is the job that carries out a request for a client that does not wait.
type RequestJob struct {
	Project string `json:"project"`
	ID      string `json:"id"` // of the AsyncJob
}

// Kind implements jobs.Args.
func (RequestJob) Kind() string { return "request" }

// RequestTime is how long a job may take.
const RequestTime = 30 * time.Minute

// keptJobs is how long an answer can be fetched.
const keptJobs = 7 * 24 * time.Hour

// Callers finds out what somebody may do; *caller.Resolver implements it.
type Callers interface {
	Enter(ctx context.Context, claims caller.Claims, onBehalfOf, address string) (caller.Caller, error)
	Assume(ctx context.Context, m medplum.ProjectMembership, as caller.Assumed) (caller.Caller, error)
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
	// Operation says that the request is a keptRequest; else it is a Bundle.
	Operation bool
}

var errNoBackground = outcome.New(outcome.NotSupported, "Nothing is done in the background here")

// mountJobs adds the routes of R4 async.html, as Medplum's clients know them.
func (h *Handler) mountJobs(g *echo.Group) {
	g.GET("/job/:id/status", h.jobStatus)
	g.DELETE("/job/:id/status", h.cancelJob)
	g.DELETE("/job/:id", h.cancelJob)
	g.POST("/AsyncJob/:id/$cancel", h.cancelJob)
}

// later keeps a request to be carried out by a job, and says where its status is. Its address is on
// show in the AsyncJob, so it is without the query.
func (h *Handler) later(c echo.Context, operation bool, address string, request []byte) error {
	if h.queue == nil || h.box == nil {
		return errNoBackground
	}
	who := caller.From(c)
	ctx, id := c.Request().Context(), ""
	err := h.repo.System("keep a request for later", who.Project).InTx(ctx, func(tx *repo.Tx) (err error) {
		if id, err = h.keep(c, tx, operation, address, request); err != nil {
			return err
		}
		return h.queue.Enqueue(ctx, tx.Store(), RequestJob{who.Project, id})
	})
	if err != nil {
		return err
	}
	return h.accepted(c, id)
}

// keep keeps what a job is to do, with its status, and gives the id of both.
func (h *Handler) keep(c echo.Context, tx *repo.Tx, operation bool, address string, request []byte) (string, error) {
	who, ctx := caller.From(c), c.Request().Context()
	by, err := json.Marshal(asker{
		Claims: claimsOf(who), OnBehalfOf: onBehalfOf(who), Extended: who.Extended, Address: who.RemoteAddr, Prefer: c.Request().Header.Values("Prefer"),
		Operation: operation,
	})
	if err != nil {
		return "", err
	}
	id, now := tx.NewID(), tx.Store().Now()
	job := asyncJob{typeAsyncJob, id, jobAccepted, now.UTC().Format(document.InstantFormat), "", h.base + address}
	content, err := json.Marshal(job)
	if err != nil {
		return "", err
	}
	if _, err := tx.Administer(who, "keep a request for later", who.Project).CreateAs(ctx, typeAsyncJob, id, content); err != nil {
		return "", err
	}
	row := store.AsyncJob{Project: who.Project, ID: id, Caller: string(by), Request: h.sealJob(who.Project, id, request), Created: now}
	return id, tx.Store().CreateAsyncJob(ctx, row, now.Add(-keptJobs))
}

// claimsOf are the claims that the caller came with.
func claimsOf(who caller.Caller) caller.Claims {
	_, membership := who.Membership.Split()
	_, patient := who.Patient.Split()
	return caller.Claims{
		LoginID: who.LoginID, Project: who.Project, Membership: membership, ClientID: who.ClientID,
		Scope: who.Scope, ScopeOnly: who.ScopeOnly, Patient: patient,
	}
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
// asked for through another client, with other scopes or about another patient.
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
	now := claimsOf(who)
	if by.Claims.LoginID = now.LoginID; by.Claims != now || by.OnBehalfOf != onBehalfOf(who) { // a session may end before the job
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
		answer, whole, err := unmarked(c, row.Answer)
		if err != nil {
			return err
		}
		name := "results"
		if !whole || state.Status != jobCompleted {
			name = "outcome"
		}
		content = append(bytes.Clone(content[:len(content)-1]), `,"output":{"resourceType":"Parameters","parameter":[{"name":"`+name+`","resource":`...)
		content = append(append(content, answer...), `}]}}`...)
	}
	headers(c, res)
	c.Set(signingKey, h)
	return blob(c, http.StatusOK, content)
}

// cancelJob ends a job that has not. What a transaction has not committed is not done; of a batch the
// entries that are done stay, and what an operation has done.
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
	if c.Request().Method == http.MethodDelete {
		return web.WriteOutcome(c, outcome.New(outcome.Accepted, "")) // R4 async.html, Bulk Data Delete Request
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
