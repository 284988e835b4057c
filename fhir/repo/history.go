package repo

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/policy"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// HistoryRequest asks for versions, newest first (R4 http.html#history): those of one resource,
// of a type, or of the caller's project.
type HistoryRequest struct {
	Type, ID string
	// Since, From, To, After and Before are as in store.HistoryQuery.
	Since, From, To time.Time
	After, Before   store.HistoryPosition
	// Count is the greatest number of versions of the page, Offset how many are skipped.
	Count, Offset int
}

// HistoryPage is what the caller may see of a page. It may be shorter than what was asked for: its
// size is bounded.
type HistoryPage struct {
	Versions []Version
	// Next is where the next page begins, when there is more; Previous is where the one before ends.
	Next, Previous *store.HistoryPosition
	// Total is how many versions the caller may see; nil when to know it would take too long.
	Total *int
}

// Version is an entry of a history. First is one that nothing was there before.
type Version struct {
	store.Resource
	First bool
}

// The bounds of the work for one page.
const (
	maxHistoryBytes   = 4 << 20 // of versions; the one that goes over it is the last
	maxHistoryScanned = 10_000  // versions that are looked at and hidden
	maxHistoryCounted = 1000    // versions of a resource that are read for the total
	historyChunk      = 100     // versions that are read at least, when some may be hidden
)

// History lists versions. One is shown when the resource as it is now and the version itself are
// both visible; of a deleted resource its last version counts, of a deletion what was deleted. A
// Binary counts as visible in a context that the caller may read (see inContext). A type or a
// project is the caller's own: links and other projects are not looked at.
//
// Errors: outcome Forbidden; NotFound for one resource.
func (a *access) History(ctx context.Context, r HistoryRequest) (HistoryPage, error) {
	h, err := a.historyOf(ctx, r)
	if err != nil {
		return HistoryPage{}, err
	}
	if err := h.read(ctx); err != nil {
		return HistoryPage{}, err
	}
	if h.back() {
		slices.Reverse(h.rows)
	}
	hidden, err := h.hiddenOfPage(ctx)
	if err != nil {
		return HistoryPage{}, err
	}
	a.noteHistory(ctx, r)
	page := HistoryPage{}
	page.Next, page.Previous = h.around()
	for _, row := range h.rows {
		v := Version{Resource: row.Resource, First: row.First}
		if !v.Deleted {
			if v.Resource, err = a.shown(ctx, policy.History, v.Resource, hidden[v.Ref]); err != nil {
				return HistoryPage{}, err
			}
		}
		page.Versions = append(page.Versions, v)
	}
	page.Total, err = h.total(ctx)
	return page, err
}

// hiddenOfPage are the fields that are hidden now of what the page is of. What has been expunged since the
// page was read is left out of it.
func (h *history) hiddenOfPage(ctx context.Context) (map[store.Ref][]string, error) {
	var refs []store.Ref
	for _, row := range h.rows {
		if !row.Deleted { // of a deletion nothing is shown that could be hidden
			refs = append(refs, row.Ref)
		}
	}
	hidden, err := h.hiddenNow(ctx, policy.History, h.query.Project, refs)
	if err != nil {
		return nil, err
	}
	h.rows = slices.DeleteFunc(h.rows, func(row store.HistoryRow) bool {
		_, there := hidden[row.Ref]
		return !there && !row.Deleted
	})
	return hidden, nil
}

// history is a page on its way.
type history struct {
	*access
	request  HistoryRequest
	query    store.HistoryQuery
	visible  map[string]store.Predicate // by type
	contexts map[string]bool            // of Binaries, whether the caller may read them
	of       store.Ref                  // the one resource
	rows     []store.HistoryRow
	bytes    int
	scanned  int
	last     store.HistoryPosition // of what was looked at
	next     *store.HistoryPosition
	skipping int
}

func (a *access) historyOf(ctx context.Context, r HistoryRequest) (*history, error) {
	h := &history{access: a, request: r, visible: map[string]store.Predicate{}, contexts: map[string]bool{}}
	h.query = store.HistoryQuery{Project: a.who.Project, Since: r.Since, From: r.From, To: r.To, After: r.After, Before: r.Before, ID: r.ID}
	if r.Type == "" {
		return h, h.ofProject()
	}
	visible, err := a.narrow(policy.History, r.Type)
	if err != nil {
		return nil, err
	}
	h.visible[r.Type] = visible
	h.query.Project, h.query.Types, h.query.Decides = a.home(r.Type), []string{r.Type}, h.decides(r.Type)
	if r.ID == "" {
		h.query.Where = h.visible
		return h, nil
	}
	current, err := a.get(ctx, r.Type, r.ID, a.partitions(r.Type), visible)
	h.of, h.query.Project = current.Ref, current.Project
	return h, absent(err)
}

// ofProject takes all types of which the caller may see some history.
func (h *history) ofProject() error {
	for _, t := range definitions.ResourceTypes() {
		if h.home(t) != h.who.Project {
			continue
		}
		visible, err := h.narrow(policy.History, t)
		if outcome.Has(err, outcome.Forbidden) {
			continue
		}
		if err != nil {
			return err
		}
		h.visible[t] = visible
		h.query.Types = append(h.query.Types, t)
		h.query.Decides = h.query.Decides || h.decides(t)
	}
	if len(h.query.Types) == 0 {
		return outcome.New(outcome.Forbidden, "")
	}
	h.query.Where = h.visible
	return nil
}

// read fills the page: one statement, and more only while versions are hidden.
func (h *history) read(ctx context.Context) error {
	if h.request.Count == 0 {
		return nil
	}
	h.query.Limit, h.query.Offset = h.request.Count+1, h.request.Offset
	if h.query.Decides {
		h.query.Limit, h.query.Offset, h.skipping = max(h.query.Limit, historyChunk), 0, h.request.Offset
	}
	for {
		versions, all, err := h.candidates(ctx)
		if err != nil {
			return err
		}
		for _, v := range versions {
			if !h.take(v) {
				return nil
			}
		}
		if all {
			return nil
		}
		h.query.Offset = 0
		if h.back() {
			h.query.Before = h.last
		} else {
			h.query.After = h.last
		}
	}
}

// back says whether the page is read from its end, towards what is newer.
func (h *history) back() bool { return !h.request.Before.Time.IsZero() }

// around are the places of the pages next to this one. On the way back the one that was come from is the next, and on
// the way on from a cursor there is one before; an empty page does not tell where.
func (h *history) around() (next, previous *store.HistoryPosition) {
	if len(h.rows) > 0 {
		newest, oldest := h.rows[0].Position(), h.rows[len(h.rows)-1].Position()
		if h.back() {
			return &oldest, h.next
		}
		if !h.request.After.Time.IsZero() {
			previous = &newest
		}
	}
	if h.back() {
		return nil, h.next
	}
	return h.next, previous
}

// candidates reads versions until enough of them may be visible to fill the page; all says that
// there are no more.
func (h *history) candidates(ctx context.Context) (versions []candidate, all bool, err error) {
	wanted, bytes := h.skipping+h.request.Count+1-len(h.rows), h.bytes
	all = true
	err = h.access.rows.EachVersion(ctx, h.query, func(row store.HistoryRow) (bool, error) {
		v, err := h.sees(row)
		if err != nil {
			return false, err
		}
		versions = append(versions, v)
		full := bytes > maxHistoryBytes // its successor shows that there is more
		if bytes += len(v.Content); v.visible {
			wanted--
		}
		all = !full && wanted > 0
		return all, nil
	})
	if err != nil {
		return nil, false, err
	}
	return versions, all && len(versions) < h.query.Limit, h.inContexts(ctx, versions)
}

// take puts a version into the page, unless it is hidden; false when the page is full.
func (h *history) take(v candidate) bool {
	if h.scanned > maxHistoryScanned && !v.LastUpdated.Equal(h.last.Time) {
		// A hidden version is nowhere named, not even in a link: its time is all that is told.
		h.next = &store.HistoryPosition{Time: h.last.Time}
		return false
	}
	if !v.visible || h.skipping > 0 {
		if v.visible {
			h.skipping--
		}
		h.scanned++
		h.last = v.Position()
		return true
	}
	if n := len(h.rows); n == h.request.Count || h.bytes > maxHistoryBytes {
		at := h.rows[n-1].Position()
		h.next = &at
		return false
	}
	h.last = v.Position()
	h.bytes += len(v.Content)
	h.rows = append(h.rows, v.HistoryRow)
	return true
}

// decides says whether some versions of the type may be hidden from a caller who may see others.
func (h *history) decides(resourceType string) bool {
	return h.visible[resourceType] != nil || (resourceType == typeBinary && h.system == "")
}

// candidate is a version of which all is known but whether the caller may read the contexts that it
// lies in. Of one that is hidden no content is kept.
type candidate struct {
	store.HistoryRow
	visible  bool
	contexts []string
	gone     bool // the resource is deleted now
}

// sees says whether the caller may know of a version.
func (h *history) sees(row store.HistoryRow) (v candidate, err error) {
	if v.visible, err = h.satisfies(row); err == nil && v.visible && h.system == "" && row.Type == typeBinary {
		v.visible, v.contexts, err = contextsOf(row)
	}
	v.HistoryRow, v.gone = row, row.Last != nil
	v.Was, v.Last = nil, nil
	if !v.visible {
		v.Content, v.Meta = nil, nil
	}
	return v, err
}

// satisfies asks the policy's predicate.
func (h *history) satisfies(row store.HistoryRow) (bool, error) {
	visible := h.visible[row.Type]
	if visible == nil {
		return true, nil
	}
	if row.Last != nil {
		if ok, err := matches(visible, row.Ref, row.Last); !ok || err != nil {
			return false, err
		}
	}
	if row.Deleted {
		return matches(visible, row.Ref, row.Was)
	}
	return matches(visible, row.Ref, row.Content)
}

// matches evaluates a predicate over a version of which only the content is known; none at all
// matches nothing.
func matches(visible store.Predicate, ref store.Ref, content []byte) (bool, error) {
	if content == nil {
		return false, nil
	}
	doc, err := document.Parse(content)
	if err != nil {
		return false, fmt.Errorf("a version of %s/%s is damaged: %v", ref.Type, ref.ID, err) //nolint:errorlint // it is our damage, not the client's mistake
	}
	at, err := time.Parse(document.InstantFormat, doc.Find("meta", "lastUpdated").String())
	if err != nil {
		return false, fmt.Errorf("a version of %s/%s has no time: %w", ref.Type, ref.ID, err)
	}
	return matchesDocument(visible, ref, at, doc), nil
}

// total counts what the caller may see, as far as that takes little.
func (h *history) total(ctx context.Context) (*int, error) {
	r := h.request
	filtered := !r.Since.IsZero() || !r.From.IsZero() || !r.To.IsZero()
	switch {
	case r.Count > 0 && h.next == nil && r.Offset == 0 && r.After.Time.IsZero() && !h.back():
		n := len(h.rows)
		return &n, nil
	case r.ID == "" || filtered:
		return nil, nil
	case !h.query.Decides:
		n, err := h.access.rows.HistoryCount(ctx, h.of)
		return &n, err
	}
	q := h.query
	q.After, q.Before, q.Offset, q.Limit = store.HistoryPosition{}, store.HistoryPosition{}, 0, maxHistoryCounted+1
	var versions []candidate
	err := h.access.rows.EachVersion(ctx, q, func(row store.HistoryRow) (bool, error) {
		v, err := h.sees(row)
		v.Content, v.Meta = nil, nil
		versions = append(versions, v)
		return true, err
	})
	if err != nil || len(versions) > maxHistoryCounted {
		return nil, err
	}
	if err := h.inContexts(ctx, versions); err != nil {
		return nil, err
	}
	n := 0
	for _, v := range versions {
		if v.visible {
			n++
		}
	}
	return &n, nil
}
