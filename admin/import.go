package admin

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// This file and those that begin with import invite whole lists of people.
//
//   - A row is one invite, made by the same steps as any other; those who are new are written together.
//   - Rows are done in batches, each a transaction that also says of its rows that they are done. So
//     each is done once, whenever the process dies and however many work on the list.
//   - A row that is refused is left with its reason, and changes nothing else.
//   - Who is a member already as the row wants is left alone, so a list may be sent again.
//   - Whoever has a list applied or undone must still administer the project at every batch.
//   - What a list asks for is kept sealed, because it may hold passwords, until its row is done.

// ImportTime is how long a job may work on a list.
const ImportTime = 2 * time.Hour

// The times for which imports are kept, and may be undone.
const (
	importKept   = 30 * 24 * time.Hour
	importUnused = 24 * time.Hour
	importUndo   = 24 * time.Hour
)

// importsKept is how many lists of a project are kept for each that may wait.
const importsKept = 10

// ImportJob is the job that applies or undoes an import.
type ImportJob struct {
	Project string `json:"project"`
	ID      string `json:"id"`
}

// Kind implements jobs.Args.
func (ImportJob) Kind() string { return "import" }

// Import is an import as those who administer the project see it.
type Import struct {
	ID     string            `json:"id"`
	State  store.ImportState `json:"state"`
	Reason string            `json:"reason,omitempty"`
	Total  int               `json:"total"`
	// Waiting, Done, Failed, Undone and Kept are how many rows stand there; Actions is how many do what,
	// or would.
	Waiting    int                        `json:"waiting"`
	Done       int                        `json:"done"`
	Failed     int                        `json:"failed"`
	Undone     int                        `json:"undone"`
	Kept       int                        `json:"kept"`
	Actions    map[store.ImportAction]int `json:"actions"`
	UploadedBy medplum.Reference          `json:"uploadedBy"` // a membership
	CreatedAt  time.Time                  `json:"createdAt"`
	// UndoUntil is until when it can be undone, once it is done.
	UndoUntil *time.Time `json:"undoUntil,omitempty"`
}

// Final says whether nothing happens with the import by itself any more.
func (in Import) Final() bool {
	return in.State != store.ImportRunning && in.State != store.ImportUndoing
}

// importer is who has an import applied or undone.
type importer struct {
	Claims     caller.Claims
	OnBehalfOf string
	Address    string
}

func importerOf(who caller.Caller) importer {
	_, membership := who.Membership.Split()
	_, patient := who.Patient.Split()
	by := importer{Address: who.RemoteAddr, Claims: caller.Claims{
		LoginID: who.LoginID, Project: who.Project, Membership: membership, ClientID: who.ClientID,
		Scope: who.Scope, ScopeOnly: who.ScopeOnly, Patient: patient,
	}}
	if who.OnBehalfOf != nil {
		by.OnBehalfOf = who.OnBehalfOf.Membership.Reference
	}
	return by
}

// now is who it is, with the rights of now.
//
// Errors: outcome Forbidden, Unauthorized.
func (by importer) now(ctx context.Context, s *Service) (caller.Caller, error) {
	return s.Callers.Enter(ctx, by.Claims, by.OnBehalfOf, by.Address)
}

// importer is who has the import done, with the rights of now.
//
// Errors: outcome Forbidden, NotFound, Unauthorized.
func (s *Service) importer(ctx context.Context, in store.Import) (caller.Caller, error) {
	var by importer
	if err := json.Unmarshal([]byte(in.Caller), &by); err != nil {
		return caller.Caller{}, err
	}
	who, err := by.now(ctx, s)
	if err != nil {
		return who, err
	}
	return who, s.mayAdminister(ctx, who, in.Project, audit.Import)
}

// ReadImport tells where an import stands.
//
// Errors: outcome Forbidden, NotFound.
func (s *Service) ReadImport(ctx context.Context, who caller.Caller, project, id string) (Import, error) {
	if err := s.mayAdminister(ctx, who, project, audit.Import); err != nil {
		return Import{}, err
	}
	in, err := s.storedImport(ctx, project, id)
	if err != nil {
		return Import{}, err
	}
	return s.describeImport(ctx, in)
}

// ReadImportAgain is ReadImport for somebody who has watched an import for a while, with the rights of now.
//
// Errors: outcome Forbidden, NotFound, Unauthorized.
func (s *Service) ReadImportAgain(ctx context.Context, who caller.Caller, project, id string) (Import, error) {
	now, err := importerOf(who).now(ctx, s)
	if err != nil {
		return Import{}, err
	}
	return s.ReadImport(ctx, now, project, id)
}

func (s *Service) storedImport(ctx context.Context, project, id string) (store.Import, error) {
	in, err := s.Store.Import(ctx, project, id)
	if errors.Is(err, store.ErrNotFound) {
		err = outcome.New(outcome.NotFound, "")
	}
	return in, err
}

// ImportPage is a page of imports, newest first.
type ImportPage struct {
	Imports []Import `json:"imports"`
	// Next is the cursor of the next page, empty on the last one.
	Next string `json:"next,omitempty"`
}

// How many imports are on a page, unless it is said, and at most: the rows of each are counted.
const (
	defaultImportPage = 20
	maxImportPage     = 100
)

// Imports lists the imports of a project that are still kept.
//
// Errors: outcome Forbidden, NotFound, Invalid.
func (s *Service) Imports(ctx context.Context, who caller.Caller, project, cursor string, limit int) (ImportPage, error) {
	if err := s.mayAdminister(ctx, who, project, audit.Import); err != nil {
		return ImportPage{}, err
	}
	limit = cmp.Or(limit, defaultImportPage)
	var fields outcome.Fields
	fields.Check(limit <= maxImportPage, "limit", "Limit must be between 1 and 100")
	fields.Check(cursor == "" || repo.ValidID(cursor), "cursor", "The cursor is not one of a page")
	if err := fields.Err(); err != nil {
		return ImportPage{}, err
	}
	found, err := s.Store.Imports(ctx, project, cursor, limit+1)
	if err != nil {
		return ImportPage{}, err
	}
	page := ImportPage{}
	if len(found) > limit {
		found = found[:limit]
		page.Next = found[limit-1].ID
	}
	page.Imports, err = s.describeImports(ctx, project, found)
	return page, err
}

func (s *Service) describeImport(ctx context.Context, in store.Import) (Import, error) {
	shown, err := s.describeImports(ctx, in.Project, []store.Import{in})
	if err != nil {
		return Import{}, err
	}
	return shown[0], nil
}

func (s *Service) describeImports(ctx context.Context, project string, imports []store.Import) ([]Import, error) {
	ids := make([]string, len(imports))
	for i, in := range imports {
		ids[i] = in.ID
	}
	counts, err := s.Store.CountImportRows(ctx, project, ids...)
	if err != nil {
		return nil, err
	}
	shown := make([]Import, len(imports))
	for i, in := range imports {
		shown[i] = describedImport(in, counts)
	}
	return shown, nil
}

// describedImport takes of the counts those of the import.
func describedImport(in store.Import, counts []store.ImportCount) Import {
	shown := Import{
		ID: in.ID, State: in.State, Reason: in.Reason, Total: in.Total, UploadedBy: medplum.Reference{Reference: in.UploadedBy}, CreatedAt: in.CreatedAt.Time,
		Actions: map[store.ImportAction]int{store.RowCreate: 0, store.RowUpdate: 0, store.RowUnchanged: 0, store.RowError: 0},
	}
	of := map[store.ImportRowState]*int{
		store.RowPending: &shown.Waiting, store.RowDone: &shown.Done, store.RowFailed: &shown.Failed, store.RowUndone: &shown.Undone, store.RowKept: &shown.Kept,
	}
	for _, c := range counts {
		if c.Import == in.ID {
			*of[c.State] += c.Count
			shown.Actions[c.Action] += c.Count
		}
	}
	if in.State == store.ImportDone || in.State == store.ImportStopped {
		until := in.AppliedAt.Add(importUndo)
		shown.UndoUntil = &until
	}
	return shown
}

// ApplyImport has the rows that wait done in the background. One that is being applied goes on.
//
// Errors: outcome Forbidden, NotFound, Conflict.
func (s *Service) ApplyImport(ctx context.Context, who caller.Caller, project, id string) (Import, error) {
	return s.startImport(ctx, who, project, id, "applied", func(in store.Import) (store.ImportState, error) {
		switch in.State {
		case store.ImportChecked, store.ImportRunning, store.ImportStopped:
			return store.ImportRunning, nil
		case store.ImportDone:
			return "", nil
		}
		return "", outcome.New(outcome.Conflict, "The import has been undone; send the list again")
	})
}

// UndoImport takes back in the background what an import has made, unless it was changed since.
//
// Errors: outcome Forbidden, NotFound, Conflict.
func (s *Service) UndoImport(ctx context.Context, who caller.Caller, project, id string) (Import, error) {
	return s.startImport(ctx, who, project, id, "undone", func(in store.Import) (store.ImportState, error) {
		switch {
		case in.State == store.ImportUndoing:
			return store.ImportUndoing, nil
		case in.State == store.ImportUndone:
			return "", nil
		case in.State != store.ImportDone && in.State != store.ImportStopped:
			return "", outcome.New(outcome.Conflict, "The import is %s; only one that is done can be undone", in.State)
		case s.Clock.Now().Sub(in.AppliedAt.Time) > importUndo:
			return "", outcome.New(outcome.Conflict, "An import can be undone within %d hours", importUndo/time.Hour)
		}
		return store.ImportUndoing, nil
	})
}

// startImport moves an import to the state that next wants, none to leave it, and queues the job.
func (s *Service) startImport(ctx context.Context, who caller.Caller, project, id, word string, next func(store.Import) (store.ImportState, error)) (Import, error) {
	if err := s.mayAdminister(ctx, who, project, audit.Import); err != nil {
		return Import{}, err
	}
	by, err := marshal(importerOf(who))
	if err != nil {
		return Import{}, err
	}
	var in store.Import
	err = s.Repo.System("have an import "+word, project).InTx(ctx, func(tx *repo.Tx) (err error) {
		rows := tx.Store()
		if in, err = rows.HoldImport(ctx, project, id); err != nil {
			return err
		}
		state, err := next(in)
		if err != nil || state == "" {
			return err
		}
		in.State, in.Reason, in.Caller = state, "", string(by)
		if err := rows.MoveImport(ctx, in); err != nil {
			return err
		}
		e := event(who, project, audit.Import)
		e.Description = "import " + in.ID + " is to be " + word
		if err := audit.Record(ctx, rows, e); err != nil {
			return err
		}
		return s.Jobs.Enqueue(ctx, rows, ImportJob{project, in.ID})
	})
	if errors.Is(err, store.ErrNotFound) {
		err = outcome.New(outcome.NotFound, "")
	}
	if err != nil {
		return Import{}, err
	}
	return s.describeImport(ctx, in)
}

// RunImport does what an import is in the state of being done, batch by batch.
func (s *Service) RunImport(ctx context.Context, job ImportJob) error {
	for after := 0; ; {
		in, err := s.Store.Import(ctx, job.Project, job.ID)
		if errors.Is(err, store.ErrNotFound) || err == nil && in.State != store.ImportRunning && in.State != store.ImportUndoing {
			return nil
		}
		if err != nil {
			return err
		}
		who, err := s.importer(ctx, in)
		var refused *outcome.Outcome
		if errors.As(err, &refused) {
			return s.moveImport(ctx, in, store.ImportStopped, "whoever had it done may not do so any more: "+refused.Error())
		}
		if err != nil {
			return err
		}
		step, end := s.applyBatch, store.ImportDone
		if in.State == store.ImportUndoing {
			step, end = s.undoBatch, store.ImportUndone
		}
		last, err := step(ctx, who, in, after)
		if err != nil {
			return err
		}
		if last == 0 {
			return s.moveImport(ctx, in, end, "")
		}
		after = last
	}
}

// moveImport moves an import that nobody has moved since it was read.
func (s *Service) moveImport(ctx context.Context, in store.Import, state store.ImportState, reason string) error {
	return s.Store.InTx(ctx, func(tx *store.Tx) error {
		held, err := tx.HoldImport(ctx, in.Project, in.ID)
		if err != nil || held.State != in.State || state == store.ImportStopped && held.Caller != in.Caller {
			return err
		}
		held.State, held.Reason = state, reason
		if state == store.ImportDone || state == store.ImportStopped {
			held.AppliedAt = store.At(tx.Now())
		}
		return tx.MoveImport(ctx, held)
	})
}
