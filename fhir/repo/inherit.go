package repo

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/index"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/policy"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// This file gives what is in a patient's compartment the patient's accounts (contract §5.6). They come with
// the reference that puts it there and go with it; what a write leaves in its compartments keeps its
// accounts, for an administrator may have set others.

const (
	// accountedFor is how long it is gone by whether a project's patients have accounts.
	accountedFor = time.Second
	maxAccounted = 10_000 // projects of which it is remembered
	// maxPatients is of how many patients a resource inherits: what is about more is about none of them.
	maxPatients = 100
)

// accounted says of projects whether some patient there has accounts: where none has, writes ask no patient.
type accounted struct {
	mu       sync.Mutex
	projects map[string]accountedAt
}

type accountedAt struct {
	some bool
	at   time.Time
}

func (k *accounted) known(project string, now time.Time) (some, known bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	e, known := k.projects[project]
	return e.some, known && now.Sub(e.at) <= accountedFor
}

// found keeps what was true at a time. That a patient has accounts, which this process may just have
// written, outweighs what was read before.
func (k *accounted) found(project string, some bool, at time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if e := k.projects[project]; e.some && !e.at.Before(at) {
		return
	}
	if k.projects == nil || len(k.projects) >= maxAccounted {
		k.projects = map[string]accountedAt{}
	}
	k.projects[project] = accountedAt{some, at}
}

// inheriting says whether some patient of a project has accounts. A process knows of its own at once,
// of those that others wrote a second later.
func (a *access) inheriting(ctx context.Context, project string) (bool, error) {
	now, kept := a.now(), &a.repo.accounts
	if some, known := kept.known(project, now); known {
		return some, nil
	}
	some, err := a.rows.Refers(ctx, project, "Patient", index.AccountParam)
	if err == nil {
		kept.found(project, some, now)
	}
	return some, err
}

// inherits says whether resources of a type take accounts over. What Admit itself writes, and for nobody
// else, has those that it is given.
func (a *access) inherits(resourceType string) bool {
	_, inCompartment := definitions.Compartment("Patient", resourceType)
	return inCompartment && resourceType != "Patient" && (a.system == "" || a.maker != nil)
}

// stampedAccount is the account that what is created gets by the policy of who creates it; nil for none. A
// policy of another project says nothing here.
func (a *access) stampedAccount(project string) *medplum.Reference {
	by := a.who.Policy
	if a.system != "" {
		if by = nil; a.maker != nil && a.maker.Project == project {
			by = a.maker.Policy
		}
	}
	if by == nil {
		return nil
	}
	return by.Compartment()
}

// eyes are those by which patients are seen.
func (a *access) eyes() *access {
	if a.maker == nil || a.maker.Policy == nil {
		return a
	}
	as := a.repo.As(*a.maker).access
	as.rows, as.tx, as.defined, as.patients = a.rows, a.tx, a.defined, a.patients
	return &as
}

// setsAccounts says whether accounts in what the caller sends count.
func (a *access) setsAccounts() bool {
	return a.system != "" || (a.who.ProjectAdmin() && a.who.Extended)
}

// GivesAccounts says whether a Patient that the caller sends, nil for a patch, may get accounts by what it says.
func (a *access) GivesAccounts(sent []byte) bool {
	return a.setsAccounts() && (sent == nil || bytes.Contains(sent, []byte("accounts")) || bytes.Contains(sent, []byte(`\u`)))
}

// StampsAccounts says whether what the caller creates gets an account by the policy.
func (a *access) StampsAccounts() bool {
	return a.who.Policy != nil && a.who.Policy.Compartment() != nil
}

// mayInherit says whether a write of the type may have to ask a patient.
func (a *access) mayInherit(ctx context.Context, resourceType string) bool {
	if !a.inherits(resourceType) {
		return false
	}
	some, err := a.inheriting(ctx, a.home(resourceType))
	return some || err != nil
}

// inherited are the accounts that a resource gets with the patients that it comes to, and those that it
// loses with the patients that it leaves.
func (a *access) inherited(ctx context.Context, c *change, doc *document.Node) (gained, lost []medplum.Reference, err error) {
	if !a.inherits(c.ref.Type) {
		return nil, nil, nil
	}
	if some, err := a.inheriting(ctx, c.ref.Project); err != nil || !some {
		return nil, nil, err
	}
	is := index.Patients(doc, c.ref.Type)
	var was []string
	if c.oldDoc != nil {
		was = index.Patients(c.oldDoc, c.ref.Type)
	}
	all := append(slices.Clone(is), was...)
	if slices.Equal(is, was) || len(all) > maxPatients {
		return nil, nil, nil
	}
	accounts, err := a.eyes().accountsOfPatients(ctx, c.ref.Project, all)
	if err != nil {
		return nil, nil, err
	}
	for _, id := range is {
		if !slices.Contains(was, id) {
			gained = append(gained, accounts[id]...)
		}
	}
	for _, id := range was {
		if !slices.Contains(is, id) {
			lost = append(lost, accounts[id]...)
		}
	}
	return gained, slices.DeleteFunc(lost, func(account medplum.Reference) bool {
		return slices.ContainsFunc(is, func(id string) bool { return contains(accounts[id], account) })
	}), nil
}

// accountsOfPatients are the accounts of patients as far as the caller may see them. A transaction asks once
// for each that it does not change: what is about one patient is asked for by one statement.
func (a *access) accountsOfPatients(ctx context.Context, project string, ids store.IDIn) (map[string][]medplum.Reference, error) {
	if a.patients == nil {
		return a.readAccounts(ctx, project, ids)
	}
	unknown := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { _, known := a.patients[id]; return known })
	if len(unknown) == 0 {
		return a.patients, nil
	}
	read, err := a.readAccounts(ctx, project, unknown)
	for _, id := range unknown {
		if err == nil {
			a.patients[id] = read[id]
		}
	}
	return a.patients, err
}

// forgetAccounts forgets what a patient had before a write.
func (a *access) forgetAccounts(ref store.Ref) {
	if ref.Type == "Patient" {
		delete(a.patients, ref.ID)
	}
}

func (a *access) readAccounts(ctx context.Context, project string, ids store.IDIn) (map[string][]medplum.Reference, error) {
	visible, err := a.narrow(policy.Read, "Patient")
	if outcome.Has(err, outcome.Forbidden) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	rows, err := a.patientRows(ctx, project, ids, visible)
	if err != nil {
		return nil, err
	}
	accounts := map[string][]medplum.Reference{}
	for _, row := range rows {
		if a.hasFields("Patient") {
			if row.Resource, _, err = a.mask(policy.Read, row.Resource, nil); err != nil {
				return nil, err
			}
		}
		doc, err := parsed(row.Resource)
		if err != nil {
			return nil, err
		}
		accounts[row.ID] = references(doc.Find("meta", "accounts"))
	}
	return accounts, nil
}

// patientRows reads patients. One that anybody may see is read by his key, which waits for no write that is
// kept back (see Gather).
func (a *access) patientRows(ctx context.Context, project string, ids store.IDIn, visible store.Predicate) ([]store.Row, error) {
	if visible == nil && len(ids) == 1 {
		got, err := a.rows.Get(ctx, store.Ref{Project: project, Type: "Patient", ID: ids[0]}, nil)
		if errors.Is(err, store.ErrNotFound) || err == nil && got.Deleted {
			return nil, nil
		}
		return []store.Row{{Resource: got}}, err
	}
	q := store.Query{Projects: []string{project}, Types: []string{"Patient"}, Where: ids, Limit: len(ids)}
	if visible != nil {
		q.Where = store.And{ids, visible}
	}
	return a.rows.Search(ctx, q)
}

// changedAccounts are accounts with some more and without others, as JSON; nil for none.
func changedAccounts(old *document.Node, gained, lost []medplum.Reference) ([]byte, error) {
	if len(gained)+len(lost) == 0 {
		return old.Compact(nil), nil
	}
	var kept []medplum.Reference
	var items [][]byte
	for _, item := range old.Values() {
		if account := (medplum.Reference{Reference: item.Text("reference")}); !contains(lost, account) {
			kept, items = append(kept, account), append(items, item.Compact(nil))
		}
	}
	for _, account := range gained {
		if contains(kept, account) {
			continue
		}
		raw, err := marshal(account)
		if err != nil {
			return nil, err
		}
		kept, items = append(kept, account), append(items, raw)
	}
	if items == nil {
		return nil, nil
	}
	return array(items), checkAccounts(kept)
}

// accountRows are the rows by which a project is found to have patients with accounts.
func accountRows(doc *document.Node) (rows []store.ReferenceRow) {
	for _, account := range references(doc.Find("meta", "accounts")) {
		if row := index.Literal(index.AccountParam, account.Reference); row.TargetID != "" {
			rows = append(rows, row)
		}
	}
	return rows
}
