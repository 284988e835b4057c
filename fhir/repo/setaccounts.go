package repo

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/index"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/policy"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// AccountsJob is the job that gives the rest of a patient's compartment the patient's accounts.
type AccountsJob struct {
	Project string              `json:"project"`
	Patient string              `json:"patient"`
	Author  medplum.Reference   `json:"author"`
	Old     []medplum.Reference `json:"old"`
	New     []medplum.Reference `json:"new"`
}

// Kind implements jobs.Args.
func (AccountsJob) Kind() string { return "set-accounts" }

// AccountsTime is how long a job may take.
const AccountsTime = 30 * time.Minute

const (
	maxAccounts  = 100
	accountsPage = 100 // resources that are changed while the caller waits, or by one transaction of a job
)

// AccountsSet is what SetAccounts has done: how many resources changed, and what a job goes on with.
type AccountsSet struct {
	Updated int
	Rest    *AccountsJob
}

// SetAccounts gives a resource other accounts and, with propagate, each resource of a patient's
// compartment instead of those that the patient had. It is for administrators: of the resource they
// need the right to update it, of the compartment none.
//
// Errors: outcome Forbidden, NotFound, Gone, Invalid.
func (s *Session) SetAccounts(ctx context.Context, ref medplum.Reference, accounts []medplum.Reference, propagate bool) (done AccountsSet, err error) {
	resourceType, id := ref.Split()
	if !s.who.ProjectAdmin() || !s.who.Policy.ScopesGrant(policy.Update, medplum.TypeProjectMembership) {
		return done, outcome.New(outcome.Forbidden, "")
	}
	visible, err := s.writable(policy.Update, resourceType)
	if err != nil {
		return done, err
	}
	if err := checkAccounts(accounts); err != nil {
		return done, err
	}
	err = s.InTx(ctx, func(tx *Tx) error {
		done = AccountsSet{}
		got, err := tx.writeTarget(ctx, resourceType, id, visible)
		if err != nil {
			return err
		}
		if got.Deleted {
			return outcome.New(outcome.Gone, "")
		}
		doc, err := parsed(got.Resource)
		if err != nil {
			return err
		}
		job := AccountsJob{got.Project, id, tx.author(), references(doc.Find("meta", "accounts")), accounts}
		as := tx.Administer(s.who, "set the accounts of a resource", got.Project)
		if done.Updated, err = as.setAccounts(ctx, got.Resource, accounts); err != nil || !propagate || resourceType != "Patient" {
			return err
		}
		rows, err := as.compartment(ctx, job, nil, accountsPage+1)
		switch {
		case err != nil:
			return err
		case len(rows) > accountsPage && s.repo.Jobs != nil:
			done.Rest = &job
			return s.repo.Jobs.Enqueue(ctx, tx.tx, job)
		}
		n, err := as.propagate(ctx, job, rows)
		done.Updated += n
		return err
	})
	return done, refused(err)
}

func checkAccounts(accounts []medplum.Reference) error {
	if len(accounts) > maxAccounts {
		return outcome.New(outcome.TooCostly, "A resource has at most %d accounts", maxAccounts).At("accounts")
	}
	for _, account := range accounts {
		if resourceType, id := account.Split(); !definitions.IsResource(resourceType) || !ValidID(id) {
			return outcome.New(outcome.Invalid, "%q is no account", account.Reference).At("accounts")
		}
	}
	return nil
}

// setAccounts writes a resource with other accounts, if it has not got them already.
func (t *Tx) setAccounts(ctx context.Context, res store.Resource, accounts []medplum.Reference) (written int, err error) {
	doc, err := parsed(res)
	if err != nil {
		return 0, err
	}
	var raw []byte
	if len(accounts) > 0 {
		if raw, err = marshal(accounts); err != nil {
			return 0, err
		}
	}
	if doc, err = setMeta(doc, raw, doc.Find("meta", "onBehalfOf").Compact(nil)); err != nil {
		return 0, err
	}
	made, err := t.over(ctx, found{Resource: res}, incoming{doc: doc, accounts: true})
	if err == nil && made.Version != res.Version {
		written = 1
	}
	return written, err
}

// compartment is a page of a patient's compartment, the patient aside.
func (t *Tx) compartment(ctx context.Context, job AccountsJob, after []string, limit int) ([]store.Row, error) {
	var types []string
	for _, resourceType := range definitions.ResourceTypes() {
		if _, ok := definitions.Compartment("Patient", resourceType); ok && !ServerMade(resourceType) {
			types = append(types, resourceType)
		}
	}
	return t.rows.Search(ctx, store.Query{
		Projects: []string{job.Project}, Types: types, Limit: limit, After: after,
		Where: store.And{
			store.Reference{Param: index.CompartmentParam, Values: []store.ReferenceValue{{Type: "Patient", ID: job.Patient}}},
			store.Not{Of: store.And{store.TypeIs("Patient"), store.IDIn{job.Patient}}},
		},
	})
}

// propagate gives the rows the new accounts for the old ones; what a resource has besides stays.
func (t *Tx) propagate(ctx context.Context, job AccountsJob, rows []store.Row) (updated int, err error) {
	for _, row := range rows {
		doc, err := parsed(row.Resource)
		if err != nil {
			return updated, err
		}
		accounts := slices.Clone(job.New)
		for _, kept := range references(doc.Find("meta", "accounts")) {
			if !contains(job.Old, kept) && !contains(accounts, kept) {
				accounts = append(accounts, kept)
			}
		}
		n, err := t.setAccounts(ctx, row.Resource, accounts)
		if err != nil {
			return updated, err
		}
		updated += n
	}
	return updated, nil
}

func contains(accounts []medplum.Reference, account medplum.Reference) bool {
	return slices.ContainsFunc(accounts, func(a medplum.Reference) bool { return a.Reference == account.Reference })
}

// SetAccountsOf does the job. It may be stopped and begun again anywhere: what it has done already it
// leaves as it is. A page in which somebody else was faster is read once more.
func (r *Repo) SetAccountsOf(ctx context.Context, job AccountsJob) error {
	author := caller.Caller{Project: job.Project, Profile: job.Author}
	var after []string
	for more := true; more; {
		var next []string
		err := r.System("set the accounts of a compartment", job.Project).InTx(ctx, func(tx *Tx) error {
			as := tx.Administer(author, "set the accounts of a compartment", job.Project)
			rows, err := as.compartment(ctx, job, after, accountsPage)
			if err != nil || len(rows) == 0 {
				more = false
				return err
			}
			next = rows[len(rows)-1].Position()
			_, err = as.propagate(ctx, job, rows)
			return err
		})
		if errors.Is(err, store.ErrVersion) {
			more = true
			continue
		}
		if err != nil {
			return err
		}
		after = next
	}
	return nil
}
