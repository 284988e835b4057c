package repo

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/admitdev/admit/fhir/index"
	"github.com/admitdev/admit/pkg/jobs"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// Queue takes jobs; *jobs.Client implements it.
type Queue interface {
	Enqueue(ctx context.Context, tx *store.Tx, args jobs.Args) error
	EnqueueAt(ctx context.Context, tx *store.Tx, args jobs.Args, at time.Time) error
}

// ReindexJob is the job that goes on with a task: the rows of resources are made again, without a new
// version of them.
type ReindexJob struct {
	Project string `json:"project"`
	Task    string `json:"task"`
}

// Kind implements jobs.Args.
func (ReindexJob) Kind() string { return "reindex" }

const (
	reindexBatch = 100              // resources of one transaction
	reindexTurn  = 15 * time.Second // how long one job works before the next goes on
	settleTurn   = 20 * time.Second // how long one job waits for earlier transactions
)

// startReindex adds a task and the job that begins it.
func (r *Repo) startReindex(ctx context.Context, tx *store.Tx, task store.Reindex) error {
	if err := tx.CreateReindex(ctx, task); err != nil {
		return err
	}
	return r.goOn(ctx, tx, task)
}

func (r *Repo) goOn(ctx context.Context, tx *store.Tx, task store.Reindex) error {
	if r.Jobs == nil {
		return nil
	}
	return r.Jobs.Enqueue(ctx, tx, ReindexJob{task.Project, task.ID})
}

// Reindex works on a task for a while. It may be killed at any time and run twice at the same time:
// what it has done is recorded with each batch, and a resource that is written meanwhile keeps the
// rows of that write.
func (r *Repo) Reindex(ctx context.Context, job ReindexJob) error {
	task, err := r.Store.Reindex(ctx, job.Project, job.Task)
	if errors.Is(err, store.ErrNotFound) || err == nil && !task.Finished.IsZero() {
		return nil
	}
	if err != nil {
		return err
	}
	if task.Generation > 0 && task.At.ID == "" {
		// Writes that began before the parameters changed have rows of before, and cannot be seen yet.
		if err := r.Store.Settled(ctx, settleTurn); err != nil {
			return err
		}
	}
	for begun := r.Clock.Now(); ; {
		next, err := r.reindexBatch(ctx, task)
		if err != nil {
			return err
		}
		pause := next.Finished.IsZero() && r.Clock.Now().Sub(begun) > reindexTurn
		moved := false
		err = r.Store.InTx(ctx, func(tx *store.Tx) error {
			moved, err = r.advance(ctx, tx, task, next, pause)
			return err
		})
		if err != nil || !moved || pause || !next.Finished.IsZero() {
			return err
		}
		task = next
	}
}

// advance records a batch. A task that another job has moved is left to that one.
func (r *Repo) advance(ctx context.Context, tx *store.Tx, task, next store.Reindex, pause bool) (bool, error) {
	moved, err := tx.Advance(ctx, task, next)
	switch {
	case err != nil || !moved:
		return false, err
	case pause:
		return true, r.goOn(ctx, tx, next)
	case next.Finished.IsZero() || task.Generation == 0:
		return true, nil
	}
	if err := tx.Indexed(ctx, task.Project, task.Type, task.Generation); err != nil {
		return false, err
	}
	return true, tx.Announce(ctx, typeSearchParameter, task.Project)
}

// reindexBatch makes the rows of the resources that come next and says where the task is then.
func (r *Repo) reindexBatch(ctx context.Context, task store.Reindex) (store.Reindex, error) {
	if task.Resource != "" {
		return r.reindexOne(ctx, task)
	}
	next := task
	project := task.Project
	if task.Everywhere {
		projects, err := r.Store.Partitions(ctx)
		if err != nil {
			return task, err
		}
		slices.Sort(projects)
		project = task.At.Project
		if at, found := slices.BinarySearch(projects, project); !found {
			if at == len(projects) {
				next.Finished = r.Clock.Now()
				return next, nil
			}
			project = projects[at]
		}
	}
	after := task.At
	if project != after.Project {
		after = store.Ref{}
	}
	batch, err := r.Store.ListCurrent(ctx, project, task.Type, after, reindexBatch)
	if err != nil {
		return task, err
	}
	if err := r.indexAgain(ctx, project, batch); err != nil {
		return task, err
	}
	next.Done += int64(len(batch))
	switch {
	case len(batch) == reindexBatch:
		next.At = batch[len(batch)-1].Ref
	case task.Everywhere:
		next.At = store.Ref{Project: project + "~"} // behind it, before the next
	default:
		next.Finished = r.Clock.Now()
	}
	return next, nil
}

func (r *Repo) reindexOne(ctx context.Context, task store.Reindex) (store.Reindex, error) {
	var res store.Resource
	ref, err := r.Store.Locate(ctx, task.Type, task.Resource)
	if err == nil {
		res, err = r.Store.Get(ctx, ref, nil)
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return task, err
	}
	if err == nil && !res.Deleted {
		if err := r.indexAgain(ctx, ref.Project, []store.Resource{res}); err != nil {
			return task, err
		}
		task.Done++
	}
	task.Finished = r.Clock.Now()
	return task, nil
}

// indexAgain makes the rows of resources of one project. A resource that has another version by now
// has been indexed with it; when the parameters have changed it begins anew.
func (r *Repo) indexAgain(ctx context.Context, project string, batch []store.Resource) error {
	for range maxGenerations {
		set, err := loadParameters(ctx, r.Store, project)
		if err != nil {
			return err
		}
		complete := true
		err = r.Store.InTx(ctx, func(tx *store.Tx) error {
			complete = true
			for _, res := range batch {
				w := store.Write{Resource: res}
				if w.Index, w.Generation, err = indexedBy(set, res); err != nil {
					return err
				}
				written, err := tx.PutIndex(ctx, w)
				if err != nil {
					return err
				}
				complete = complete && written
			}
			return nil
		})
		if err != nil || complete {
			return err
		}
		after, err := loadParameters(ctx, r.Store, project)
		if err != nil {
			return err
		}
		if !outdated(set, after) {
			return nil
		}
	}
	return store.ErrGeneration
}

func outdated(set, after parameterSet) bool {
	for resourceType, t := range after {
		if _, generation := set.of(resourceType); generation < t.generation {
			return true
		}
	}
	return false
}

// Resume has the tasks gone on with that a process has left behind, and begins one for the whole
// server when the rows were made by an older program. It is asked at every start; searches go on
// with the rows that are there.
func (r *Repo) Resume(ctx context.Context) error {
	projects, err := r.Store.Partitions(ctx)
	if err != nil {
		return err
	}
	var open []store.Reindex
	for _, project := range projects {
		tasks, err := r.Store.Unfinished(ctx, project)
		if err != nil {
			return err
		}
		open = append(open, tasks...)
	}
	expunging, err := r.Store.UnfinishedExpunges(ctx)
	if err != nil {
		return err
	}
	return r.Store.InTx(ctx, func(tx *store.Tx) error {
		for _, task := range open {
			if err := r.goOn(ctx, tx, task); err != nil {
				return err
			}
		}
		for _, task := range expunging {
			if err := r.goOnExpunging(ctx, tx, task); err != nil {
				return err
			}
		}
		newer, err := tx.TakeIndexVersion(ctx, index.Version)
		if err != nil || !newer {
			return err
		}
		return r.startReindex(ctx, tx, store.Reindex{Project: store.SystemProject, ID: tx.NewID(), Everywhere: true})
	})
}

// StartReindex begins a task over the whole server, one type of it or one resource, for super
// administrators.
//
// Errors: outcome Forbidden, NotFound.
func (s *Session) StartReindex(ctx context.Context, resourceType, id string) (store.Reindex, error) {
	if !s.everywhere() {
		return store.Reindex{}, outcome.New(outcome.Forbidden, "")
	}
	task := store.Reindex{Project: store.SystemProject, ID: s.newID(), Everywhere: true, Type: resourceType, Resource: id}
	if id != "" {
		if _, err := s.get(ctx, resourceType, id, s.partitions(resourceType), nil); err != nil {
			return store.Reindex{}, absent(err)
		}
	}
	return task, s.repo.Store.InTx(ctx, func(tx *store.Tx) error { return s.repo.startReindex(ctx, tx, task) })
}

// ReindexTask is how far a task is that StartReindex began.
//
// Errors: outcome Forbidden, NotFound.
func (s *Session) ReindexTask(ctx context.Context, id string) (store.Reindex, error) {
	if !s.everywhere() {
		return store.Reindex{}, outcome.New(outcome.Forbidden, "")
	}
	task, err := s.repo.Store.Reindex(ctx, store.SystemProject, id)
	return task, absent(err)
}
