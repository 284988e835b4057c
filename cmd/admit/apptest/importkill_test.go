package apptest_test

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/pkg/store/storetest"
)

// TestKilledImportMakesEachRowOnce kills the server with SIGKILL while it imports a list, starts it
// again and goes on, until the list is done: each person is a member once, and each row says so.
func TestKilledImportMakesEachRowOnce(t *testing.T) {
	people, kills := 500, 1
	if os.Getenv("ADMIT_LONG_TESTS") == "1" {
		people, kills = 10_000, 8
	}
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		address := freeAddress(t)
		p := startProcess(t, address, "ADMIT_DATABASE_URL="+db.URL)
		owner := api{t, p.URL}.register("owner@clinic.example", "Clinic")
		k := &killedImport{t: t, owner: owner, base: p.URL + "admin/projects/" + owner.projectID() + "/invitations/import"}
		in := k.ask(http.MethodPost, "", listOf(people, "killed"))
		path := "/" + in.ID
		cutOff := 0
		for range kills {
			done := k.ask(http.MethodPost, path+"/apply", "").Done
			in = k.until(path, func(in admin.Import) bool { return in.Final() || in.Done > done })
			p.Kill()
			p = startProcess(t, address, "ADMIT_DATABASE_URL="+db.URL)
			if in = k.ask(http.MethodGet, path, ""); in.Waiting > 0 {
				cutOff++
			}
		}
		require.Positive(t, cutOff, "no kill hit the import, so nothing is proven")
		k.ask(http.MethodPost, path+"/apply", "")
		in = k.until(path, admin.Import.Final)
		require.Equal(t, people, in.Done, "%+v", in)
		rows := openSQL(t, db.URL)
		for what, count := range map[string]string{
			"members":     "SELECT count(*) FROM resource WHERE type = 'ProjectMembership' AND content LIKE '%killed.%'",
			"people":      "SELECT count(*) FROM resource WHERE type = 'User' AND content LIKE '%killed.%'",
			"profiles":    "SELECT count(*) FROM resource WHERE type = 'Practitioner' AND content LIKE '%killed.%'",
			"invitations": "SELECT count(*) FROM invitation WHERE email LIKE 'killed.%'",
			"different":   "SELECT count(DISTINCT email) FROM invitation WHERE email LIKE 'killed.%'",
		} {
			var n int
			require.NoError(t, rows.QueryRow(count).Scan(&n))
			require.Equal(t, people, n, what)
		}
		t.Logf("%d kills, of which %d cut the import off", kills, cutOff)
	})
}

type killedImport struct {
	t     *testing.T
	owner session
	base  string
}

func (k *killedImport) ask(method, path, body string) (in admin.Import) {
	k.t.Helper()
	request, err := http.NewRequestWithContext(k.t.Context(), method, k.base+path, strings.NewReader(body))
	require.NoError(k.t, err)
	request.Header.Set("Authorization", "Bearer "+k.owner.AccessToken)
	request.Header.Set("Content-Type", "text/csv")
	response, err := http.DefaultTransport.RoundTrip(request)
	require.NoError(k.t, err)
	defer response.Body.Close()
	require.Less(k.t, response.StatusCode, 300)
	require.NoError(k.t, json.NewDecoder(response.Body).Decode(&in))
	return in
}

// until asks until the import stands so.
func (k *killedImport) until(path string, so func(admin.Import) bool) (in admin.Import) {
	k.t.Helper()
	require.Eventually(k.t, func() bool {
		in = k.ask(http.MethodGet, path, "")
		return so(in)
	}, 5*time.Minute, 5*time.Millisecond)
	return in
}
