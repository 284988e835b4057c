package rest_test

import (
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
	"github.com/admitdev/admit/pkg/store/storetest"
	"github.com/admitdev/admit/pkg/web"
)

func TestABundleIsCountedByAHandlerThatWasGivenNoCounter(t *testing.T) {
	w := repotest.New(t, storetest.SQLite(t))
	h, err := rest.New(rest.Options{Repo: w.Repo, Base: base, Version: "test", Released: time.Unix(0, 0)})
	require.NoError(t, err)
	e := echo.New()
	h.Mount(e.Group("/fhir/R4", web.Errors(web.Outcome), w.Resolver.Middleware(func(echo.Context) (caller.Claims, bool) {
		return w.A.Staff.Claims, true
	})))
	request := httptest.NewRequest(http.MethodPost, "/fhir/R4", strings.NewReader(`{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET","url":"Patient"}}]}`))
	request.Header.Set("Content-Type", "application/fhir+json")
	answer := httptest.NewRecorder()
	e.ServeHTTP(answer, request)
	assert.Equal(t, http.StatusOK, answer.Code, answer.Body)
	assert.Contains(t, answer.Header().Get("RateLimit"), "fhirInteractions")
}
