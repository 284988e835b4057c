package store_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/pkg/store/storetest"
)

// TestQueriesOfOnePipeline: what one of them comes to, nobody else gets.
func TestQueriesOfOnePipeline(t *testing.T) {
	if !storetest.HavePostgres(t) {
		return
	}
	s := storetest.Open(t, storetest.Postgres(t))
	const number = "SELECT n FROM generate_series(1, $1::int) n"
	for _, tc := range []struct {
		name, query string
		want        string
	}{
		{"all are answered", number, ""},
		{"one is no SQL, which nothing is sent for", "SELECT nothing FROM nowhere", "nowhere"},
		{"one fails before its first row", "SELECT 1 / ($1::int - $1::int)", "division by zero"},
		{"one fails after some rows", "SELECT 1 / (2 - n) FROM generate_series(1, $1::int) n", "division by zero"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			queries := []string{number, number, tc.query, number, number}
			got := make([][]int, len(queries))
			errs := s.Pipeline(t.Context(), queries, 3, func(query, n int) error {
				got[query] = append(got[query], n)
				return nil
			})
			for i := range queries {
				if i == 2 && tc.want != "" {
					assert.ErrorContains(t, errs[i], tc.want)
					continue
				}
				require.NoError(t, errs[i], "query %d", i)
				assert.Equal(t, []int{1, 2, 3}, got[i], "query %d", i)
			}
		})
	}
	enough := errors.New("enough")
	errs := s.Pipeline(t.Context(), []string{number, number, number}, 3, func(query, n int) error {
		if query == 1 && n == 2 {
			return enough
		}
		return nil
	})
	assert.Equal(t, []error{nil, enough, nil}, errs, "what the reader of one says is its own")
}
