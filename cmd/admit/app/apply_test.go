package app_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/pkg/store/storetest"
)

// clinic is a project file with something of everything.
const clinic = `projects:
  - name: Clinic
    id: 0198c0de-0000-7000-8000-000000000001
    settings: {practitionersManageUsers: true, maxVisits: 3}
    secrets: {API_KEY: {env: CLINIC_API_KEY}}
    policies:
      - name: Nurse
        resource: [{resourceType: Patient, interaction: [read, search]}]
    defaultPolicies: {Practitioner: Nurse}
    groups: [{code: night, name: Night shift}]
    clients:
      - {name: portal, redirectUris: ["https://portal.example/callback"]}
      - {name: ci, id: ci, secret: {env: CI_SECRET}, admin: true, policies: [Default policy of administrators]}
    bots: [{name: reminder, description: reminds}]
    members:
      - {profile: Practitioner, email: Ada@clinic.example, firstName: Ada, lastName: Lovelace, admin: true, groups: [night]}
      - {profile: Patient, email: ada@clinic.example, firstName: Ada, lastName: Lovelace, scope: server}
      - {profile: Patient, email: pat@clinic.example, firstName: Pat, lastName: Ient, password: {env: PAT_PASSWORD}}
`

const ciSecret = "0123456789abcdef0123456789abcdef"

// applied is a database and the file that is applied to it.
type applied struct {
	t       *testing.T
	file    string
	environ []string
}

func applyTo(t *testing.T, databaseURL string) applied {
	return applied{t, filepath.Join(t.TempDir(), "project.yaml"), []string{
		anyPort, "ADMIT_DATABASE_URL=" + databaseURL, "ADMIT_STORAGE_URL=file:" + t.TempDir(),
		"CLINIC_API_KEY=first", "CI_SECRET=" + ciSecret, "PAT_PASSWORD=Quiet-harbour-47",
	}}
}

func (a applied) run(content string, args ...string) (code int, stdout, stderr string) {
	a.t.Helper()
	require.NoError(a.t, os.WriteFile(a.file, []byte(content), 0o600))
	return run(a.t, a.environ, append([]string{"apply", "-f", a.file}, args...)...)
}

// must applies a file that has nothing wrong with it.
func (a applied) must(content string) string {
	a.t.Helper()
	code, out, stderr := a.run(content, "--yes")
	require.Zero(a.t, code, stderr)
	return out
}

// serve lets ask put questions to a server with the database, as the client ci.
func (a applied) serve(ask func(base string, get func(path string) string)) {
	a.t.Helper()
	r := start(a.t, append([]string{"ADMIT_LOGIN_RATE_LIMIT=-1"}, a.environ...))
	base := "http://" + r.address(a.t)
	ask(base, func(path string) string {
		request, err := http.NewRequestWithContext(a.t.Context(), http.MethodGet, base+path, nil)
		require.NoError(a.t, err)
		request.SetBasicAuth("ci", ciSecret)
		response, err := http.DefaultClient.Do(request)
		require.NoError(a.t, err)
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		require.NoError(a.t, err)
		return fmt.Sprint(response.StatusCode, " ", string(body))
	})
	require.Zero(a.t, r.stop())
}

func TestApplyMakesProjectsWhatTheFileSays(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		a := applyTo(t, db.URL)
		out := a.must(clinic)
		require.Contains(t, out, "9 to make, 0 to change, 0 to remove.")
		require.Regexp(t, `client portal: id \S+, secret [0-9a-f]{64} \(shown this once\)`, out)
		require.NotContains(t, out, ciSecret)
		require.Regexp(t, `member ada@clinic.example sets a password within 7 days at\s+http://localhost:\S+/setpassword/\S+/\S+`, out)
		require.NotContains(t, out, "pat@clinic.example sets", "who has a password needs no link")
		require.Equal(t, "Nothing to do.\n", a.must(clinic), "a second run changes nothing")
		link := out[strings.Index(out, "/setpassword/"):]
		link = strings.Fields(link)[0]

		a.serve(func(base string, get func(string) string) {
			require.Contains(t, get("/fhir/R4/AccessPolicy?name=Nurse"), `"interaction":["read","search"]`)
			require.Contains(t, get("/fhir/R4/Project/0198c0de-0000-7000-8000-000000000001"), `"owner":{"reference":"User/`)
			require.Contains(t, get("/admin/projects/0198c0de-0000-7000-8000-000000000001"), `"secret":[{"name":"API_KEY","valueString":"first"}]`)
			require.Contains(t, get("/fhir/R4/ProjectMembership?_summary=count&profile-type=Practitioner"), `"total":1`)
			require.Contains(t, get("/admin/projects/0198c0de-0000-7000-8000-000000000001/users?group=night"), "ada@clinic.example")
			require.Contains(t, get(link), "200 ", "the link works")
			response, err := http.PostForm(base+"/oauth2/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {"ci"}, "client_secret": {ciSecret}})
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			require.Equal(t, http.StatusOK, response.StatusCode)
		})
	})
}

func TestADryRunTouchesNoDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "admit.db")
	a := applyTo(t, "sqlite:"+path)
	code, out, stderr := a.run(clinic, "--dry-run")
	require.Zero(t, code, stderr)
	require.Contains(t, out, "9 to make, 0 to change, 0 to remove.")
	require.NoFileExists(t, path)

	code, _, stderr = a.run(clinic)
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "nothing was changed: --yes does it without asking", "nobody is there to be asked")
	a.must(clinic)

	urls := []string{"sqlite:" + filepath.Join(t.TempDir(), "empty.db")}
	require.NoError(t, os.WriteFile(strings.TrimPrefix(urls[0], "sqlite:"), nil, 0o600))
	if storetest.HavePostgres(t) {
		urls = append(urls, storetest.EmptyPostgres(t).URL)
	}
	for _, url := range urls {
		empty := applyTo(t, url)
		code, _, stderr = empty.run(clinic, "--dry-run")
		require.Equal(t, 1, code)
		require.Contains(t, stderr, "migrations of the database wait")
		code, out, _ = run(t, empty.environ, "migrate", "status")
		require.Zero(t, code)
		require.NotRegexp(t, `\d{4}-\d\d-\d\dT`, out, "none was applied")
	}
}

func TestApplyShowsAndMakesDifferences(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		a := applyTo(t, db.URL)
		a.must(clinic)
		changed := strings.NewReplacer(
			"interaction: [read, search]", "interaction: [read]", "maxVisits: 3", "maxVisits: 4", "https://portal.example/callback", "https://portal.example/back",
			"    bots: [{name: reminder, description: reminds}]\n", "", ", groups: [night]}", ", groups: []}",
			"    groups: [{code: night, name: Night shift}]\n", "", "scope: server}", "scope: server, active: false}",
		).Replace(clinic)
		changed = changed[:strings.Index(changed, "      - {profile: Patient, email: pat@")]
		a.environ = append(a.environ, "CLINIC_API_KEY=second", "CI_SECRET=another"+ciSecret)
		code, shown, stderr := a.run(changed, "--dry-run")
		require.Zero(t, code, stderr)
		for _, line := range []string{
			`- resource: [{"interaction":["read","search"],"resourceType":"Patient"}]`, `+ resource: [{"interaction":["read"],"resourceType":"Patient"}]`,
			`+ setting: [{"name":"practitionersManageUsers","valueBoolean":true},{"name":"maxVisits","valueInteger":4}]`, `+ secret: (hidden)`,
			`+ redirectUris: ["https://portal.example/back"]`, "- bot", "- group", "+ active: false", "- extension:", "0 to make, 5 to change, 3 to remove.",
		} {
			require.Contains(t, shown, line)
		}
		require.NotContains(t, shown, "second")
		require.NotContains(t, shown, ciSecret)
		_, again, _ := a.run(changed, "--dry-run")
		require.Equal(t, shown, again, "a dry run changes nothing")
		a.must(changed)
		require.Equal(t, "Nothing to do.\n", a.must(changed))

		code, _, stderr = a.run(strings.Replace(changed, "      - name: Nurse\n        resource: [{resourceType: Patient, interaction: [read]}]\n    defaultPolicies: {Practitioner: Nurse}\n", "", 1), "--yes")
		require.Equal(t, 1, code)
		require.Contains(t, stderr, "Policy Nurse is not in the file any more, but in use")
		require.Equal(t, "Nothing to do.\n", a.must(changed), "what is refused leaves nothing behind")
	})
}

func TestApplyLeavesAloneWhatItHasNotMade(t *testing.T) {
	a := applyTo(t, "sqlite:"+filepath.Join(t.TempDir(), "admit.db"))
	a.must(clinic)
	const less = "projects:\n  - {name: Clinic, clients: [{name: ci, secret: {env: CI_SECRET}, admin: true}], policies: [{name: Nurse, resource: [{resourceType: Patient, interaction: [read, search]}]}]," +
		"members: [{profile: Practitioner, email: ada@clinic.example, firstName: Ada, lastName: Lovelace}]}\n"
	out := a.must(less)
	for _, gone := range []string{"- client  portal", "- bot     reminder", "- group   night", "- member  pat@clinic.example"} {
		require.Contains(t, out, gone)
	}
	require.NotContains(t, out, "Default policy")
	a.serve(func(_ string, get func(string) string) {
		require.Contains(t, get("/fhir/R4/AccessPolicy?_summary=count"), `"total":4`, "the project's own policies stay")
		require.Contains(t, get("/fhir/R4/Patient?_summary=count"), `"total":2`, "profiles stay")
		require.Contains(t, get("/fhir/R4/ClientApplication?_summary=count"), `"total":1`)
		require.Contains(t, get("/fhir/R4/ProjectMembership?_summary=count"), `"total":2`)
	})
}

func TestApplyChangesNothingUnasked(t *testing.T) {
	a := applyTo(t, "sqlite:"+filepath.Join(t.TempDir(), "admit.db"))
	code, shown, stderr := a.run(clinic)
	require.Equal(t, 1, code)
	require.Contains(t, shown, "9 to make")
	require.Contains(t, stderr, "nothing was changed: --yes does it without asking")
	code, _, stderr = a.run(strings.Replace(clinic+"  - name: Elsewhere\n    clients: [{name: x, redirectUris: ['javascript:1']}]\n", "Quiet", "", 1), "--yes")
	require.Equal(t, 1, code)
	require.Contains(t, stderr, a.file+`:20:39: projects[1].clients[0].redirectUris: Invalid redirect URI`)
	require.Contains(t, a.must(clinic), "9 to make", "a fault in one project keeps all from being changed")
}

func TestApplyTellsOfAnIDThatCannotBe(t *testing.T) {
	a := applyTo(t, "sqlite:"+filepath.Join(t.TempDir(), "admit.db"))
	a.must(clinic)
	for content, fault := range map[string]string{
		strings.Replace(clinic, "id: ci,", "id: other,", 1):                                               `projects[0].clients[1].id: ci has the id ci, which stays`,
		"projects: [{name: Elsewhere, clients: [{name: ci, id: ci}]}]":                                    `projects[0].clients[0].id: The id ci is taken, maybe in another project`,
		"projects: [{name: Elsewhere, clients: [{name: ci, policies: [Nurse]}]}]":                         `projects[0].clients[0].policies[0]: There is no policy named Nurse, or more than one`,
		"projects: [{name: Elsewhere, policies: [{name: Nurse}], defaultPolicies: {Practitioner: Ward}}]": `projects[0].defaultPolicies.Practitioner: There is no policy named Ward, or more than one`,
	} {
		code, _, stderr := a.run(content, "--yes")
		require.Equal(t, 1, code)
		require.Contains(t, stderr, fault)
	}
}

func TestServeAppliesTheFileFirst(t *testing.T) {
	a := applyTo(t, "sqlite:"+filepath.Join(t.TempDir(), "admit.db"))
	require.NoError(t, os.WriteFile(a.file, []byte(clinic), 0o600))
	a.environ = append(a.environ, "ADMIT_APPLY="+a.file)
	a.serve(func(_ string, get func(string) string) {
		require.Contains(t, get("/fhir/R4/AccessPolicy?name=Nurse"), "200 ")
	})
	a.environ = append(a.environ, "ADMIT_APPLY="+a.file+".none")
	code, _, stderr := run(t, a.environ, "serve")
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "read the project file")
}
