package validate

import (
	"slices"
	"strings"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/fhirpath"
)

// slot is what a document says of one element of a structure.
type slot struct {
	value, ext *document.Node // "birthDate", "_birthDate"
	typ        *definitions.Type
}

// object checks the members of an object against its structure.
func (w *walker) object(n *document.Node, s *definitions.Structure) {
	base := len(w.slots)
	w.slots = slices.Grow(w.slots, len(s.Elements))[:base+len(s.Elements)]
	clear(w.slots[base:])
	unknown := w.sort(n, s, base)
	for i := range s.Elements {
		w.pushElement(&s.Elements[i])
		w.element(&s.Elements[i], w.slots[base+i])
		w.pop()
	}
	w.slots = w.slots[:base]
	for _, name := range unknown {
		w.push(name, -1)
		w.structure("Invalid additional property %q", name)
		w.pop()
	}
	w.invariants(fhirpath.Value{Type: s, Node: n}, invariantsOf(s))
}

// sort puts the members into the slots of their elements and returns the names of the others.
func (w *walker) sort(n *document.Node, s *definitions.Structure, base int) (unknown []string) {
	for i := range n.Fields {
		f := &n.Fields[i]
		p, ext, ok := propertyOf(s, f.Name)
		if !ok {
			if f.Name != "resourceType" || s.Kind != definitions.Resource {
				unknown = append(unknown, f.Name)
			}
			continue
		}
		slot := &w.slots[base+p.Index]
		if slot.typ != nil && slot.typ != p.Type {
			w.pushElement(p.Element)
			w.structure("Duplicate choice of type property")
			w.pop()
			continue
		}
		slot.typ = p.Type
		if ext {
			slot.ext = f.Value
		} else {
			slot.value = f.Value
		}
	}
	return unknown
}

// propertyOf finds what a member means; ext says that it is the "_" twin of a primitive. An
// element's id has none (R4 json.html: it is an attribute).
func propertyOf(s *definitions.Structure, name string) (p definitions.Property, ext, ok bool) {
	if p, ok = s.Property(name); ok {
		return p, false, true
	}
	if bare, found := strings.CutPrefix(name, "_"); found && bare != "id" {
		p, ok = s.Property(bare)
		return p, true, ok && p.Type.Structure.Kind == definitions.Primitive
	}
	return p, false, false
}

// element checks presence and number, then each value.
func (w *walker) element(e *definitions.Element, s slot) {
	switch {
	case s.typ == nil:
		if e.Min > 0 {
			w.structure("Missing required property")
		}
	case s.typ.Structure.Kind == definitions.Primitive:
		w.primitives(e, s)
	case w.shape(e, s.value):
		if !e.Array() {
			w.complex(e, s.typ, s.value)
			return
		}
		for i, item := range s.value.Items {
			w.at(i)
			w.complex(e, s.typ, item)
		}
	}
}

// shape checks that there is an array where one is meant, and only there.
func (w *walker) shape(e *definitions.Element, n *document.Node) bool {
	switch {
	case n.Kind == document.Null:
		w.structure("Invalid null value")
	case e.Array() && n.Kind != document.Array:
		w.structure("Expected array of values for property")
	case !e.Array() && n.Kind == document.Array:
		w.structure("Expected single value for property")
	case e.Array() && len(n.Items) == 0:
		w.structure("Invalid empty array")
	case e.Max > 0 && len(n.Items) > e.Max:
		w.structure("Expected at most %d values for property", e.Max)
	default:
		return true
	}
	return false
}

// complex checks one value that is an object.
func (w *walker) complex(e *definitions.Element, t *definitions.Type, n *document.Node) {
	if n.Kind == document.Null {
		w.structure("Invalid null value")
		return
	}
	if n.Kind != document.Object {
		w.structure("Invalid JSON type: expected object, but got %s", n.Kind)
		return
	}
	if t.Structure.Kind == definitions.Abstract {
		w.nested(e, n)
		return
	}
	w.object(n, t.Structure)
	if !hasChildren(n) {
		w.invariant(&ele1)
	}
	switch t.Code {
	case "CodeableConcept", "Coding":
		if e.ValueSet != "" {
			w.coded(e, t, n)
		}
	case "Extension":
		w.extension(n)
	case "Reference":
		w.reference(t, n)
	}
	w.invariants(fhirpath.Value{Type: t.Structure, Node: n}, invariantsOf(e))
}

// hasChildren says whether an element says anything but its id.
func hasChildren(n *document.Node) bool {
	for i := range n.Fields {
		if n.Fields[i].Name != "id" {
			return true
		}
	}
	return false
}
