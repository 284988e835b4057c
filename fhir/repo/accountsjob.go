package repo

import (
	"context"
	"errors"
	"slices"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/store"
)

// AccountsProgress is how far a job is. What it has done before it was stopped it does not do again.
type AccountsProgress struct {
	Old     []medplum.Reference `json:"old"` // that the patient had, and that are to go
	New     []medplum.Reference `json:"new"` // that the patient has
	After   []string            `json:"after,omitempty"`
	Updated int                 `json:"updated"`
	Done    bool                `json:"done,omitempty"`
}

// Begin is where a job begins.
func (j AccountsJob) Begin() AccountsProgress {
	return AccountsProgress{Old: j.Old, New: j.New, Updated: j.Updated, Done: j.Patient == ""}
}

// SetAccountsPage gives the next page of the compartment its accounts, and says how far the job is then.
//
// Errors: Raced, when somebody else was faster: the page is to be read once more.
func (t *Tx) SetAccountsPage(ctx context.Context, job AccountsJob, p AccountsProgress) (AccountsProgress, error) {
	if p.Done {
		return p, nil
	}
	as := t.Administer(caller.Caller{Project: job.Project, Profile: job.Author}, "set the accounts of a compartment", job.Project)
	if err := as.lineUpAccounts(ctx, job.Patient); err != nil {
		return p, err
	}
	next, err := as.accountsPage(ctx, job, p)
	return next, refused(err)
}

// lineUpAccounts holds back others who set the accounts of a patient's compartment until the transaction ends:
// two of them would leave some resources with the accounts of the one and some with those of the other.
func (t *Tx) lineUpAccounts(ctx context.Context, patient string) error {
	key := store.Key{Scope: t.who.Project, Kind: "accounts", Value: patient}
	return t.tx.LineUp(ctx, []store.Key{key}, store.Ref{Project: t.who.Project, Type: "accounts", ID: t.newID()})
}

// accountsPage follows the patient as he is: when his accounts have changed since the job began, it begins
// anew, so that of several jobs the last one to end leaves the compartment with what the patient has.
func (t *Tx) accountsPage(ctx context.Context, job AccountsJob, p AccountsProgress) (AccountsProgress, error) {
	patient, err := t.rows.Get(ctx, store.Ref{Project: job.Project, Type: "Patient", ID: job.Patient}, nil)
	if errors.Is(err, store.ErrNotFound) || err == nil && patient.Deleted {
		p.Done = true
		return p, nil
	}
	if err != nil {
		return p, err
	}
	doc, err := parsed(patient)
	if err != nil {
		return p, err
	}
	if now := references(doc.Find("meta", "accounts")); !sameAccounts(now, p.New) {
		p.Old, p.New, p.After = slices.Concat(p.Old, p.New), now, nil
	}
	rows, err := t.compartment(ctx, job, p.After, accountsPage)
	if err != nil {
		return p, err
	}
	updated, err := t.propagate(ctx, p, rows)
	p.Updated += updated
	if p.Done = len(rows) < accountsPage; !p.Done {
		p.After = rows[len(rows)-1].Position()
	}
	return p, err
}

func sameAccounts(a, b []medplum.Reference) bool {
	return slices.EqualFunc(a, b, func(x, y medplum.Reference) bool { return x.Reference == y.Reference })
}

// propagate gives the rows the new accounts for the old ones; what a resource has besides stays.
func (t *Tx) propagate(ctx context.Context, p AccountsProgress, rows []store.Row) (updated int, err error) {
	for _, row := range rows {
		doc, err := parsed(row.Resource)
		if err != nil {
			return updated, err
		}
		accounts := slices.Clone(p.New)
		had := references(doc.Find("meta", "accounts"))
		for _, kept := range had {
			if !contains(p.Old, kept) && !contains(accounts, kept) {
				accounts = append(accounts, kept)
			}
		}
		if len(accounts) == len(had) && !slices.ContainsFunc(accounts, func(a medplum.Reference) bool { return !contains(had, a) }) {
			continue // in another order
		}
		n, err := t.setAccounts(ctx, row.Resource, accounts)
		if err != nil {
			return updated, err
		}
		updated += n
	}
	return updated, nil
}
