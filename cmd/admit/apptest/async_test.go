package apptest_test

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/admitdev/admit/pkg/store/storetest"
)

// patients is a Bundle that makes so many Patients of a family.
func patients(kind, family string, n int) string {
	entry := quote(`{"request":{"method":"POST","url":"Patient"},"resource":{"resourceType":"Patient","name":[{"family":%q}]}}`, family)
	return quote(`{"resourceType":"Bundle","type":%q,"entry":[`, kind) + strings.TrimSuffix(strings.Repeat(entry+",", n), ",") + "]}"
}

// later has a Bundle carried out in the background, and gives the path of its status.
func (a api) later(t *testing.T, token, body string) string {
	t.Helper()
	got := a.do(call{Method: http.MethodPost, Path: "/fhir/R4", Token: token, ContentType: "application/fhir+json", Body: body, Header: http.Header{"Prefer": {"respond-async"}}})
	got.wantStatus(t, http.StatusAccepted)
	at := got.Header.Get("Content-Location")
	if !strings.HasPrefix(at, a.base+"fhir/R4/job/") {
		t.Fatalf("Content-Location %q", at)
	}
	return "/" + strings.TrimPrefix(at, a.base)
}

// ended polls a status, as its clients do, until the job has ended.
func (a api) ended(t *testing.T, token, at string) answer {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; {
		got := a.do(call{Method: http.MethodGet, Path: at, Token: token})
		if got.Status != http.StatusAccepted {
			got.wantStatus(t, http.StatusOK)
			return got
		}
		if time.Now().After(deadline) {
			t.Fatal("the job does not end")
		}
		<-time.After(10 * time.Millisecond) // the protocol has no signal
	}
}

func (a api) countFamily(t *testing.T, token, family string) int {
	t.Helper()
	var found struct{ Total int }
	a.do(call{Method: http.MethodGet, Path: "/fhir/R4/Patient?_summary=count&family=" + family, Token: token}).into(t, &found)
	return found.Total
}

func TestBundlesRunInTheBackground(t *testing.T) {
	eachServer(t, func(t *testing.T, w *world) {
		a := w.api(t)
		owner := a.register("owner@clinic.example", "Clinic")
		for _, kind := range []string{"batch", "transaction"} {
			at := a.later(t, owner.AccessToken, patients(kind, "Later"+kind, 3))
			got := a.ended(t, owner.AccessToken, at)
			for _, want := range []string{`"resourceType":"AsyncJob"`, `"status":"completed"`, `"type":"` + kind + `-response"`, `"status":"201"`} {
				if !strings.Contains(string(got.Body), want) {
					t.Errorf("%s: no %s in %.500s", kind, want, got.Body)
				}
			}
			if total := a.countFamily(t, owner.AccessToken, "Later"+kind); total != 3 {
				t.Errorf("%s: %d patients", kind, total)
			}
		}
	})
}

// TestAKilledTransactionIsCarriedOutOnce kills the server with SIGKILL while it carries out a
// transaction in the background. The next one goes on when the job's lease is over.
func TestAKilledTransactionIsCarriedOutOnce(t *testing.T) {
	if os.Getenv("ADMIT_LONG_TESTS") == "" {
		return // .ci/run asks for it
	}
	const many = 3000
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		address := freeAddress(t)
		p := startProcess(t, address, "ADMIT_DATABASE_URL="+db.URL)
		a := api{t, p.URL}
		owner := a.register("owner@clinic.example", "Clinic")
		at := a.later(t, owner.AccessToken, patients("transaction", "Killed", many))
		rows := openSQL(t, db.URL)
		for state := ""; state != "running"; {
			if err := rows.QueryRowContext(t.Context(), "SELECT state FROM river_job WHERE kind = 'request'").Scan(&state); err != nil {
				t.Fatal(err)
			}
			if state == "completed" {
				t.Fatal("the job was too fast to be killed, so nothing is proven")
			}
		}
		p.Kill()
		// A minute in which nothing happens.
		past := time.Now().Add(-61 * time.Second).UTC().Format("2006-01-02 15:04:05-07:00")
		if _, err := openForWriting(t, db.URL).ExecContext(t.Context(), fmt.Sprintf("UPDATE river_job SET attempted_at = '%s' WHERE state = 'running'", past)); err != nil {
			t.Fatal(err)
		}
		startProcess(t, address, "ADMIT_DATABASE_URL="+db.URL)
		if got := a.ended(t, owner.AccessToken, at); !strings.Contains(string(got.Body), `"status":"completed"`) {
			t.Errorf("%.500s", got.Body)
		}
		if total := a.countFamily(t, owner.AccessToken, "Killed"); total != many {
			t.Errorf("%d patients", total)
		}
	})
}
