package repo

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/index"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/store"
)

// ExpungeJob is the job that goes on with a task to erase everything of a Patient or a Project.
type ExpungeJob struct {
	Task string `json:"task"`
	// Late has the job look once more at a Project that is erased.
	Late bool `json:"late,omitempty"`
}

// Kind implements jobs.Args.
func (ExpungeJob) Kind() string { return "expunge" }

const (
	expungePage = 100              // resources of one transaction
	expungeRows = 1000             // other rows of one transaction
	expungeTurn = 15 * time.Second // how long one job works before the next goes on
	// expungeLate is when everything has ended that was let in before the Project was marked: no request
	// and no job may take as long.
	expungeLate = time.Hour
)

// The steps of a task. A Patient's Binaries come first, because their context may be a member that
// goes with a later step; a Project's rows, because its journal would become AuditEvents.
const (
	stepBinaries  = "binaries"  // those whose security context is in the compartment
	stepDeleted   = "deleted"   // what was in the compartment when it was deleted
	stepMembers   = "members"   // what is in the compartment
	stepRows      = "rows"      // a Project's journal, sessions, secrets, invitations and other rows
	stepResources = "resources" // all of a Project's
	stepRest      = "rest"      // rows that came meanwhile
	stepRoot      = "root"      // the Patient or Project, with its history
)

var nextStep = map[string]string{
	stepBinaries: stepDeleted, stepDeleted: stepMembers, stepMembers: stepRoot,
	stepRows: stepResources, stepResources: stepRest, stepRest: stepRoot,
}

func (r *Repo) goOnExpunging(ctx context.Context, tx *store.Tx, task store.Expunge) error {
	if r.Jobs == nil {
		return nil
	}
	return r.Jobs.Enqueue(ctx, tx, ExpungeJob{Task: task.ID})
}

// expungeLater has a Project looked at once more when nobody can be in it.
func (t *Tx) expungeLater(ctx context.Context, task store.Expunge) error {
	if t.repo.Jobs == nil || task.Of.Type != medplum.TypeProject {
		return nil
	}
	return t.repo.Jobs.EnqueueAt(ctx, t.tx, ExpungeJob{Task: task.ID, Late: true}, t.now().Add(expungeLate))
}

// Expunge works on a task for a while. It may be killed at any time and run twice at the same time:
// each page is erased by the transaction that records it.
func (r *Repo) Expunge(ctx context.Context, job ExpungeJob) error {
	task, err := r.Store.Expunge(ctx, job.Task)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil
	case err != nil:
		return err
	case job.Late && task.Of.Type == medplum.TypeProject:
		return r.expungeLeft(ctx, task)
	}
	for begun := r.Clock.Now(); task.Finished.IsZero(); {
		pause := r.Clock.Now().Sub(begun) > expungeTurn
		var next store.Expunge
		err := r.System("expunge everything", task.Of.Project).InTx(ctx, func(tx *Tx) error {
			if pause {
				return r.goOnExpunging(ctx, tx.tx, task)
			}
			next, err = tx.expungePage(ctx, task)
			if err != nil {
				return err
			}
			moved, err := tx.tx.AdvanceExpunge(ctx, task, next)
			if err == nil && !moved {
				return errOvertaken
			}
			return err
		})
		if errors.Is(err, errOvertaken) {
			return nil
		}
		if err != nil || pause {
			return err
		}
		task = next
	}
	return nil
}

// errOvertaken undoes a page that another job has erased meanwhile; that one goes on.
var errOvertaken = errors.New("repo: another job works on the task")

// expungeLeft erases what those have written who were in when the Project was marked, unless one has been
// made anew with its id.
func (r *Repo) expungeLeft(ctx context.Context, task store.Expunge) error {
	_, err := r.Record(ctx, "look whether a Project was made anew", task.Of)
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	for _, step := range []string{stepRows, stepResources, stepRest} {
		for task.Step = step; task.Step == step; {
			err := r.System("expunge everything", task.Of.Project).InTx(ctx, func(tx *Tx) (err error) {
				task, err = tx.expungePage(ctx, task)
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// expungePage erases the resources that come next and says where the task is then.
func (t *Tx) expungePage(ctx context.Context, task store.Expunge) (store.Expunge, error) {
	var refs []store.Ref
	var at store.Ref // how far a step is that looks at more than it erases
	var more bool
	var err error
	switch task.Step {
	case stepBinaries:
		refs, at, more, err = t.expungeWalk(ctx, task, store.Rest{Type: typeBinary})
	case stepDeleted:
		refs, at, more, err = t.expungeWalk(ctx, task, store.Rest{Deleted: true})
	case stepMembers:
		var rows []store.Row
		rows, err = t.membersOf(ctx, task.Of, typesWithPatient(), nil)
		for _, row := range rows {
			refs = append(refs, row.Ref)
		}
		more = len(rows) > 0
	case stepResources:
		refs, err = t.tx.ListRefs(ctx, task.Of.ID, store.Rest{}, store.Ref{}, expungePage)
		more = len(refs) > 0
	case stepRows, stepRest:
		var n int64
		n, err = t.tx.PurgeProject(ctx, task.Of.ID, expungeRows)
		more = n > 0
	case stepRoot:
		return t.expungeRoot(ctx, task)
	}
	if err != nil {
		return task, err
	}
	if err := t.purgeAll(ctx, refs); err != nil {
		return task, err
	}
	task.Done += int64(len(refs))
	task.At = at
	if !more {
		task.Step, task.At = nextStep[task.Step], store.Ref{}
	}
	return task, nil
}

// expungeRoot ends a task, unless somebody has written to the Project meanwhile.
func (t *Tx) expungeRoot(ctx context.Context, task store.Expunge) (store.Expunge, error) {
	if task.Of.Type == medplum.TypeProject {
		left, err := t.tx.ListRefs(ctx, task.Of.ID, store.Rest{}, store.Ref{}, 1)
		if err != nil {
			return task, err
		}
		if len(left) > 0 {
			task.Step = stepRows
			return task, nil
		}
	}
	task.Done++
	task.Finished = t.now()
	if err := t.expungeLater(ctx, task); err != nil {
		return task, err
	}
	return task, t.tx.Purge(ctx, task.Of)
}

// expungeWalk looks at the next resources of a Patient's partition for those that belong to the Patient.
func (t *Tx) expungeWalk(ctx context.Context, task store.Expunge, rest store.Rest) (refs []store.Ref, at store.Ref, more bool, err error) {
	looked, err := t.tx.ListRefs(ctx, task.Of.Project, rest, task.At, expungePage)
	if err != nil || len(looked) == 0 {
		return nil, task.At, false, err
	}
	for _, ref := range looked {
		belongs, err := t.belongs(ctx, ref, task.Of)
		if err != nil {
			return nil, task.At, false, err
		}
		if belongs {
			refs = append(refs, ref)
		}
	}
	return refs, looked[len(looked)-1], len(looked) == expungePage, nil
}

// belongs says whether a resource, or what it was before it was deleted, is in a Patient's
// compartment; of a Binary, whether its security context is the Patient or in the compartment.
func (t *Tx) belongs(ctx context.Context, ref, patient store.Ref) (bool, error) {
	if ref == patient {
		return false, nil // it goes last
	}
	if ref.Type != typeBinary && !goesWithPatient(ref.Type) {
		return false, nil
	}
	was, err := t.rows.Get(ctx, ref, nil)
	if err == nil && was.Deleted {
		was, err = t.lastLive(ctx, ref)
	}
	if err != nil {
		return false, ignoreNotFound(err)
	}
	if ref.Type == typeBinary {
		context, err := contextOf(was.Content)
		if err != nil || context == nil {
			return false, err
		}
		resourceType, id := context.Split()
		if resourceType == typeBinary {
			return false, nil
		}
		of := store.Ref{Project: ref.Project, Type: resourceType, ID: id}
		if of == patient {
			return true, nil
		}
		return t.belongs(ctx, of, patient)
	}
	doc, err := parsed(was)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(compartmentRows(doc, ref, references(doc.Find("meta", "accounts"))), func(row store.ReferenceRow) bool {
		return row.TargetType == patient.Type && row.TargetID == patient.ID
	}), nil
}

// membersOf is a page of a Patient's compartment.
func (t *Tx) membersOf(ctx context.Context, of store.Ref, types, after []string) ([]store.Row, error) {
	return t.rows.Search(ctx, store.Query{
		Projects: []string{of.Project}, Types: types, Limit: expungePage, After: after,
		Where: store.Reference{Param: index.CompartmentParam, Values: []store.ReferenceValue{{Type: of.Type, ID: of.ID}}},
	})
}

// goesWithPatient says whether resources of a type in a Patient's compartment go with the Patient.
func goesWithPatient(resourceType string) bool {
	_, ok := definitions.Compartment("Patient", resourceType)
	return ok && resourceType != "Patient" && resourceType != typeAuditEvent && !ServerMade(resourceType)
}

func typesWithPatient() []string {
	return slices.DeleteFunc(definitions.ResourceTypes(), func(resourceType string) bool { return !goesWithPatient(resourceType) })
}

// purgeAll erases resources, each type by its own statements.
func (t *Tx) purgeAll(ctx context.Context, refs []store.Ref) error {
	ids := map[store.Ref][]string{}
	for _, ref := range refs {
		kind := store.Ref{Project: ref.Project, Type: ref.Type}
		ids[kind] = append(ids[kind], ref.ID)
	}
	for kind, all := range ids {
		if err := t.tx.PurgeAll(ctx, kind.Project, kind.Type, all); err != nil {
			return err
		}
	}
	return nil
}
