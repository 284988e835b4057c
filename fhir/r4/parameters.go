package r4

import (
	"bytes"
	"encoding/json"
)

// Parameter is one value of a Parameters resource. At most one of its values is set.
type Parameter struct {
	Name         string          `json:"name"`
	ValueString  string          `json:"valueString,omitempty"`
	ValueCode    string          `json:"valueCode,omitempty"`
	ValueURI     string          `json:"valueUri,omitempty"`
	ValueBoolean *bool           `json:"valueBoolean,omitempty"`
	ValueInteger json.Number     `json:"valueInteger,omitempty"`
	ValueDecimal json.Number     `json:"valueDecimal,omitempty"`
	ValueTime    string          `json:"valueDateTime,omitempty"`
	ValueCoding  json.RawMessage `json:"valueCoding,omitempty"`
	Part         []Parameter     `json:"part,omitempty"`
}

// Parameters is a Parameters resource (R4 parameters.html).
func Parameters(list []Parameter) ([]byte, error) {
	return Marshal(struct {
		ResourceType string      `json:"resourceType"`
		Parameter    []Parameter `json:"parameter,omitempty"`
	}{"Parameters", list})
}

// Marshal is JSON without the escapes that encoding/json adds for HTML.
func Marshal(v any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(out.Bytes()), nil
}
