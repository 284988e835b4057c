package search

import (
	"time"

	"github.com/admitdev/admit/pkg/store"
)

// Holds says whether the search finds a resource that has these rows, for resources that no store
// keeps. A search that names value sets must be resolved before.
func (r *Request) Holds(ref store.Ref, lastUpdated time.Time, ix store.Index) bool {
	return Match(r.filters[ref.Type], ref, lastUpdated, ix)
}
