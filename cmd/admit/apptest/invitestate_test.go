package apptest_test

import (
	"database/sql"
	"fmt"
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
		{&s.Audits, `SELECT count(*) FROM audit a JOIN invitation i ON a.entity LIKE '%' || i.membership_id WHERE i.email = $1`},
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
	const exists = `SELECT 1 FROM resource r WHERE NOT r.deleted AND r.type || '/' || r.id = `
	checks := map[string]string{
		"users without a membership": `SELECT count(*) FROM resource u WHERE u.type = 'User' AND NOT u.deleted AND NOT EXISTS (
			SELECT 1 FROM reference_index i WHERE i.type = 'ProjectMembership' AND i.param = 'user' AND i.target_type = 'User' AND i.target_id = u.id)`,
		"memberships without their user or profile": `SELECT count(*) FROM reference_index i WHERE i.type = 'ProjectMembership'
			AND i.param IN ('user', 'profile') AND NOT EXISTS (` + exists + `i.target_type || '/' || i.target_id)`,
		"keys without an owner":            `SELECT count(*) FROM unique_key k WHERE NOT EXISTS (` + exists + `k.type || '/' || k.id)`,
		"invitations without a membership": `SELECT count(*) FROM invitation i WHERE NOT EXISTS (` + exists + `'ProjectMembership/' || i.membership_id)`,
	}
	for _, table := range []string{"token_index", "reference_index", "string_index", "date_index", "quantity_index", "uri_index"} {
		checks["rows of "+table+" without their resource"] = fmt.Sprintf(
			`SELECT count(*) FROM %s i WHERE NOT EXISTS (SELECT 1 FROM resource r
				WHERE r.project_id = i.project_id AND r.type = i.type AND r.id = i.id AND NOT r.deleted)`, table)
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
