package r4

import (
	"encoding/json"
	"fmt"

	"github.com/samply/golang-fhir-models/fhir-models/fhir"
	"github.com/tidwall/sjson"
)

// CapabilityResource is a CapabilityStatement.rest.resource. It is ours because the library's knows
// R4's types alone, and a server may have others.
type CapabilityResource struct {
	Type              string                  `json:"type"`
	Profile           string                  `json:"profile,omitempty"`
	Interaction       []CapabilityInteraction `json:"interaction"`
	Versioning        string                  `json:"versioning"`
	ReadHistory       bool                    `json:"readHistory"`
	UpdateCreate      bool                    `json:"updateCreate"`
	ConditionalCreate bool                    `json:"conditionalCreate"`
	ConditionalRead   string                  `json:"conditionalRead"`
	ConditionalUpdate bool                    `json:"conditionalUpdate"`
	ConditionalDelete string                  `json:"conditionalDelete"`
	ReferencePolicy   []string                `json:"referencePolicy"`
	SearchParam       []CapabilitySearchParam `json:"searchParam,omitempty"`
	Operation         []CapabilityOperation   `json:"operation,omitempty"`
}

// CapabilityOperation is an operation on a type or its instances.
type CapabilityOperation struct {
	Name       string `json:"name"`
	Definition string `json:"definition"`
}

// CapabilityInteraction is an interaction with a type.
type CapabilityInteraction struct {
	Code string `json:"code"`
}

// CapabilitySearchParam is a search parameter of a type.
type CapabilitySearchParam struct {
	Name       string `json:"name"`
	Definition string `json:"definition,omitempty"`
	Type       string `json:"type"`
}

// Capabilities is the statement with the resources of its first rest.
func Capabilities(statement fhir.CapabilityStatement, resources []CapabilityResource) ([]byte, error) {
	raw, err := json.Marshal(statement)
	if err != nil {
		return nil, fmt.Errorf("capability statement: %w", err)
	}
	list, err := json.Marshal(resources)
	if err != nil {
		return nil, fmt.Errorf("capability statement: %w", err)
	}
	return sjson.SetRawBytes(raw, "rest.0.resource", list)
}
