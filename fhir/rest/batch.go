package rest

import (
	"bytes"
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/fhir/bundle"
	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/outcome"
)

// batchWorkers is how many entries of a batch are carried out at once. R4 wants them independent;
// those about one resource keep their order.
const batchWorkers = 4

// batch carries out each entry by itself, in R4's order (http.html#brules), as long as the budget
// lasts.
func (h *Handler) batch(c echo.Context, b bundle.Bundle) ([]done, error) {
	ctx, session := c.Request().Context(), h.session(c)
	results := make([]done, len(b.Entries))
	left, stop := h.budget(c)
	defer stop()
	targets, updates := updated(ctx, session, b), map[string]bool{}
	for _, t := range targets {
		updates[t.Type+"/"+t.ID] = true
	}
	for phase := range bundle.Phases {
		var plain, others []int
		for i := range b.Entries {
			e := &b.Entries[i]
			if e.Phase() != phase {
				continue
			}
			create := phase == bundle.Creates && e.Err == nil && e.IfNoneExist == "" && creatable(e) == nil && session.Plain(ctx, e.Path[0])
			if create || phase == bundle.Changes && updates[e.Target()] {
				plain = append(plain, i)
			} else {
				others = append(others, i)
			}
		}
		h.writeAll(ctx, session, b, plain, targets, results, left)
		others = h.conditional(ctx, session, b, others, results, left)
		h.inGroups(others, b, func(i int) {
			e := &b.Entries[i]
			results[i] = left.within(e, func() done { return h.performOrRoute(c, session, e) })
		})
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	return results, nil
}

// updated are the resources that one update or patch each is about, and that can be written in one
// statement.
func updated(ctx context.Context, session *repo.Session, b bundle.Bundle) []repo.Target {
	entries := map[string]int{}
	for i := range b.Entries {
		if e := &b.Entries[i]; e.Phase() == bundle.Changes {
			entries[e.Target()]++
		}
	}
	var targets []repo.Target
	for i := range b.Entries {
		e := &b.Entries[i]
		if e.Err == nil && e.Phase() == bundle.Changes && len(e.Path) == 2 && entries[e.Target()] == 1 && session.Plain(ctx, e.Path[0]) {
			targets = append(targets, repo.Target{Type: e.Path[0], ID: e.Path[1]})
		}
	}
	return targets
}

// writeAll writes creates, or updates of the targets, in one statement. An entry that is refused
// stays out of it; when the database refuses the statement, each is tried by itself.
func (h *Handler) writeAll(ctx context.Context, session *repo.Session, b bundle.Bundle, plain []int, targets []repo.Target, results []done, left *budget) {
	write := func(i int, as actor) done {
		return left.within(&b.Entries[i], func() done { return h.perform(ctx, as, &b.Entries[i]) })
	}
	if len(plain) == 0 {
		return
	}
	err := session.Together(ctx, targets, func(together *repo.Session) error {
		for _, i := range plain {
			results[i] = write(i, together)
		}
		return nil
	})
	if err == nil {
		return
	}
	for _, i := range plain {
		if results[i].err == nil {
			results[i] = write(i, session)
		}
	}
}

// inGroups runs do for each entry, one after the other for those about the same target.
func (h *Handler) inGroups(entries []int, b bundle.Bundle, do func(i int)) {
	groups := map[string][]int{}
	var order []string
	for n, i := range entries {
		key := b.Entries[i].Target()
		if key == "" || b.Entries[i].Phase() == bundle.Reads {
			key = strconv.Itoa(n)
		}
		if groups[key] == nil {
			order = append(order, key)
		}
		groups[key] = append(groups[key], i)
	}
	var wait sync.WaitGroup
	var panicked any
	var once sync.Once
	slots := make(chan struct{}, batchWorkers)
	for _, key := range order {
		slots <- struct{}{}
		wait.Go(func() {
			defer func() {
				if r := recover(); r != nil { // for the request's own goroutine to report
					once.Do(func() { panicked = r })
				}
				<-slots
			}()
			for _, i := range groups[key] {
				do(i)
			}
		})
	}
	wait.Wait()
	if panicked != nil {
		panic(panicked)
	}
}

// performOrRoute carries out an entry. An operation, which has a route of its own, is given to the
// router.
func (h *Handler) performOrRoute(c echo.Context, session *repo.Session, e *bundle.Entry) done {
	if e.Err == nil && (e.Method == http.MethodGet || e.Method == http.MethodPost) && routed(e.Path) {
		if c.Get(inBackground) != nil {
			return h.dispatchEntry(c, e)
		}
		return route(c, e)
	}
	return h.perform(c.Request().Context(), session, e)
}

func routed(path []string) bool {
	for _, step := range path {
		if strings.HasPrefix(step, "$") {
			return true
		}
	}
	return false
}

// notInherited are headers that are about the Bundle and not about its entries.
var notInherited = []string{"Content-Type", "Content-Length", "Content-Encoding", "If-Match", "If-None-Match", "If-None-Exist", "If-Modified-Since", "Prefer", "Accept"}

// route asks the server itself, as the same caller.
func route(c echo.Context, e *bundle.Entry) done {
	outer := c.Request()
	address := strings.TrimSuffix(outer.URL.EscapedPath(), "/") + "/" + escaped(e.Path)
	inner, err := http.NewRequestWithContext(outer.Context(), e.Method, address+"?"+e.Query, bytes.NewReader(e.Resource))
	if err != nil {
		return done{err: unroutable(e)}
	}
	inner.Header, inner.RemoteAddr, inner.Host, inner.TLS, inner.RequestURI = outer.Header.Clone(), outer.RemoteAddr, outer.Host, outer.TLS, address
	for _, name := range notInherited {
		inner.Header.Del(name)
	}
	if e.Resource != nil {
		inner.Header.Set("Content-Type", "application/fhir+json")
	}
	answer := &captured{header: http.Header{}, status: http.StatusOK}
	c.Echo().ServeHTTP(answer, inner)
	content, err := answer.resource()
	if err == nil && answer.status == http.StatusOK {
		return done{code: outcome.OK, content: content, read: true}
	}
	doc, err := document.Parse(content)
	if err != nil {
		return done{err: unroutable(e)}
	}
	return done{err: refusal(answer.status, doc)}
}

// refusal is an OperationOutcome as an error again.
func refusal(status int, doc *document.Node) error {
	o := &outcome.Outcome{Code: outcome.Code{ID: doc.Text("id"), Status: status}}
	for _, issue := range doc.Get("issue").Values() {
		read := outcome.Issue{Code: issue.Text("code"), Text: issue.Get("details").Text("text"), Diagnostics: issue.Text("diagnostics")}
		for _, at := range issue.Get("expression").Values() {
			read.Expression = append(read.Expression, at.String())
		}
		o.Issues = append(o.Issues, read)
	}
	return o
}

// captured is an answer kept in memory.
type captured struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (c *captured) Header() http.Header { return c.header }

// Write implements http.ResponseWriter.
func (c *captured) Write(p []byte) (int, error) { return c.body.Write(p) }

// WriteHeader implements http.ResponseWriter.
func (c *captured) WriteHeader(status int) { c.status = status }
