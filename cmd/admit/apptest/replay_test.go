package apptest

import (
	"database/sql/driver"
	"fmt"
	"maps"
	"regexp"
	"strings"
	"time"

	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/secret"
	"github.com/admitdev/admit/pkg/store/storetest"
)

// recording is the statements of one request, to be run again straight on the driver as if for
// another request of its kind: with other ids, addresses and secrets, and at another time.
type recording struct {
	statements []storetest.Statement
	begun      time.Time
	// known are the ids from before the request; all others are made by it and new in each round.
	known map[string]bool
	// replaced is the version that an update takes away, made the one that it puts in its place.
	replaced, made string
}

var (
	idForm     = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	mailForm   = regexp.MustCompile(`bench-[0-9a-z]+@`)
	secretForm = regexp.MustCompile(`^[0-9A-Za-z_-]{43,}$`)
)

// round is what is put in the place of what a recording holds.
type round struct {
	*recording
	version string // what an update finds
	later   time.Duration
	ids     map[string]string
	mail    string
}

// newRound prepares a recording to be run after version has been left by the one before.
func (r *recording) newRound(version string, later time.Duration) *round {
	return &round{r, version, later, map[string]string{}, "bench-" + strings.ReplaceAll(clock.System{}.NewID(), "-", "") + "@"}
}

// args are the arguments of a statement in this round.
func (r *round) args(s storetest.Statement) []any {
	args := make([]any, len(s.Args))
	for i, arg := range s.Args {
		args[i] = r.value(arg.Value)
	}
	return args
}

func (r *round) value(v any) any {
	if valuer, ok := v.(driver.Valuer); ok {
		inner, err := valuer.Value()
		if err != nil {
			panic(fmt.Sprintf("the server has used an argument that has no value: %v", err))
		}
		v = inner
	}
	switch v := v.(type) {
	case string:
		return r.text(v)
	case []byte:
		return []byte(r.text(string(v)))
	case []string:
		texts := make([]string, len(v))
		for i, text := range v {
			texts[i] = r.text(text)
		}
		return texts
	case int64:
		return r.number(v)
	}
	return v
}

// text changes ids, addresses and secrets, wherever they are.
func (r *round) text(s string) string {
	if secretForm.MatchString(s) {
		return secret.Token(32)
	}
	s = idForm.ReplaceAllStringFunc(s, r.id)
	return mailForm.ReplaceAllString(s, r.mail)
}

func (r *round) id(old string) string {
	switch {
	case old == r.replaced:
		return r.version
	case r.known[old] && old != r.made:
		return old
	case r.ids[old] == "":
		r.ids[old] = clock.System{}.NewID()
	}
	return r.ids[old]
}

// number moves what is a time in milliseconds within a year.
func (r *round) number(n int64) int64 {
	const year = 366 * 24 * time.Hour
	if away := time.UnixMilli(n).Sub(r.begun); away > -year && away < year {
		return n + r.later.Milliseconds()
	}
	return n
}

// record makes recordings of two requests in a row, so that what an update changes is changed back
// when they are run in turn. An id that both have was there before.
func (w *workload) recordTwo(conn *connection, op operation, worker int) (two [2]*recording, err error) {
	var seen [2]map[string]bool
	for i := range two {
		r := &recording{begun: clock.System{}.Now()}
		r.replaced = w.versionOf(worker)
		r.statements = w.record(func() { err = conn.ask(op.request(w, worker, i), op.status) })
		if err != nil {
			return two, err
		}
		r.made = w.versionOf(worker)
		two[i], seen[i] = r, r.everyID()
	}
	for i := range two {
		two[i].known = seen[0]
	}
	maps.DeleteFunc(seen[0], func(id string, _ bool) bool { return !seen[1][id] })
	return two, nil
}

// versionOf is the version of the patient that a worker updates.
func (w *workload) versionOf(worker int) string {
	return w.staff.GET("/fhir/R4/Patient/" + w.patients[1+worker]).Field("meta.versionId")
}

// everyID is every id among the arguments.
func (r *recording) everyID() map[string]bool {
	all := map[string]bool{}
	for _, s := range r.statements {
		for _, arg := range s.Args {
			for _, id := range idForm.FindAllString(fmt.Sprint(arg.Value), -1) {
				all[id] = true
			}
		}
	}
	return all
}
