package differential_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
)

// object is a resource or element as encoding/json reads it.
type object = map[string]any

// resource is one resource with all its versions, the oldest first.
type resource struct {
	project, kind, id string
	versions          []version
}

// version has no body when it is a deletion.
type version struct {
	id   string
	body object
}

func (r *resource) name() string  { return r.kind + "/" + r.id }
func (r *resource) now() version  { return r.versions[len(r.versions)-1] }
func (r *resource) deleted() bool { return r.now().body == nil }
func (r *resource) live() object  { return lastBody(r.versions) }
func lastBody(vs []version) (b object) {
	for _, v := range slices.Backward(vs) {
		if v.body != nil {
			return v.body
		}
	}
	return nil
}

// The types of the world. Each text in its resources is a mark.
var kinds = []string{"Organization", "Practitioner", "Patient", "Encounter", "Observation", "List", "Binary"}

// searchable are the types that can be searched for.
var searchable = kinds[:6]

// world is three projects: the callers' own, one that it may be linked to, and a stranger's.
type world struct {
	*rand.Rand
	own, linked, stranger string
	resources             []*resource
	marks                 *int
	authors               []string // profiles of callers, which sign what they write
}

// mark is a text that is nowhere else.
func (w *world) mark() string {
	*w.marks++
	return fmt.Sprintf("zz%dzz", *w.marks)
}

func pick[T any](w *world, from ...T) T { return from[w.IntN(len(from))] }

// chance is true once in n times.
func (w *world) chance(n int) bool { return w.IntN(n) == 0 }

func (w *world) of(kind string) []*resource {
	var all []*resource
	for _, r := range w.resources {
		if r.kind == kind {
			all = append(all, r)
		}
	}
	return all
}

// find gives the resource that a literal reference names, nil for none.
func (w *world) find(reference string) *resource {
	for _, r := range w.resources {
		if r.name() == reference {
			return r
		}
	}
	return nil
}

// some is any resource of the kind; more often one of the callers' own project.
func (w *world) some(kind string) *resource {
	all := w.of(kind)
	for range 3 {
		if r := pick(w, all...); r.project == w.own {
			return r
		}
	}
	return pick(w, all...)
}

// reference is to any resource of one of the kinds, in whatever project, or to one that is not there.
func (w *world) reference(kinds ...string) object {
	kind := pick(w, kinds...)
	if all := w.of(kind); len(all) > 0 && !w.chance(12) {
		return object{"reference": w.some(kind).name()}
	}
	return object{"reference": kind + "/" + w.mark()}
}

// maybe sets a member three times of four.
func (w *world) maybe(r object, name string, make func() any) {
	if !w.chance(4) {
		r[name] = make()
	}
}

// draw is a new body of a kind, without an id.
func (w *world) draw(kind string) object {
	r := object{"resourceType": kind}
	if w.chance(2) && kind != "Binary" {
		r["meta"] = object{"tag": []any{object{"system": "urn:t", "code": pick(w, "red", "blue")}}}
	}
	text := func() any { return w.mark() }
	truth := func() any { return w.chance(2) }
	refer := func(kinds ...string) func() any { return func() any { return w.reference(kinds...) } }
	refers := func(kinds ...string) func() any { return func() any { return []any{w.reference(kinds...)} } }
	switch kind {
	case "Organization":
		r["name"] = w.mark()
		w.maybe(r, "active", truth)
		w.maybe(r, "partOf", refer("Organization"))
	case "Practitioner":
		r["name"] = w.names()
		w.maybe(r, "active", truth)
		w.maybe(r, "gender", func() any { return pick(w, "male", "female") })
	case "Patient":
		w.maybe(r, "name", w.names)
		w.maybe(r, "active", truth)
		w.maybe(r, "gender", func() any { return pick(w, "male", "female") })
		w.maybe(r, "birthDate", func() any { return pick(w, "1970-01-01", "1980-02-02") })
		w.maybe(r, "identifier", func() any { return []any{object{"system": "urn:s", "value": w.mark()}} })
		w.maybe(r, "generalPractitioner", refers("Practitioner", "Organization"))
		w.maybe(r, "managingOrganization", refer("Organization"))
	case "Encounter":
		r["status"], r["class"] = pick(w, "planned", "finished"), object{"code": pick(w, "AMB", "IMP")}
		w.maybe(r, "subject", refer("Patient"))
		w.maybe(r, "serviceProvider", refer("Organization"))
		w.maybe(r, "reasonCode", func() any { return []any{object{"text": w.mark()}} })
	case "Observation":
		r["status"], r["code"] = pick(w, "preliminary", "final"), object{"coding": []any{object{"system": "urn:c", "code": pick(w, "a", "b")}}}
		w.maybe(r, "subject", refer("Patient"))
		w.maybe(r, "encounter", refer("Encounter"))
		w.maybe(r, "performer", refers("Practitioner", "Patient", "Organization"))
		w.maybe(r, "valueString", text)
		w.maybe(r, "note", func() any { return []any{object{"text": w.mark()}} })
		w.maybe(r, "component", w.components)
	case "List":
		r["status"], r["mode"] = pick(w, "current", "retired"), "working"
		w.maybe(r, "title", text)
		w.maybe(r, "entry", func() any {
			return []any{object{"item": w.reference("Patient", "Observation")}, object{"item": w.reference("Patient", "Encounter")}}
		})
	case "Binary":
		r["contentType"], r["data"] = "text/plain", encoded(w.mark())
		w.maybe(r, "securityContext", refer("Patient", "Encounter"))
	}
	return r
}

// names are one or two, of which some have but one part.
func (w *world) names() any {
	var names []any
	for range 1 + w.IntN(2) {
		n := object{}
		for len(n) == 0 {
			w.maybe(n, "family", func() any { return w.mark() })
			w.maybe(n, "given", func() any { return []any{w.mark()} })
		}
		names = append(names, n)
	}
	return names
}

func (w *world) components() any {
	var all []any
	for range 1 + w.IntN(2) {
		c := object{"code": object{"text": w.mark()}}
		w.maybe(c, "valueString", func() any { return w.mark() })
		all = append(all, c)
	}
	return all
}

// changed is a body with some of it drawn anew.
func (w *world) changed(body object) object {
	out, other := clone(body), w.draw(body["resourceType"].(string))
	delete(other, "resourceType")
	names := slices.Sorted(maps.Keys(other))
	for range 1 + w.IntN(5) {
		name := pick(w, names...)
		if name == "meta" { // which has more in it than a tag
			continue
		}
		out[name] = other[name]
	}
	return out
}

func clone(body object) object {
	raw, err := json.Marshal(body)
	if err != nil {
		panic(err) // it was read from JSON or drawn above
	}
	return parse(raw)
}

func parse(raw []byte) object {
	var out object
	if json.Unmarshal(raw, &out) != nil {
		return nil
	}
	return out
}

func text(body any) string {
	raw, _ := json.Marshal(body) // see clone
	return string(raw)
}

// at are the values at a path, through arrays.
func at(v any, path ...string) []any {
	if list, ok := v.([]any); ok {
		var out []any
		for _, item := range list {
			out = append(out, at(item, path...)...)
		}
		return out
	}
	if len(path) == 0 {
		return []any{v}
	}
	o, ok := v.(object)
	if !ok || o[path[0]] == nil {
		return nil
	}
	return at(o[path[0]], path[1:]...)
}

func has(v any, want string, path ...string) bool {
	return slices.ContainsFunc(at(v, path...), func(found any) bool { return fmt.Sprint(found) == want })
}

// dotted is a path with dots, in steps.
func dotted(path string) []string { return strings.Split(path, ".") }
