// Package patch applies the two patches that a server may take (R4 http.html#patch): JSON Patch
// (RFC 6902) and FHIRPath Patch (R4 fhirpatch.html). It changes bytes and does no I/O; whether the
// result is a resource that may be written is for fhir/repo.
//
//   - What no operation names keeps its spelling.
//   - All operations apply or none does; an outcome says which did not.
//   - The number of operations is bounded, and so is what copying makes of a document.
package patch

import (
	"fmt"

	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/pkg/outcome"
)

// The bounds of one patch. A FHIRPath operation reads the whole document again.
const (
	maxOperations         = 1000
	maxFHIRPathOperations = 100
	maxCopied             = 1 << 20 // bytes that "copy" may add
)

// Patch changes a document.
type Patch interface {
	// Apply gives the changed document. Its error is an outcome.
	Apply(content []byte, resourceType string) ([]byte, error)
}

// spelled is a value in a message, as it is written and no longer than a line.
func spelled(n *document.Node) string {
	if n == nil {
		return "undefined"
	}
	if n.Kind == document.String {
		return shortened(n.String())
	}
	return shortened(string(n.Compact(nil)))
}

func shortened(s string) string {
	const most = 200
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return s
}

// refuse is a patch that does not apply.
func refuse(format string, args ...any) *outcome.Outcome {
	return outcome.New(outcome.Invalid, "%s", fmt.Sprintf(format, args...))
}
