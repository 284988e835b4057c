package client_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/admin/openapi"
	"github.com/admitdev/admit/pkg/client"
)

func TestTheSDKKnowsEveryRouteOfTheAdministration(t *testing.T) {
	routes := administrationRoutes(t)
	recorder := &recorder{}
	server := httptest.NewServer(recorder)
	t.Cleanup(server.Close)
	callAll(t, reflect.ValueOf(client.New(server.URL, "p", client.StaticToken("token"))))

	called := map[string]bool{}
	for _, request := range recorder.requests {
		route := routeOf(routes, request)
		assert.NotEmpty(t, route, "the SDK calls %s, which is no route", request)
		called[route] = true
	}
	for _, route := range routes {
		assert.True(t, called[route], "no method of the SDK calls %s", route)
	}
}

// administrationRoutes are the methods and paths that are described.
func administrationRoutes(t *testing.T) (routes []string) {
	t.Helper()
	content, err := openapi.Document()
	require.NoError(t, err)
	var document struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	require.NoError(t, json.Unmarshal(content, &document))
	for path, item := range document.Paths {
		if !strings.HasPrefix(path, "/admin/") && !strings.HasPrefix(path, "/auth/me/tokens") {
			continue
		}
		for method := range item {
			routes = append(routes, strings.ToUpper(method)+" "+path)
		}
	}
	require.NotEmpty(t, routes)
	return routes
}

// recorder answers everything, and remembers what it was asked.
type recorder struct {
	mu       sync.Mutex
	requests []string
}

func (r *recorder) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests = append(r.requests, request.Method+" "+request.URL.Path)
	_, _ = io.WriteString(w, "{}")
}

// callAll calls each method that takes a context, and those of the parts to which the other methods lead.
func callAll(t *testing.T, on reflect.Value) {
	t.Helper()
	for i := range on.NumMethod() {
		method, name := on.Method(i), on.Type().Method(i).Name
		if method.Type().NumIn() == 0 {
			callAll(t, method.Call(nil)[0])
			continue
		}
		for _, result := range method.Call(arguments(t, method.Type())) {
			if err, is := result.Interface().(error); is {
				require.NoError(t, err, name)
			}
			if result.Kind() == reflect.Func {
				for _, err := range result.Seq2() {
					require.True(t, err.IsNil(), "%s: %v", name, err)
				}
			}
		}
	}
}

func arguments(t *testing.T, method reflect.Type) (values []reflect.Value) {
	t.Helper()
	for i := range method.NumIn() {
		wanted := method.In(i)
		if method.IsVariadic() && i == method.NumIn()-1 {
			wanted = wanted.Elem()
		}
		switch wanted {
		case reflect.TypeFor[context.Context]():
			values = append(values, reflect.ValueOf(t.Context()))
		case reflect.TypeFor[string]():
			values = append(values, reflect.ValueOf("x"))
		case reflect.TypeFor[time.Time]():
			values = append(values, reflect.ValueOf(time.Unix(0, 0)))
		default:
			values = append(values, reflect.Zero(wanted))
		}
	}
	return values
}

// routeOf is the route of a request, of several the one with the fewest parameters.
func routeOf(routes []string, request string) (best string) {
	for _, route := range routes {
		if fits(route, request) && (best == "" || strings.Count(route, "{") < strings.Count(best, "{")) {
			best = route
		}
	}
	return best
}

func fits(route, request string) bool {
	steps, taken := strings.Split(route, "/"), strings.Split(request, "/")
	if len(steps) != len(taken) {
		return false
	}
	for i, step := range steps {
		if step != taken[i] && !strings.HasPrefix(step, "{") {
			return false
		}
	}
	return true
}
