package apptest_test

import (
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/cmd/admit/apptest"
)

// operationRoute is a route below /fhir/R4 that is an operation: of the server, of any type or of one.
var operationRoute = regexp.MustCompile(`^/fhir/R4/(?:(:type|[A-Z]\w*)/(?::id/)?)?\$([\w-]+)$`)

// TestTheCapabilityStatementNamesTheOperationsThatExist compares it with the router.
func TestTheCapabilityStatementNamesTheOperationsThatExist(t *testing.T) {
	s := apptest.Start(t)
	var statement struct {
		Rest []struct {
			Operation []struct{ Name, Definition string }
			Resource  []struct {
				Type      string
				Operation []struct{ Name, Definition string }
			}
		}
	}
	s.As(apptest.Anonymous).GET("/fhir/R4/metadata").WantStatus(http.StatusOK).Into(&statement)
	var named, common []string
	for _, op := range statement.Rest[0].Operation {
		named = append(named, "$"+op.Name)
	}
	for _, resource := range statement.Rest[0].Resource {
		var names []string
		for _, op := range resource.Operation {
			names = append(names, op.Name)
			assert.NotEmpty(t, op.Definition)
		}
		if resource.Type == "Basic" { // has none of its own
			common = names
		}
	}
	for _, name := range common {
		named = append(named, ":type/$"+name)
	}
	for _, resource := range statement.Rest[0].Resource {
		for _, op := range resource.Operation {
			if !slices.Contains(common, op.Name) {
				named = append(named, resource.Type+"/$"+op.Name)
			}
		}
		for _, name := range common {
			assert.True(t, slices.ContainsFunc(resource.Operation, func(op struct{ Name, Definition string }) bool { return op.Name == name }), "%s has %s", resource.Type, name)
		}
	}
	var routed []string
	for _, route := range s.Routes {
		if at := operationRoute.FindStringSubmatch(route.Path); at != nil && !strings.HasPrefix(route.Method, "echo_") {
			routed = append(routed, strings.TrimPrefix(at[1]+"/$"+at[2], "/"))
		}
	}
	slices.Sort(routed)
	slices.Sort(named)
	assert.Equal(t, slices.Compact(routed), named)
}

func TestTheCapabilityStatementSaysWhetherOtherOriginsMayCall(t *testing.T) {
	for want, variables := range map[string][]string{"false": nil, "true": {"ADMIT_ALLOWED_ORIGINS=https://app.example"}} {
		nobody := apptest.Start(t, apptest.With(variables...)).As(apptest.Anonymous)
		require.Equal(t, want, nobody.GET("/fhir/R4/metadata").WantStatus(http.StatusOK).Field("rest.0.security.cors"))
		allowed := nobody.With("Origin", "https://app.example").GET("/fhir/R4/metadata").Header.Get("Access-Control-Allow-Origin") != ""
		require.Equal(t, want, strconv.FormatBool(allowed))
	}
}
