package apptest_test

import (
	"database/sql"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/tidwall/gjson"
	"github.com/tidwall/sjson"
)

// everything is what stands in the database: each value of each row of each table.
func everything(t *testing.T, db *sql.DB) string {
	t.Helper()
	var all strings.Builder
	for _, table := range tables(t, db) {
		rows, err := db.QueryContext(t.Context(), `SELECT * FROM "`+table+`"`)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		columns, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			values, into := make([]any, len(columns)), make([]any, len(columns))
			for i := range values {
				into[i] = &values[i]
			}
			if err := rows.Scan(into...); err != nil {
				t.Fatal(err)
			}
			for i, value := range values {
				fmt.Fprintf(&all, "%s.%s: %s\n", table, columns[i], value)
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
	return all.String()
}

// wantSealed wants a secret nowhere in the database nor in the log.
func (w *world) wantSealed(t *testing.T, p *process, secret string) {
	t.Helper()
	stored := everything(t, w.db)
	if !strings.Contains(stored, "Clinic") {
		t.Fatal("the database is not read")
	}
	for _, line := range append(strings.Split(stored, "\n"), p.lastLogs(100_000)...) {
		if strings.Contains(line, secret) {
			t.Errorf("a secret stands in the plain: %.300s", line)
		}
	}
}

func TestSecretsOfAProjectStandNowhere(t *testing.T) {
	const secret = "hush-0123456789-abcdef"
	setting := quote(`[{"name":"key","valueString":%q}]`, secret)
	sites := quote(`[{"name":"s","domain":["x.example"],"googleClientId":"g","googleClientSecret":%q,"recaptchaSiteKey":"r","recaptchaSecretKey":%q}]`, secret, secret)
	eachServer(t, func(t *testing.T, w *world) {
		a := w.api(t)
		owner := a.register("owner@clinic.example", "Clinic")
		member := a.member(owner, "Practitioner", "member@clinic.example", "")
		super := a.signIn(superAdminEmail, superAdminPassword, "")
		admin, project := "/admin/projects/"+owner.projectID(), "/fhir/R4/Project/"+owner.projectID()
		read := func(a api, path, token string) string {
			t.Helper()
			got := a.do(call{Method: http.MethodGet, Path: path, Token: token})
			got.wantStatus(t, http.StatusOK)
			return string(got.Body)
		}
		a.post(admin+"/secrets", owner.AccessToken, setting)
		a.post(admin+"/sites", owner.AccessToken, sites)
		a.post(admin+"/settings", owner.AccessToken, `[{"name":"x","valueBoolean":true}]`)
		whole, err := sjson.SetRaw(read(a, project, super.AccessToken), "systemSecret", setting)
		if err != nil {
			t.Fatal(err)
		}
		a.do(call{Method: http.MethodPut, Path: project, Token: super.AccessToken, ContentType: "application/fhir+json", Body: whole}).wantStatus(t, http.StatusOK)
		shown := read(a, project, owner.AccessToken)
		at := a.later(t, owner.AccessToken, `{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"PUT","url":"Project/`+owner.projectID()+`"},"resource":`+shown+`}]}`)
		if done := string(a.ended(t, owner.AccessToken, at).Body); !strings.Contains(done, secret) {
			t.Errorf("the answer that was kept does not show them: %s", done)
		}
		a.post("/fhir/R4/DomainConfiguration", super.AccessToken, `{"resourceType":"DomainConfiguration","domain":"clinic.example","identityProvider":{"authorizeUrl":"https://idp.example/a",`+
			`"tokenUrl":"https://idp.example/t","userInfoUrl":"https://idp.example/u","clientId":"x","clientSecret":"`+secret+`","userInfoMode":"gcip","userInfoApiKey":"`+secret+`"}}`)
		a.post(admin+"/client", owner.AccessToken, quote(`{"name":"c","secret":%q}`, secret))

		w.proc.Kill()
		w.wantSealed(t, w.proc, secret)
		again := startProcess(t, freeAddress(t), "ADMIT_DATABASE_URL="+w.databaseURL, "ADMIT_BASE_URL="+w.base)
		a = api{t, again.URL}
		if now := read(a, project, owner.AccessToken); now != shown {
			t.Errorf("after a restart %s\nand before %s", now, shown)
		}
		for element, want := range map[string]string{"secret": setting, "site": sites, "systemSecret": ""} {
			if got := gjson.Get(shown, element).Raw; got != want {
				t.Errorf("%s is shown as %s", element, got)
			}
		}
		details := read(a, admin, owner.AccessToken)
		if gjson.Get(details, "project.secret").Raw != setting || gjson.Get(details, "project.site").Raw != sites {
			t.Errorf("the administrator's page shows %s", details)
		}
		if history := read(a, project+"/_history", super.AccessToken); strings.Count(history, secret) != strings.Count(setting+sites+setting, secret) {
			t.Errorf("of the history the current version alone shows them: %s", history)
		}
		for _, path := range []string{project, admin, "/fhir/R4/Project"} {
			if got := a.do(call{Method: http.MethodGet, Path: path, Token: member.AccessToken}); strings.Contains(string(got.Body), secret) {
				t.Errorf("%s shows a member %s", path, got.Body)
			}
		}
	})
}

// TestAnOldDatabaseIsSealedAtItsNextStart: what an earlier version has stored, as its migration finds it.
func TestAnOldDatabaseIsSealedAtItsNextStart(t *testing.T) {
	const secret = "hush-0123456789-abcdef"
	eachServer(t, func(t *testing.T, w *world) {
		a := w.api(t)
		owner := a.register("owner@clinic.example", "Clinic")
		admin := "/admin/projects/" + owner.projectID()
		a.post(admin+"/settings", owner.AccessToken, `[{"name":"x","valueBoolean":true}]`)
		w.proc.Kill()
		old := openForWriting(t, w.databaseURL)
		for _, statement := range []string{
			`UPDATE resource SET content = substr(content, 1, length(content) - 1) || ',"secret":[{"name":"key","valueString":"` + secret + `"}]}' WHERE type = 'Project'`,
			`UPDATE resource_history SET content = substr(content, 1, length(content) - 1) || ',"secret":[{"name":"key","valueString":"` + secret + `"}]}' WHERE type = 'Project'`,
			`DELETE FROM goose_db_version WHERE version_id = 18`, `DROP TABLE unsealed`, `ALTER TABLE async_job DROP COLUMN sealed`,
		} {
			if _, err := old.ExecContext(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
		again := startProcess(t, freeAddress(t), "ADMIT_DATABASE_URL="+w.databaseURL, "ADMIT_BASE_URL="+w.base)
		w.wantSealed(t, again, secret)
		got := api{t, again.URL}.do(call{Method: http.MethodGet, Path: admin, Token: owner.AccessToken})
		if !strings.Contains(string(got.Body), secret) {
			t.Errorf("its administrator has lost it: %s", got.Body)
		}
	})
}
