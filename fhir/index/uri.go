package index

import (
	"strings"

	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/fhirpath"
	"github.com/admitdev/admit/pkg/store"
)

// uri makes the rows of R4 search.html#uri; a canonical with a version also has one without.
func (b *builder) uri(param string, v fhirpath.Value) {
	kind, uri, ok := v.Primitive()
	if !ok || kind != document.String {
		return
	}
	b.rows.URI = append(b.rows.URI, store.URIRow{Param: param, URI: uri})
	if bare, _, versioned := strings.Cut(uri, "|"); versioned && v.Is("canonical") {
		b.rows.URI = append(b.rows.URI, store.URIRow{Param: param, URI: bare})
	}
}
