package rest

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/admitdev/admit/fhir/bundle"
	"github.com/admitdev/admit/fhir/patch"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/fhir/search"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// searcher is what a search needs.
type searcher interface {
	Search(ctx context.Context, req *search.Request) ([]store.Row, error)
	Count(ctx context.Context, req *search.Request) (int, error)
	Language(ctx context.Context, base string) (search.Language, error)
	Targets(ctx context.Context, res store.Resource, param string) ([]store.ReferenceRow, error)
}

// unroutable is an entry's address that no interaction has.
func unroutable(e *bundle.Entry) error {
	return outcome.New(outcome.NotFound, "").At("request.url").Because("%s %d steps", e.Method, len(e.Path))
}

// perform carries out one entry as the single request would be.
func (h *Handler) perform(ctx context.Context, as actor, e *bundle.Entry) done {
	if e.Err != nil {
		return done{err: e.Err}
	}
	switch e.Method {
	case http.MethodGet, http.MethodHead:
		return h.performRead(ctx, as, e)
	case http.MethodPost:
		return h.performCreate(ctx, as, e)
	}
	return h.performChange(ctx, as, e)
}

func wrote(code outcome.Code, res store.Resource, err error) done {
	return done{code: code, resource: res, err: err}
}

func (h *Handler) performCreate(ctx context.Context, as actor, e *bundle.Entry) done {
	if err := creatable(e); err != nil {
		return done{err: err}
	}
	if e.IfNoneExist == "" {
		res, err := as.Create(ctx, e.Path[0], e.Resource)
		return wrote(outcome.Created, res, err)
	}
	condition, err := h.condition(ctx, as, e.Path[0], e.IfNoneExist)
	if err != nil {
		return done{err: err}
	}
	res, created, err := as.CreateIfNone(ctx, e.Resource, condition)
	return wrote(createdOr(created), res, err)
}

// creatable refuses a POST that is no create.
func creatable(e *bundle.Entry) error {
	switch {
	case len(e.Path) != 1 || e.Query != "":
		return outcome.New(outcome.NotSupported, "A POST in a Bundle creates a resource of a type").At("request.url")
	default:
		return repo.KnownType(e.Path[0])
	}
}

// change is an update, patch or delete, understood.
type change struct {
	condition repo.Condition // when there is no id
	id        string
	version   string
	patch     patch.Patch
}

func (h *Handler) readChange(ctx context.Context, as actor, e *bundle.Entry) (change, error) {
	var ch change
	var err error
	switch {
	case len(e.Path) == 2 && e.Query == "":
		ch.id = e.Path[1]
		err = repo.KnownType(e.Path[0])
	case len(e.Path) == 1:
		ch.condition, err = h.condition(ctx, as, e.Path[0], e.Query)
	default:
		err = unroutable(e)
	}
	if err != nil {
		return ch, err
	}
	if e.IfMatch != "" {
		if ch.version, err = ifMatch(http.Header{"If-Match": {e.IfMatch}}); err != nil {
			return ch, err
		}
	}
	if e.Method == http.MethodPatch {
		if err = as.MayPatch(e.Path[0]); err != nil {
			return ch, err
		}
		ch.patch, err = patch.Entry(e.Resource)
	}
	return ch, err
}

func (h *Handler) performChange(ctx context.Context, as actor, e *bundle.Entry) done {
	ch, err := h.readChange(ctx, as, e)
	if err != nil {
		return done{err: err}
	}
	resourceType := e.Path[0]
	switch {
	case e.Method == http.MethodPut && ch.id != "":
		res, err := as.Update(ctx, resourceType, ch.id, e.Resource, ch.version)
		return wrote(outcome.OK, res, err)
	case e.Method == http.MethodPut:
		res, created, err := as.UpdateOne(ctx, e.Resource, ch.condition, ch.version)
		return wrote(createdOr(created), res, err)
	case e.Method == http.MethodPatch && ch.id != "":
		res, err := as.Patch(ctx, resourceType, ch.id, ch.patch, ch.version)
		return wrote(outcome.OK, res, err)
	case e.Method == http.MethodPatch:
		res, err := as.PatchOne(ctx, ch.condition, ch.patch, ch.version)
		return wrote(outcome.OK, res, err)
	case ch.id != "":
		return done{code: outcome.OK, err: as.DeleteVersion(ctx, resourceType, ch.id, ch.version)}
	}
	return done{code: outcome.OK, err: as.DeleteOne(ctx, ch.condition, ch.version)}
}

func (h *Handler) performRead(ctx context.Context, as actor, e *bundle.Entry) done {
	switch steps := len(e.Path); {
	case steps == 1 && e.Path[0] == "metadata":
		return done{code: outcome.OK, content: h.metadata, read: true}
	case steps > 0 && steps < 4 && e.Path[steps-1] == "_history":
		return h.performHistory(ctx, as, e)
	case steps < 2 || steps == 3:
		return h.performSearch(ctx, as, e)
	case steps == 2 || steps == 4 && e.Path[2] == "_history":
		return performGet(ctx, as, e)
	}
	return done{err: unroutable(e)}
}

// performHistory is the history of a resource, a type or the project.
func (h *Handler) performHistory(ctx context.Context, as actor, e *bundle.Entry) done {
	query, err := readQuery(e.Query, nil, historyParameters...)
	if err != nil {
		return done{err: err}
	}
	of := append(slices.Clone(e.Path[:len(e.Path)-1]), "", "")
	versions, err := h.versionsOf(ctx, as, of[0], of[1], query)
	return done{code: outcome.OK, content: versions.JSON(), read: true, err: err}
}

// performGet is a read or vread; 304 when the client has the version.
func performGet(ctx context.Context, as actor, e *bundle.Entry) done {
	query, err := readQuery(e.Query, nil, subsetParameters...)
	if err != nil {
		return done{err: err}
	}
	wanted, err := search.ParseSubset(query.Get("_summary"), query.Get("_elements"))
	if err != nil {
		return done{err: err}
	}
	get := func() (store.Resource, error) { return as.Read(ctx, e.Path[0], e.Path[1]) }
	if len(e.Path) == 4 {
		get = func() (store.Resource, error) { return as.VRead(ctx, e.Path[0], e.Path[1], e.Path[3]) }
	}
	res, err := get()
	if err != nil {
		return done{err: err}
	}
	code := outcome.OK
	if e.IfNoneMatch != "" && noneMatch(http.Header{"If-None-Match": {e.IfNoneMatch}}, res.Version) {
		code = outcome.NotModified
	} else if e.IfNoneMatch == "" && e.IfModifiedSince != "" {
		since, err := time.Parse(time.RFC3339, e.IfModifiedSince)
		if err != nil {
			return done{err: outcome.New(outcome.Invalid, "Invalid instant").At("request.ifModifiedSince")}
		}
		if !res.LastUpdated.After(since) {
			code = outcome.NotModified
		}
	}
	res.Content, err = subset(wanted, res)
	return done{code: code, resource: res, read: true, err: err}
}

func (h *Handler) performSearch(ctx context.Context, as actor, e *bundle.Entry) done {
	parse := func() (*search.Request, error) {
		return h.parse(ctx, as, slices.Clone(e.Path), e.Query, handling{form: true})
	}
	if len(e.Path) == 3 {
		parse = func() (*search.Request, error) { return h.compartment(ctx, as, e.Path, e.Query, handling{form: true}) }
	}
	request, err := parse()
	if err != nil {
		return done{err: err}
	}
	set, err := h.searchset(ctx, as, request)
	return done{code: outcome.OK, content: set.JSON(), read: true, err: err}
}
