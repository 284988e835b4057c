package admin_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/pkg/store/storetest"
)

const manyUsers = 100_000

// BenchmarkUsers lists and searches among 100,000 members; "ms/median" is what half of the requests
// take at most. The members are copies of one, made in SQL.
func BenchmarkUsers(b *testing.B) {
	storetest.Each(b, func(b *testing.B, db storetest.DB) {
		c := newClinic(b, storetest.Open(b, db)).open(b)
		c.addManyUsers(b, db)
		group, _, err := c.Groups(context.Background(), c.ada, c.project, "")
		require.NoError(b, err)
		middle := fmt.Sprintf("01900000-0000-7000-8000-%012d", manyUsers/2)
		for _, tc := range []struct {
			name  string
			query admin.UserQuery
			want  int
		}{
			{"list", admin.UserQuery{Limit: 50}, 50},
			{"list, from the middle", admin.UserQuery{Limit: 50, Cursor: middle}, 50},
			{"list, active", admin.UserQuery{Limit: 50, Status: admin.StatusActive}, 50},
			{"search, one of a hundred", admin.UserQuery{Limit: 50, Search: "given42"}, 50},
			{"search, one of all", admin.UserQuery{Limit: 50, Search: "user77777"}, 1},
			{"search, two words", admin.UserQuery{Limit: 50, Search: "given42 family42"}, 50},
			{"search, everybody", admin.UserQuery{Limit: 50, Search: "example"}, 50},
			{"group of everybody", admin.UserQuery{Limit: 50, Group: group[0].Code}, 50},
			{"group of everybody, from the middle", admin.UserQuery{Limit: 50, Group: group[0].Code, Cursor: middle}, 50},
		} {
			b.Run(tc.name, func(b *testing.B) {
				reportMedian(b, func() {
					page, err := c.ListUsers(context.Background(), c.ada, c.project, tc.query)
					require.NoError(b, err)
					require.GreaterOrEqual(b, len(page.Users), tc.want)
				})
			})
		}
	})
}

// addManyUsers copies one user's rows, with other ids and names.
func (c *clinic) addManyUsers(b *testing.B, db storetest.DB) {
	ctx := context.Background()
	_, err := c.CreateGroup(ctx, c.ada, c.project, admin.GroupFields{Code: "all"})
	require.NoError(b, err)
	var draft admin.UserDraft
	require.NoError(b, json.Unmarshal([]byte(`{"profileType":"Practitioner","login":"tmpllogin","email":"tmpllogin@example.com",
		"givenName":"Tmplgiven","familyName":"Tmplfamily","company":"Tmplcompany","groups":["all"]}`), &draft))
	made, err := c.CreateUser(ctx, c.ada, c.project, draft)
	require.NoError(b, err)
	_, user := made.User.Split()
	direct := openDirectly(b, db)
	series, number := "generate_series(1, %d) AS s(n)", "lpad(n::text, 12, '0')"
	if db.Name == "sqlite" {
		series, number = "(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM s WHERE n < %d) SELECT n FROM s) AS s", "printf('%%012d', n)"
	}
	copied := func(column string) string {
		for _, as := range [][2]string{
			{made.ID, "'01900000-0000-7000-8000-' || " + number}, {user, "'01900000-0000-7000-9000-' || " + number},
			{"tmpllogin", "'user' || n"}, {"Tmplgiven", "'Given' || (n % 100)"}, {"tmplgiven", "'given' || (n % 100)"},
			{"Tmplfamily", "'Family' || (n % 1000)"}, {"tmplfamily", "'family' || (n % 1000)"},
			{"Tmplcompany", "'Company' || (n % 10)"}, {"tmplcompany", "'company' || (n % 10)"},
		} {
			column = "replace(" + column + ", '" + as[0] + "', " + strings.ReplaceAll(as[1], "%%", "%") + ")"
		}
		return column
	}
	tables := []string{"resource", "token_index", "reference_index", "string_index", "date_index", "uri_index", "unique_key"}
	for _, table := range tables {
		columns := columnsOf(b, direct, table)
		values := make([]string, len(columns))
		for i, column := range columns {
			values[i] = column
			if slices.Contains([]string{"id", "content", "code", "target_id", "url", "folded", "exact", "uri", "value"}, column) {
				values[i] = copied(column)
			}
		}
		for _, statement := range []string{
			fmt.Sprintf("CREATE TEMPORARY TABLE template_%s AS SELECT * FROM %[1]s WHERE id IN ('%s', '%s')", table, made.ID, user),
			fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM template_%[1]s, %[4]s",
				table, strings.Join(columns, ", "), strings.Join(values, ", "), fmt.Sprintf(series, manyUsers)),
		} {
			_, err := direct.ExecContext(ctx, statement)
			require.NoError(b, err, table)
		}
	}
	_, err = direct.ExecContext(ctx, "ANALYZE")
	require.NoError(b, err)
}

func columnsOf(b *testing.B, direct *sql.DB, table string) []string {
	rows, err := direct.Query("SELECT * FROM " + table + " LIMIT 0")
	require.NoError(b, err)
	defer rows.Close()
	columns, err := rows.Columns()
	require.NoError(b, err)
	require.NoError(b, rows.Err())
	return columns
}

// reportMedian has a benchmark report what half of the calls take at most.
func reportMedian(b *testing.B, call func()) {
	b.Helper()
	var took []time.Duration
	for b.Loop() {
		begun := time.Now()
		call()
		took = append(took, time.Since(begun))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms/median")
}
