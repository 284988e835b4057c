package differential_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// invalid are the statuses of a document that is not valid, whether or not it may be written.
var invalid = []int{http.StatusBadRequest, http.StatusUnprocessableEntity, http.StatusForbidden}

// required are elements that a document must have.
var required = map[string][]string{
	"Organization": {"name"}, "Encounter": {"status", "class"}, "Observation": {"status", "code"}, "List": {"status", "mode"}, "Binary": {"contentType"},
}

func valid(body object) bool {
	kind, _ := body["resourceType"].(string)
	return !slices.ContainsFunc(required[kind], func(name string) bool { return body[name] == nil }) && len(at(body, "component")) == len(at(body, "component", "code"))
}

// write draws a create, update, patch or delete.
func (e *eyes) write() request {
	switch kind, id, r := e.any(kinds...); e.IntN(5) {
	case 0:
		return e.create(kind, e.draw(kind))
	case 1, 2:
		return e.update(kind, id, r)
	case 3:
		if kind != "Binary" {
			return e.patch(kind, id, r)
		}
		fallthrough
	default:
		return e.remove(kind, id, r)
	}
}

func (e *eyes) create(kind string, body object) request {
	q := request{method: http.MethodPost, path: "/" + kind, body: text(body), statuses: []int{http.StatusCreated}}
	stored, statuses := e.created(kind, clone(body))
	if statuses != nil {
		q.statuses = statuses
		return q
	}
	e.wantCreated(&q, kind, stored)
	return q
}

func (e *eyes) wantCreated(q *request, kind string, stored object) {
	r := &resource{project: e.own, kind: kind}
	q.done = func(a answer) string {
		got := parse(a.body)
		r.id, _ = got["id"].(string)
		if got["id"] == nil {
			return "no id"
		}
		if at := base + r.name() + "/_history/" + strings.Trim(a.header.Get("ETag"), `W/"`); a.header != nil && a.header.Get("Location") != at {
			return "the Location should be " + at
		}
		stored["id"] = r.id
		r.versions = []version{{body: stored}}
		if want := e.shown("create", r, stored); !same(unstamped(got), want) {
			return "the body should be " + text(want)
		}
		e.resources = append(e.resources, r)
		return ""
	}
}

// created is what a create stores: it is without hidden and read-only fields, and a rule grants what is left.
func (e *eyes) created(kind string, body object) (object, []int) {
	if !e.granted("create", kind) {
		return nil, []int{http.StatusForbidden}
	}
	r := &resource{project: e.own, kind: kind, id: "new"}
	exact := e.exact(body)
	e.accounted(kind, body, nil, exact)
	one := e.rule("create", r, body)
	if one == nil {
		return nil, []int{http.StatusForbidden}
	}
	if fields := append(slices.Clone(one.hidden), one.readonly...); len(fields) > 0 {
		body = without(body, fields)
		e.accounted(kind, body, nil, exact)
	}
	if !valid(body) {
		return nil, invalid
	}
	if one = e.rule("create", r, body); one == nil || one.permits != nil && !one.permits(nil, body) {
		return nil, []int{http.StatusForbidden}
	}
	if e.who.CheckReferences && e.dangling(body, nil) {
		return nil, []int{http.StatusBadRequest}
	}
	return body, nil
}

// withAccounts sets meta.accounts, which a client does not.
func withAccounts(body object, accounts any) {
	meta, _ := body["meta"].(object)
	if meta == nil {
		meta = object{}
	}
	delete(meta, "accounts")
	if accounts != nil {
		meta["accounts"] = accounts
	}
	if body["meta"] = meta; len(meta) == 0 {
		delete(body, "meta")
	}
}

// target is the status of a change of a resource, 0 when it may be changed as it is: one that may be
// read is forbidden, any other is not there.
func (e *eyes) target(interaction, kind string, r *resource) int {
	switch {
	case !e.granted(interaction, kind):
		return http.StatusForbidden
	case r != nil && r.project == e.own && e.allowed(interaction, r):
		return 0
	case e.granted("read", kind) && e.allowed("read", r):
		return http.StatusForbidden
	}
	return http.StatusNotFound
}

// update sends what the caller sees, or all there is, with a change.
func (e *eyes) update(kind, id string, r *resource) request {
	q := request{method: http.MethodPut, path: "/" + kind + "/" + id}
	sent := e.draw(kind)
	if r != nil && !e.chance(6) {
		sent = e.changed(r.live())
		if seen := e.shown("update", r, r.live()); e.chance(2) && valid(seen) {
			sent = seen
			if kind != "Binary" {
				sent["language"] = pick(e.world, "en", "de")
			}
		}
	}
	sent["id"] = id
	q.body = text(sent)
	e.wantUpdated(&q, kind, r, sent)
	return q
}

func (e *eyes) wantUpdated(q *request, kind string, r *resource, sent object) {
	if status := e.target("update", kind, r); status != 0 {
		q.statuses = []int{status}
		return
	}
	stored, statuses := e.updated(r, clone(sent))
	if statuses != nil {
		q.statuses = statuses
		return
	}
	q.statuses = []int{http.StatusOK}
	want := e.shown("update", r, stored)
	q.shown = append(q.shown, want)
	if kind != "Binary" || e.inContext(stored) {
		q.check = equals(want)
	}
	q.done = func(answer) string {
		if r.deleted() || !same(stored, r.live()) {
			r.versions = append(r.versions, version{body: stored})
		}
		return ""
	}
}

// updated is what an update stores: hidden and read-only fields are as they were, and a rule grants it.
func (e *eyes) updated(r *resource, sent object) (object, []int) {
	was := r.live()
	exact := e.exact(sent)
	e.accounted(r.kind, sent, was, exact)
	hidden := e.hidden("update", r, was)
	var protected, unseen []string
	for _, image := range []object{was, sent} {
		if one := e.rule("update", r, image); one != nil {
			unseen = append(unseen, one.hidden...)
			protected = append(append(protected, one.hidden...), one.readonly...)
		}
	}
	stored := restored(sent, was, hidden, protected)
	if len(hidden)+len(protected) > 0 {
		e.accounted(r.kind, stored, was, exact)
	}
	if !valid(stored) {
		return nil, invalid
	}
	if one := e.rule("update", r, stored); one == nil || one.permits != nil && !one.permits(was, stored) {
		return nil, []int{http.StatusForbidden}
	}
	if e.who.CheckReferences && e.dangling(stored, append(unseen, hidden...)) {
		return nil, []int{http.StatusBadRequest}
	}
	return stored, nil
}

// patch tests one element and changes another, of what the caller sees.
func (e *eyes) patch(kind, id string, r *resource) request {
	q := request{method: http.MethodPatch, path: "/" + kind + "/" + id, header: http.Header{"Content-Type": {"application/json-patch+json"}}}
	var of object
	if of = e.draw(kind); r != nil {
		of = r.live()
	}
	operations, apply := e.operations(of)
	q.body = text(operations)
	e.wantPatched(&q, kind, r, apply)
	return q
}

// operations are those of a JSON Patch, and what they do.
func (e *eyes) operations(of object) (operations []any, apply func(object) bool) {
	other := e.changed(of)
	name := func() string {
		return pick(e.world, slices.DeleteFunc(names(other), func(n string) bool {
			return n == "resourceType" || n == "id" || n == "meta" || slices.Contains(required[of["resourceType"].(string)], n)
		})...)
	}
	if len(names(other)) <= 3+len(required[of["resourceType"].(string)]) {
		other["language"] = "fr"
	}
	tested, changed, verb := name(), name(), pick(e.world, "replace", "add", "remove")
	test := e.chance(2)
	if test {
		operations = append(operations, object{"op": "test", "path": "/" + tested, "value": of[tested]})
	}
	operation := object{"op": verb, "path": "/" + changed, "value": other[changed]}
	if verb == "remove" {
		delete(operation, "value")
	}
	operations = append(operations, operation)
	return operations, func(seen object) bool {
		switch {
		case test && !same(object{"x": seen[tested]}, object{"x": of[tested]}): // null is what is not there
			return false
		case verb != "add" && seen[changed] == nil:
			return false
		}
		if seen[changed] = other[changed]; verb == "remove" {
			delete(seen, changed)
		}
		return true
	}
}

func names(body object) []string {
	var all []string
	for name := range body {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

func (e *eyes) wantPatched(q *request, kind string, r *resource, apply func(object) bool) {
	if status := e.target("update", kind, r); status != 0 {
		q.statuses = []int{status}
		return
	}
	seen := clone(e.shown("update", r, r.live()))
	was := clone(seen)
	switch {
	case r.deleted():
		q.statuses = []int{http.StatusGone}
	case !apply(seen):
		q.statuses, q.shown = []int{http.StatusBadRequest}, []object{was} // the refusal says what was found
	default:
		e.wantUpdated(q, kind, r, seen)
	}
}

func (e *eyes) remove(kind, id string, r *resource) request {
	q := request{method: http.MethodDelete, path: "/" + kind + "/" + id}
	e.wantRemoved(&q, kind, r)
	return q
}

func (e *eyes) wantRemoved(q *request, kind string, r *resource) {
	status := e.target("delete", kind, r)
	switch {
	case status != 0:
		q.statuses = []int{status}
		return
	case !r.deleted():
		if one := e.rule("delete", r, r.live()); one.permits != nil && !one.permits(r.live(), nil) {
			q.statuses = []int{http.StatusForbidden}
			return
		}
	}
	q.statuses = []int{http.StatusOK}
	q.done = func(answer) string {
		if !r.deleted() {
			r.versions = append(r.versions, version{})
		}
		return ""
	}
}

// conditional is a write of what a search finds.
func (e *eyes) conditional() request {
	kind := pick(e.world, searchable...)
	terms, query := e.terms(kind, 1+e.IntN(2), 1)
	found, refused := e.matching([]string{kind}, terms)
	asked := "/" + kind + "?" + strings.Join(query, "&")
	var q request
	var one *resource
	if len(found) == 1 {
		one = found[0]
	}
	switch e.IntN(4) {
	case 0:
		q = e.create(kind, e.draw(kind))
		q.header = http.Header{"If-None-Exist": {strings.Join(query, "&")}}
		if one != nil {
			seen := e.shown("search", one, one.live())
			q.statuses, q.shown, q.versions, q.check, q.done = []int{http.StatusOK}, []object{seen}, []string{one.now().id}, equals(seen), nil
		}
	case 1:
		body := e.draw(kind)
		q = e.create(kind, body)
		if one != nil {
			q = request{body: text(body)}
			body["id"] = one.id
			e.wantUpdated(&q, kind, one, body)
		}
		q.method, q.path = http.MethodPut, asked
	case 2:
		operations, apply := e.operations(e.draw(kind))
		q = request{body: text(operations), header: http.Header{"Content-Type": {"application/json-patch+json"}}, statuses: []int{http.StatusNotFound}}
		if !e.granted("update", kind) {
			q.statuses = []int{http.StatusForbidden}
		} else if one != nil {
			e.wantPatched(&q, kind, one, apply)
		}
		q.method, q.path = http.MethodPatch, asked
	case 3:
		q = request{statuses: []int{http.StatusOK}}
		if one != nil {
			e.wantRemoved(&q, kind, one)
		}
		q.method, q.path = http.MethodDelete, asked
	}
	switch {
	case refused:
		q.statuses, q.shown, q.versions, q.done = []int{http.StatusForbidden}, nil, nil, nil
	case len(found) > 1:
		q.statuses, q.shown, q.versions, q.done = []int{http.StatusPreconditionFailed}, nil, nil, nil
		if q.method == http.MethodPatch && !e.granted("update", kind) {
			q.statuses = []int{http.StatusForbidden}
		}
	}
	return q
}

// batch asks several things at once; each is answered as if it were asked alone.
func (e *eyes) batch() request {
	var asked []request
	var entries []any
	for range 1 + e.IntN(4) {
		one := pick(e.world, e.read, e.vread, e.history, e.search)()
		if one.method == http.MethodGet {
			asked = append(asked, one)
			entries = append(entries, object{"request": object{"method": "GET", "url": strings.TrimPrefix(one.path, "/")}})
		}
	}
	q := request{method: http.MethodPost, path: "/", body: text(object{"resourceType": "Bundle", "type": "batch", "entry": entries}), statuses: []int{http.StatusOK}}
	if entries == nil {
		return e.read()
	}
	for _, one := range asked {
		q.shown, q.versions = append(q.shown, one.shown...), append(q.versions, one.versions...)
	}
	q.check = func(a answer) string {
		for i, entry := range at(parse(a.body), "entry") {
			status := fmt.Sprint(at(entry, "response", "status")[0])
			if !slices.ContainsFunc(asked[i].statuses, func(s int) bool { return fmt.Sprint(s) == status }) {
				return fmt.Sprintf("entry %d: status %s should be %v", i, status, asked[i].statuses)
			}
			if status == "200" && asked[i].check != nil {
				if fault := asked[i].check(answer{status: http.StatusOK, body: []byte(text(entry.(object)["resource"]))}); fault != "" {
					return fmt.Sprintf("entry %d: %s", i, fault)
				}
			}
		}
		return ""
	}
	return q
}

// transaction writes several resources, or none when one may not be written.
func (e *eyes) transaction() request {
	if e.who.CheckReferences { // what one entry does to the references of another is not told here
		return e.write()
	}
	var asked []request
	var entries []any
	known := map[string]bool{}
	about := []string{"Organization", "Practitioner", "Encounter", "Observation"}
	if e.chance(2) { // what a patient's change does to those who inherit from it is not told here
		about = []string{"Organization", "Practitioner", "Patient"}
	}
	for range 1 + e.IntN(3) {
		kind, id, r := e.any(about...)
		if known[id] {
			continue
		}
		known[id] = true
		one := e.update(kind, id, r)
		switch e.IntN(3) {
		case 0:
			one = e.create(kind, e.draw(kind))
		case 1:
			one = e.remove(kind, id, r)
		}
		entry := object{"request": object{"method": one.method, "url": strings.TrimPrefix(one.path, "/")}}
		if one.body != "" {
			entry["resource"] = parse([]byte(one.body))
		}
		asked, entries = append(asked, one), append(entries, entry)
	}
	q := request{method: http.MethodPost, path: "/", body: text(object{"resourceType": "Bundle", "type": "transaction", "entry": entries}), statuses: []int{http.StatusOK}}
	for _, one := range asked {
		if !slices.ContainsFunc(one.statuses, func(s int) bool { return s < 300 }) {
			q.statuses = []int{http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound, http.StatusGone, http.StatusUnprocessableEntity}
			return q
		}
	}
	q.done = func(a answer) string {
		for i, entry := range at(parse(a.body), "entry") {
			each := answer{status: http.StatusOK, body: []byte(text(entry.(object)["resource"]))}
			if asked[i].check != nil {
				if fault := asked[i].check(each); fault != "" {
					return fmt.Sprintf("entry %d: %s", i, fault)
				}
			}
			if fault := asked[i].done(each); fault != "" {
				return fmt.Sprintf("entry %d: %s", i, fault)
			}
		}
		return ""
	}
	return q
}
