package repo

import (
	"context"
	"slices"
	"time"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/index"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/policy"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// AccountsJob is the job that gives a patient's compartment the patient's accounts, page by page. How far it
// is stands with the status that it is told by.
type AccountsJob struct {
	Project string              `json:"project"`
	Patient string              `json:"patient"` // empty when nothing follows
	Author  medplum.Reference   `json:"author"`
	Old     []medplum.Reference `json:"old"`
	New     []medplum.Reference `json:"new"`
	Updated int                 `json:"updated"` // before the job
	// Status is the AsyncJob that tells how far it is, of the project of whoever asked; jobs that were queued
	// by an earlier version have none.
	StatusProject string `json:"statusProject,omitempty"`
	Status        string `json:"status,omitempty"`
}

// Kind implements jobs.Args.
func (AccountsJob) Kind() string { return "set-accounts" }

// AccountsTime is how long a job may take.
const AccountsTime = 30 * time.Minute

const (
	maxAccounts  = 100
	accountsPage = 100 // resources that are changed while the caller waits, or by one transaction of a job
)

// SetAccounts is what to do with the accounts of a resource.
type SetAccounts struct {
	Accounts  []medplum.Reference
	Propagate bool // to a patient's compartment
	Async     bool // the caller does not want to wait
	// Later makes the status of a job within the transaction, and gives its id. Without it, all is done while
	// the caller waits.
	Later func(tx *Tx) (id string, err error)
}

// AccountsSet is what has been done: how many resources changed, or the status of the job that goes on.
type AccountsSet struct {
	Updated int
	Status  string
}

// SetAccounts gives a resource other accounts and, with propagate, each resource of a patient's
// compartment instead of those that the patient had. It is for administrators: of the resource they
// need the right to update it, of the compartment none. What follows a large compartment follows by a job.
//
// Errors: outcome Forbidden, NotFound, Gone, Invalid.
func (s *Session) SetAccounts(ctx context.Context, ref medplum.Reference, set SetAccounts) (done AccountsSet, err error) {
	resourceType, id := ref.Split()
	if !s.who.ProjectAdmin() || !s.who.Policy.ScopesGrant(policy.Update, medplum.TypeProjectMembership) {
		return done, outcome.New(outcome.Forbidden, "")
	}
	visible, err := s.writable(policy.Update, resourceType)
	if err != nil {
		return done, err
	}
	if err := checkAccounts(set.Accounts); err != nil {
		return done, err
	}
	err = s.InTx(ctx, func(tx *Tx) error {
		done = AccountsSet{}
		got, err := tx.writeTarget(ctx, resourceType, id, visible)
		if err != nil {
			return err
		}
		as := tx.Administer(s.who, "set the accounts of a resource", got.Project)
		follows := set.Propagate && resourceType == "Patient"
		if follows { // what the patient has is known once nobody else can change it
			if err := as.lineUpAccounts(ctx, id); err != nil {
				return err
			}
			if got, err = tx.writeTarget(ctx, resourceType, id, visible); err != nil {
				return err
			}
		}
		if got.Deleted {
			return outcome.New(outcome.Gone, "")
		}
		doc, err := parsed(got.Resource)
		if err != nil {
			return err
		}
		job := AccountsJob{Project: got.Project, StatusProject: s.who.Project, Author: tx.author(), Old: references(doc.Find("meta", "accounts")), New: set.Accounts}
		if follows {
			job.Patient = id
		}
		if job.Updated, err = as.setAccounts(ctx, got.Resource, set.Accounts); err != nil {
			return err
		}
		done, err = as.follow(ctx, job, set)
		return err
	})
	return done, refused(err)
}

// follow gives the compartment the accounts, or has a job do it.
func (t *Tx) follow(ctx context.Context, job AccountsJob, set SetAccounts) (done AccountsSet, err error) {
	large := set.Async
	if !large && job.Patient != "" {
		rows, err := t.compartment(ctx, job, nil, accountsPage+1)
		if err != nil {
			return done, err
		}
		large = len(rows) > accountsPage
	}
	if large && set.Later != nil && t.repo.Jobs != nil {
		if job.Status, err = set.Later(t); err != nil {
			return done, err
		}
		return AccountsSet{Status: job.Status}, t.repo.Jobs.Enqueue(ctx, t.tx, job)
	}
	p := job.Begin()
	for err == nil && !p.Done {
		p, err = t.accountsPage(ctx, job, p)
	}
	return AccountsSet{Updated: p.Updated}, err
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

// compartment is a page of a patient's compartment, the patient aside, and the records of what was done to it,
// which never change.
func (t *Tx) compartment(ctx context.Context, job AccountsJob, after []string, limit int) ([]store.Row, error) {
	var types []string
	for _, resourceType := range definitions.ResourceTypes() {
		if goesWithPatient(resourceType) || resourceType == "Patient" {
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

func contains(accounts []medplum.Reference, account medplum.Reference) bool {
	return slices.ContainsFunc(accounts, func(a medplum.Reference) bool { return a.Reference == account.Reference })
}
