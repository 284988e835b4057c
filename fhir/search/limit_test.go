package search_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/search"
	"github.com/admitdev/admit/pkg/store/storetest"
)

// TestTheLargestSearchesRun holds that what is within the bounds is within the databases', too.
func TestTheLargestSearchesRun(t *testing.T) {
	many := func(n int, value string) string {
		values := make([]string, n)
		for i := range values {
			values[i] = fmt.Sprintf(value, i)
		}
		return strings.Join(values, ",")
	}
	var types []string
	for _, name := range definitions.ResourceTypes() {
		if name != "Binary" {
			types = append(types, name)
		}
	}
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		ctx, s := context.Background(), storetest.Open(t, db)
		for name, query := range map[string]string{
			"tokens":      "_type=Patient&identifier=" + many(1900, "urn:s|%d"),
			"ids":         "_type=Patient&_id=" + many(1900, "%d"),
			"references":  "_type=Patient&organization=" + many(1900, "Organization/%d"),
			"strings":     "_type=Patient&name=" + many(100, "n%d"),
			"dates":       "_type=Patient&birthdate=" + many(100, "ne1%03d"),
			"parameters":  "_type=Patient&" + strings.Repeat("name=a&", 20),
			"all types":   "_type=" + strings.Join(types, ",") + "&_lastUpdated=gt2020&_tag=" + many(500, "t%d") + "&_sort=-_lastUpdated",
			"long prefix": "_type=Patient&name=" + strings.Repeat("n", 1000),
			"sort keys":   "_type=Patient&_sort=name,-birthdate,gender,organization,-_lastUpdated",
		} {
			r, err := search.Parse(nil, query, base)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}

			if _, err := s.Search(ctx, queryOf(t, r)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if _, err := s.Count(ctx, queryOf(t, r)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}
