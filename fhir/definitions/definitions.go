// Package definitions is what FHIR R4 and Medplum say about resource types, as tables: the
// elements of every type, the search parameters, the compartments and the codes of required
// value sets. It decides nothing; validate, index, search and rest read it.
//
// The tables are facts trimmed by gen from HL7's CC0 package and from Medplum's definitions;
// prose stays out. They are decoded type by type on first use, so a server that starts pays for
// none of them.
//
//   - Whatever it returns is shared and must not be changed.
//   - The same names are known to all of it: a type that IsResource has a Structure and
//     SearchParams.
package definitions

// ParamType is a search parameter's type (R4 search.html#ptypes).
type ParamType string

// The types of search parameters.
const (
	Number    ParamType = "number"
	Date      ParamType = "date"
	String    ParamType = "string"
	Token     ParamType = "token"
	Reference ParamType = "reference"
	Composite ParamType = "composite"
	Quantity  ParamType = "quantity"
	URI       ParamType = "uri"
	Special   ParamType = "special"
)

// SearchParam is a search parameter as it applies to one resource type.
type SearchParam struct {
	Code string    `json:"code"`
	Type ParamType `json:"type"`
	URL  string    `json:"url"`
	// Expression is the FHIRPath for this type alone; empty when there is none (_text, _content).
	Expression string `json:"expr,omitempty"`
	// Targets are the resource types a reference may point at.
	Targets []string `json:"target,omitempty"`
	// Components are the parts of a composite.
	Components []Component `json:"component,omitempty"`
}

// Component is one part of a composite parameter: the definition's URL and the FHIRPath below
// the composite's own expression.
type Component struct {
	Definition string `json:"def"`
	Expression string `json:"expr"`
}

// Kind is what a structure is.
type Kind string

// The kinds of structures. A Backbone is an element's own anonymous type, named by its path.
const (
	Resource  Kind = "resource"
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
	byName     map[string]Property
}

// Element is an element of a structure.
type Element struct {
	Name       string      `json:"n"`             // "value" for value[x]
	Min        int         `json:"min,omitempty"` // least number of values
	Max        int         `json:"max,omitempty"` // greatest; 0 means 1, -1 unbounded
	Choice     bool        `json:"x,omitempty"`   // value[x]
	Types      []Type      `json:"t"`
	ValueSet   string      `json:"vs,omitempty"` // of a required binding
	Invariants []Invariant `json:"inv,omitempty"`
}

// Type is one of the types that an element may have.
type Type struct {
	// Code is a structure's name; for a backbone element and a content reference the path.
	Code string `json:"c"`
	// Targets are the resource types that a Reference or canonical may point at; empty: any.
	Targets []string `json:"to,omitempty"`
}

// Invariant is a constraint in FHIRPath.
type Invariant struct {
	Key        string `json:"k"`
	Human      string `json:"h"`
	Expression string `json:"e"`
}

// Property is a member name in JSON: an element, and which of its types the name picks.
type Property struct {
	Element *Element
	Type    *Type
	Index   int // of Element in Elements
}
