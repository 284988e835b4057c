package signin_test

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/secret"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/store/storetest"
)

// compare times ours and what it cannot do without, in turns, so that what else the machine does
// falls on both. Either is first every other time: two hashes fill the heap, and if the same one always came second,
// it alone would pay for the collection of both. The metric is the other by ours: 1 is as fast as what cannot be done without.
func compare(b *testing.B, metric string, ours, bare func()) {
	b.Helper()
	var spent [2]time.Duration
	i := 0
	for ; b.Loop(); i++ {
		for turn := range 2 {
			which := (i + turn) % 2
			began := time.Now()
			[]func(){ours, bare}[which]()
			spent[which] += time.Since(began)
		}
	}
	b.ReportMetric(float64(spent[0].Nanoseconds())/float64(i), "ns/ours")
	b.ReportMetric(float64(spent[1])/float64(spent[0]), metric)
}

// BenchmarkClientCredentials compares a token with its three statements, without their record in the audit, straight to the driver.
func BenchmarkClientCredentials(b *testing.B) {
	storetest.Each(b, func(b *testing.B, db storetest.DB) {
		w := newWorld(b, db)
		_, project := w.owner(w.email("ada"), "Clinic")
		client := w.clientOf(project)
		plain, _, err := w.repo.Secrets.ClientSecrets(b.Context(), nil, project, client)
		require.NoError(b, err)
		form := url.Values{"grant_type": {"client_credentials"}, "client_id": {client}, "client_secret": {plain}}.Encode()
		ours := func() {
			request := httptest.NewRequest(http.MethodPost, "/oauth2/token", strings.NewReader(form))
			request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			answer := httptest.NewRecorder()
			w.handler.ServeHTTP(answer, request)
			if answer.Code != http.StatusOK {
				b.Fatal(answer.Body)
			}
		}
		compare(b, "of-raw", ours, bareToken(b, db, client))
	})
}

// bareToken reads and writes what a client_credentials token needs.
func bareToken(b *testing.B, db storetest.DB, client string) func() {
	direct := openRaw(b, db)
	ctx := context.Background()
	read := func(query string, args ...any) {
		rows, err := direct.QueryContext(ctx, query, args...)
		require.NoError(b, err)
		for rows.Next() {
		}
		require.NoError(b, rows.Err())
		require.NoError(b, rows.Close())
	}
	const held = `SELECT u.project_id, u.type, u.id, r.version, r.last_updated, r.deleted, r.content, r.meta, c.kind, c.hash FROM unique_key u
JOIN resource r ON r.project_id = u.project_id AND r.type = u.type AND r.id = u.id
LEFT JOIN credential c ON c.project_id = u.project_id AND c.type = u.type AND c.id = u.id WHERE u.scope = $1 AND u.kind = CAST($2 AS text) AND u.value = $3`
	const both = `SELECT r.version, r.last_updated, r.deleted, r.content, r.meta FROM unique_key u
JOIN resource r ON r.project_id = u.project_id AND r.type = u.type AND r.id = u.id WHERE u.scope = $1 AND u.kind = CAST($2 AS text) AND u.value >= $3 AND u.value < $4
UNION ALL SELECT r.version, r.last_updated, r.deleted, r.content, r.meta FROM unique_key u
JOIN resource r ON r.project_id = $5 AND r.type = 'Project' AND r.id = CAST(u.project_id AS text) WHERE u.scope = $1 AND u.kind = CAST($2 AS text) AND u.value >= $3 AND u.value < $4`
	columns := strings.Repeat(", ''", 14)
	insert := `INSERT INTO login (id, user_project, user_type, user_id, client_id, wanted_project, profile_type, membership_project, membership_id,
auth_method, scope, nonce, code_challenge, code_challenge_method, remote_address, user_agent,
auth_time, offline, mfa_verified, granted, revoked, updated_at, expires_at) VALUES ($1` + columns + `, '', 0, false, false, true, false, 0, 0)`
	return func() {
		read(held, store.SystemProject, "ClientApplication", client)
		read(both, store.SystemProject, repo.KeyUserMembership, "ClientApplication/"+client+"/", "ClientApplication/"+client+"0", store.SystemProject)
		_, err := direct.ExecContext(ctx, insert, secret.ID())
		require.NoError(b, err)
	}
}

func openRaw(b *testing.B, db storetest.DB) *sql.DB {
	b.Helper()
	driver, dsn := "pgx", db.URL
	if db.Name == "sqlite" {
		driver = "sqlite"
		dsn = "file:" + strings.TrimPrefix(db.URL, "sqlite:") + "?_txlock=immediate&_journal_mode=WAL&_synchronous=FULL&_busy_timeout=10000"
	}
	pool, err := sql.Open(driver, dsn)
	require.NoError(b, err)
	b.Cleanup(func() { _ = pool.Close() })
	if db.Name == "sqlite" {
		pool.SetMaxOpenConns(1)
	}
	return pool
}

// BenchmarkLogin compares a sign-in by password with the one hash that it cannot do without.
func BenchmarkLogin(b *testing.B) {
	storetest.Each(b, func(b *testing.B, db storetest.DB) {
		w := newWorld(b, db)
		w.passwords.Hasher = secret.NewHasher(1)
		w.owner(w.email("ada"), "Clinic")
		hash, err := w.passwords.Hash(b.Context(), password)
		require.NoError(b, err)
		body := fmt.Sprintf(`{"email":%q,"password":%q,"codeChallenge":%q,"codeChallengeMethod":"S256"}`, w.email("ada"), password, challenge())
		compare(b, "of-hash", func() {
			request := httptest.NewRequest(http.MethodPost, "/auth/login", strings.NewReader(body))
			request.Header.Set("Content-Type", "application/json")
			answer := httptest.NewRecorder()
			w.handler.ServeHTTP(answer, request)
			if answer.Code != http.StatusOK {
				b.Fatal(answer.Body)
			}
		}, func() {
			if match, err := w.passwords.Passwords.Verify(b.Context(), password, hash); err != nil || !match {
				b.Fatal(match, err)
			}
		})
	})
}
