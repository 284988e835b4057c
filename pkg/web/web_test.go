package web_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/web"
)

// options are those of a server that limits and trusts nothing.
func options(t testing.TB) web.Options {
	t.Helper()
	base, err := url.Parse("http://admit.example/")
	require.NoError(t, err)
	return web.Options{
		Log: slog.New(slog.DiscardHandler), Clock: clock.System{}, Version: "test", BaseURL: base, AppURL: base,
		Limits: web.Limits{Login: -1, Auth: -1, General: -1}, Ready: func(context.Context) error { return nil },
		Metrics: prometheus.NewRegistry(),
	}
}

// request asks handler directly, as from 192.0.2.1 unless change says otherwise.
func request(t *testing.T, handler http.Handler, method, path, body string, change ...func(*http.Request)) *httptest.ResponseRecorder {
	t.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r := httptest.NewRequest(method, path, reader)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, f := range change {
		f(r)
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func from(address string) func(*http.Request) {
	return func(r *http.Request) { r.RemoteAddr = address }
}

// shown is the part of an OperationOutcome that tests look at.
type shown struct {
	ResourceType, ID string
	Issue            []struct {
		Severity, Code, Diagnostics string
		Details                     struct{ Text string }
		Expression                  []string
	}
	Extension []struct {
		URL       string
		Extension []struct{ URL, ValueID string }
	}
}

func outcomeOf(t *testing.T, w *httptest.ResponseRecorder) shown {
	t.Helper()
	require.Equal(t, "application/fhir+json; charset=utf-8", w.Header().Get("Content-Type"), w.Body.String())
	var o shown
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &o), w.Body.String())
	require.Equal(t, "OperationOutcome", o.ResourceType)
	require.NotEmpty(t, o.Issue)
	return o
}

// fixed is a clock that stands still until it is set.
type fixed struct {
	clock.System
	at time.Time
}

func (f *fixed) Now() time.Time { return f.at }

func prefix(t *testing.T, text string) netip.Prefix {
	t.Helper()
	p, err := netip.ParsePrefix(text)
	require.NoError(t, err)
	return p
}

func serving(t *testing.T, o web.Options, mount func(*echo.Echo)) http.Handler {
	t.Helper()
	e := web.New(o)
	if mount != nil {
		mount(e)
	}
	return web.Handler(e)
}
