package apptest_test

import (
	"database/sql"
	"testing"
)

// inviteState counts what one invite has left in the database, read past the server.
type inviteState struct {
	Keys, Users, Profiles, Memberships, Requests, Invitations, Audits, Mails, Jobs int
}

var (
	nothingOfIt = inviteState{}
	allOfIt     = inviteState{Keys: 1, Users: 1, Profiles: 1, Memberships: 1, Requests: 1, Invitations: 1, Audits: 1, Mails: 1, Jobs: 1}
)

// readInvite looks for each thing by the address that was invited. The queries read alike on both
// databases but for the job's arguments, which Postgres keeps as jsonb.
func readInvite(t *testing.T, db *sql.DB, email string) inviteState {
	t.Helper()
	args := "CAST(j.args AS text)"
	var s inviteState
	for _, q := range []struct {
		into  *int
		query string
	}{
		{&s.Keys, `SELECT count(*) FROM unique_key WHERE kind = 'User.email' AND value = $1`},
		{&s.Users, `SELECT count(*) FROM resource WHERE type = 'User' AND NOT deleted AND content LIKE '%"email":"' || $1 || '"%'`},
		{&s.Profiles, `SELECT count(*) FROM resource WHERE type = 'Practitioner' AND NOT deleted AND content LIKE '%"value":"' || $1 || '"%'`},
		{&s.Memberships, `SELECT count(*) FROM resource WHERE type = 'ProjectMembership' AND NOT deleted AND content LIKE '%"display":"' || $1 || '"%'`},
		{&s.Requests, `SELECT count(*) FROM invitation i JOIN security_request r ON r.id = i.request_id WHERE i.email = $1`},
		{&s.Invitations, `SELECT count(*) FROM invitation WHERE email = $1`},
		{&s.Audits, `SELECT count(*) FROM (SELECT content FROM audit UNION ALL SELECT content FROM resource WHERE type = 'AuditEvent') a
			JOIN invitation i ON a.content LIKE '%ProjectMembership/' || i.membership_id || '"%' AND a.content LIKE '%"code":"invite"%' WHERE i.email = $1`},
		{&s.Mails, `SELECT count(*) FROM mail WHERE recipient = $1`},
		{&s.Jobs, `SELECT count(*) FROM river_job j JOIN mail m ON ` + args + ` LIKE '%' || m.id || '%' WHERE m.recipient = $1`},
	} {
		if err := db.QueryRowContext(t.Context(), q.query, email).Scan(q.into); err != nil {
			t.Fatalf("%s: %v", q.query, err)
		}
	}
	return s
}

// wantWhole fails unless all or nothing of an invite is there; an acknowledged one is there.
func wantWhole(t *testing.T, db *sql.DB, email string, acknowledged bool) {
	t.Helper()
	switch s := readInvite(t, db, email); {
	case s == allOfIt:
	case s == nothingOfIt && !acknowledged:
	default:
		t.Errorf("%s (acknowledged: %v) is left as %+v", email, acknowledged, s)
	}
}

// wantNoOrphans looks at the identity of all people at once: nobody without a membership, no
// membership without its user and profile, no key without an owner, no index row without its resource.
func wantNoOrphans(t *testing.T, db *sql.DB) {
	t.Helper()
	const existing = `(SELECT type || '/' || id FROM resource WHERE NOT deleted)` // read once, whatever there is to compare
	checks := map[string]string{
		"users without a membership": `SELECT count(*) FROM resource WHERE type = 'User' AND NOT deleted AND id NOT IN
			(SELECT target_id FROM reference_index WHERE type = 'ProjectMembership' AND param = 'user' AND target_type = 'User')`,
		"memberships without their user or profile": `SELECT count(*) FROM reference_index WHERE type = 'ProjectMembership'
			AND param IN ('user', 'profile') AND target_type || '/' || target_id NOT IN ` + existing,
		"keys without an owner":            `SELECT count(*) FROM unique_key WHERE type || '/' || id NOT IN ` + existing,
		"invitations without a membership": `SELECT count(*) FROM invitation WHERE 'ProjectMembership/' || membership_id NOT IN ` + existing,
	}
	for _, table := range []string{"token_index", "reference_index", "string_index", "date_index", "quantity_index", "uri_index"} {
		checks["rows of "+table+" without their resource"] = `SELECT count(*) FROM ` + table + ` WHERE type || '/' || id NOT IN ` + existing
	}
	for what, query := range checks {
		var n int
		if err := db.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if n != 0 {
			t.Errorf("%d %s", n, what)
		}
	}
}
