// Package openapi describes the routes of /admin, /auth, /oauth2 and /mail, and the operations under /fhir/R4
// that FHIR does not define, as OpenAPI 3.1, at /openapi.json. The description is written first, by hand:
// openapi.json has what all paths share, paths/ the paths. A test holds it to the router, which may have no
// other route, and to what the routes really answer.
//
// The rest of the FHIR surface describes itself in its CapabilityStatement, at /fhir/R4/metadata.
package openapi

import (
	"embed"
	"encoding/json"
	"fmt"
)

//go:embed openapi.json paths/*.json
var files embed.FS

// Document is the whole description.
func Document() ([]byte, error) {
	var document map[string]json.RawMessage
	if err := read("openapi.json", &document); err != nil {
		return nil, err
	}
	entries, err := files.ReadDir("paths")
	if err != nil {
		return nil, err
	}
	paths := map[string]json.RawMessage{}
	for _, entry := range entries {
		if err := read("paths/"+entry.Name(), &paths); err != nil {
			return nil, err
		}
	}
	if document["paths"], err = json.Marshal(paths); err != nil {
		return nil, err
	}
	return json.Marshal(document)
}

func read(name string, into any) error {
	content, err := files.ReadFile(name)
	if err == nil {
		err = json.Unmarshal(content, into)
	}
	if err != nil {
		return fmt.Errorf("OpenAPI description %s: %w", name, err)
	}
	return nil
}
