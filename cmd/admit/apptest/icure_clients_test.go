package apptest_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
	"text/tabwriter"

	"fmt"

	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/cmd/admit/apptest"
)

// speakICure switches the dialect on in a project, with other settings.
func speakICure(admin *apptest.Client, others ...string) {
	settings := append([]string{`{"name":"icure","valueBoolean":true}`}, others...)
	admin.POST("/admin/projects/"+admin.Project+"/settings", "["+strings.Join(settings, ",")+"]").WantStatus(200)
}

// performed is what became of one operation.
type performed struct{ Seed, Operation, Client, Result string }

// TestICureClients lets iCure's real clients do every operation of the seeds, and prints a table of them.
func TestICureClients(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		node := findNode(t)
		if node == "" {
			return
		}
		admin := s.As(apptest.Admin)
		speakICure(admin)
		script := exec.CommandContext(t.Context(), node, "icure.mjs")
		script.Dir = clients
		script.Env = append(os.Environ(), "ADMIT_URL="+s.URL, "GROUP="+admin.Project, "EMAIL="+admin.Email, "PASSWORD="+admin.Password,
			"HCP="+strings.TrimPrefix(admin.Profile, "Practitioner/"))
		var errors bytes.Buffer
		script.Stderr = &errors
		out, err := script.Output()
		var table bytes.Buffer
		rows := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
		done := map[string]int{}
		for line := range strings.Lines(string(out)) {
			var p performed
			if json.Unmarshal([]byte(line), &p) != nil {
				continue
			}
			fmt.Fprintf(rows, "%s\t%s\t%s\t%s\n", p.Seed, p.Operation, p.Client, p.Result)
			if p.Result != "ok" {
				t.Errorf("%s: %s: %s", p.Client, p.Operation, p.Result)
				continue
			}
			done[p.Client]++
		}
		require.NoError(t, rows.Flush())
		t.Logf("%v\n%s", done, table.String())
		require.NoError(t, err, "%s", errors.String())
		require.Len(t, done, 3, "each client has done something")
		require.Contains(t, s.MailAbout("rod@medtech.example.com", "Welcome").Text, "Your login is rod@medtech.example.com and your password admit_")
		require.NotEmpty(t, s.MailAbout("abe@icureapi4082.example.com", "Password Reset").ID)
	})
}
