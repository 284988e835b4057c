package differential_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/fhir/attachment"
	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/repo/repotest"
	"github.com/admitdev/admit/fhir/rest"
	"github.com/admitdev/admit/pkg/blob"
	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/secret"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/store/storetest"
	"github.com/admitdev/admit/pkg/web"
)

// How many worlds there are on each database, callers in each and requests of each caller.
// ADMIT_LONG_TESTS asks for 100,000 requests over both databases.
const (
	worlds, worldsLong   = 1, 84
	callers, callersLong = 12, 30
	requests             = 20
)

const base = "https://admit.example/fhir/R4/"

// TestWhatACallerGetsEqualsWhatThePolicyAllows is the differential test (see package differential).
func TestWhatACallerGetsEqualsWhatThePolicyAllows(t *testing.T) {
	t.Parallel()
	n, each := worlds, callers
	if os.Getenv("ADMIT_LONG_TESTS") != "" {
		n, each = worldsLong, callersLong
	}
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		t.Parallel()
		s := start(t, db)
		for seed := range uint64(n) {
			w := s.world(t, seed)
			for range each {
				e, err := w.caller()
				require.NoError(t, err, "seed %d: %v", seed, e)
				s.who = e.who
				for i := range requests {
					draw := e.request
					switch i % 8 {
					case 0, 4:
						draw = e.inherit
					case 2:
						draw = e.together
					case 6:
						draw = e.setAccounts
					}
					if fault := s.ask(t, e, draw()); fault != "" {
						t.Fatalf("seed %d: %s\nas %s", seed, fault, e.described)
					}
				}
			}
		}
	})
}

// server is the FHIR surface in this process; who calls is who.
type server struct {
	*repotest.World
	t       testing.TB
	handler http.Handler
	rest    *rest.Handler
	queue   *queue
	who     caller.Caller
}

// key signs what nobody here checks.
type key struct{}

func (key) Fingerprint(data []byte) string { return hex.EncodeToString(data) }

func start(t *testing.T, db storetest.DB) *server {
	t.Helper()
	s := &server{World: repotest.New(t, db), t: t, queue: &queue{}}
	box, err := secret.NewBox(secret.Key())
	require.NoError(t, err)
	blobs, err := blob.Open("file:" + t.TempDir())
	require.NoError(t, err)
	h, err := rest.New(rest.Options{
		Repo: s.Repo, Base: base, Version: "test", Released: time.Unix(0, 0), Quota: -1,
		Shelf: &blob.Shelf{Blobs: blobs, Rows: s.Store, Clock: clock.System{}, Log: slog.New(slog.DiscardHandler), Limit: 1 << 20},
		Queue: s.queue, Callers: s, Box: box,
		URLs: &attachment.URLs{Storage: "https://admit.example/storage/", FHIR: base, Key: key{}, Clock: clock.System{}},
	})
	require.NoError(t, err)
	s.rest = h
	e := echo.New()
	h.Mount(e.Group("/fhir/R4", web.Errors(web.Outcome), func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			caller.Put(c, s.who)
			return next(c)
		}
	}))
	s.handler = e
	return s
}

// world stores random resources in three new projects, some of them changed and some deleted since.
func (s *server) world(t *testing.T, seed uint64) *world {
	t.Helper()
	ctx := context.Background()
	w := &world{Rand: rand.New(rand.NewPCG(seed, 4)), own: clock.System{}.NewID(), linked: clock.System{}.NewID(), stranger: clock.System{}.NewID(), marks: new(int)}
	s.define(w)
	for _, kind := range kinds {
		for range map[string]int{"Patient": 7, "Observation": 10, "Encounter": 6}[kind] + 3 {
			project := pick(w, w.own, w.own, w.linked, w.stranger)
			if len(w.of(kind)) == 0 {
				project = w.own
			}
			r := &resource{project: project, kind: kind, id: w.mark()}
			w.resources = append(w.resources, r)
			r.versions = []version{{body: w.draw(kind)}}
			if kind == "Patient" && w.chance(2) || w.chance(6) {
				withAccounts(r.live(), w.accounts())
			}
			as := s.Repo.System("make a world for a test", project)
			stored, err := as.CreateAs(ctx, kind, r.id, []byte(text(r.live())))
			require.NoError(t, err)
			r.keep(stored)
			for w.chance(2) {
				stored, err := as.Update(ctx, kind, r.id, []byte(text(w.changed(r.live()))), "")
				require.NoError(t, err)
				r.keep(stored)
			}
			if w.chance(8) && len(w.of(kind)) > 1 {
				require.NoError(t, as.Delete(ctx, kind, r.id))
				gone, err := s.Store.Get(ctx, store.Ref{Project: project, Type: kind, ID: r.id}, nil)
				require.NoError(t, err)
				r.versions = append(r.versions, version{id: gone.Version})
			}
		}
	}
	s.keep(w, "GraphDefinition", care, `{"resourceType":"GraphDefinition","name":"Care","status":"active","start":"Patient",`+
		`"link":[{"path":"generalPractitioner"},{"target":[{"type":"Observation","params":"subject={ref}"}]}]}`)
	return w
}

// care is the GraphDefinition of every world.
const care = "care"

// keep adds the version that was stored, the first of them in the place of what was drawn.
func (r *resource) keep(stored store.Resource) {
	v := version{stored.Version, unstamped(parse(stored.Content))}
	switch {
	case r.versions[0].id == "":
		r.versions[0] = v
	case r.now().id != v.id:
		r.versions = append(r.versions, v)
	}
}

// unstamped is a document without what the server alone says.
func unstamped(body object) object {
	if meta, ok := body["meta"].(object); ok {
		for _, name := range []string{"versionId", "lastUpdated", "project", "author", "account", "compartment"} {
			delete(meta, name)
		}
		if len(meta) == 0 {
			delete(body, "meta")
		}
	}
	return body
}

// request is what is asked and what must come of it.
type request struct {
	method, path, body string
	header             http.Header
	statuses           []int
	// shown are the documents that the answer may be made of, versions those that it may name.
	shown    []object
	versions []string
	check    func(a answer) string // further, when it succeeds; the fault, empty for none
	// done is what a write changes in the world, when it succeeds.
	done func(a answer) string
}

// answer is what came.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (s *server) do(r request) answer {
	sent := httptest.NewRequest(r.method, "/fhir/R4"+r.path, strings.NewReader(r.body))
	maps.Copy(sent.Header, r.header)
	if r.body != "" && sent.Header.Get("Content-Type") == "" {
		sent.Header.Set("Content-Type", "application/fhir+json")
	}
	recorded := httptest.NewRecorder()
	s.handler.ServeHTTP(recorded, sent)
	a := answer{recorded.Code, recorded.Header(), recorded.Body.Bytes()}
	if a.status == http.StatusAccepted {
		return s.fetched(a)
	}
	return a
}

// ask carries out a request; the fault is empty when all is as it must be.
func (s *server) ask(t *testing.T, e *eyes, r request) string {
	t.Helper()
	a := s.do(r)
	fault := ""
	switch {
	case !slices.Contains(r.statuses, a.status):
		fault = "another status"
	case a.status < 300 && r.check != nil:
		fault = r.check(a)
	}
	if fault == "" {
		fault = e.leak(r, a)
	}
	if fault == "" && a.status < 300 && r.done != nil {
		fault = r.done(a)
	}
	if fault == "" && r.method != http.MethodGet {
		fault = s.state(t, e.world)
	}
	if fault == "" {
		return ""
	}
	var shown []string
	for _, body := range r.shown {
		shown = append(shown, text(body))
	}
	return fmt.Sprintf("%s\n%s %s %s\n%s\nwant %v %.3000s\ngot %d %v %.2000s", fault, r.method, r.path, text(r.header), r.body, r.statuses, strings.Join(shown, "\n     "), a.status, a.header, a.body)
}

// token is a mark, or the id of a version or project.
var (
	token  = regexp.MustCompile(`zz[0-9]+zz|[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}`)
	cursor = regexp.MustCompile(`_cursor=([A-Za-z0-9_-]+)`)
)

// leak names a mark in the answer that the caller has neither sent nor may see.
func (e *eyes) leak(r request, a answer) string {
	may := map[string]bool{}
	add := func(s string) {
		for _, found := range token.FindAllString(s, -1) {
			may[found] = true
		}
	}
	add(r.path + r.body + text(r.header) + text(r.versions))
	for _, body := range r.shown {
		add(text(body))
	}
	may[e.own] = true
	for _, link := range e.who.Linked {
		may[link.Project] = true
	}
	if e.who.Extended { // which asks for the author of what is shown
		add(text(e.authors))
	}
	all := string(a.body) + text(a.header)
	for _, found := range cursor.FindAllStringSubmatch(all, -1) {
		if raw, err := base64.RawURLEncoding.DecodeString(found[1]); err == nil {
			all += string(raw)
		}
	}
	for _, found := range token.FindAllString(all, -1) {
		if !may[found] && !(a.status < 300 && r.done != nil && r.method != http.MethodDelete) {
			return "a leak of " + found
		}
	}
	for _, b := range e.of("Binary") {
		for _, v := range b.versions {
			data, _ := v.body["data"].(string)
			if data != "" && strings.Contains(all, data) && !strings.Contains(text(r.shown)+r.body, data) {
				return "a leak of the data of " + b.name()
			}
		}
	}
	return ""
}

func decoded(binary object) string {
	data, _ := binary["data"].(string)
	raw, err := base64.StdEncoding.DecodeString(data)
	if err != nil {
		panic(err) // it was made by encoded
	}
	return string(raw)
}

func encoded(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// state compares what is stored with the world.
func (s *server) state(t *testing.T, w *world) string {
	t.Helper()
	rows, err := s.Store.Search(context.Background(), store.Query{Projects: []string{w.own, w.linked, w.stranger}, Types: append([]string{"GraphDefinition", "SearchParameter"}, kinds...), Limit: 10_000})
	require.NoError(t, err)
	left := map[string]*resource{}
	for _, r := range w.resources {
		if !r.deleted() {
			left[r.project+r.name()] = r
		}
	}
	for _, row := range rows {
		r := left[row.Project+row.Type+"/"+row.ID]
		if r == nil {
			return fmt.Sprintf("stored, and should not be: %s", row.Content)
		}
		delete(left, row.Project+r.name())
		if r.now().id == row.Version {
			continue
		}
		if r.now().id != "" {
			return fmt.Sprintf("changed, and should not be: %s", row.Content)
		}
		if stored := unstamped(parse(row.Content)); !same(stored, r.now().body) {
			return fmt.Sprintf("stored  %s\nshould be %s", text(stored), text(r.now().body))
		}
		r.versions[len(r.versions)-1].id = row.Version
	}
	for _, r := range left {
		return "gone, and should not be: " + r.name()
	}
	for _, r := range w.resources {
		if r.now().id == "" {
			gone, err := s.Store.Get(context.Background(), store.Ref{Project: r.project, Type: r.kind, ID: r.id}, nil)
			require.NoError(t, err)
			r.versions[len(r.versions)-1].id = gone.Version
		}
	}
	return ""
}

func same(a, b object) bool { return reflect.DeepEqual(clone(a), clone(b)) }
