package index

import (
	"strings"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/fhirpath"
	"github.com/admitdev/admit/pkg/store"
)

// reference makes the rows of R4 search.html#reference.
func (b *builder) reference(param string, v fhirpath.Value) {
	switch {
	case v.TypeName() == "Reference":
		if literal := v.Node.Text("reference"); literal != "" {
			b.rows.Reference = append(b.rows.Reference, Literal(param, literal))
		}
		if identifier := v.Node.Get("identifier"); identifier != nil {
			b.addToken(param+IdentifierSuffix, identifier.Text("system"), identifier.Text("value"))
		}
	case v.TypeName() == "Extension":
		for _, value := range v.Children(nil, "value") {
			b.reference(param, value)
		}
	case v.Type != nil && v.Type.Kind == definitions.Resource: // Bundle.entry[0].resource
		if id := v.Node.Text("id"); id != "" {
			b.rows.Reference = append(b.rows.Reference, store.ReferenceRow{Param: param, TargetType: v.Type.Name, TargetID: id})
		}
	default:
		if kind, url, ok := v.Primitive(); ok && kind == document.String {
			b.canonical(param, url)
		}
	}
}

// canonical makes a row of a canonical as it is and, when it names a version, one without: a
// search for the canonical alone finds every version.
func (b *builder) canonical(param, url string) {
	if row := Literal(param, url); row.TargetID != "" { // relative, as R4 allows within a server
		b.rows.Reference = append(b.rows.Reference, row)
	}
	b.rows.Reference = append(b.rows.Reference, store.ReferenceRow{Param: param, URL: url})
	if bare, _, versioned := strings.Cut(url, "|"); versioned {
		b.rows.Reference = append(b.rows.Reference, store.ReferenceRow{Param: param, URL: bare})
	}
}

// Literal is the row of a literal reference. Type/id, with or without a version, is local;
// anything else (absolute, urn:, #contained) is kept as a URL.
func Literal(param, reference string) store.ReferenceRow {
	local, _, _ := strings.Cut(reference, "/_history/")
	resourceType, id, ok := strings.Cut(local, "/")
	if ok && isID(id) && definitions.IsResource(resourceType) {
		return store.ReferenceRow{Param: param, TargetType: resourceType, TargetID: id}
	}
	return store.ReferenceRow{Param: param, URL: reference}
}

// isID says whether s is an id (R4 datatypes.html#id).
func isID(s string) bool {
	for _, c := range []byte(s) {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '.') {
			return false
		}
	}
	return 0 < len(s) && len(s) <= 64
}

// CompartmentParam names the reference rows that say which compartments a resource is in.
const CompartmentParam = "_compartment"

// Compartments are the rows of CompartmentParam: the resource's own compartment when its type
// has one, those that its compartment definitions put it into, and its accounts (meta.accounts).
func Compartments(doc *document.Node, resourceType string) []store.ReferenceRow {
	var out []store.ReferenceRow
	for _, row := range Extract(doc, resourceType).Reference {
		if row.Param == CompartmentParam {
			out = append(out, row)
		}
	}
	return out
}

// AccountParam names the reference rows that say which accounts (meta.accounts) a Patient has, which
// others inherit. Nobody searches by it.
const AccountParam = "_account"

// Patients are the ids of the patients whose compartment a resource is in by what it refers to.
func Patients(doc *document.Node, resourceType string) []string {
	params, ok := definitions.Compartment("Patient", resourceType)
	if !ok {
		return nil
	}
	var ids []string
	for _, row := range Extract(doc, resourceType).Reference {
		if row.TargetType == "Patient" && contains(params, row.Param) && !contains(ids, row.TargetID) {
			ids = append(ids, row.TargetID)
		}
	}
	return ids
}

// compartments adds the rows of CompartmentParam; the other reference rows are there already.
func (b *builder) compartments(doc *document.Node, resourceType string) {
	found := b.rows.Reference
	for _, compartment := range definitions.Compartments() {
		if id := doc.Text("id"); resourceType == compartment && id != "" {
			b.addCompartment(compartment, id)
		}
		params, _ := definitions.Compartment(compartment, resourceType)
		for _, row := range found {
			if row.TargetType == compartment && contains(params, row.Param) {
				b.addCompartment(compartment, row.TargetID)
			}
		}
	}
	for _, account := range doc.Find("meta", "accounts").Values() {
		if row := Literal(CompartmentParam, account.Text("reference")); row.TargetID != "" {
			b.addCompartment(row.TargetType, row.TargetID)
		}
	}
}

func (b *builder) addCompartment(resourceType, id string) {
	b.rows.Reference = append(b.rows.Reference, store.ReferenceRow{Param: CompartmentParam, TargetType: resourceType, TargetID: id})
}

func contains(list []string, s string) bool {
	for _, item := range list {
		if item == s {
			return true
		}
	}
	return false
}
