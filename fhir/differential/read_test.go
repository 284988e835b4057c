package differential_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// request draws a request of any kind.
func (e *eyes) request() request {
	switch e.IntN(26) {
	case 0, 1:
		return e.read()
	case 2:
		return e.vread()
	case 3:
		return e.history()
	case 4:
		return e.historyOfAll()
	case 5, 6, 7, 8:
		return e.search()
	case 9:
		return e.everything()
	case 10:
		return e.binary()
	case 11:
		return e.graphQL()
	case 12:
		return e.batch()
	case 13:
		return e.transaction()
	case 14:
		return e.table()
	case 15:
		return e.graph()
	case 16:
		return e.conditional()
	case 17:
		return e.validation()
	case 18:
		return e.known()
	case 19:
		return e.stated()
	case 20:
		return e.meant()
	case 21:
		return e.later()
	}
	return e.write()
}

// reading is the status of a read of one resource: what may not be seen is as what is not there.
func (e *eyes) reading(interaction, kind string, r *resource) int {
	switch {
	case !e.granted(interaction, kind):
		return http.StatusForbidden
	case !e.allowed(interaction, r):
		return http.StatusNotFound
	case r.deleted():
		return http.StatusGone
	}
	return http.StatusOK
}

// any is any resource, of whichever project, and sometimes one that does not exist.
func (e *eyes) any(kinds ...string) (kind, id string, r *resource) {
	kind = pick(e.world, kinds...)
	if e.chance(12) {
		return kind, e.mark(), nil
	}
	r = pick(e.world, pick(e.world, e.of(kind)...), e.some(kind))
	return kind, r.id, r
}

// equals checks a body against one document.
func equals(want object) func(a answer) string {
	return func(a answer) string {
		if got := unstamped(parse(a.body)); !same(got, want) {
			return fmt.Sprintf("the body is %s\nand should be %s", text(got), text(want))
		}
		return ""
	}
}

func (e *eyes) read() request { return e.readOf(e.any(searchable...)) }

func (e *eyes) readOf(kind, id string, r *resource) request {
	q := request{method: http.MethodGet, path: "/" + kind + "/" + id, statuses: []int{e.reading("read", kind, r)}}
	if q.statuses[0] == http.StatusOK {
		seen := e.shown("read", r, r.live())
		q.shown, q.versions, q.check = []object{seen}, []string{r.now().id}, equals(seen)
	}
	return q
}

func (e *eyes) vread() request {
	kind, id, r := e.any(searchable...)
	for range 4 { // one that has changed is better
		if r == nil || len(r.versions) == 1 || !e.granted("vread", kind) {
			kind, id, r = e.any(searchable...)
		}
	}
	q := request{method: http.MethodGet, statuses: []int{e.reading("vread", kind, r)}}
	if r == nil {
		q.path = "/" + kind + "/" + id + "/_history/" + e.own
		return q
	}
	v := pick(e.world, r.versions...)
	q.path = "/" + kind + "/" + id + "/_history/" + v.id
	switch {
	case q.statuses[0] != http.StatusOK && q.statuses[0] != http.StatusGone:
	case v.body == nil:
		q.statuses[0] = http.StatusGone
	case e.rule("vread", r, v.body) == nil:
		q.statuses[0] = http.StatusNotFound
	default:
		q.statuses[0] = http.StatusOK
		seen := e.shown("vread", r, v.body)
		q.shown, q.check = []object{seen}, equals(seen)
	}
	return q
}

// past are the versions of a resource that the caller may know of: those that its policies show, when
// they show the resource as it was last. A deletion is shown with what was deleted.
func (e *eyes) past(r *resource) (seen []version) {
	if !e.allowed("history", r) {
		return nil
	}
	for i, v := range r.versions {
		was := lastBody(r.versions[:i+1])
		if e.rule("history", r, was) == nil || r.kind == "Binary" && !e.inContext(was) {
			continue
		}
		if v.body != nil {
			v.body = e.shown("history", r, v.body)
		}
		seen = append(seen, v)
	}
	return seen
}

func (e *eyes) history() request {
	kind, id, r := e.any(kinds...)
	q := request{method: http.MethodGet, path: "/" + kind + "/" + id + "/_history", statuses: []int{e.reading("history", kind, r)}}
	if q.statuses[0] == http.StatusGone {
		q.statuses[0] = http.StatusOK
	}
	if q.statuses[0] == http.StatusOK {
		e.wantVersions(&q, []*resource{r})
	}
	return q
}

func (e *eyes) historyOfAll() request {
	kind := pick(e.world, append([]string{""}, kinds...)...)
	q := request{method: http.MethodGet, path: "/_history?_count=1000", statuses: []int{http.StatusForbidden}}
	if kind != "" {
		q.path = "/" + kind + q.path
	}
	var of []*resource
	for _, one := range append([]string{"GraphDefinition", "SearchParameter", "User"}, kinds...) { // which stand for all other types
		if (kind == "" || one == kind) && e.granted("history", one) {
			q.statuses[0] = http.StatusOK
			for _, r := range e.of(one) {
				if r.project == e.own {
					of = append(of, r)
				}
			}
		}
	}
	e.wantVersions(&q, of)
	return q
}

// wantVersions wants a history of what the caller may know of some resources.
func (e *eyes) wantVersions(q *request, of []*resource) {
	want := map[string]object{}
	for _, r := range of {
		for _, v := range e.past(r) {
			want[r.name()+" "+v.id] = v.body
			q.versions = append(q.versions, v.id, r.id)
			if v.body != nil {
				q.shown = append(q.shown, v.body)
			}
		}
	}
	q.check = func(a answer) string {
		for _, entry := range at(parse(a.body), "entry") {
			name := strings.TrimPrefix(fmt.Sprint(entry.(object)["fullUrl"]), base)
			etag := fmt.Sprint(at(entry, "response", "etag")[0])
			key := name + " " + strings.Trim(etag, `W/"`)
			body, ok := want[key]
			delete(want, key)
			got, _ := entry.(object)["resource"].(object)
			switch {
			case !ok:
				return key + " is in the history and should not be"
			case (got == nil) != (body == nil) || got != nil && !same(unstamped(got), body):
				return fmt.Sprintf("%s is %s\nand should be %s", key, text(got), text(body))
			}
		}
		for key := range want {
			return key + " should be in the history"
		}
		return ""
	}
}

// binary reads the content of a Binary, or it as a resource.
func (e *eyes) binary() request {
	kind, id, r := e.any("Binary")
	q := request{method: http.MethodGet, path: "/Binary/" + id, statuses: []int{e.reading("read", kind, r)}}
	if q.statuses[0] != http.StatusOK {
		return q
	}
	seen := e.shown("read", r, r.live())
	q.shown, q.versions = []object{seen}, []string{r.now().id}
	if e.chance(2) {
		q.header, q.check = http.Header{"Accept": {"application/fhir+json"}}, equals(seen)
		return q
	}
	if slices.Contains(e.hidden("read", r, r.live()), "data") {
		q.statuses[0] = http.StatusForbidden
		return q
	}
	q.versions = append(q.versions, decoded(seen))
	q.check = func(a answer) string {
		if string(a.body) != decoded(seen) {
			return "another content than " + decoded(seen)
		}
		return ""
	}
	return q
}
