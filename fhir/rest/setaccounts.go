package rest

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/web"
)

// setAccounts gives a resource other accounts, and a patient's compartment with it. A large compartment
// follows after the answer, which then is 202 and says where its status is; so is the answer to who does
// not want to wait.
func (h *Handler) setAccounts(c echo.Context) error {
	in, err := operationInput(c, "accounts"+repeated, "propagate")
	if err != nil {
		return err
	}
	set := repo.SetAccounts{Async: web.RespondAsync(c.Request().Header)}
	if set.Accounts, set.Propagate, err = accountsIn(in); err != nil {
		return err
	}
	of := medplum.RefTo(c.Param("type"), c.Param("id"), "")
	if h.queue != nil && h.box != nil {
		set.Later = func(tx *repo.Tx) (string, error) { return h.keep(c, tx, true, of.Reference+"/$set-accounts", []byte{}) }
	} else if set.Async {
		return errNoBackground
	}
	done, err := h.session(c).SetAccounts(c.Request().Context(), of, set)
	if err != nil {
		return err
	}
	if done.Status != "" {
		return h.accepted(c, done.Status)
	}
	body, err := updatedAccounts(done.Updated)
	if err != nil {
		return err
	}
	return blob(c, http.StatusOK, body)
}

func updatedAccounts(n int) ([]byte, error) {
	return json.Marshal(map[string]any{
		"resourceType": "Parameters", "parameter": []any{map[string]any{"name": "resourcesUpdated", "valueInteger": n}},
	})
}

// RunAccounts goes on with a job where it stands, however often it has been stopped: each page is recorded in the
// transaction that changes it, and so is the end.
func (h *Handler) RunAccounts(ctx context.Context, job repo.AccountsJob) error {
	progress := job.Begin()
	for ended := false; !ended; {
		err := h.repo.System("set the accounts of a compartment", job.Project).InTx(ctx, func(tx *repo.Tx) (err error) {
			if job.Status == "" {
				progress, err = tx.SetAccountsPage(ctx, job, progress)
				ended = progress.Done
				return err
			}
			ended, err = h.accountsStep(ctx, tx, job)
			return err
		})
		var refused *outcome.Outcome
		switch {
		case outcome.Has(err, outcome.PreconditionFailed): // somebody was faster
			ended = false
		case errors.As(err, &refused) && job.Status != "":
			return h.failAccounts(ctx, job, refused)
		case err != nil:
			return err
		}
	}
	return nil
}

// accountsStep does a page and records it, unless the job has ended.
func (h *Handler) accountsStep(ctx context.Context, tx *repo.Tx, job repo.AccountsJob) (ended bool, err error) {
	state, res, err := h.accountsState(ctx, tx, job)
	if err != nil || state.final() {
		return true, err
	}
	row, err := h.opened(tx.Store().AsyncJob(ctx, job.StatusProject, job.Status))
	if errors.Is(err, store.ErrNotFound) { // it is forgotten
		return true, nil
	}
	if err != nil {
		return false, err
	}
	progress := job.Begin()
	if len(row.Request) > 0 {
		if err := json.Unmarshal(row.Request, &progress); err != nil {
			return false, err
		}
	}
	if progress, err = tx.SetAccountsPage(ctx, job, progress); err != nil {
		return false, err
	}
	if progress.Done {
		answer, err := updatedAccounts(progress.Updated)
		if err != nil {
			return false, err
		}
		return true, h.endAccounts(ctx, tx, state, res, jobCompleted, answer)
	}
	kept, err := json.Marshal(progress)
	if err != nil {
		return false, err
	}
	if err := tx.Store().AdvanceAsyncJob(ctx, job.StatusProject, job.Status, h.sealJob(job.StatusProject, job.Status, kept)); err != nil {
		return false, err
	}
	if state.Status == jobActive {
		return false, nil
	}
	return false, h.endJob(ctx, tx, state, res, jobActive, nil)
}

func (h *Handler) accountsState(ctx context.Context, tx *repo.Tx, job repo.AccountsJob) (state asyncJob, res store.Resource, err error) {
	res, err = tx.System("read the status of a job", job.StatusProject).Read(ctx, typeAsyncJob, job.Status)
	if err == nil {
		err = json.Unmarshal(res.Content, &state)
	}
	return state, res, err
}

// endAccounts ends the job with what anybody may see to whom the job is shown.
func (h *Handler) endAccounts(ctx context.Context, tx *repo.Tx, state asyncJob, res store.Resource, status string, answer []byte) error {
	answer, err := marked(caller.Caller{}, answer)
	if err != nil {
		return err
	}
	return h.endJob(ctx, tx, state, res, status, answer)
}

// failAccounts ends the job with what was wrong. The pages before are done.
func (h *Handler) failAccounts(ctx context.Context, job repo.AccountsJob, refused *outcome.Outcome) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, h.base, nil)
	if err != nil {
		return err
	}
	answer, err := web.MarshalOutcome(echo.New().NewContext(request, &captured{header: http.Header{}}), refused)
	if err != nil {
		return err
	}
	return h.repo.System("record the end of a job", job.StatusProject).InTx(ctx, func(tx *repo.Tx) error {
		state, res, err := h.accountsState(ctx, tx, job)
		if err != nil || state.final() {
			return err
		}
		return h.endAccounts(ctx, tx, state, res, jobError, answer)
	})
}

// accountsIn reads a Parameters resource, or the plain JSON that Medplum's clients send.
func accountsIn(in input) (accounts []medplum.Reference, propagate bool, err error) {
	if in.bare == nil {
		for _, g := range in.list {
			if g.name == "accounts" {
				accounts = append(accounts, medplum.Reference{Reference: g.object.Text("reference"), Display: g.object.Text("display")})
			}
		}
		propagate, err = in.boolean("propagate")
		return accounts, propagate, err
	}
	if in.bare.Get("resourceType") != nil {
		return nil, false, in.onlyParameters()
	}
	for _, account := range in.bare.Get("accounts").Values() {
		accounts = append(accounts, medplum.Reference{Reference: account.Text("reference"), Display: account.Text("display")})
	}
	return accounts, in.bare.Get("propagate").True(), nil
}
