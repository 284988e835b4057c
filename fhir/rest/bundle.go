package rest

import (
	"cmp"
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/fhir/bundle"
	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/r4"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/web"
)

// Limits bound the Bundles that POST / takes.
type Limits struct {
	Bytes    int64 // of the body
	Entries  int
	Searches int           // searches, operations, conditions and different conditional references
	Large    int           // Bundles above an ordinary body's size that are worked on at once; others wait
	Answer   int64         // bytes of the answer besides what the entries themselves brought
	Time     time.Duration // after which no entry is begun, unless in the background
}

// The limits when none are given: they hold what synthetic patients and bulk loaders send.
const (
	defaultBundleBytes    = 50 << 20
	defaultBundleEntries  = 5000
	defaultBundleSearches = 1000
	defaultLargeBundles   = 4
	defaultBundleAnswer   = 64 << 20
	defaultBundleTime     = time.Minute // the connection stays open for two
)

func (l Limits) orDefault() Limits {
	return Limits{
		cmp.Or(l.Bytes, defaultBundleBytes), cmp.Or(l.Entries, defaultBundleEntries),
		cmp.Or(l.Searches, defaultBundleSearches), cmp.Or(l.Large, defaultLargeBundles),
		cmp.Or(l.Answer, defaultBundleAnswer), cmp.Or(l.Time, defaultBundleTime),
	}
}

// actor is what entries act through: a session, or a transaction. Both narrow whatever is done to
// what the caller may do.
type actor interface {
	Create(ctx context.Context, resourceType string, body []byte) (store.Resource, error)
	CreateAs(ctx context.Context, resourceType, id string, body []byte) (store.Resource, error)
	CreateIfNone(ctx context.Context, body []byte, c repo.Condition) (store.Resource, bool, error)
	Read(ctx context.Context, resourceType, id string) (store.Resource, error)
	VRead(ctx context.Context, resourceType, id, version string) (store.Resource, error)
	History(ctx context.Context, r repo.HistoryRequest) (repo.HistoryPage, error)
	Update(ctx context.Context, resourceType, id string, body []byte, ifMatch string) (store.Resource, error)
	UpdateOne(ctx context.Context, body []byte, c repo.Condition, ifMatch string) (store.Resource, bool, error)
	Patch(ctx context.Context, resourceType, id string, p repo.Patch, ifMatch string) (store.Resource, error)
	MayPatch(resourceType string) error
	PatchOne(ctx context.Context, c repo.Condition, p repo.Patch, ifMatch string) (store.Resource, error)
	DeleteVersion(ctx context.Context, resourceType, id, ifMatch string) error
	DeleteOne(ctx context.Context, c repo.Condition, ifMatch string) error
	Match(ctx context.Context, c repo.Condition) (store.Resource, bool, error)
	MatchEach(ctx context.Context, conditions []repo.Condition) ([]repo.Matched, error)
	accounting
	NewID() string
	searcher
}

// done is what came of an entry.
type done struct {
	code     outcome.Code
	resource store.Resource // with its version; its content is shown
	content  []byte         // what is shown when it has none: a searchset, a history
	read     bool
	err      error
}

// bundle carries out a batch or transaction (R4 http.html#transaction).
func (h *Handler) bundle(c echo.Context) error {
	if _, err := parameters(c); err != nil {
		return err
	}
	release, err := h.place(c.Request())
	if err != nil {
		return err
	}
	defer release()
	body, err := web.ReadBody(c, h.limits.Bytes)
	if err != nil {
		return err
	}
	b, err := h.readBundle(body)
	if err != nil {
		return err
	}
	h.chargeEntries(c, b.Entries)
	if web.RespondAsync(c.Request().Header) {
		return h.later(c, false, "", body)
	}
	answer, err := h.carryOut(c, b, nil)
	if err != nil {
		return err
	}
	return blob(c, http.StatusOK, answer)
}

// readBundle understands a Bundle, and refuses one that asks for too much.
func (h *Handler) readBundle(body []byte) (bundle.Bundle, error) {
	b, err := bundle.Read(body, h.limits.Entries)
	if err != nil {
		return b, err
	}
	searches := 0
	for i := range b.Entries {
		if err := b.Entries[i].Address(h.base); err == nil && isSearch(&b.Entries[i]) {
			searches++
		}
	}
	if searches > h.limits.Searches {
		return b, outcome.New(outcome.TooLong, "A Bundle has at most %d searches and conditions", h.limits.Searches)
	}
	return b, nil
}

// committing is called with the answer within the transaction that it is about.
type committing func(ctx context.Context, tx *repo.Tx, answer []byte) error

// carryOut does what the Bundle asks for and gives the answer. With a commit, a transaction is one in
// the database too, which commit belongs to.
func (h *Handler) carryOut(c echo.Context, b bundle.Bundle, commit committing) ([]byte, error) {
	if !b.Transaction {
		results, err := h.batch(c, b)
		h.noteRefusals(c, b.Entries, results)
		if err != nil {
			return nil, err
		}
		return h.answer(c, b, results)
	}
	results, err := h.transaction(c, b, commit)
	if err != nil {
		return nil, err
	}
	return h.answer(c, b, results)
}

func (h *Handler) answer(c echo.Context, b bundle.Bundle, results []done) ([]byte, error) {
	answer := r4.Bundle{Type: "batch-response"}
	if b.Transaction {
		answer.Type = "transaction-response"
	}
	prefer := preferred(c.Request().Header)
	for i := range results {
		entry, err := h.responseEntry(c, &b.Entries[i], &results[i], prefer)
		if err != nil {
			return nil, err
		}
		answer.Entries = append(answer.Entries, entry)
	}
	return answer.JSON(), nil
}

// place waits for a large Bundle's turn, so that memory stays bounded.
func (h *Handler) place(r *http.Request) (release func(), err error) {
	if 0 <= r.ContentLength && r.ContentLength <= web.MaxJSON {
		return func() {}, nil
	}
	select {
	case h.large <- struct{}{}:
		return func() { <-h.large }, nil
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

// isSearch says whether an entry costs a search, or more.
func isSearch(e *bundle.Entry) bool {
	if routed(e.Path) {
		return true
	}
	if e.Method == http.MethodGet || e.Method == http.MethodHead {
		return len(e.Path) < 2 || len(e.Path) == 3
	}
	return e.IfNoneExist != "" || len(e.Path) == 1 && e.Query != ""
}

// responseEntry is the entry of the answer. Writes are answered in the form that Prefer asks for.
func (h *Handler) responseEntry(c echo.Context, e *bundle.Entry, d *done, prefer string) (r4.Entry, error) {
	if d.err != nil {
		known := web.Known(c, d.err)
		raw, err := web.MarshalOutcome(c, known)
		return r4.Entry{Response: &r4.Response{Status: strconv.Itoa(known.Code.Status), Outcome: raw}}, err
	}
	response := &r4.Response{Status: strconv.Itoa(d.code.Status)}
	if res := d.resource; res.ID != "" {
		response.Location, response.ETag = location(res), etag(res.Version)
		response.LastModified = res.LastUpdated.UTC().Format(document.InstantFormat)
	}
	entry := r4.Entry{Response: response, Resource: d.resource.Content}
	if d.content != nil {
		entry.Resource = d.content
	}
	if d.read || prefer != "minimal" {
		response.Outcome = r4.Outcome(d.code.ID, "information", d.code.Issue, d.code.Text)
	}
	if !d.read && (prefer == "minimal" || prefer == "OperationOutcome") || e.Method == http.MethodHead || d.code == outcome.NotModified {
		entry.Resource = nil
	}
	return entry, nil
}
