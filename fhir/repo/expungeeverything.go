package repo

import (
	"context"
	"encoding/json"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/policy"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// ExpungeEverything begins to erase a Patient with its compartment, or a Project with all that is in
// it. The resource itself is deleted at once, so that nobody comes in by it any more; the rest is a
// task's. AuditEvents about a Patient stay: they tell of others' access, and belong to a chain. So do
// other Patients, who are in a compartment when they are linked.
//
// Errors: as Delete's, NotSupported for other types, Conflict for a Project of super administrators.
func (s *Session) ExpungeEverything(ctx context.Context, resourceType, id string) (task store.Expunge, err error) {
	if !s.everywhere() {
		return task, outcome.New(outcome.Forbidden, "")
	}
	visible, err := s.writable(policy.Delete, resourceType)
	if err != nil {
		return task, err
	}
	first := stepBinaries
	switch resourceType {
	case medplum.TypeProject:
		first = stepRows
	case "Patient":
	default:
		return task, outcome.New(outcome.NotSupported, "Everything is expunged of a Patient or a Project").At("everything")
	}
	return task, refused(s.InTx(ctx, func(tx *Tx) error {
		got, err := tx.writeTarget(ctx, resourceType, id, visible)
		if err != nil {
			return err
		}
		task = store.Expunge{ID: tx.newID(), Of: got.Ref, Step: first}
		if err := tx.mayExpunge(ctx, got.Ref); err != nil {
			return err
		}
		if err := tx.remove(ctx, resourceType, id, "", visible); err != nil {
			return err
		}
		if err := tx.recordExpunge(ctx, got.Ref); err != nil {
			return err
		}
		if err := tx.tx.CreateExpunge(ctx, task); err != nil {
			return err
		}
		return s.repo.goOnExpunging(ctx, tx.tx, task)
	}))
}

// mayExpunge spares the super administrators' own Project, and relatives of a Patient who sign in
// themselves.
func (t *Tx) mayExpunge(ctx context.Context, of store.Ref) error {
	if of.Type == medplum.TypeProject {
		was, err := t.lastLive(ctx, of)
		if err != nil {
			return absent(err)
		}
		var project medplum.Project
		if err := json.Unmarshal(was.Content, &project); err != nil {
			return err
		}
		if project.SuperAdmin || !store.ValidProject(of.ID) || of.ID == store.SystemProject {
			return outcome.New(outcome.Conflict, "The Project of super administrators stays")
		}
		return nil
	}
	var after []string
	for {
		relatives, err := t.membersOf(ctx, of, []string{"RelatedPerson"}, after)
		if err != nil || len(relatives) == 0 {
			return err
		}
		for _, relative := range relatives {
			if err := t.mayGo(ctx, relative.Resource); err != nil {
				return err
			}
		}
		after = relatives[len(relatives)-1].Position()
	}
}

// recordExpunge records who began it. Of a Project it is recorded with the caller's, for its own
// records go.
func (t *Tx) recordExpunge(ctx context.Context, of store.Ref) error {
	if t.repo.Trail == nil {
		return nil
	}
	e := t.accessTo("expunge", of, "")
	if of.Type == "Patient" {
		e.Patients = []string{"Patient/" + of.ID}
	}
	row, err := t.repo.Trail.Notes.Row(e)
	if err != nil {
		return err
	}
	return t.tx.AddAudit(ctx, *row)
}

// ExpungeTask is how far a task is that ExpungeEverything began.
//
// Errors: outcome Forbidden, NotFound.
func (s *Session) ExpungeTask(ctx context.Context, id string) (store.Expunge, error) {
	if !s.everywhere() {
		return store.Expunge{}, outcome.New(outcome.Forbidden, "")
	}
	task, err := s.repo.Store.Expunge(ctx, id)
	return task, absent(err)
}
