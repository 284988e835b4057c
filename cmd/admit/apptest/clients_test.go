package apptest_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

const clients = "../../../testdata/clients"

// TestMedplumClient lets the real @medplum/core do the main job against a server of ours.
func TestMedplumClient(t *testing.T) {
	node := findNode(t)
	if node == "" {
		return
	}
	eachServer(t, func(t *testing.T, w *world) {
		mails := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if _, err := rw.Write([]byte(w.mail.WaitFor(t, r.URL.Query().Get("to")).Text)); err != nil {
				t.Error(err)
			}
		}))
		defer mails.Close()
		script := exec.CommandContext(t.Context(), node, "--test", "--test-reporter=tap", "medplum.mjs")
		script.Dir = clients
		script.Env = append(os.Environ(), "ADMIT_URL="+w.base, "MAIL_URL="+mails.URL)
		out, err := script.CombinedOutput()
		if err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	})
}

// findNode finds Node and installs the pinned packages. Without Node a developer's machine goes
// without this proof; CI does not.
func findNode(t *testing.T) string {
	t.Helper()
	node, err := exec.LookPath("node")
	if err == nil {
		_, err = exec.LookPath("npm")
	}
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Logf("not proven here: %v", err)
		return ""
	}
	if _, err := os.Stat(filepath.Join(clients, "node_modules", "@medplum", "core")); errors.Is(err, os.ErrNotExist) {
		install := exec.CommandContext(t.Context(), "npm", "ci", "--no-audit", "--no-fund")
		install.Dir = clients
		if out, err := install.CombinedOutput(); err != nil {
			t.Fatalf("npm ci: %v\n%s", err, out)
		}
	}
	return node
}
