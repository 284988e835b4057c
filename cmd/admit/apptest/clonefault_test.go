package apptest_test

import (
	"database/sql"
	"errors"
	"net/http"
	"testing"

	"github.com/admitdev/admit/pkg/store/storetest"
)

// TestAFailingCloneLeavesNothing lets each statement of a $clone fail in its turn. Until the whole copy is
// there, no project and no resource of it is.
func TestAFailingCloneLeavesNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		f := &faults{err: errors.New("out of room"), forGood: true}
		a := api{t, serveStill(t, db, f.hook)}
		rows := openSQL(t, db.URL)
		owner := a.register("owner@clinic.example", "Clinic")
		super := a.signIn(superAdminEmail, superAdminPassword, "")
		before, failed := wantCopies(t, rows, 0), 0
		for n := 1; ; n++ {
			f.arm(n)
			status := a.do(call{
				Method: http.MethodPost, Path: "/fhir/R4/Project/" + owner.projectID() + "/$clone", Token: super.AccessToken,
				ContentType: "application/json", Body: `{"name":"Copy"}`,
			}).Status
			struck := f.disarm()
			if status == http.StatusCreated {
				if struck != "" {
					t.Errorf("statement %d (%s) failed and the clone did not", n, struck)
				}
				wantCopies(t, rows, 1)
				break
			}
			failed++
			if after := wantCopies(t, rows, 0); after != before {
				t.Fatalf("statement %d (%s): %d resources instead of %d", n, struck, after, before)
			}
		}
		if failed < 5 {
			t.Errorf("only %d clones failed, so little is proven", failed)
		}
	})
}

// TestACloneKilledAtAStatementLeavesNothing ends the process by SIGKILL in the midst of a $clone's writes.
func TestACloneKilledAtAStatementLeavesNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		owner := registerOwner(t, db)
		rows := openSQL(t, db.URL)
		server := startDying(t, db)
		super := api{t, server.url}.signIn(superAdminEmail, superAdminPassword, "")
		before := wantCopies(t, rows, 0)
		clone := func(n int) int {
			return server.post(super, "fhir/R4/Project/"+owner.projectID()+"/$clone", `{"name":"Copy"}`, "", n)
		}
		if status := clone(15); status != 0 {
			t.Fatalf("%d instead of a broken connection", status)
		}
		server.kill()
		if after := wantCopies(t, rows, 0); after != before {
			t.Errorf("%d resources instead of %d", after, before)
		}
		server = startDying(t, db)
		if status := clone(0); status != http.StatusCreated {
			t.Errorf("the retry: %d", status)
		}
		wantCopies(t, rows, 1)
	})
}

// wantCopies looks for projects called Copy, and counts all resources.
func wantCopies(t *testing.T, rows *sql.DB, want int) (resources int) {
	t.Helper()
	var copies int
	row := rows.QueryRowContext(t.Context(), `SELECT COUNT(*), COUNT(CASE WHEN type = 'Project' AND CAST(content AS TEXT) LIKE '%"name":"Copy"%' THEN 1 END) FROM resource`)
	if err := row.Scan(&resources, &copies); err != nil {
		t.Fatal(err)
	}
	if copies != want {
		t.Fatalf("%d copies instead of %d", copies, want)
	}
	return resources
}
