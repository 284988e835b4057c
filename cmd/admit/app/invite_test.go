package app_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestInviteShowsAListAsksAndReports(t *testing.T) {
	a := applyTo(t, "sqlite:"+filepath.Join(t.TempDir(), "admit.db"))
	code, _, stderr := a.run(clinic, "--yes")
	require.Zero(t, code, stderr)
	server := start(t, a.environ)
	list := filepath.Join(t.TempDir(), "people.csv")
	require.NoError(t, os.WriteFile(list, []byte("resourceType,firstName,lastName,email,sendEmail\n"+
		"Practitioner,Nora,New,nora@example.com,false\nPractitioner,Otto,Old,otto@example.com,false\nNobody,\"E\x1b[31mvil\",X,x@example.com,\n"), 0o600))
	invite := func(more ...string) (int, string, string) {
		return run(t, []string{"ADMIT_CLIENT_SECRET=" + ciSecret}, append([]string{
			"invite", "--from", list, "--server", "http://" + server.address(t), "--client-id", "ci",
			"--project", "0198c0de-0000-7000-8000-000000000001",
		}, more...)...)
	}
	code, out, stderr := invite("--dry-run")
	require.Zero(t, code, stderr)
	require.Contains(t, out, "+ line 2: Practitioner Nora New <nora@example.com>")
	require.Contains(t, out, "3 rows: 2 to create, 0 to update, 0 unchanged, 1 in error.")
	require.NotContains(t, out, "\x1b", "a list does not command the terminal")

	code, out, _ = invite("--yes")
	require.Equal(t, 1, code, "a row was refused")
	require.Contains(t, out, "is done: 2 created, 0 updated, 0 unchanged, 1 refused.")
	require.Equal(t, 1, strings.Count(out, "! line 4"), "a refusal is told once: %s", out)
	code, out, _ = invite("--yes")
	require.Equal(t, 1, code)
	require.Contains(t, out, "is done: 0 created, 0 updated, 2 unchanged, 1 refused.")

	code, _, stderr = run(t, nil, "invite", "--from", list, "--project", "x")
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "say who invites")
}
