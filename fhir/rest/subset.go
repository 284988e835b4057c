package rest

import (
	"fmt"
	"slices"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/search"
	"github.com/admitdev/admit/pkg/store"
)

// subsetted marks a resource that is not whole (R4 search.html#summary), once by the system that
// Medplum's clients know and once by R4's own.
const subsetted = `{"system":"http://hl7.org/fhir/v3/ObservationValue","code":"SUBSETTED"},` +
	`{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}`

// subset is what _elements or _summary ask for of a resource, its stored bytes when that is all of
// it. Elements that a resource must have stay in, as R4 search.html#elements advises.
func subset(request *search.Request, res store.Resource) ([]byte, error) {
	if len(request.Elements) == 0 && request.Summary == "" {
		return res.Content, nil
	}
	wanted := wantedElements(request, res.Type)
	if wanted == nil {
		return res.Content, nil
	}
	doc, err := document.Parse(res.Content)
	if err != nil {
		return nil, fmt.Errorf("%s/%s is damaged: %w", res.Type, res.ID, err)
	}
	out := append(make([]byte, 0, len(res.Content)+len(subsetted)+16), '{')
	for i := range doc.Fields {
		f := &doc.Fields[i]
		if f.Name != "resourceType" && f.Name != "id" && f.Name != "meta" && !wanted(f.Name) {
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(append(out, '"'), f.Name...), `":`...) // a known member needs no escape
		if f.Name == "meta" {
			out = tagged(out, f.Value)
			continue
		}
		out = f.Value.Compact(out)
	}
	return append(out, '}'), nil
}

// tagged appends meta with the mark among its tags.
func tagged(out []byte, meta *document.Node) []byte {
	out = append(out, '{')
	for i := range meta.Fields {
		f := &meta.Fields[i]
		if f.Name != "tag" {
			out = append(append(append(out, '"'), f.Name...), `":`...)
			out = append(f.Value.Compact(out), ',')
		}
	}
	out = append(out, `"tag":[`...)
	for _, tag := range meta.Get("tag").Values() {
		out = append(tag.Compact(out), ',')
	}
	return append(append(out, subsetted...), `]}`...)
}

// wantedElements says which members stay; nil means all.
func wantedElements(request *search.Request, resourceType string) func(member string) bool {
	structure := definitions.StructureOf(resourceType)
	if structure == nil {
		return nil
	}
	mandatory := func(member string) bool {
		p, ok := structure.Property(trimmed(member))
		return ok && p.Element.Min > 0
	}
	switch {
	case len(request.Elements) > 0:
		return func(member string) bool {
			name := trimmed(member)
			p, ok := structure.Property(name)
			return mandatory(member) || slices.Contains(request.Elements, name) || ok && slices.Contains(request.Elements, p.Element.Name)
		}
	case request.Summary == search.SummaryData:
		return func(member string) bool { return trimmed(member) != "text" }
	case request.Summary == search.SummaryTrue && slices.ContainsFunc(structure.Elements, summarized):
		return func(member string) bool {
			p, ok := structure.Property(trimmed(member))
			return mandatory(member) || ok && p.Element.Summary
		}
	case request.Summary == search.SummaryText:
		return func(member string) bool { return trimmed(member) == "text" || mandatory(member) }
	}
	return nil
}

// summarized says whether an element is part of a summary. Medplum's own types define none, so
// they are shown whole.
func summarized(e definitions.Element) bool { return e.Summary }

// trimmed is the element of a member: _birthDate has the extensions of birthDate.
func trimmed(member string) string {
	if len(member) > 1 && member[0] == '_' {
		return member[1:]
	}
	return member
}
