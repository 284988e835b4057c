package apptest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/cmd/admit/apptest"
)

// userPool is a project as a client of Authing knows it.
type userPool struct {
	*apptest.Client        // who owns the project
	id, secret      string // what the client signs in with
}

// poolOf lets a client of Authing manage the users of somebody's project.
func poolOf(owner *apptest.Client) userPool {
	made := owner.POST("/admin/projects/"+owner.Project+"/client", `{"name":"Authing"}`).WantStatus(http.StatusCreated)
	member := owner.GET("/fhir/R4/ProjectMembership?user=ClientApplication/" + made.Field("id")).WantStatus(http.StatusOK)
	owner.With("Content-Type", "application/json-patch+json").PATCH("/fhir/R4/ProjectMembership/"+member.Field("entry.0.resource.id"),
		`[{"op":"add","path":"/admin","value":true}]`).WantStatus(http.StatusOK)
	speak(owner, "authing", true)
	return userPool{owner, owner.Project, made.Field("secret")}
}

// speak turns a dialect of a project on or off.
func speak(owner *apptest.Client, dialect string, on bool) {
	owner.POST("/admin/projects/"+owner.Project+"/settings", fmt.Sprintf(`[{"name":%q,"valueBoolean":%t}]`, dialect, on)).WantStatus(http.StatusOK)
}

// operations runs a script of the clients' directory that tells of each operation, and prints the table.
func operations(t *testing.T, name string, environ ...string) {
	t.Helper()
	node := findNode(t)
	if node == "" {
		return
	}
	script := exec.CommandContext(t.Context(), node, name)
	script.Dir = clients
	script.Env = append(os.Environ(), environ...)
	var failed strings.Builder
	script.Stderr = &failed
	out, err := script.Output()
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for line := range strings.Lines(string(out)) {
		var told struct{ Seed, Operation, Client, Result string }
		require.NoError(t, json.Unmarshal([]byte(line), &told), "%s", line)
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", told.Seed, told.Operation, told.Client, told.Result)
		assert.Equal(t, "ok", told.Result, told.Operation)
	}
	require.NoError(t, table.Flush())
	t.Logf("seed, operation, client, result:\n%s", text.String())
	require.NoError(t, err, failed.String())
}

// TestAuthing has the real clients perform every operation of the seed, and others what they must not.
func TestAuthing(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		pool, other := poolOf(s.As(apptest.Admin)), poolOf(s.As(apptest.OtherAdmin))
		for _, script := range []string{"authing.mjs", "authing-v3.mjs"} {
			t.Run(script, func(t *testing.T) {
				operations(t, script, "ADMIT_URL="+s.URL, "POOL="+pool.id, "SECRET="+pool.secret, "PASSWORD="+apptest.Password)
			})
		}
		t.Run("clients of the pool alone", func(t *testing.T) { authingCallers(t, s, pool, other) })
		t.Run("nothing of another pool", func(t *testing.T) { authingPools(t, s, pool, other) })
		t.Run("bad input", func(t *testing.T) { authingBadInput(t, pool.manage(t, s)) })
		t.Run("policies", func(t *testing.T) { authingPolicies(t, pool.manage(t, s), pool) })
		t.Run("signatures", func(t *testing.T) { authingSignatures(t, s, pool, other) })
		t.Run("bad input of version 3", func(t *testing.T) { authingBadInputV3(t, s, pool, other) })
		t.Run("passwords", func(t *testing.T) { authingPasswords(t, s, pool, other) })
		t.Run("off", func(t *testing.T) { authingOff(t, s, pool) })
	})
}
