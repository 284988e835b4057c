package repo

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"

	"github.com/admitdev/admit/fhir/document"
)

// path names an element below a document: name.family is {"name", "family"}. It reaches into
// arrays. A last step value[x] names each typed form.
type path []string

func pathOf(dotted string) path { return strings.Split(dotted, ".") }

func pathsOf(dotted []string) []path {
	paths := make([]path, len(dotted))
	for i, d := range dotted {
		paths[i] = pathOf(d)
	}
	return paths
}

// names says whether a step names a member: the element itself, the element's primitive
// extension (_birthDate) or a form of a choice.
func names(step, member string) bool {
	member = strings.TrimPrefix(member, "_")
	if base, ok := strings.CutSuffix(step, "[x]"); ok {
		rest, ok := strings.CutPrefix(member, base)
		return ok && rest != "" && unicode.IsUpper(rune(rest[0]))
	}
	return step == member
}

// under are the rests of the paths that lead into member; whole says that one of them ends there.
func under(paths []path, member string) (rests []path, whole bool) {
	for _, p := range paths {
		if !names(p[0], member) {
			continue
		}
		if len(p) == 1 {
			return nil, true
		}
		rests = append(rests, p[1:])
	}
	return rests, false
}

// member is one member of an object being written.
type member struct {
	name  string
	value []byte
}

func object(members []member) []byte {
	out := []byte{'{'}
	for i, m := range members {
		if i > 0 {
			out = append(out, ',')
		}
		name, _ := json.Marshal(m.name) // a string always marshals
		out = append(append(append(out, name...), ':'), m.value...)
	}
	return append(out, '}')
}

func array(items [][]byte) []byte {
	out := []byte{'['}
	for i, item := range items {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, item...)
	}
	return append(out, ']')
}

// without is n without the elements that paths name. An object or array that becomes empty by it
// goes as well, for FHIR has no empty ones; then the result is nil.
func without(n *document.Node, paths []path) []byte {
	switch {
	case len(paths) == 0:
		return n.Compact(nil)
	case n.Kind == document.Object:
		var kept []member
		for i := range n.Fields {
			f := &n.Fields[i]
			rests, whole := under(paths, f.Name)
			if whole {
				continue
			}
			if value := without(f.Value, rests); value != nil {
				kept = append(kept, member{f.Name, value})
			}
		}
		if kept == nil {
			return nil
		}
		return object(kept)
	case n.Kind == document.Array:
		var kept [][]byte
		for _, item := range n.Items {
			if value := without(item, paths); value != nil {
				kept = append(kept, value)
			}
		}
		if kept == nil {
			return nil
		}
		return array(kept)
	}
	return n.Compact(nil)
}

// only is n with nothing but the elements that p names; nil when there are none.
func only(n *document.Node, p path) []byte {
	switch {
	case n == nil:
		return nil
	case len(p) == 0:
		return n.Compact(nil)
	case n.Kind == document.Object:
		var kept []member
		for i := range n.Fields {
			f := &n.Fields[i]
			if !names(p[0], f.Name) {
				continue
			}
			if value := only(f.Value, p[1:]); value != nil {
				kept = append(kept, member{f.Name, value})
			}
		}
		if kept == nil {
			return nil
		}
		return object(kept)
	case n.Kind == document.Array:
		var kept [][]byte
		for _, item := range n.Items {
			if value := only(item, p); value != nil {
				kept = append(kept, value)
			}
		}
		if kept == nil {
			return nil
		}
		return array(kept)
	}
	return nil
}

// putBack is n with the elements that p names as old has them. The items of arrays correspond by
// position; a new item beyond the old ones loses the element.
func putBack(n, old *document.Node, p path) []byte {
	switch {
	case n == nil || old == nil || len(p) == 0:
		return nil // handled by the callers below
	case n.Kind == document.Object:
		return object(putBackMembers(n, old, p))
	case n.Kind == document.Array:
		items := make([][]byte, 0, len(n.Items))
		for i, item := range n.Items {
			var value []byte
			if old.Kind == document.Array && i < len(old.Items) {
				value = putBack(item, old.Items[i], p)
			} else {
				value = without(item, []path{p})
			}
			if value != nil {
				items = append(items, value)
			}
		}
		return array(items)
	}
	return n.Compact(nil)
}

func putBackMembers(n, old *document.Node, p path) []member {
	var members []member
	done := map[string]bool{}
	for i := range n.Fields {
		f := &n.Fields[i]
		if !names(p[0], f.Name) {
			members = append(members, member{f.Name, f.Value.Compact(nil)})
			continue
		}
		was := old.Get(f.Name)
		done[f.Name] = true
		switch {
		case len(p) == 1 && was != nil:
			members = append(members, member{f.Name, was.Compact(nil)})
		case len(p) == 1: // a read-only element cannot be added
		case was == nil:
			if value := without(f.Value, []path{p[1:]}); value != nil {
				members = append(members, member{f.Name, value})
			}
		default:
			members = append(members, member{f.Name, putBack(f.Value, was, p[1:])})
		}
	}
	for i := range old.Fields {
		f := &old.Fields[i]
		if !names(p[0], f.Name) || done[f.Name] {
			continue
		}
		if value := only(f.Value, p[1:]); value != nil {
			members = append(members, member{f.Name, value})
		}
	}
	return members
}

// replace is the object n with a member set, at its place or at the end; a nil value removes it.
func replace(n *document.Node, name string, value []byte) []byte {
	members := make([]member, 0, len(n.Fields)+1)
	found := false
	for i := range n.Fields {
		f := &n.Fields[i]
		switch {
		case f.Name != name:
			members = append(members, member{f.Name, f.Value.Compact(nil)})
		case value != nil:
			members = append(members, member{name, value})
			found = true
		}
	}
	if !found && value != nil {
		members = append(members, member{name, value})
	}
	return object(members)
}

// reparse reads a document that was made from parsed ones.
func reparse(content []byte) (*document.Node, error) {
	doc, err := document.Parse(content)
	if err != nil {
		return nil, fmt.Errorf("a document that was edited: %w", err)
	}
	return doc, nil
}
