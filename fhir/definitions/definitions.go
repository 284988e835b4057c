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
