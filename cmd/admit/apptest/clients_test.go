package apptest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const clients = "../../../testdata/clients"

// TestMedplumClient lets the real @medplum/core do the main job against a server of ours.
func TestMedplumClient(t *testing.T) {
	eachServer(t, func(t *testing.T, w *world) {
		mails := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if _, err := rw.Write([]byte(w.mail.WaitFor(t, r.URL.Query().Get("to")).Text)); err != nil {
				t.Error(err)
			}
		}))
		defer mails.Close()
		runScript(t, "medplum.mjs", "ADMIT_URL="+w.base, "MAIL_URL="+mails.URL)
	})
}

// TestMedplumCLI lets the real @medplum/cli sign in and work with resources.
func TestMedplumCLI(t *testing.T) {
	eachServer(t, func(t *testing.T, w *world) {
		w.populate(t)
		id, secret := w.adminClient(t)
		runScript(t, "cli.mjs", "ADMIT_URL="+w.base, "CLIENT_ID="+id, "CLIENT_SECRET="+secret, "HOME="+t.TempDir(), "PROJECT="+w.owner.projectID())
		if mail := w.mail.WaitFor(t, "homer@cli.example").Text; !strings.Contains(mail, "/setpassword/") {
			t.Errorf("no link in %q", mail)
		}
	}, "ADMIT_AUTH_RATE_LIMIT=-1")
}

// adminClient is a client of the first project that administers it.
func (w *world) adminClient(t *testing.T) (id, secret string) {
	a, project := w.api(t), "/admin/projects/"+w.owner.projectID()
	client := a.post(project+"/client", w.owner.AccessToken, `{"name":"Administration"}`)
	id = client.field(t, "id")
	found := a.do(call{Method: http.MethodGet, Path: "/fhir/R4/ProjectMembership?user=ClientApplication/" + id, Token: w.owner.AccessToken})
	var page struct {
		Entry []struct{ Resource map[string]any }
	}
	found.into(t, &page)
	member := page.Entry[0].Resource
	member["admin"] = true
	body, err := json.Marshal(member)
	if err != nil {
		t.Fatal(err)
	}
	a.post(fmt.Sprintf("%s/members/%s", project, member["id"]), w.owner.AccessToken, string(body)).wantStatus(t, http.StatusOK)
	return id, client.field(t, "secret")
}

// TestMedplumApp lets the real @medplum/core make the calls that the pages of Medplum's App make for an administrator.
func TestMedplumApp(t *testing.T) {
	eachServer(t, func(t *testing.T, w *world) {
		w.populate(t)
		runScript(t, "app.mjs", "ADMIT_URL="+w.base, "ADMIT_TOKEN="+w.owner.AccessToken, "PASSWORD="+aPassword)
	}, "ADMIT_AUTH_RATE_LIMIT=-1")
}

// TestFHIRKitClient lets a client that knows FHIR alone use what R4 describes.
func TestFHIRKitClient(t *testing.T) {
	eachServer(t, func(t *testing.T, w *world) {
		w.populate(t)
		runScript(t, "fhirkit.mjs", "ADMIT_URL="+w.base, "ADMIT_TOKEN="+w.owner.AccessToken)
	})
}

// TestOpenIDClients let relying parties that check every answer sign people in and programs too.
func TestOpenIDClients(t *testing.T) {
	eachServer(t, func(t *testing.T, w *world) {
		owner := w.api(t).register("owner@clinic.example", "Clinic")
		for _, script := range []string{"openid.mjs", "oauth4webapi.mjs"} {
			runScript(t, script, "ADMIT_URL="+w.base, "ADMIT_TOKEN="+owner.AccessToken, "PROJECT="+owner.projectID(),
				"EMAIL=owner@clinic.example", "PASSWORD="+aPassword)
		}
	}, "ADMIT_ALLOW_PRIVATE_URLS=true")
}

// TestSMARTClient lets SMART's own library launch apps of every kind.
func TestSMARTClient(t *testing.T) {
	eachServer(t, func(t *testing.T, w *world) {
		owner := w.api(t).register("owner@clinic.example", "Clinic")
		w.api(t).member(owner, "Patient", "patient@clinic.example", "")
		runScript(t, "smart.mjs", "ADMIT_URL="+w.base, "ADMIT_TOKEN="+owner.AccessToken, "PROJECT="+owner.projectID(),
			"EMAIL=owner@clinic.example", "PATIENT_EMAIL=patient@clinic.example", "PASSWORD="+aPassword)
	}, "ADMIT_ALLOW_PRIVATE_URLS=true")
}

// TestMedplumClientWithAnIdentityProvider lets the real @medplum/core sign in by one.
func TestMedplumClientWithAnIdentityProvider(t *testing.T) {
	withProvider(t, func(t *testing.T, h hospital) {
		h.invite("ann@hospital.example", "")
		h.idp.who = person("1", "ann@hospital.example")
		runScript(t, "external.mjs", "ADMIT_URL="+h.URL+"/", "CLIENT_ID="+h.client, "REDIRECT_URI="+appRedirect, "TOKEN="+h.idp.access(h.idp.who))
	})
}

// runScript runs a script of the clients' directory and fails with what it says.
func runScript(t *testing.T, name string, environ ...string) {
	t.Helper()
	node := findNode(t)
	if node == "" {
		return
	}
	script := exec.CommandContext(t.Context(), node, "--test", "--test-reporter=tap", name)
	script.Dir = clients
	script.Env = append(os.Environ(), environ...)
	if out, err := script.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
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
	if !installed() {
		install := exec.CommandContext(t.Context(), "npm", "ci", "--no-audit", "--no-fund")
		install.Dir = clients
		if out, err := install.CombinedOutput(); err != nil {
			t.Fatalf("npm ci: %v\n%s", err, out)
		}
	}
	return node
}

// installed says whether the packages are those of the lock file.
func installed() bool {
	wanted, err := os.Stat(filepath.Join(clients, "package-lock.json"))
	if err != nil {
		return false
	}
	got, err := os.Stat(filepath.Join(clients, "node_modules", ".package-lock.json"))
	return err == nil && !got.ModTime().Before(wanted.ModTime())
}
