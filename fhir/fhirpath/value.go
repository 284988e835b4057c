package fhirpath

import (
	"strings"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/document"
)

// Value is an element of a resource with its type, or a computed value.
type Value struct {
	// Type is the FHIR type; nil for a computed value.
	Type *definitions.Structure
	// Node is the element's JSON; nil for a primitive that has extensions only, for a reference's
	// target that is elsewhere, and for a computed value.
	Node *document.Node
	// Ext is the JSON of a primitive's id and extensions ("_birthDate").
	Ext *document.Node

	kind document.Kind // of a computed value
	text string        // of a computed value
}

func computed(kind document.Kind, text string) Value { return Value{kind: kind, text: text} }

// The two results that most expressions have. Collections are never written to once returned.
var (
	isTrue  = Collection{computed(document.Bool, "true")}
	isFalse = Collection{computed(document.Bool, "false")}
)

func boolean(b bool) Collection {
	if b {
		return isTrue
	}
	return isFalse
}

// Primitive is the value as a JSON scalar: its kind and its characters. It is not ok for
// anything that has none.
func (v Value) Primitive() (kind document.Kind, text string, ok bool) {
	if v.Node == nil {
		return v.kind, v.text, v.kind != document.None
	}
	switch v.Node.Kind {
	case document.Bool, document.Number, document.String:
		return v.Node.Kind, v.Node.String(), true
	}
	return 0, "", false
}

// TypeName is the name of the FHIR type, empty for a computed value.
func (v Value) TypeName() string {
	if v.Type == nil {
		return ""
	}
	return v.Type.Name
}

// Is says whether the value is of the type or of one derived from it.
func (v Value) Is(name string) bool {
	if v.Type == nil {
		return v.isSystem(name)
	}
	for t := v.Type; t != nil; t = definitions.StructureOf(t.Base) {
		if t.Name == name {
			return true
		}
	}
	return false
}

// systemKinds are FHIRPath's own types, of computed values.
var systemKinds = map[string]document.Kind{
	"Boolean": document.Bool, "String": document.String, "Integer": document.Number, "Decimal": document.Number,
}

func (v Value) isSystem(name string) bool {
	kind, ok := systemKinds[name]
	return ok && kind == v.kind && (name != "Integer" || !strings.ContainsRune(v.text, '.'))
}

// Children appends the values of the element of that name ("value" for value[x]).
func (v Value) Children(out Collection, name string) Collection {
	if v.Type == nil {
		return out
	}
	if name == "resourceType" && v.Type.Kind == definitions.Resource {
		return append(out, computed(document.String, v.Type.Name))
	}
	node := v.Node
	if v.Type.Kind == definitions.Primitive {
		node = v.Ext
	}
	element := v.Type.Element(name)
	if node == nil || element == nil {
		return out
	}
	if !element.Choice {
		return appendMember(out, node, name, element.Types[0].Structure)
	}
	for i := range node.Fields {
		member := strings.TrimPrefix(node.Fields[i].Name, "_")
		if !strings.HasPrefix(member, name) {
			continue
		}
		if p, ok := v.Type.Property(member); ok && p.Element == element {
			return appendMember(out, node, member, p.Type.Structure)
		}
	}
	return out
}

// AllChildren appends the values of every element.
func (v Value) AllChildren(out Collection) Collection {
	if v.Type == nil {
		return out
	}
	for i := range v.Type.Elements {
		out = v.Children(out, v.Type.Elements[i].Name)
	}
	return out
}

// Descendants appends the children, their children and so on.
func (v Value) Descendants(out Collection) Collection {
	for _, child := range v.AllChildren(nil) {
		out = child.Descendants(append(out, child))
	}
	return out
}

// appendMember appends the values of a member and of its "_" twin.
func appendMember(out Collection, node *document.Node, member string, t *definitions.Structure) Collection {
	var value, ext *document.Node
	for i := range node.Fields {
		switch f := &node.Fields[i]; {
		case f.Name == member:
			value = f.Value
		case len(f.Name) == len(member)+1 && f.Name[0] == '_' && f.Name[1:] == member:
			ext = f.Value
		}
	}
	if t.Kind == definitions.Primitive {
		return appendPrimitives(out, value, ext, t)
	}
	for _, n := range value.Values() {
		out = appendObject(out, n, t)
	}
	return out
}

func appendObject(out Collection, n *document.Node, t *definitions.Structure) Collection {
	if n.Kind == document.Object && t.Kind == definitions.Abstract {
		t = definitions.StructureOf(n.Text("resourceType"))
	}
	if n.Kind != document.Object || t == nil {
		return out
	}
	return append(out, Value{Type: t, Node: n})
}

func appendPrimitives(out Collection, value, ext *document.Node, t *definitions.Structure) Collection {
	if isArray(value) || isArray(ext) {
		values, exts := itemsOf(value), itemsOf(ext)
		for i := range max(len(values), len(exts)) {
			out = appendPrimitive(out, at(values, i), at(exts, i), t)
		}
		return out
	}
	return appendPrimitive(out, value, ext, t)
}

func appendPrimitive(out Collection, value, ext *document.Node, t *definitions.Structure) Collection {
	if value != nil && value.Kind == document.Null {
		value = nil
	}
	if ext != nil && ext.Kind != document.Object {
		ext = nil
	}
	if value == nil && ext == nil {
		return out
	}
	return append(out, Value{Type: t, Node: value, Ext: ext})
}

func isArray(n *document.Node) bool { return n != nil && n.Kind == document.Array }

func itemsOf(n *document.Node) []*document.Node {
	if isArray(n) {
		return n.Items
	}
	return nil
}

func at(nodes []*document.Node, i int) *document.Node {
	if i < len(nodes) {
		return nodes[i]
	}
	return nil
}

// hasValue says whether the value is a primitive with a value of its own.
func (v Value) hasValue() bool {
	_, _, ok := v.Primitive()
	return ok
}
