package apptest_test

import (
	"bytes"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/admitdev/admit/pkg/store/storetest"
)

// world is a running server with two projects, people of all sorts in them, and a mail server.
type world struct {
	base string // ends with a slash
	mail *smtpServer
	db   *sql.DB
	proc *process

	databaseURL string
	seen        map[string]string // what look saw last, and when that was
	seenState   string

	owner, other    session // admins of the two projects
	ownerMembership string
	patient         string // a Patient of the first project
	clientID        string // a ClientApplication of the first project
	clientSecret    string

	expired                    string // an access token past its time
	revoked, removed, inactive session
}

func (w *world) api(t *testing.T) api { return api{t, w.base} }

// eachWorld runs a test on each database against a server of its own.
func eachWorld(t *testing.T, test func(t *testing.T, w *world)) {
	eachServer(t, func(t *testing.T, w *world) {
		w.populate(t)
		test(t, w)
	})
}

// eachServer is eachWorld with nobody in it but the super admin.
func eachServer(t *testing.T, test func(t *testing.T, w *world), settings ...string) {
	t.Parallel() // a test waits for its server and its clients more than it works
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		w := &world{mail: startSMTP(t)}
		w.proc = startProcess(t, freeAddress(t), append([]string{
			"ADMIT_DATABASE_URL=" + db.URL, "ADMIT_SMTP_URL=" + w.mail.URL(), "SSL_CERT_FILE=" + w.mail.CertFile,
		}, settings...)...)
		w.base, w.databaseURL = w.proc.URL, db.URL
		w.db = openSQL(t, db.URL)
		test(t, w)
	})
}

func (w *world) populate(t *testing.T) {
	a := w.api(t)
	w.owner = a.register("owner@clinic.example", "Clinic")
	w.other = a.register("other@elsewhere.example", "Elsewhere")
	var me struct{ Membership struct{ ID string } }
	a.do(call{Method: http.MethodGet, Path: "/auth/me", Token: w.owner.AccessToken}).into(t, &me)
	w.ownerMembership = me.Membership.ID
	w.patient = a.post("/fhir/R4/Patient", w.owner.AccessToken, `{"resourceType":"Patient","name":[{"family":"Simpson"}]}`).field(t, "id")

	project := "/admin/projects/" + w.owner.projectID()
	client := a.post(project+"/client", w.owner.AccessToken, `{"name":"Batch"}`)
	w.clientID, w.clientSecret = client.field(t, "id"), client.field(t, "secret")
	w.expired = w.expiredToken(t)

	w.revoked = a.member(w.owner, "Practitioner", "revoked@clinic.example", "")
	a.post("/oauth2/logout", w.revoked.AccessToken, `{}`)
	w.removed = a.member(w.owner, "Practitioner", "removed@clinic.example", "")
	a.do(call{Method: http.MethodDelete, Path: project + "/members/" + w.membership(t, w.removed), Token: w.owner.AccessToken}).wantStatus(t, http.StatusOK)
	w.inactive = a.member(w.owner, "Practitioner", "inactive@clinic.example", "")
	id := w.membership(t, w.inactive)
	var membership map[string]any
	a.do(call{Method: http.MethodGet, Path: project + "/members/" + id, Token: w.owner.AccessToken}).into(t, &membership)
	membership["active"] = false
	body, err := json.Marshal(membership)
	if err != nil {
		t.Fatal(err)
	}
	a.post(project+"/members/"+id, w.owner.AccessToken, string(body))
}

// membership finds the membership by which somebody has signed in.
func (w *world) membership(t *testing.T, s session) string {
	t.Helper()
	return w.membershipOf(t, w.owner, s)
}

// membershipOf is membership as an owner of the project finds it.
func (w *world) membershipOf(t *testing.T, owner, s session) string {
	t.Helper()
	var found struct {
		Entry []struct{ Resource struct{ ID string } }
	}
	w.api(t).do(call{
		Method: http.MethodGet, Path: "/fhir/R4/ProjectMembership?profile=" + s.Profile.Reference, Token: owner.AccessToken,
	}).into(t, &found)
	if len(found.Entry) != 1 {
		t.Fatalf("%d memberships of %s", len(found.Entry), s.Profile.Reference)
	}
	return found.Entry[0].Resource.ID
}

// expiredToken is a token of a client whose tokens live three seconds, waited for until it is over.
func (w *world) expiredToken(t *testing.T) string {
	a := w.api(t)
	client := a.post("/admin/projects/"+w.owner.projectID()+"/client", w.owner.AccessToken, `{"name":"Short","accessTokenLifetime":"3s"}`)
	token := a.clientToken(client.field(t, "id"), client.field(t, "secret"))
	a.do(call{Method: http.MethodGet, Path: "/auth/me", Token: token}).wantStatus(t, http.StatusOK)
	_, claims, _ := parts(t, token)
	expiry, _ := claims["exp"].(float64)
	<-time.After(time.Until(time.Unix(int64(expiry), 0)) + 50*time.Millisecond) // its expiry is the signal
	return token
}

// unchanged runs something that must leave the database as it is.
func (w *world) unchanged(t *testing.T, something func()) {
	t.Helper()
	w.settle(t)
	before := w.look(t)
	something()
	for table, rows := range w.look(t) {
		if before[table] != rows {
			t.Errorf("table %s has changed: %s, then %s", table, before[table], rows)
		}
	}
}

// look is the fingerprint of now. Nothing is read while nobody has written.
func (w *world) look(t *testing.T) map[string]string {
	t.Helper()
	query := `SELECT pg_snapshot_xmax(pg_current_snapshot())::text`
	if isSQLite(w.db) {
		query = `PRAGMA data_version`
	}
	var state string
	if err := w.db.QueryRowContext(t.Context(), query).Scan(&state); err != nil {
		t.Fatal(err)
	}
	if state != w.seenState {
		w.seen, w.seenState = fingerprint(t, w.db), state
	}
	return w.seen
}

// settle waits until the mails that were asked for before are on their way and their jobs done.
func (w *world) settle(t *testing.T) {
	t.Helper()
	for {
		var busy int
		err := w.db.QueryRowContext(t.Context(), `SELECT (SELECT count(*) FROM mail WHERE state = 'queued') +
			(SELECT count(*) FROM river_job WHERE state NOT IN ('completed', 'cancelled', 'discarded'))`).Scan(&busy)
		if err != nil {
			t.Fatal(err)
		}
		if busy == 0 {
			return
		}
		select {
		case <-t.Context().Done():
			t.Fatal("jobs do not end")
		case <-time.After(5 * time.Millisecond): // another process has no signal to wait on
		}
	}
}

// noted are tables that tell of what was refused, or run by themselves.
var noted = map[string]bool{
	"audit": true, "audit_chain": true, "audit_head": true, "rate_limit": true,
	"river_leader": true, "river_queue": true, "river_client": true, "river_client_queue": true, "goose_db_version": true,
}

// fingerprint sums up the rows of each table that tells what there is.
func fingerprint(t *testing.T, db *sql.DB) map[string]string {
	t.Helper()
	sums := map[string]string{}
	for _, table := range tables(t, db) {
		if !noted[table] {
			sums[table] = sumRows(t, db, table)
		}
	}
	return sums
}

func tables(t *testing.T, db *sql.DB) []string {
	t.Helper()
	query := `SELECT tablename FROM pg_tables WHERE schemaname = 'public'`
	if isSQLite(db) {
		query = `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`
	}
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	return names
}

func sumRows(t *testing.T, db *sql.DB, table string) string {
	t.Helper()
	query := `SELECT * FROM "` + table + `"`
	if table == "resource" || strings.HasSuffix(table, "_index") {
		query += ` WHERE type <> 'AuditEvent'` // noted as well
	}
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for rows.Next() {
		values := make([]any, len(columns))
		into := make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, fmt.Sprint(values...))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	return fmt.Sprintf("%d rows, %s", len(lines), hex.EncodeToString(sum[:4]))
}

// openSQL looks at the server's database from outside.
func openSQL(t *testing.T, url string) *sql.DB { return openDatabase(t, url, "ro") }

// openForWriting brings about by hand what otherwise takes days.
func openForWriting(t *testing.T, url string) *sql.DB { return openDatabase(t, url, "rw") }

func openDatabase(t *testing.T, url, mode string) *sql.DB {
	t.Helper()
	driver, source := "pgx", url
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		driver, source = "sqlite", "file:"+path+"?mode="+mode+"&_pragma=busy_timeout(10000)"
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1) // what SQLite tells of others' writes, it tells each connection
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func isSQLite(db *sql.DB) bool {
	return strings.Contains(fmt.Sprintf("%T", db.Driver()), "sqlite")
}

func (w *world) logs() []string { return w.proc.lastLogs(1 << 30) }

func (a api) clientToken(id, secret string) string {
	a.t.Helper()
	got := a.form("/oauth2/token", map[string][]string{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {secret}})
	got.wantStatus(a.t, http.StatusOK)
	return got.field(a.t, "access_token")
}

// stream sends a body whose length is not announced.
func (a api) stream(c call) answer {
	a.t.Helper()
	request, err := http.NewRequestWithContext(a.t.Context(), c.Method, strings.TrimSuffix(a.base, "/")+c.Path, io.NopCloser(bytes.NewBufferString(c.Body)))
	if err != nil {
		a.t.Fatal(err)
	}
	request.Header.Set("Content-Type", c.ContentType)
	request.Header.Set("Authorization", "Bearer "+c.Token)
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		a.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, body}
}

func (got answer) wantStatus(t *testing.T, statuses ...int) {
	t.Helper()
	if !slices.Contains(statuses, got.Status) {
		t.Errorf("status %d, want %v: %.300s", got.Status, statuses, got.Body)
	}
}

// wantOutcome wants an error in FHIR's words. An empty issue accepts any code.
func (got answer) wantOutcome(t *testing.T, status int, issue string) {
	t.Helper()
	got.wantStatus(t, status)
	var outcome struct {
		ResourceType string
		Issue        []struct{ Severity, Code string }
	}
	if err := json.Unmarshal(got.Body, &outcome); err != nil || outcome.ResourceType != "OperationOutcome" || len(outcome.Issue) == 0 {
		t.Errorf("not an OperationOutcome: %d %s %.300s", got.Status, got.Header.Get("Content-Type"), got.Body)
		return
	}
	if !strings.HasPrefix(got.Header.Get("Content-Type"), "application/fhir+json") {
		t.Errorf("an OperationOutcome as %s", got.Header.Get("Content-Type"))
	}
	if first := outcome.Issue[0]; first.Severity != "error" || issue != "" && first.Code != issue {
		t.Errorf("issue %+v, want %s: %.300s", first, issue, got.Body)
	}
}

func TestMain(m *testing.M) {
	if databaseURL := os.Getenv("ADMIT_TEST_DYING_ON"); databaseURL != "" {
		fmt.Fprintln(os.Stderr, serveDying(databaseURL))
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(buildDir())
	os.Exit(code)
}
