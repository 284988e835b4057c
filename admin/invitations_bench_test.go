package admin_test

import (
	"context"
	"database/sql"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/pkg/store/storetest"
)

const manyInvitations = 100_000

// BenchmarkInvitations lists among 100,000 invitations, of which one in a thousand is open, nine in ten
// were accepted and the others ran out; "ms/median" is what half of the requests take at most.
func BenchmarkInvitations(b *testing.B) {
	storetest.Each(b, func(b *testing.B, db storetest.DB) {
		c := newClinic(b, storetest.Open(b, db)).open(b)
		direct := openDirectly(b, db)
		addManyInvitations(b, direct, db, c.project)
		middle := fmt.Sprintf("01900000-0000-7000-8000-%012d", manyInvitations/2)
		for _, tc := range []struct {
			name  string
			query admin.InvitationQuery
			want  int
		}{
			{"list", admin.InvitationQuery{Limit: 50}, 50},
			{"list, from the middle", admin.InvitationQuery{Limit: 50, Cursor: middle}, 50},
			{"pending", admin.InvitationQuery{Limit: 50, States: []string{"pending"}}, 50},
			{"expired", admin.InvitationQuery{Limit: 50, States: []string{"expired"}}, 50},
			{"accepted, from the middle", admin.InvitationQuery{Limit: 50, States: []string{"accepted"}, Cursor: middle}, 50},
			{"an address", admin.InvitationQuery{Limit: 50, Email: "copy77777@example.com"}, 1},
			{"before the middle", admin.InvitationQuery{Limit: 50, Until: time.UnixMilli(manyInvitations / 2)}, 50},
		} {
			b.Run(tc.name, func(b *testing.B) {
				reportMedian(b, func() {
					page, err := c.Invitations(context.Background(), c.ada, c.project, tc.query)
					require.NoError(b, err)
					require.Len(b, page.Invitations, tc.want)
				})
			})
		}
	})
}

// addManyInvitations adds invitations that were made one millisecond after another, in SQL.
func addManyInvitations(b *testing.B, direct *sql.DB, db storetest.DB, project string) {
	b.Helper()
	series, id := "generate_series(1, CAST($1 AS bigint)) AS s(n)", "lpad(n::text, 12, '0')"
	if db.Name == "sqlite" {
		series, id = "(WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < $1) SELECT n FROM c) s", "printf('%012d', n)"
	}
	later := time.Now().Add(time.Hour).UnixMilli()
	_, err := direct.ExecContext(b.Context(), `INSERT INTO invitation (project_id, id, membership_id, user_id, request_id, email, invited_by, state, created_at, updated_at, expires_at)
SELECT (SELECT project_id FROM invitation WHERE project_id = $2 LIMIT 1), '01900000-0000-7000-8000-' || `+id+`, 'm' || n, 'u' || n, '', 'copy' || n || '@example.com', 'ProjectMembership/x',
	CASE WHEN n % 10 = 0 THEN 'sent' ELSE 'accepted' END, n, n, CASE WHEN n % 1000 = 0 THEN CAST($3 AS bigint) ELSE n + 1 END FROM `+series, manyInvitations, project, later)
	require.NoError(b, err)
	if db.Name == "postgres" {
		_, err := direct.ExecContext(b.Context(), "ANALYZE")
		require.NoError(b, err)
	}
}
