package web_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/pkg/web"
)

// BenchmarkGround is what every request pays before its surface sees it.
func BenchmarkGround(b *testing.B) {
	o := options(b)
	o.Limits = web.Limits{Login: 5, Auth: 160, General: 1 << 30}
	e := web.New(o)
	e.GET("/fhir/R4/:type/:id", func(c echo.Context) error { return c.Blob(http.StatusOK, web.FHIRJSON, []byte("{}")) })
	handler := web.Handler(e)
	request := httptest.NewRequest(http.MethodGet, "/fhir/R4/Patient/1", nil)
	b.ReportAllocs()
	for b.Loop() {
		handler.ServeHTTP(httptest.NewRecorder(), request)
	}
}
