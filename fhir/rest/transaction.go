package rest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/fhir/bundle"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// maxTransactionAttempts is how often a transaction is tried that others' writes came between.
const maxTransactionAttempts = 3

// transaction is a Bundle of which all or nothing is done (R4 http.html#trules).
type transaction struct {
	h           *Handler
	entries     []bundle.Entry
	conditional [][]bundle.Conditional // references of each entry, resolved when what has none is written
	left        *budget
	// What one attempt finds out; another attempt begins anew.
	targets   []target
	links     bundle.Links
	resolved  map[string]resolved // conditional references
	unwritten map[string]bool     // Patients of which others may inherit accounts, "Patient/id"
	results   []done
}

// target is the resource that an entry is about.
type target struct {
	resourceType, id string
	found            store.Resource // by the entry's condition
	exists           bool
}

func (h *Handler) transaction(c echo.Context, b bundle.Bundle, commit committing) ([]done, error) {
	left, stop := h.budget(c)
	defer stop()
	t := &transaction{h: h, entries: b.Entries, conditional: make([][]bundle.Conditional, len(b.Entries)), left: left}
	if err := t.check(); err != nil {
		return nil, err
	}
	ctx, session := c.Request().Context(), h.session(c)
	var err error
	targets := updated(ctx, session, b)
	if commit == nil && !t.givesAccounts(session) && !t.refersToItself() && (t.plain(ctx, session) || len(targets) == len(b.Entries) && len(targets) > 0) {
		err = session.Together(ctx, targets, func(together *repo.Session) error { return t.run(ctx, together, nil) })
		if !repo.Raced(err) {
			return t.results, err
		}
	}
	asked := t.asked(ctx, session)
	for range maxTransactionAttempts {
		err = session.Transaction(ctx, targets, asked, func(tx *repo.Tx) error {
			if err := t.run(ctx, tx, tx); err != nil || commit == nil {
				return err
			}
			answer, err := h.answer(c, b, t.results)
			if err != nil {
				return err
			}
			return commit(ctx, tx, answer)
		})
		if !repo.Raced(err) {
			break
		}
	}
	return t.results, err
}

// check refuses what cannot be carried out as a whole.
func (t *transaction) check() error {
	urls, targets := map[string]bool{}, map[string]bool{}
	for i := range t.entries {
		e := &t.entries[i]
		if e.Err != nil {
			return inEntry(i, e.Err)
		}
		if e.FullURL != "" && urls[e.FullURL] {
			return inEntry(i, outcome.New(outcome.Invalid, "The fullUrl is given twice").At("fullUrl"))
		}
		urls[e.FullURL] = true
		if routed(e.Path) {
			return inEntry(i, outcome.New(outcome.NotSupported, "Operations are not supported in a transaction").At("request.url"))
		}
		if e.Phase() == bundle.Reads {
			continue
		}
		if name := e.Target(); name != "" {
			if targets[name] {
				return inEntry(i, overlap(name))
			}
			targets[name] = true
		}
		if e.Resource != nil && e.Method != http.MethodDelete {
			var err error
			if t.conditional[i], err = bundle.Conditionals(e.Resource, e.Type); err != nil {
				return inEntry(i, err)
			}
		}
	}
	return t.fewConditions()
}

func overlap(name string) error {
	return outcome.New(outcome.Invalid, "%.100s is in more than one entry", name).At("request.url")
}

// plain says that the transaction is nothing but creates that need none.
func (t *transaction) plain(ctx context.Context, session *repo.Session) bool {
	for i := range t.entries {
		e := &t.entries[i]
		if e.Method != http.MethodPost || e.IfNoneExist != "" || creatable(e) != nil || !session.Plain(ctx, e.Path[0]) {
			return false
		}
	}
	return true
}

// maker is what a repo.Tx does for what the transaction makes.
type maker interface {
	MatchToMake(ctx context.Context, c repo.Condition) (store.Resource, bool, error)
	Expect(made []string)
}

// run carries out all entries, or returns the failure of one.
func (t *transaction) run(ctx context.Context, as actor, by maker) error {
	t.targets = make([]target, len(t.entries))
	t.results = make([]done, len(t.entries))
	t.left.bytes.Store(t.h.limits.Answer)
	t.resolved, t.unwritten = map[string]resolved{}, map[string]bool{}
	if err := t.identify(ctx, as, by); err != nil {
		return err
	}
	if by != nil {
		by.Expect(t.made())
	}
	t.linkUp(as)
	if err := t.phase(ctx, as, bundle.Deletes); err != nil {
		return err
	}
	if err := t.write(ctx, as); err != nil {
		return err
	}
	return t.phase(ctx, as, bundle.Reads)
}

// phase carries out the entries of one phase.
func (t *transaction) phase(ctx context.Context, as actor, phase int) error {
	for i := range t.entries {
		if t.entries[i].Phase() == phase {
			if err := t.carryOut(ctx, as, i); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *transaction) carryOut(ctx context.Context, as actor, i int) error {
	t.results[i] = t.left.within(&t.entries[i], func() done { return t.perform(ctx, as, i) })
	if err := t.results[i].err; err != nil {
		return inEntry(i, err)
	}
	return nil
}

// identify finds out which resource each write is about, before any of them is done.
func (t *transaction) identify(ctx context.Context, as actor, by maker) error {
	made, taken := map[string]int{}, map[string]bool{}
	for i := range t.entries {
		e := &t.entries[i]
		if e.Phase() == bundle.Reads {
			continue
		}
		err := t.left.err()
		switch condition := e.Target(); {
		case err != nil:
		case e.Method == http.MethodPost:
			err = t.identifyCreate(ctx, as, i, made, by)
		case len(e.Path) == 2:
			t.targets[i] = target{resourceType: e.Path[0], id: e.Path[1], exists: true}
		case condition == "":
			err = outcome.New(outcome.Invalid, "A condition needs at least one criterion").At("request.url")
		default:
			err = t.identifyChange(ctx, as, i, by)
		}
		if err != nil {
			return inEntry(i, err)
		}
		name := t.targets[i].resourceType + "/" + t.targets[i].id
		if e.Method != http.MethodPost && t.targets[i].id != "" {
			if taken[name] {
				return inEntry(i, overlap(name))
			}
			taken[name] = true
		}
	}
	return nil
}

// identifyCreate gives a create its id, or finds what its condition finds. Two creates with one
// condition are about one resource.
func (t *transaction) identifyCreate(ctx context.Context, as actor, i int, made map[string]int, by maker) error {
	e := &t.entries[i]
	if err := creatable(e); err != nil {
		return err
	}
	t.targets[i] = target{resourceType: e.Path[0]}
	if e.IfNoneExist != "" {
		name := e.Path[0] + "?" + e.IfNoneExist
		if first, ok := made[name]; ok {
			t.targets[i] = t.targets[first]
			t.targets[i].exists = true
			return nil
		}
		made[name] = i
		condition, err := t.h.condition(ctx, as, e.Path[0], e.IfNoneExist)
		if err != nil {
			return err
		}
		if t.targets[i].found, t.targets[i].exists, err = by.MatchToMake(ctx, condition); err != nil {
			return err
		}
		t.targets[i].id = t.targets[i].found.ID
	}
	if !t.targets[i].exists {
		t.targets[i].id = as.NewID()
	}
	return nil
}

// identifyChange finds what the condition of an update, patch or delete finds.
func (t *transaction) identifyChange(ctx context.Context, as actor, i int, by maker) error {
	e := &t.entries[i]
	condition, err := t.h.condition(ctx, as, e.Path[0], e.Query)
	if err != nil {
		return err
	}
	match := as.Match
	if e.Method == http.MethodPut {
		match = by.MatchToMake
	}
	found, exists, err := match(ctx, condition)
	if err != nil {
		return err
	}
	t.targets[i] = target{resourceType: e.Path[0], id: found.ID, found: found, exists: exists}
	switch {
	case exists || e.Method == http.MethodDelete:
		return nil
	case e.Method == http.MethodPatch:
		return outcome.New(outcome.NotFound, "")
	}
	t.targets[i].id = as.NewID()
	return nil
}

// made are the resources that the transaction will make, "Type/id".
func (t *transaction) made() []string {
	var names []string
	for i, to := range t.targets {
		if !to.exists && t.entries[i].Phase() != bundle.Reads && t.entries[i].Method != http.MethodDelete {
			names = append(names, to.resourceType+"/"+to.id)
		}
	}
	return names
}

// linkUp makes fullUrls lead to what their entries are about.
func (t *transaction) linkUp(as actor) {
	t.links.ByURL = map[string]string{}
	for i, to := range t.targets {
		e := &t.entries[i]
		if to.id == "" || e.FullURL == "" || e.Method == http.MethodDelete {
			continue
		}
		if name := to.resourceType + "/" + to.id; !strings.HasSuffix(e.FullURL, "/"+name) {
			t.links.ByURL[e.FullURL] = name
		}
	}
	t.links.Condition = t.resolution
	for i, to := range t.targets {
		if e := &t.entries[i]; to.resourceType == "Patient" && t.gives(as, e, to) {
			t.unwritten["Patient/"+to.id] = true
		}
	}
}

// perform carries out one entry.
func (t *transaction) perform(ctx context.Context, as actor, i int) done {
	e, to := t.entries[i], t.targets[i]
	if e.Phase() == bundle.Reads {
		return t.h.perform(ctx, as, &e)
	}
	if e.Resource != nil && e.Method != http.MethodDelete {
		var err error
		if e.Resource, err = t.links.Rewrite(e.Resource, e.Type, e.FullURL); err != nil {
			return done{err: err}
		}
	}
	switch {
	case e.Method == http.MethodPost && to.exists:
		return t.existing(ctx, as, to)
	case e.Method == http.MethodPost:
		res, err := as.CreateAs(ctx, to.resourceType, to.id, e.Resource)
		return wrote(outcome.Created, res, err)
	case e.Method == http.MethodPut && len(e.Path) == 1:
		return t.upsert(ctx, as, &e, to)
	case to.id == "": // a conditional delete of nothing
		return done{code: outcome.OK}
	}
	e.Path, e.Query = []string{to.resourceType, to.id}, ""
	return t.h.performChange(ctx, as, &e)
}

// existing is the answer to a conditional create that made nothing.
func (t *transaction) existing(ctx context.Context, as actor, to target) done {
	if to.found.ID != "" {
		return wrote(outcome.OK, to.found, nil)
	}
	res, err := as.Read(ctx, to.resourceType, to.id)
	return wrote(outcome.OK, res, err)
}

// upsert is a conditional update.
func (t *transaction) upsert(ctx context.Context, as actor, e *bundle.Entry, to target) done {
	body, err := repo.Addressed(e.Resource, to.found, to.exists)
	if err != nil {
		return done{err: err}
	}
	if to.exists {
		e.Resource, e.Path, e.Query = body, []string{to.resourceType, to.id}, ""
		return t.h.performChange(ctx, as, e)
	}
	if e.IfMatch != "" {
		return done{err: outcome.New(outcome.PreconditionFailed, "")}
	}
	res, err := as.CreateAs(ctx, to.resourceType, to.id, body)
	return wrote(outcome.Created, res, err)
}

// entryError is the failure of one entry.
type entryError struct {
	entry int
	error
}

// Unwrap gives the failure itself.
func (e *entryError) Unwrap() error { return e.error }

// inEntry says in which entry a failure is. The expressions of an outcome are made paths of the
// Bundle.
func inEntry(i int, err error) error {
	var o *outcome.Outcome
	if !errors.As(err, &o) || repo.Raced(err) {
		return &entryError{i, err}
	}
	in := *o
	in.Issues = make([]outcome.Issue, len(o.Issues))
	prefix := fmt.Sprintf("Bundle.entry[%d]", i)
	for n, issue := range o.Issues {
		if len(issue.Expression) == 0 {
			issue.Expression = []string{prefix}
		} else {
			expressions := make([]string, len(issue.Expression))
			for k, path := range issue.Expression {
				expressions[k] = within(prefix, path)
			}
			issue.Expression = expressions
		}
		in.Issues[n] = issue
	}
	return &in
}

// within is a path of an entry, or of its resource, as one of the Bundle.
func within(prefix, path string) string {
	first, rest, more := strings.Cut(path, ".")
	switch {
	case path == "":
		return prefix
	case first == "" || first[0] < 'A' || first[0] > 'Z':
		return prefix + "." + path
	case !more:
		return prefix + ".resource"
	}
	return prefix + ".resource." + rest
}
