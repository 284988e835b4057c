package apptest

import (
	"errors"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/pkg/store/storetest"
)

// BenchmarkServed sends requests through everything a client meets (TCP, HTTP, middleware, token,
// policy, store), and in turn runs the statements that they cause straight on the database driver,
// with equivalent arguments, in the same transactions, from the same number of workers. Whatever
// else the machine does meets both alike. The client is on the same machine and its work counts as
// the request's; "handler" leaves out client and network: there the handler with all middleware is
// called in place. It reports
//
//   - ns/op: the median time of a request, divided by the clients that send at once;
//   - raw-ns/op: the same for the bare statements;
//   - of-raw: their ratio. 1 is as fast as the driver, 0.5 half as fast;
//   - req/s: requests answered in a second, all clients together.
func BenchmarkServed(b *testing.B) {
	storetest.Each(b, func(b *testing.B, db storetest.DB) {
		w := newWorkload(b, db)
		analyze(b, db)
		for _, op := range operations() {
			b.Run(op.name+"/handler", func(b *testing.B) { compare(b, w, op, alone, (*worker).handled) })
			for _, clients := range []int{1, 8} {
				b.Run(op.name+"/clients="+strconv.Itoa(clients), func(b *testing.B) { compare(b, w, op, together(clients), (*worker).request) })
			}
		}
	})
}

// analyze gives PostgreSQL's planner the statistics that autovacuum soon would.
func analyze(b *testing.B, db storetest.DB) {
	b.Helper()
	if db.Name != "postgres" {
		return
	}
	conn, err := pgx.Connect(b.Context(), db.URL)
	require.NoError(b, err)
	_, err = conn.Exec(b.Context(), "ANALYZE")
	require.NoError(b, errors.Join(err, conn.Close(b.Context())))
}

// worker sends requests and runs their statements, never both at once.
type worker struct {
	*workload
	op         operation
	number     int
	server     *Server // the one that is measured
	conn       *connection
	raw        driven
	recordings [2]*recording
	version    string // of the patient that raw updates
}

// load is how requests are sent: by how many clients, how many in a row by each before they wait
// for one another, and how often before time is taken, until everything that can be prepared or
// remembered is.
type load struct{ clients, each, warmings int }

var alone = load{1, 1, warmings}

func together(clients int) load {
	if clients == 1 {
		return alone
	}
	return load{clients, 4, warmings}
}

func compare(b *testing.B, w *workload, op operation, l load, serve func(*worker, int) func() error) {
	b.Helper()
	workers := make([]*worker, l.clients)
	drivers := raw(b, w.db, l.clients)
	server := w.unwatched(b)
	for i := range workers {
		workers[i] = newWorker(b, w, server, op, i, drivers[i])
	}
	for _, k := range workers { // after all recordings, which take longer than a server waits for a first request
		k.conn = connect(b, server)
		w.warm(b, k.conn, op)
	}
	var served, bare []time.Duration
	run := func(n int) {
		if n%2 == 0 {
			served = append(served, atOnce(b, workers, l.each, n, serve))
		}
		bare = append(bare, atOnce(b, workers, l.each, n, (*worker).statements))
		if n%2 == 1 {
			served = append(served, atOnce(b, workers, l.each, n, serve))
		}
	}
	for n := range l.warmings {
		run(n)
	}
	served, bare = nil, nil
	for n := l.warmings; b.Loop(); n++ {
		run(n)
	}
	perOp := float64(l.clients * l.each)
	b.ReportMetric(median(served)/perOp, "ns/op")
	b.ReportMetric(median(bare)/perOp, "raw-ns/op")
	b.ReportMetric(median(bare)/median(served), "of-raw")
	b.ReportMetric(perOp*float64(time.Second)/median(served), "req/s")
}

// newWorker has two patients: one that its requests update and one that its statements do.
func newWorker(b *testing.B, w *workload, server *Server, op operation, number int, on driven) *worker {
	b.Helper()
	k := &worker{workload: w, op: op, number: number, server: server, raw: on}
	watched := connect(b, w.Server)
	w.warm(b, watched, op)
	const bare = 100 // beyond the patients that requests update
	require.NoError(b, watched.ask(op.request(w, bare+number, 1), op.status))
	var err error
	k.recordings, err = w.recordTwo(watched, op, bare+number)
	require.NoError(b, err)
	k.version = k.recordings[1].made
	for _, r := range k.recordings {
		require.NoError(b, on.prepare(r.statements))
	}
	return k
}

// atOnce has every worker make ready and then times all of them, from the first start to the last end.
func atOnce(b *testing.B, workers []*worker, each, n int, ready func(*worker, int) func() error) time.Duration {
	b.Helper()
	todo := make([][]func() error, len(workers))
	for i, k := range workers {
		for j := range each {
			todo[i] = append(todo[i], ready(k, n*each+j))
		}
	}
	errs := make([]error, len(workers))
	begun := time.Now()
	if len(workers) == 1 {
		errs[0] = todo[0][0]()
	} else {
		var running sync.WaitGroup
		for i := range workers {
			running.Go(func() {
				for _, do := range todo[i] {
					errs[i] = errors.Join(errs[i], do())
				}
			})
		}
		running.Wait()
	}
	took := time.Since(begun)
	require.NoError(b, errors.Join(errs...))
	return took
}

// request makes the n-th request ready.
func (k *worker) request(n int) func() error {
	request := k.op.request(k.workload, k.number, n)
	return func() error { return k.conn.ask(request, k.op.status) }
}

// handled is request without client and network.
func (k *worker) handled(n int) func() error {
	request := parsed(k.server.t, k.op.request(k.workload, k.number, n))
	return func() error { return handle(k.server, request, k.op.status) }
}

// statements makes the statements of the n-th request ready. Each update finds the version of the
// one before and is later than it.
func (k *worker) statements(n int) func() error {
	recorded := k.recordings[n%2]
	round := recorded.newRound(k.version, time.Since(recorded.begun)+time.Duration(n)*50*time.Millisecond)
	args := make([][]any, len(recorded.statements))
	for i, s := range recorded.statements {
		args[i] = round.args(s)
	}
	k.version = round.id(recorded.made)
	return func() error { return k.raw.run(recorded.statements, args) }
}

func median(times []time.Duration) float64 {
	slices.Sort(times)
	return float64(times[len(times)/2])
}
