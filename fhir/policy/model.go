package policy

import (
	"strings"

	"github.com/admitdev/admit/fhir/definitions"
)

// model tells the FHIRPath engine of the types in package definitions, Medplum's among them. The
// engine's own tables would double the definitions, and be built at every start.
type model struct{}

// element is what a path names: an element, the type that its last member picks and the path of
// the structure that holds it.
func element(path string) (definitions.Property, bool) {
	holder, member, ok := cutLast(path)
	structure := definitions.StructureOf(holder)
	if !ok || structure == nil {
		return definitions.Property{}, false
	}
	return structure.Property(member)
}

func cutLast(path string) (before, last string, ok bool) {
	at := strings.LastIndexByte(path, '.')
	if at < 0 {
		return "", "", false
	}
	return path[:at], path[at+1:], true
}

// ChoiceTypes are the types of value[x], by the path without one of them.
func (model) ChoiceTypes(path string) []string {
	holder, name, ok := cutLast(path)
	structure := definitions.StructureOf(holder)
	if !ok || structure == nil {
		return nil
	}
	choice := structure.Element(name)
	if choice == nil || !choice.Choice {
		return nil
	}
	codes := make([]string, len(choice.Types))
	for i, t := range choice.Types {
		codes[i] = t.Code
	}
	return codes
}

// TypeOf is the type of an element; that of a backbone element is BackboneElement or Element.
func (model) TypeOf(path string) string {
	p, ok := element(path)
	switch {
	case !ok:
		return ""
	case p.Type.Structure.Kind == definitions.Backbone:
		return p.Type.Structure.Base
	}
	return p.Type.Code
}

// ReferenceTargets are the types that a reference may point at; nil: any.
func (model) ReferenceTargets(path string) []string {
	p, ok := element(path)
	if !ok {
		return nil
	}
	return p.Type.Targets
}

// ResolvePath is where the content of an element is defined, which a content reference says.
func (model) ResolvePath(path string) string {
	if p, ok := element(path); ok && p.Type.Structure.Kind == definitions.Backbone {
		return p.Type.Code
	}
	return path
}

// ParentType is the type that another specialises.
func (model) ParentType(name string) string {
	if structure := definitions.StructureOf(name); structure != nil {
		return structure.Base
	}
	return ""
}

// IsSubtype says whether child is parent or specialises it.
func (m model) IsSubtype(child, parent string) bool {
	for child != "" {
		if child == parent {
			return true
		}
		child = m.ParentType(child)
	}
	return false
}

// IsResource says whether a name is a resource type's.
func (model) IsResource(name string) bool { return definitions.IsResource(name) }
