package search

import (
	"slices"

	"github.com/admitdev/admit/fhir/index"
	"github.com/admitdev/admit/pkg/store"
)

// Within keeps a search inside of a compartment (R4 compartmentdefinition.html). path is what the
// links of its pages have instead of the type: Patient/x/Observation.
func (r *Request) Within(compartment, id, path string) {
	r.path = path
	in := store.Reference{Param: index.CompartmentParam, Values: []store.ReferenceValue{{Type: compartment, ID: id}}}
	for _, t := range r.Types {
		r.Restrict(t, in)
		if use := (Use{Type: t, Param: index.CompartmentParam}); !slices.Contains(r.Uses, use) {
			r.Uses = append(r.Uses, use)
		}
	}
}

// Restrict adds a condition about one of the types. Whoever adds it sees to Uses.
func (r *Request) Restrict(resourceType string, where store.Predicate) {
	if r.filters == nil {
		r.filters = map[string]store.Predicate{}
	}
	r.filters[resourceType] = both(r.filters[resourceType], where)
}

// Repeat has the links of the pages repeat a parameter that is none of the search's.
func (r *Request) Repeat(name, value string) { r.params = append(r.params, parameter{name, value}) }
