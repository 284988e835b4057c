package differential_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/fhir/rest"
	"github.com/admitdev/admit/pkg/jobs"
	"github.com/admitdev/admit/pkg/store"
)

// This file is requests that say under which condition they are made, and those that are carried out later.

// validation asks whether a write would be taken, which is all that is told.
func (e *eyes) validation() request {
	kind, id, r := e.any(searchable...)
	mode, at := pick(e.world, "create", "update", "delete"), "/"+kind+"/"+id
	var q request
	switch mode {
	case "create":
		q, at = e.create(kind, e.draw(kind)), "/"+kind
	case "update":
		q = e.update(kind, id, r)
	case "delete":
		q = e.remove(kind, id, r)
	}
	asked := request{method: http.MethodPost, path: at + "/$validate?mode=" + mode, body: q.body}
	for _, status := range q.statuses {
		if status == http.StatusCreated {
			status = http.StatusOK
		}
		asked.statuses = append(asked.statuses, status)
	}
	return asked
}

// version is one that a resource has or had, or that nothing has.
func (w *world) version(r *resource) string {
	if r == nil || w.chance(8) {
		return w.own
	}
	return pick(w, r.now().id, pick(w, r.versions...).id)
}

// known reads what the client may have already.
func (e *eyes) known() request {
	kind, id, r := e.any(searchable...)
	q, version := e.readOf(kind, id, r), e.version(r)
	q.header = http.Header{"If-None-Match": {`W/"` + version + `"`}}
	if q.statuses[0] == http.StatusOK && version == r.now().id {
		q.statuses, q.check = []int{http.StatusNotModified}, nil
	}
	return q
}

// stated changes a resource if it has a version.
func (e *eyes) stated() request {
	kind, id, r := e.any(searchable...)
	version := e.version(r)
	q, interaction, settled := e.update(kind, id, r), "update", false
	switch e.IntN(3) {
	case 0:
		q, settled = e.patch(kind, id, r), r != nil && r.deleted()
	case 1:
		q, interaction, settled = e.remove(kind, id, r), "delete", r != nil && r.deleted()
	}
	if q.header == nil {
		q.header = http.Header{}
	}
	q.header.Set("If-Match", `W/"`+version+`"`)
	if e.target(interaction, kind, r) == 0 && version != r.now().id && !settled {
		q = request{method: q.method, path: q.path, body: q.body, header: q.header, statuses: []int{http.StatusPreconditionFailed}}
	}
	return q
}

// meant is a transaction that makes an Observation of the patient that a search finds.
func (e *eyes) meant() request {
	terms, query := e.terms("Patient", 1+e.IntN(2), 1)
	found, refused := e.matching([]string{"Patient"}, terms)
	body := e.draw("Observation")
	body["subject"] = object{"reference": "Patient?" + strings.Join(query, "&")}
	entry := object{"request": object{"method": "POST", "url": "Observation"}, "resource": clone(body)}
	q := request{method: http.MethodPost, path: "/", body: text(object{"resourceType": "Bundle", "type": "transaction", "entry": []any{entry}})}
	switch {
	case refused:
		q.statuses = []int{http.StatusForbidden}
	case len(found) == 0:
		q.statuses = []int{http.StatusBadRequest}
	case len(found) > 1:
		q.statuses = []int{http.StatusPreconditionFailed}
	default:
		body["subject"] = object{"reference": found[0].name()}
		one := e.create("Observation", body)
		if q.statuses = one.statuses; one.done != nil {
			q.statuses = []int{http.StatusOK}
			q.done = func(a answer) string {
				return one.done(answer{body: []byte(text(at(parse(a.body), "entry", "resource")[0]))})
			}
		}
	}
	return q
}

// dangling says whether what the caller sees of a document refers to what it may not read, which a project
// that checks references refuses.
func (e *eyes) dangling(body object, hidden []string) bool {
	seen := without(body, hidden)
	var look func(v any) bool
	look = func(v any) bool {
		switch v := v.(type) {
		case []any:
			return slices.ContainsFunc(v, look)
		case object:
			if name, ok := v["reference"].(string); ok {
				kind, _, _ := strings.Cut(name, "/")
				to := e.find(name)
				return to == nil || to.deleted() || !e.granted("read", kind) || !e.allowed("read", to)
			}
			for _, below := range v {
				if look(below) {
					return true
				}
			}
		}
		return false
	}
	for name, value := range seen {
		if name != "meta" && look(value) {
			return true
		}
	}
	return false
}

// later asks for what a job is to find.
func (e *eyes) later() request {
	q := pick(e.world, e.everything, e.graph, e.table, e.batch)()
	q.header = http.Header{"Prefer": {"respond-async"}}
	return q
}

// queue keeps what is to be carried out later.
type queue struct{ jobs []rest.RequestJob }

// Enqueue implements repo.Queue.
func (q *queue) Enqueue(_ context.Context, _ *store.Tx, args jobs.Args) error {
	if job, ok := args.(rest.RequestJob); ok {
		q.jobs = append(q.jobs, job)
	}
	return nil
}

// EnqueueAt implements repo.Queue.
func (q *queue) EnqueueAt(ctx context.Context, tx *store.Tx, args jobs.Args, _ time.Time) error {
	return q.Enqueue(ctx, tx, args)
}

// Enter implements rest.Callers: whoever asked for a job is who calls.
func (s *server) Enter(context.Context, caller.Claims, string, string) (caller.Caller, error) {
	return s.who, nil
}

// Assume implements rest.Callers.
func (s *server) Assume(context.Context, medplum.ProjectMembership, caller.Assumed) (caller.Caller, error) {
	return s.who, nil
}

// fetched carries out what was asked for later and gives its answer as if it had come at once. Of the job
// nothing is left.
func (s *server) fetched(a answer) answer {
	ctx := context.Background()
	for _, job := range s.queue.jobs {
		require.NoError(s.t, s.rest.RunRequest(ctx, job))
	}
	s.queue.jobs = nil
	address := strings.TrimPrefix(a.header.Get("Content-Location"), strings.TrimSuffix(base, "/"))
	got := s.do(request{method: http.MethodGet, path: address})
	id := strings.Split(address, "/")[2]
	require.NoError(s.t, s.Repo.System("forget a job of a test", s.who.Project).InTx(ctx, func(tx *repo.Tx) error {
		return tx.Store().Purge(ctx, store.Ref{Project: s.who.Project, Type: "AsyncJob", ID: id})
	}))
	var job struct {
		Output struct {
			Parameter []struct {
				Name     string
				Resource json.RawMessage
			}
		}
	}
	require.NoError(s.t, json.Unmarshal(got.body, &job))
	require.Len(s.t, job.Output.Parameter, 1, "%s", got.body)
	output := job.Output.Parameter[0]
	a = answer{http.StatusOK, http.Header{}, output.Resource} // the headers are of the job
	switch content := parse(output.Resource); {
	case output.Name == "outcome":
		known := map[string]int{"forbidden": http.StatusForbidden, "not-found": http.StatusNotFound, "gone": http.StatusGone}
		if a.status = known[fmt.Sprint(content["id"])]; a.status == 0 {
			a.status = http.StatusTeapot // which nobody wants
		}
	case content["resourceType"] == "Binary" && content["id"] == nil: // what is no resource
		a.body = []byte(decoded(content))
	}
	return a
}

// owned is a condition by a parameter that the callers' project has defined, which is about nobody else's
// resources: one that stays on its path, and one that may read anything.
func (w *world) owned() term {
	family, gender := marked("own-family", "Patient", "", "name.family"), code("own-gender", "gender", "male", "female")
	gender.reads = [][]string{{}}
	p := pick(w, family, gender)
	value, holds := p.draw(w)
	return term{p.code, value, []use{{"Patient", p.reads}}, func(_ *eyes, r *resource, body object) bool { return r.project == w.own && holds(r, body) }}
}

// ownParameters are their definitions.
var ownParameters = map[string]string{
	"own-family": `"type":"string","expression":"Patient.name.family"`,
	"own-gender": `"type":"token","expression":"Patient.active.combine($this.gender)"`,
}

// define stores the parameters of a world that has no resources yet.
func (s *server) define(w *world) {
	ctx := context.Background()
	for name, members := range ownParameters {
		body := `{"resourceType":"SearchParameter","url":"urn:` + name + `","name":"Own","status":"active","description":"x","code":"` + name + `","base":["Patient"],` + members + `}`
		s.keep(w, "SearchParameter", name, body)
	}
	tasks, err := s.Store.Unfinished(ctx, w.own)
	require.NoError(s.t, err)
	for _, task := range tasks {
		require.NoError(s.t, s.Repo.Reindex(ctx, repo.ReindexJob{Project: task.Project, Task: task.ID}))
	}
}

// keep stores a resource of the callers' project.
func (s *server) keep(w *world, kind, id, body string) {
	stored, err := s.Repo.System("make a world for a test", w.own).CreateAs(context.Background(), kind, id, []byte(body))
	require.NoError(s.t, err)
	r := &resource{project: w.own, kind: kind, id: id, versions: make([]version, 1)}
	r.keep(stored)
	w.resources = append(w.resources, r)
}

// listed asks for what a List that the caller may find has among its items.
func (w *world) listed() term {
	id := w.some("List").id
	return term{"_list", id, []use{{"List", [][]string{{"entry", "item"}}}}, func(e *eyes, r *resource, _ object) bool {
		return slices.ContainsFunc(e.findable("List"), func(l *resource) bool {
			return l.id == id && has(l.live(), r.name(), "entry", "item", "reference")
		})
	}}
}
