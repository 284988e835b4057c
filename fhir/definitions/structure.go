package definitions

import (
	"strings"
	"sync"
)

// Kind is what a structure is.
type Kind string

// The kinds of structures. A Backbone is an element's own anonymous type, named by its path.
const (
	Resource  Kind = "resource"
	Abstract  Kind = "abstract" // Resource and DomainResource
	Complex   Kind = "complex"
	Primitive Kind = "primitive"
	Backbone  Kind = "backbone"
)

// Structure is a type: its own and its inherited elements, in the order of the definition.
type Structure struct {
	Name       string      `json:"name"` // "Patient", "HumanName", "Patient.contact"
	Kind       Kind        `json:"kind"`
	Base       string      `json:"base,omitempty"` // "DomainResource", "BackboneElement", …
	Elements   []Element   `json:"elements,omitempty"`
	Invariants []Invariant `json:"inv,omitempty"`

	properties map[string]Property
	elements   map[string]*Element
}

// Element is an element of a structure.
type Element struct {
	Name       string      `json:"n"`             // "value" for value[x]
	Min        int         `json:"min,omitempty"` // least number of values
	Max        int         `json:"max,omitempty"` // greatest: 0 means one, no array; -1 unbounded
	Choice     bool        `json:"x,omitempty"`   // value[x]
	Types      []Type      `json:"t"`
	Summary    bool        `json:"s,omitempty"`  // shown by _summary=true; at the top of a resource alone
	ValueSet   string      `json:"vs,omitempty"` // of a required binding
	Invariants []Invariant `json:"inv,omitempty"`
}

// Type is one of the types that an element may have.
type Type struct {
	// Code is a structure's name; for a backbone element and a content reference the path.
	Code string `json:"c"`
	// Targets are the resource types that a Reference or canonical may point at; empty: any.
	Targets []string `json:"to,omitempty"`
	// Structure is what Code names.
	Structure *Structure `json:"-"`
}

// Invariant is a constraint in FHIRPath.
type Invariant struct {
	Key        string `json:"k"`
	Human      string `json:"h"`
	Expression string `json:"e"`
}

// Property is what a member name of JSON means: an element, and which of its types the name
// picks. Index is the element's place in Elements.
type Property struct {
	Element *Element
	Type    *Type
	Index   int
}

// Property finds what a member name means in the structure.
func (s *Structure) Property(member string) (Property, bool) {
	p, ok := s.properties[member]
	return p, ok
}

// Element is the element of that name ("value" for value[x]), nil when there is none.
func (s *Structure) Element(name string) *Element { return s.elements[name] }

// Array says whether the element's values are in an array.
func (e *Element) Array() bool { return e.Max != 0 }

// Member is the member name of the element when it has a value of type t.
func (e *Element) Member(t *Type) string {
	if !e.Choice {
		return e.Name
	}
	return e.Name + strings.ToUpper(t.Code[:1]) + t.Code[1:]
}

// linker decodes structures on demand and binds each type to its structure. A structure is seen
// by others only when all that it reaches is bound.
type linker struct {
	ready sync.Map // name → *Structure
	mu    sync.Mutex
}

func (l *linker) get(name string) *Structure {
	if s, ok := l.ready.Load(name); ok {
		return s.(*Structure)
	}
	if _, ok := structureLines()[name]; !ok {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	loaded := map[string]*Structure{}
	s := l.load(name, loaded)
	for name, s := range loaded {
		l.ready.Store(name, s)
	}
	return s
}

func (l *linker) load(name string, loaded map[string]*Structure) *Structure {
	if s, ok := l.ready.Load(name); ok {
		return s.(*Structure)
	}
	if s, ok := loaded[name]; ok {
		return s
	}
	line, ok := structureLines()[name]
	if !ok {
		panic("definitions: an element has the unknown type " + name)
	}
	s := &Structure{properties: map[string]Property{}, elements: map[string]*Element{}}
	decode(line, s)
	loaded[name] = s
	for i := range s.Elements {
		e := &s.Elements[i]
		s.elements[e.Name] = e
		for j := range e.Types {
			t := &e.Types[j]
			t.Structure = l.load(t.Code, loaded)
			s.properties[e.Member(t)] = Property{Element: e, Type: t, Index: i}
		}
	}
	return s
}
