package admittest_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/pkg/admittest"
)

const ciSecret = "0123456789abcdef0123456789abcdef"

func start(t testing.TB) *admittest.Server {
	return admittest.Start(t, admittest.Project("testdata/project.yaml"), admittest.Variables("CI_SECRET="+ciSecret))
}

func TestEverybodyInTheFileHasATokenOfTheirOwn(t *testing.T) {
	srv := start(t)
	for name, profile := range map[string]string{
		"ci": "ClientApplication", "portal": "ClientApplication", "reminder": "Bot",
		"ada@clinic.example": "Practitioner", "nora@clinic.example": "Practitioner", "p-1": "Patient",
	} {
		status, body := get(t, srv.HTTP(name), srv.URL+"/auth/me")
		require.Equal(t, http.StatusOK, status, body)
		require.Contains(t, body, `"profile":{"resourceType":"`+profile, name)
		require.Contains(t, body, srv.ProjectID("Clinic"))
	}
	patient := `{"resourceType":"Patient","name":[{"family":"Simpson"}]}`
	require.Equal(t, http.StatusCreated, post(t, srv.HTTP("ada@clinic.example"), srv.URL+"/fhir/R4/Patient", patient))
	require.Equal(t, http.StatusForbidden, post(t, srv.HTTP("nora@clinic.example"), srv.URL+"/fhir/R4/Patient", patient))
	status, _ := get(t, http.DefaultClient, srv.URL+"/fhir/R4/Patient")
	require.Equal(t, http.StatusUnauthorized, status)
}

func TestClientsHaveTheirCredentials(t *testing.T) {
	srv := start(t)
	_, plain := srv.Credentials("ci")
	require.Equal(t, ciSecret, plain)
	id, plain := srv.Credentials("portal")
	response, err := http.PostForm(srv.URL+"/oauth2/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {plain}})
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusOK, response.StatusCode)
}

func TestServersKnowNothingOfEachOther(t *testing.T) {
	one, another := start(t), start(t)
	status, _ := get(t, one.HTTP("ci"), another.URL+"/auth/me")
	require.Equal(t, http.StatusUnauthorized, status)
	require.NotEqual(t, one.ProjectID("Clinic"), another.ProjectID("Clinic"))
}

// BenchmarkStart is a whole server with a project file. They end with the benchmark.
func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		start(b)
	}
}

func get(t *testing.T, c *http.Client, address string) (int, string) {
	t.Helper()
	response, err := c.Get(address)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(body)
}

func post(t *testing.T, c *http.Client, address, body string) int {
	t.Helper()
	response, err := c.Post(address, "application/fhir+json", strings.NewReader(body))
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return response.StatusCode
}
