package apptest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/cmd/admit/apptest"
)

// described is the server's OpenAPI description.
type described struct {
	t   testing.TB
	doc *openapi3.T
}

func description(t testing.TB, s *apptest.Server) described {
	t.Helper()
	content := s.As(apptest.Anonymous).GET("/openapi.json").WantStatus(200).Body
	doc, err := openapi3.NewLoader().LoadFromData(content)
	require.NoError(t, err)
	require.NoError(t, doc.Validate(t.Context()))
	return described{t, doc}
}

// isDescribed says which routes the description is to have.
func isDescribed(path string) bool {
	for _, prefix := range []string{"/admin/", "/auth/", "/oauth2/", "/mail/"} {
		if strings.HasPrefix(path, prefix) {
			return true
		}
	}
	_, operation, found := strings.Cut(path, "/$")
	return found && strings.HasPrefix(path, "/fhir/R4/") && !slices.Contains(ofTheStandard, operation)
}

// ofTheStandard are the operations whose definitions are HL7's; the CapabilityStatement names them.
var ofTheStandard = []string{"everything", "expand", "graph", "graphql", "lookup", "subsumes", "validate", "validate-code", "versions"}

var parameter = regexp.MustCompile(`:(\w+)`)

// TestTheDescriptionHasEveryRouteAndNoOther compares /openapi.json with the router.
func TestTheDescriptionHasEveryRouteAndNoOther(t *testing.T) {
	s := apptest.Start(t)
	d := description(t, s)
	var routed, told []string
	for _, route := range s.Routes {
		if isDescribed(route.Path) && !strings.HasPrefix(route.Method, "echo_") {
			routed = append(routed, route.Method+" "+parameter.ReplaceAllString(route.Path, "{$1}"))
		}
	}
	for path, item := range d.doc.Paths.Map() {
		for method := range item.Operations() {
			told = append(told, method+" "+path)
		}
	}
	assert.ElementsMatch(t, routed, told)
}

// TestOperationsAnswerAsDescribed asks each operation that is Medplum's as somebody who may.
func TestOperationsAnswerAsDescribed(t *testing.T) {
	s := apptest.Start(t)
	d := description(t, s)
	admin, super := s.As(apptest.Admin), s.As(apptest.SuperAdmin)
	own := newTarget(s, admin)
	for _, call := range []struct {
		as              *apptest.Client
		route, of, body string
		status          int
	}{
		{super, "POST /fhir/R4/Project/$init", "", `{"name":"Made"}`, 201},
		{super, "POST /fhir/R4/Project/:project/$clone", "", `{"name":"Copy","resourceTypes":["Patient"]}`, 201},
		{admin, "GET /fhir/R4/Project/:project/$rate-limits?membershipId=:membership", "", "", 200},
		{super, "POST /fhir/R4/User/:id/$update-email", "User", `{"email":"moved@example.com"}`, 200},
		{admin, "POST /fhir/R4/ClientApplication/:id/$rotate-secret", "ClientApplication", `{"secret":"none"}`, 400},
		{admin, "GET /fhir/R4/Patient/$csv?_fields=id", "", "", 200},
		{admin, "GET /fhir/R4/StructureDefinition/$expand-profile?url=urn::project", "", "", 200},
		{admin, "POST /fhir/R4/Patient/:id/$set-accounts", "Patient", `{"accounts":[]}`, 200},
		{super, "POST /fhir/R4/Patient/:id/$reindex", "Patient", "", 202},
		{super, "POST /fhir/R4/$reindex", "", "", 202},
		{super, "POST /fhir/R4/Patient/:id/$expunge", "Patient", "", 204},
		{admin, "POST /fhir/R4/AsyncJob/nobodys/$cancel", "", "", 404},
	} {
		method, path, _ := strings.Cut(own.fill(call.route, call.of), " ")
		body := own.fill(call.body, call.of)
		answer := call.as.Do(method, path, body).WantStatus(call.status)
		if strings.Contains(path, "$csv") || answer.Status == http.StatusNoContent { // is no JSON
			require.NotNil(t, d.operation(method, path).Responses.Value(strconv.Itoa(answer.Status)), path)
			continue
		}
		d.check(method, path, body, answer)
	}
}

// operation is the one that a request is for: of those that fit, the one with the fewest parameters.
func (d described) operation(method, path string) *openapi3.Operation {
	d.t.Helper()
	path, _, _ = strings.Cut(path, "?")
	var found *openapi3.Operation
	fewest := 0
	for template, item := range d.doc.Paths.Map() {
		parts := strings.Split(template, "/")
		open := strings.Count(template, "{")
		asked := strings.Split(path, "/")
		fits := len(parts) == len(asked)
		for i := 0; fits && i < len(parts); i++ {
			fits = parts[i] == asked[i] || strings.HasPrefix(parts[i], "{")
		}
		if operation := item.GetOperation(method); fits && operation != nil && (found == nil || open < fewest) {
			found, fewest = operation, open
		}
	}
	require.NotNil(d.t, found, "%s %s is not described", method, path)
	return found
}

// check holds an answer, and what was asked for when that went well, to the description.
func (d described) check(method, path, body string, answer *apptest.Answer) {
	d.t.Helper()
	operation := d.operation(method, path)
	response := operation.Responses.Value(fmt.Sprint(answer.Status))
	if response == nil {
		response = operation.Responses.Value(fmt.Sprintf("%dXX", answer.Status/100))
	}
	require.NotNil(d.t, response, "%s %s: status %d is not described", method, path, answer.Status)
	media := response.Value.Content.Get(answer.Header.Get("Content-Type"))
	require.NotNil(d.t, media, "%s %s: %s is not described", method, path, answer.Header.Get("Content-Type"))
	d.valid(media, answer.Body, method+" "+path)
	if body != "" && answer.Status < 300 {
		require.NotNil(d.t, operation.RequestBody, "%s %s has a body", method, path)
		d.valid(operation.RequestBody.Value.Content.Get("application/json"), []byte(body), method+" "+path)
	}
}

func (d described) valid(media *openapi3.MediaType, content []byte, what string) {
	d.t.Helper()
	var value any
	require.NoError(d.t, json.Unmarshal(content, &value), "%s: %s", what, content)
	require.NoError(d.t, media.Schema.Value.VisitJSON(value), "%s: %s", what, content)
}
