package patch

import (
	"slices"
	"strings"

	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/fhirpath"
)

// place is where an element is: a member of an object, and its index when the member is an array.
type place struct {
	parent *document.Node
	member string // without the "_" of a primitive's extensions
	index  int    // -1: the member is no array
}

// located are the places of all nodes of a document.
type located map[*document.Node]place

func places(doc *document.Node) located {
	all := located{}
	all.walk(doc)
	return all
}

func (l located) walk(n *document.Node) {
	for _, item := range n.Items {
		l.walk(item)
	}
	for i := range n.Fields {
		f := &n.Fields[i]
		name := strings.TrimPrefix(f.Name, "_")
		l[f.Value] = place{n, name, -1}
		for at, item := range f.Value.Items {
			l[item] = place{n, name, at}
		}
		l.walk(f.Value)
	}
}

func (l located) of(v fhirpath.Value) (place, bool) {
	n := v.Node
	if n == nil {
		n = v.Ext
	}
	p, ok := l[n]
	return p, ok
}

// element is one value of a member: its JSON and that of its "_" twin; nil where there is none.
type element struct{ value, ext []byte }

type elements []element

func (e elements) without(i int) elements { return slices.Delete(e, max(i, 0), max(i, 0)+1) }

func (e elements) with(i int, added element) elements { return slices.Insert(e, i, added) }

// elements are the values at the place.
func (p place) elements() elements {
	value, ext := p.parent.Get(p.member), p.parent.Get("_"+p.member)
	values, exts := itemsOf(value), itemsOf(ext)
	list := make(elements, max(len(values), len(exts)))
	for i := range list {
		list[i] = element{spelledAt(values, i), spelledAt(exts, i)}
	}
	return list
}

func itemsOf(n *document.Node) []*document.Node {
	switch {
	case n == nil:
		return nil
	case n.Kind == document.Array:
		return n.Items
	}
	return []*document.Node{n}
}

func spelledAt(nodes []*document.Node, i int) []byte {
	if i >= len(nodes) || nodes[i].Kind == document.Null {
		return nil
	}
	return nodes[i].Compact(nil)
}

// put is the edit that makes the values at the place those of list. A member without any goes.
func (p place) put(list elements) map[*document.Node][]byte {
	var members []string
	name := `"` + p.member + `":` // a name of the definitions or of FHIR's "_" form needs no escape
	if values := p.spell(list, func(e element) []byte { return e.value }); values != "" {
		members = append(members, name+values)
	}
	if exts := p.spell(list, func(e element) []byte { return e.ext }); exts != "" {
		members = append(members, `"_`+p.member+`":`+exts)
	}
	var kept []string
	placed := false
	for i := range p.parent.Fields {
		f := &p.parent.Fields[i]
		if strings.TrimPrefix(f.Name, "_") != p.member {
			one := document.Node{Kind: document.Object, Fields: p.parent.Fields[i : i+1]}
			spelled := one.Splice(nil, nil)
			kept = append(kept, string(spelled[1:len(spelled)-1]))
		} else if !placed {
			kept, placed = append(kept, members...), true
		}
	}
	if !placed {
		kept = append(kept, members...)
	}
	return map[*document.Node][]byte{p.parent: []byte("{" + strings.Join(kept, ",") + "}")}
}

// spell is one side of the values as JSON, empty when none has it.
func (p place) spell(list elements, side func(element) []byte) string {
	parts := make([]string, len(list))
	some := false
	for i, e := range list {
		parts[i] = "null"
		if s := side(e); s != nil {
			parts[i], some = string(s), true
		}
	}
	switch {
	case !some:
		return ""
	case p.index < 0:
		return parts[0]
	}
	return "[" + strings.Join(parts, ",") + "]"
}
