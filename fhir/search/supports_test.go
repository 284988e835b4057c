package search_test

import (
	"testing"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/search"
	"github.com/admitdev/admit/pkg/outcome"
)

// values are one that each type of parameter takes.
var values = map[definitions.ParamType]string{
	definitions.Number: "1", definitions.Date: "2024", definitions.String: "a", definitions.Token: "a", definitions.Reference: "a",
	definitions.Quantity: "1", definitions.URI: "urn:a",
}

// TestSupportsTellsTheTruth asks by every parameter of R4: those that are supported compile, the
// others are refused. What is not supported is few and known.
func TestSupportsTellsTheTruth(t *testing.T) {
	refused := map[string]bool{"_text": true, "_content": true, "_query": true, "near": true, "_filter": true} // _filter is no parameter with a value of a type
	for _, resourceType := range definitions.ResourceTypes() {
		if resourceType == "Binary" {
			continue
		}
		for _, p := range definitions.SearchParams(resourceType) {
			value := values[p.Type]
			if p.Type == definitions.Composite {
				value = compositeValue(resourceType, p)
			}
			_, err := search.Parse([]string{resourceType}, p.Code+"="+value, base)
			if supported := search.Supports(resourceType, p); supported == refused[p.Code] || supported != (err == nil) {
				t.Errorf("%s?%s=%s: supported %v, %v", resourceType, p.Code, value, supported, err)
			}
			if err != nil && !outcome.Has(err, outcome.NotSupported) && !outcome.Has(err, outcome.Invalid) {
				t.Errorf("%s?%s: %v", resourceType, p.Code, err)
			}
		}
	}
}

func compositeValue(resourceType string, p *definitions.SearchParam) string {
	value := ""
	for i, component := range p.Components {
		if i > 0 {
			value += "$"
		}
		for _, part := range definitions.SearchParams(resourceType) {
			if part.URL == component.Definition {
				value += values[part.Type]
			}
		}
	}
	return value
}
