package repo

import (
	"context"
	"slices"

	"github.com/admitdev/admit/fhir/index"
	"github.com/admitdev/admit/fhir/policy"
	"github.com/admitdev/admit/fhir/search"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// typeAuditEvent is the type of the audit records. They are read by the administrators of their
// project alone, and nobody changes them.
const typeAuditEvent = "AuditEvent"

// Trail is where the access of callers is recorded.
type Trail struct {
	Level audit.Level
	Notes *audit.Notes
	// Seal makes what a project has recorded readable now.
	Seal func(ctx context.Context, project string) error
}

// mayAudit keeps the records from those who do not administer a project, and from change, also by Admit itself.
func (a *access) mayAudit(interaction policy.Interaction, resourceType string) error {
	switch {
	case resourceType != typeAuditEvent:
		return nil
	case interaction == policy.Update || interaction == policy.Delete:
		return outcome.New(outcome.NotSupported, "AuditEvents are never changed")
	case interaction == policy.Create || a.system != "" || a.administers(a.who.Project):
		return nil
	}
	return outcome.New(outcome.Forbidden, "")
}

// recorded is the record of a caller's write; nil when it is not recorded. What Admit does with its
// own rights belongs to the act that it does it for.
func (a *access) recorded(interaction policy.Interaction, res store.Resource, ix store.Index) (*store.AuditEvent, error) {
	trail := a.repo.Trail
	if trail == nil || a.system != "" || trail.Level == audit.Off && !audit.Administrative(res.Type) {
		return nil, nil
	}
	e := a.accessTo(string(interaction), res.Ref, res.Version)
	e.Patients = patients(ix)
	return trail.Notes.Row(e)
}

// recordedDelete is recorded of a deletion, which is about whom the resource was about.
func (a *access) recordedDelete(was, deletion store.Resource) (*store.AuditEvent, error) {
	if a.repo.Trail == nil || a.system != "" {
		return nil, nil
	}
	_, ix, err := indexed(was)
	if err != nil {
		return nil, err
	}
	return a.recorded(policy.Delete, deletion, ix)
}

// noted takes down what a caller has read.
func (a *access) noted(ctx context.Context, interaction policy.Interaction, res store.Resource) error {
	if !a.notes() {
		return nil
	}
	_, ix, err := indexed(res)
	if err != nil {
		return err
	}
	e := a.accessTo(string(interaction), res.Ref, res.Version)
	e.Patients = patients(ix)
	a.repo.Trail.Notes.Note(ctx, e)
	return nil
}

// noteSearch takes down a search and whom its results are about: each patient in an event of its own.
func (a *access) noteSearch(ctx context.Context, req *search.Request, rows []store.Row) error {
	if !a.notes() {
		return nil
	}
	var found []string
	for _, row := range rows {
		_, ix, err := indexed(row.Resource)
		if err != nil {
			return err
		}
		found = append(found, patients(ix)...)
	}
	slices.Sort(found)
	e := a.accessTo("search-type", store.Ref{}, "")
	e.Query = req.Self()
	if len(found) == 0 {
		a.repo.Trail.Notes.Note(ctx, e)
	}
	for _, patient := range slices.Compact(found) {
		e.Patients = []string{patient}
		a.repo.Trail.Notes.Note(ctx, e)
	}
	return nil
}

// noteHistory takes down that a caller has read a history.
func (a *access) noteHistory(ctx context.Context, r HistoryRequest) {
	if !a.notes() {
		return
	}
	interaction := "history-system"
	switch {
	case r.ID != "":
		interaction = "history-instance"
	case r.Type != "":
		interaction = "history-type"
	}
	e := a.accessTo(interaction, store.Ref{Type: r.Type, ID: r.ID}, "")
	if r.ID == "" {
		e.Resource, e.Query = "", "_history"
	}
	a.repo.Trail.Notes.Note(ctx, e)
}

func (a *access) notes() bool {
	return a.repo.Trail != nil && a.system == "" && a.repo.Trail.Level == audit.All
}

// NoteRefusal takes down that something was refused to a caller.
func (r *Repo) NoteRefusal(ctx context.Context, e audit.Access) {
	if r.Trail != nil {
		r.Trail.Notes.Note(ctx, e)
	}
}

// accessTo is an event of the project that the resource is in; what is in none is the caller's.
func (a *access) accessTo(interaction string, to store.Ref, version string) audit.Access {
	e := audit.Access{
		Project: a.who.Project, Interaction: interaction, User: a.who.Profile.Reference, Client: a.who.ClientID,
		RemoteAddr: a.who.RemoteAddr, RequestID: a.who.RequestID,
	}
	if to.Project != "" && to.Project != store.SystemProject {
		e.Project = to.Project
	}
	if e.Resource = to.Type + "/" + to.ID; to.Type == "" {
		e.Resource = ""
	} else if version != "" {
		e.Resource += "/_history/" + version
	}
	return e
}

// patients are those in whose compartment a resource is.
func patients(ix store.Index) []string {
	var all []string
	for _, row := range ix.Reference {
		if row.Param == index.CompartmentParam && row.TargetType == "Patient" {
			all = append(all, "Patient/"+row.TargetID)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// seal makes the records of the caller's project readable before they are asked for.
func (a *access) seal(ctx context.Context, types []string) error {
	if a.tx != nil || a.repo.Trail == nil || !slices.Contains(types, typeAuditEvent) {
		return nil
	}
	return a.repo.Trail.Seal(ctx, a.who.Project)
}

// FileAudit implements audit.Files.
func (r *Repo) FileAudit(ctx context.Context, project string, fn func(tx *store.Tx, file func([]store.AuditEvent) ([]string, error)) error) error {
	return r.System("make AuditEvents of what was recorded", project).InTx(ctx, func(tx *Tx) error {
		return fn(tx.tx, func(events []store.AuditEvent) ([]string, error) { return tx.file(ctx, events) })
	})
}

func (a *access) file(ctx context.Context, events []store.AuditEvent) ([]string, error) {
	writes, contents := make([]store.Write, len(events)), make([]string, len(events))
	for i, e := range events {
		doc, err := reparse([]byte(e.Content))
		if err != nil {
			return nil, err
		}
		ref := store.Ref{Project: a.who.Project, Type: typeAuditEvent, ID: e.ID}
		d, err := a.stamp(ctx, doc, ref, e.ID, a.now())
		if err != nil {
			return nil, err
		}
		writes[i], contents[i] = d.write(e.ID, ""), string(d.doc.Raw)
	}
	return contents, putIndexed(ctx, a.rows, writes...)
}
