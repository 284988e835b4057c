package patch

import (
	"strings"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/document"
)

// property is the element that an add names, with the member it becomes. An element of several
// types is named without its type (R4 fhirpatch.html), which the value's then says.
func (op *operation) property(of *definitions.Structure) (definitions.Property, string, bool) {
	return propertyFor(of, op.name, op.value)
}

func propertyFor(of *definitions.Structure, name string, param *document.Node) (definitions.Property, string, bool) {
	member := name
	if element := of.Element(name); element != nil && element.Choice {
		value, _ := valueMember(param)
		member = name + strings.TrimPrefix(value, "value")
	}
	p, ok := of.Property(member)
	return p, member, ok
}

// valueMember is the value[x] of a parameter: its name, and its JSON.
func valueMember(param *document.Node) (name string, value *document.Node) {
	if param == nil {
		return "", nil
	}
	for i := range param.Fields {
		f := &param.Fields[i]
		if member := strings.TrimPrefix(f.Name, "_"); strings.HasPrefix(member, "value") {
			name = member
		}
	}
	return name, param.Get(name)
}

// given is the operation's value as an element of a type.
func (op *operation) given(as *definitions.Structure) (element, error) {
	return elementOf(op.value, as)
}

// elementOf is the value of a parameter: its value[x], or an element without a type of its own,
// member by member, from its parts.
func elementOf(param *document.Node, as *definitions.Structure) (element, error) {
	if parts := param.Get("part"); parts != nil {
		return assembled(parts.Values(), as)
	}
	name, value := valueMember(param)
	ext := param.Get("_" + name)
	var e element
	if value != nil {
		e.value = value.Compact(nil)
	}
	if ext != nil {
		e.ext = ext.Compact(nil)
	}
	if e.value == nil && e.ext == nil {
		return e, refuse("The operation has no value")
	}
	return e, nil
}

func assembled(parts []*document.Node, as *definitions.Structure) (element, error) {
	var order []string
	lists, arrays := map[string]elements{}, map[string]bool{}
	for _, part := range parts {
		if as == nil {
			return element{}, refuse("A value in parts needs an element that has elements")
		}
		property, member, ok := propertyFor(as, part.Text("name"), part)
		if !ok {
			return element{}, refuse("%s has no element %s of this type", as.Name, shortened(part.Text("name")))
		}
		e, err := elementOf(part, property.Type.Structure)
		if err != nil {
			return element{}, err
		}
		if lists[member] == nil {
			order = append(order, member)
		}
		lists[member], arrays[member] = append(lists[member], e), property.Element.Array()
	}
	object := &document.Node{Kind: document.Object}
	content := []byte("{}")
	for _, member := range order {
		p := place{parent: object, member: member, index: -1}
		if arrays[member] {
			p.index = 0
		} else if len(lists[member]) > 1 {
			return element{}, refuse("%s has one %s", as.Name, member)
		}
		content = p.put(lists[member])[object]
		var err error
		if object, err = document.Parse(content); err != nil {
			return element{}, err
		}
	}
	return element{value: content}, nil
}
