package rest_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/repo/repotest"
	"github.com/admitdev/admit/fhir/rest"
	"github.com/admitdev/admit/pkg/secret"
	"github.com/admitdev/admit/pkg/store/storetest"
	"github.com/admitdev/admit/pkg/web"
)

func TestABundleIsCountedByAHandlerThatWasGivenNoCounter(t *testing.T) {
	w := repotest.New(t, storetest.SQLite(t))
	box, err := secret.NewBox(secret.Key())
	require.NoError(t, err)
	h, err := rest.New(rest.Options{Repo: w.Repo, Base: base, Version: "test", Released: time.Unix(0, 0), Queue: &queue{}, Callers: w.Resolver, Box: box})
	require.NoError(t, err)
	e := echo.New()
	h.Mount(e.Group("/fhir/R4", web.Errors(web.Outcome), w.Resolver.Middleware(func(echo.Context) (caller.Claims, bool) {
		return w.A.Staff.Claims, true
	})))
	const search = `{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET","url":"Patient"}}]}`
	request := httptest.NewRequest(http.MethodPost, "/fhir/R4", strings.NewReader(search))
	request.Header.Set("Content-Type", "application/fhir+json")
	for prefer, status := range map[string]int{"return=minimal": http.StatusOK, "respond-async": http.StatusAccepted} {
		answer, again := httptest.NewRecorder(), request.Clone(t.Context())
		again.Header.Set("Prefer", prefer)
		again.Body = io.NopCloser(strings.NewReader(search))
		e.ServeHTTP(answer, again)
		assert.Equal(t, status, answer.Code, answer.Body)
		assert.Contains(t, answer.Header().Get("RateLimit"), "fhirInteractions", prefer)
	}
}
