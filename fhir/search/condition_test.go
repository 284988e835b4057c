package search_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/fhir/search"
)

func TestAConditionIsCriteriaAlone(t *testing.T) {
	for query, ok := range map[string]bool{
		"identifier=1": true, "_id=x&_format=json": true, "identifier=1&_count=50": true,
		"": false, "_format=json": false, "_count=1": false, "identifier=1&_sort=name": false, "identifier=1&_offset=1": false,
		"identifier=1&_include=Patient:organization": false, "identifier=1&_summary=count": false, "nope=1": false, "identifier=": false,
	} {
		r, err := search.Condition("Patient", query, "")
		require.Equal(t, ok, err == nil, "%s: %v", query, err)
		if ok {
			require.Equal(t, 1, r.Count)
		}
	}
}
