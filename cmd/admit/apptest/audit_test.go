package apptest_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/cmd/admit/app"
	"github.com/admitdev/admit/cmd/admit/apptest"
	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/store/storetest"
)

// idOf is the id in a reference.
func idOf(reference string) string {
	_, id, _ := strings.Cut(reference, "/")
	return id
}

// verifyAudit runs `admit audit verify` on a database.
func verifyAudit(t *testing.T, url string, more ...string) (code int, out string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = app.Run(t.Context(), "test", append([]string{"audit", "verify"}, more...), []string{"ADMIT_DATABASE_URL=" + url}, &stdout, &stderr)
	return code, stdout.String() + stderr.String()
}

func TestWhatHappensIsRecordedAndTamperingIsFound(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		s := apptest.Start(t, apptest.On(db))
		admin, patient := s.As(apptest.Admin), s.As(apptest.Patient)
		made := admin.POST("/fhir/R4/Patient", `{"resourceType":"Patient"}`).WantStatus(http.StatusCreated).Field("id")
		patient.GET("/fhir/R4/AccessPolicy/nothing")
		patient.POST("/fhir/R4/AccessPolicy", `{"resourceType":"AccessPolicy"}`).WantStatus(http.StatusForbidden)
		patient.POST("/fhir/R4", `{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET","url":"ProjectMembership/`+idOf(admin.Membership)+`"}}]}`).OK()
		total := func(query string) string {
			return admin.GET("/fhir/R4/AuditEvent?_total=accurate&" + query).OK().Field("total")
		}
		assert.Equal(t, "1", total("entity=Patient/"+made+"&action=C"))
		assert.Equal(t, "1", admin.GET("/fhir/R4/AuditEvent?subtype=invite&_count=1").OK().Field("entry.#"))
		require.Eventually(t, func() bool { return total("outcome=4&subtype=create") == "1" }, 10*time.Second, 20*time.Millisecond)
		require.Eventually(t, func() bool { return total("outcome=4&entity=ProjectMembership/"+idOf(admin.Membership)) == "1" }, 10*time.Second, 20*time.Millisecond)
		assert.Equal(t, "0", s.As(apptest.OtherAdmin).GET("/fhir/R4/AuditEvent?_total=accurate&entity=Patient/"+made).OK().Field("total"))
		patient.GET("/fhir/R4/AuditEvent").WantStatus(http.StatusForbidden)

		code, out := verifyAudit(t, db.URL)
		require.Zero(t, code, out)
		require.Contains(t, out, "project "+admin.Project+": ")
		require.NotContains(t, out, "changed")
		require.NoError(t, s.Store.InTx(t.Context(), func(tx *store.Tx) error {
			_, err := storetest.SQL(t, tx).ExecContext(t.Context(), `UPDATE resource SET content = replace(content, 'Restful', 'Restless') WHERE type = 'AuditEvent' AND content LIKE '%Patient/`+made+`"%'`)
			return err
		}))
		code, out = verifyAudit(t, db.URL, "--project", admin.Project)
		assert.Equal(t, 1, code)
		assert.Contains(t, out, ": was changed or stands elsewhere than where it was sealed\n")
		code, out = verifyAudit(t, db.URL, "--project", s.As(apptest.OtherAdmin).Project)
		assert.Zero(t, code, out)
		nowhere := clock.System{}.NewID()
		code, out = verifyAudit(t, db.URL, "--project", nowhere)
		assert.Equal(t, 1, code)
		assert.Contains(t, out, "--project: there is no project "+nowhere)
	})
}

// TestNothingChangesARecord: accounts go down a patient's compartment, in which the records of what was done to the
// patient are too.
func TestNothingChangesARecord(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		s := apptest.Start(t, apptest.On(db))
		admin := s.As(apptest.Admin)
		patient := admin.POST("/fhir/R4/Patient", `{"resourceType":"Patient"}`).WantStatus(http.StatusCreated).Field("id")
		about := `{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/` + patient + `"}}`
		admin.POST("/fhir/R4/Observation", about).WantStatus(http.StatusCreated)
		records := "/fhir/R4/AuditEvent?_total=accurate&_compartment=Patient/" + patient
		require.Equal(t, "2", admin.GET(records).OK().Field("total"), "and asking has made them resources")

		changed := admin.POST("/fhir/R4/Patient/"+patient+"/$set-accounts", `{"accounts":[{"reference":"Organization/o"}],"propagate":true}`).OK()
		assert.Equal(t, "2", changed.Field("parameter.0.valueInteger"), "the patient and the observation")
		assert.Equal(t, "0", admin.GET("/fhir/R4/AuditEvent?_total=accurate&_compartment=Organization/o").OK().Field("total"))
		code, out := verifyAudit(t, db.URL, "--project", admin.Project)
		assert.Zero(t, code, out)
	})
}
