package apptest_test

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/admitdev/admit/pkg/store/storetest"
)

// tellOfExpunge are the tables that may name a Project which is erased: what was asked for and by whom,
// what other processes must forget, and which Projects the password of a User of the server has opened.
var tellOfExpunge = []string{"expunge", "river_job", "change", "audit", "resource", "string_index", "reference_index", "blob", "credential"}

// naming lists the tables that have a row in which a value occurs.
func (w *world) naming(t *testing.T, value string) (named []string) {
	t.Helper()
	row := "CAST(x AS text)"
	for _, table := range tables(t, w.db) {
		if isSQLite(w.db) {
			row = w.columnsOf(t, table)
		}
		var n int
		query := fmt.Sprintf("SELECT count(*) FROM %s x WHERE %s LIKE '%%%s%%'", table, row, value)
		if err := w.db.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
			t.Fatal(query, err)
		}
		if n > 0 {
			named = append(named, table)
		}
	}
	return named
}

// columnsOf is all columns of a table of SQLite as one text.
func (w *world) columnsOf(t *testing.T, table string) string {
	t.Helper()
	var joined string
	err := w.db.QueryRowContext(t.Context(), "SELECT group_concat('coalesce(CAST(x.\"' || name || '\" AS text), '''')', '||') FROM pragma_table_info('"+table+"')").Scan(&joined)
	if err != nil {
		t.Fatal(err)
	}
	return "(" + joined + ")"
}

func TestAProjectIsErasedWithEverythingInIt(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		a := w.api(t)
		super := a.signIn(superAdminEmail, superAdminPassword, "")
		project, user := w.owner.projectID(), a.member(w.owner, "Patient", "patient@clinic.example", "")
		before := w.naming(t, project)
		for _, table := range []string{"resource", "resource_history", "unique_key", "login", "credential", "token_index", "reference_index"} {
			if !slices.Contains(before, table) {
				t.Errorf("%s does not name the Project before", table)
			}
		}
		begun := a.post("/fhir/R4/Project/"+project+"/$expunge?everything=true", super.AccessToken, "{}")
		at := "/" + strings.TrimPrefix(begun.Header.Get("Content-Location"), a.base)
		for _, token := range []string{w.owner.AccessToken, user.AccessToken} {
			a.do(call{Method: http.MethodGet, Path: "/fhir/R4/Patient", Token: token}).wantStatus(t, http.StatusUnauthorized)
		}
		a.ended(t, super.AccessToken, at)
		for _, table := range w.naming(t, project) {
			if !slices.Contains(tellOfExpunge, table) {
				t.Errorf("%s names the Project", table)
			}
		}
		for _, table := range []string{"resource", "string_index", "reference_index", "audit", "credential"} {
			var n int
			if err := w.db.QueryRowContext(t.Context(), fmt.Sprintf("SELECT count(*) FROM %s WHERE project_id = '%s'", table, project)).Scan(&n); err != nil || n > 0 {
				t.Errorf("%s has %d rows of the Project, %v", table, n, err)
			}
		}
		if left := w.naming(t, w.patient); len(left) > 0 {
			t.Errorf("a Patient of the Project is named by %v", left)
		}
		record := a.do(call{Method: http.MethodGet, Path: "/fhir/R4/AuditEvent?subtype=expunge&entity=Project/" + project, Token: super.AccessToken})
		if !strings.Contains(string(record.Body), `"code":"expunge"`) {
			t.Errorf("it is not recorded: %s", record.Body)
		}
		got := a.do(call{
			Method: http.MethodPost, Path: "/auth/login", ContentType: "application/json",
			Body: quote(`{"email":"owner@clinic.example","password":%q,"projectId":%q,"scope":"openid"}`, aPassword, project),
		})
		if got.Status != http.StatusBadRequest {
			t.Errorf("the owner comes in: %d %s", got.Status, got.Body)
		}
		a.do(call{Method: http.MethodGet, Path: "/fhir/R4/Patient", Token: w.other.AccessToken}).wantStatus(t, http.StatusOK)
	})
}

// TestAKilledExpungeGoesOn kills the server with SIGKILL while it erases a Project.
func TestAKilledExpungeGoesOn(t *testing.T) {
	if os.Getenv("ADMIT_LONG_TESTS") == "" {
		return // .ci/run asks for it
	}
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		address := freeAddress(t)
		p := startProcess(t, address, "ADMIT_DATABASE_URL="+db.URL)
		a := api{t, p.URL}
		owner, super := a.register("owner@clinic.example", "Clinic"), a.signIn(superAdminEmail, superAdminPassword, "")
		a.ended(t, owner.AccessToken, a.later(t, owner.AccessToken, patients("transaction", "Killed", 3000)))
		begun := a.post("/fhir/R4/Project/"+owner.projectID()+"/$expunge?everything=true", super.AccessToken, "{}")
		at := "/" + strings.TrimPrefix(begun.Header.Get("Content-Location"), a.base)
		rows, left := openSQL(t, db.URL), 0
		count := fmt.Sprintf("SELECT count(*) FROM resource WHERE project_id = '%s'", owner.projectID())
		for deadline := time.Now().Add(time.Minute); left == 0 || left > 2500; {
			if err := rows.QueryRowContext(t.Context(), count).Scan(&left); err != nil {
				t.Fatal(err)
			}
			if left == 0 || time.Now().After(deadline) {
				t.Fatal("the job was too fast or too slow to be killed, so nothing is proven")
			}
		}
		p.Kill()
		startProcess(t, address, "ADMIT_DATABASE_URL="+db.URL)
		a.ended(t, super.AccessToken, at)
		if err := rows.QueryRowContext(t.Context(), count).Scan(&left); err != nil || left != 0 {
			t.Errorf("%d resources are left, %v", left, err)
		}
	})
}
