package differential_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// selections are what GraphQL asks for of each type: elements, with what is asked for of them.
var selections = map[string]object{
	"Organization": {"id": nil, "name": nil, "active": nil},
	"Practitioner": {"id": nil, "gender": nil, "name": object{"family": nil, "given": nil}},
	"Patient": {
		"id": nil, "gender": nil, "birthDate": nil, "identifier": object{"value": nil}, "name": object{"family": nil, "given": nil},
		"managingOrganization": object{"reference": nil, "resource": nil},
	},
	"Encounter":   {"id": nil, "status": nil, "reasonCode": object{"text": nil}, "subject": object{"reference": nil, "resource": nil}},
	"List":        {"id": nil, "status": nil, "title": nil, "entry": object{"item": object{"reference": nil, "resource": nil}}},
	"Observation": {"id": nil, "status": nil, "valueString": nil, "note": object{"text": nil}, "subject": object{"reference": nil, "resource": nil}},
}

// followed is what a reference leads to.
const followed = "resource(optional:true){__typename ...on Patient{id gender} ...on Organization{id name} ...on Observation{id} ...on Encounter{id}}"

func spelled(selection object) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(selection)) {
		switch below, ok := selection[name].(object); {
		case ok:
			parts = append(parts, name+spelled(below))
		case name == "resource":
			parts = append(parts, followed)
		default:
			parts = append(parts, name)
		}
	}
	return "{" + strings.Join(parts, " ") + "}"
}

// selected is what a selection leaves of what the caller sees.
func (e *eyes) selected(v any, selection object) any {
	switch v := v.(type) {
	case []any:
		var out []any
		for _, item := range v {
			out = append(out, e.selected(item, selection))
		}
		return out
	case object:
		out := object{}
		for name, below := range selection {
			switch below, ok := below.(object); {
			case name == "resource":
				if to := e.pointed(v); to != nil {
					out[name] = to
				}
			case v[name] != nil && ok:
				out[name] = e.selected(v[name], below)
			case v[name] != nil:
				out[name] = v[name]
			}
		}
		return out
	}
	return v
}

// pointed is what the caller is shown of the target of a reference; nil for what it may not read.
func (e *eyes) pointed(reference object) any {
	r := e.find(fmt.Sprint(reference["reference"]))
	if r == nil || r.deleted() || !e.granted("read", r.kind) || !e.allowed("read", r) {
		return nil
	}
	seen := e.shown("read", r, r.live())
	out := e.selected(seen, object{"id": nil, map[string]string{"Patient": "gender", "Organization": "name"}[r.kind]: nil}).(object)
	out["__typename"] = r.kind
	return out
}

// graphQL reads a resource or a list of them.
func (e *eyes) graphQL() request {
	q := request{method: http.MethodPost, path: "/$graphql", statuses: []int{http.StatusOK}, header: http.Header{"Content-Type": {"application/json"}}}
	kind, id, r := e.any(searchable...)
	var want any
	query := ""
	if e.chance(2) {
		query = fmt.Sprintf(`{x:%s(id:%q)%s}`, kind, id, spelled(selections[kind]))
		if e.reading("read", kind, r) == http.StatusOK {
			want = e.selected(e.shown("read", r, r.live()), selections[kind])
			q.shown = []object{want.(object)}
		}
	} else {
		t := e.plain(kind)
		for strings.ContainsAny(t.name, ":_") {
			t = e.plain(kind)
		}
		query = fmt.Sprintf(`{x:%sList(%s:%q,_count:1000)%s}`, kind, strings.ReplaceAll(t.name, "-", "_"), t.value, spelled(selections[kind]))
		if found, refused := e.matching([]string{kind}, []term{t}); !refused {
			list := map[string]object{}
			for _, f := range found {
				list[f.id] = e.selected(e.shown("search", f, f.live()), selections[kind]).(object)
				q.shown = append(q.shown, list[f.id])
			}
			want = list
		}
	}
	q.body = text(object{"query": query})
	q.check = func(a answer) string {
		got := withoutNull(parse(a.body)["data"].(object)["x"])
		if list, ok := got.([]any); ok {
			byID := map[string]object{}
			for _, item := range list {
				byID[fmt.Sprint(item.(object)["id"])] = item.(object)
			}
			got = byID
		}
		if text(got) != text(want) {
			return fmt.Sprintf("the data are %s\nand should be %s", text(got), text(want))
		}
		return ""
	}
	return q
}

// withoutNull is v without what is not there.
func withoutNull(v any) any {
	switch v := v.(type) {
	case object:
		for name, value := range v {
			if v[name] = withoutNull(value); v[name] == nil {
				delete(v, name)
			}
		}
	case []any:
		for i := range v {
			v[i] = withoutNull(v[i])
		}
	}
	return v
}
