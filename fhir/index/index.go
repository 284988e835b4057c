package index

import (
	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/pkg/store"
)

// CompartmentParam names the reference rows that say which compartments a resource is in.
const CompartmentParam = "_compartment"

// Extract makes the rows of a resource as it is stored (with its id: see document.Stamp).
func Extract(doc *document.Node, resourceType string) store.Index { return store.Index{} }

// Compartments are the compartments that the resource is in, from its compartment definitions.
func Compartments(doc *document.Node, resourceType string) []store.ReferenceRow { return nil }

// Fold makes a string comparable: lower case, no accents, single spaces.
func Fold(s string) string { return s }

// Date is the closed interval in microseconds that a date, dateTime, instant or partial date covers.
func Date(s string) (low, high int64, ok bool) { return 0, 0, false }

// Decimal is a decimal as text that sorts as the number does, and its implicit range.
func Decimal(s string) (value, low, high string, ok bool) { return "", "", "", false }
