package web_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/web"
)

func TestEveryRouteAlsoAnswersUnderAPI(t *testing.T) {
	handler := serving(t, options(t), func(e *echo.Echo) {
		e.GET("/fhir/R4/metadata", func(c echo.Context) error { return c.String(200, "metadata") })
		e.GET("/x/:id", func(c echo.Context) error { return c.String(200, c.Param("id")) })
		e.GET("/api/v3/get-user", func(c echo.Context) error { return c.String(200, "authing") })
	})
	for path, want := range map[string]string{
		"/fhir/R4/metadata": "metadata", "/api/fhir/R4/metadata": "metadata", "/api": "OK", "/api/": "OK", "/": "OK",
		"/x/a%2Fb": "a%2Fb", "/api/x/a%2Fb": "a%2Fb", "/api/v3/get-user": "authing",
	} {
		w := request(t, handler, "GET", path, "")
		require.Equal(t, http.StatusOK, w.Code, path)
		require.Equal(t, want, w.Body.String(), path)
	}
	require.Equal(t, http.StatusNotFound, request(t, handler, "GET", "/apifhir/R4/metadata", "").Code)
	require.Equal(t, http.StatusNotFound, request(t, handler, "GET", "/api/api/x", "").Code)
}

func TestAddressesOfFHIRMayEndInASlash(t *testing.T) {
	handler := serving(t, options(t), func(e *echo.Echo) {
		e.GET("/fhir/R4/", func(c echo.Context) error { return c.String(200, "base") })
		e.GET("/fhir/R4/:type", func(c echo.Context) error { return c.String(200, c.Param("type")+"?"+c.QueryString()) })
		e.GET("/fhir/R4/:type/:id", func(c echo.Context) error { return c.String(200, c.Param("type")+"/"+c.Param("id")) })
		e.GET("/x", func(c echo.Context) error { return c.String(200, "x") })
	})
	for path, want := range map[string]string{
		"/fhir/R4/": "base", "/api/fhir/R4/": "base", "/fhir/R4/Patient/": "Patient?", "/fhir/R4/Patient/?a=b/": "Patient?a=b/",
		"/api/fhir/R4/Patient/?a=b": "Patient?a=b", "/fhir/R4/Patient/1/": "Patient/1", "/fhir/R4/Patient/a%2Fb/": "Patient/a%2Fb",
	} {
		w := request(t, handler, "GET", path, "")
		require.Equal(t, want, w.Body.String(), path)
	}
	require.Equal(t, http.StatusNotFound, request(t, handler, "GET", "/x/", "").Code)
}

func TestTheClientsIDOfARequestIsRepeated(t *testing.T) {
	handler := serving(t, options(t), nil)
	for _, tc := range []struct{ request, correlation, want string }{
		{"", "", ""}, {"mine-1", "", "mine-1"}, {"mine-1", "mine-2", "mine-2"}, {"", "mine:2", "mine:2"},
		{"a b", "", ""}, {"<b>", "", ""}, {strings.Repeat("x", 129), "", ""},
	} {
		w := request(t, handler, "GET", "/", "", header("X-Request-Id", tc.request), header("X-Correlation-Id", tc.correlation))
		require.Equal(t, tc.want, w.Header().Get("X-Correlation-Id"))
		require.NotEqual(t, tc.request, w.Header().Get("X-Request-Id"))
	}
}

func TestErrorsAreOutcomes(t *testing.T) {
	var log bytes.Buffer
	o := options(t)
	o.Log = slog.New(slog.NewJSONHandler(&log, nil))
	handler := serving(t, o, func(e *echo.Echo) {
		e.GET("/gone", func(echo.Context) error { return outcome.New(outcome.Gone, "") })
		e.GET("/fields", func(echo.Context) error {
			var fields outcome.Fields
			fields.Check(false, "email", "Email is required")
			fields.Check(false, "", "Either a or b")
			return fields.Err()
		})
		e.GET("/broken", func(echo.Context) error { return errors.New("dial 10.0.0.7: secret") })
		e.GET("/panics", func(echo.Context) error { panic("secret") })
	})

	w := request(t, handler, "GET", "/gone", "")
	require.Equal(t, http.StatusGone, w.Code)
	gone := outcomeOf(t, w)
	require.Equal(t, "gone", gone.ID)
	require.Equal(t, "deleted", gone.Issue[0].Code)
	require.Equal(t, "error", gone.Issue[0].Severity)

	fields := outcomeOf(t, request(t, handler, "GET", "/fields", ""))
	require.Regexp(t, `^[0-9a-f-]{36}$`, fields.ID)
	require.Len(t, fields.Issue, 2)
	require.Equal(t, []string{"email"}, fields.Issue[0].Expression)
	require.Empty(t, fields.Issue[1].Expression)

	require.Equal(t, http.StatusNotFound, request(t, handler, "GET", "/nothing/here", "").Code)
	require.Equal(t, http.StatusMethodNotAllowed, request(t, handler, "DELETE", "/gone", "").Code)

	for _, path := range []string{"/broken", "/panics"} {
		log.Reset()
		w := request(t, handler, "GET", path, "")
		require.Equal(t, http.StatusInternalServerError, w.Code)
		require.Equal(t, "exception", outcomeOf(t, w).Issue[0].Code)
		require.NotContains(t, w.Body.String(), "secret")
		require.Contains(t, log.String(), "secret", "the log has the whole error")
		require.Contains(t, log.String(), w.Header().Get("X-Request-Id"))
		require.Equal(t, 1, strings.Count(log.String(), `"level":"ERROR"`), "and has it once")
	}
}

func TestEveryCodeIsOneOfFHIRs(t *testing.T) {
	for _, code := range []outcome.Code{
		outcome.OK, outcome.Created, outcome.Accepted, outcome.Unauthorized, outcome.Forbidden, outcome.NotFound,
		outcome.Conflict, outcome.Gone, outcome.PreconditionFailed, outcome.MultipleMatches, outcome.TooLong, outcome.BusinessRule,
		outcome.TooManyRequests, outcome.Timeout, outcome.Invalid, outcome.Structure, outcome.Invariant, outcome.Value,
		outcome.Required, outcome.NotSupported, outcome.UnsupportedMedia, outcome.MethodNotAllowed, outcome.Exception,
	} {
		handler := serving(t, options(t), func(e *echo.Echo) {
			e.GET("/x", func(echo.Context) error { return outcome.New(code, "") })
		})
		w := request(t, handler, "GET", "/x", "")
		require.Equal(t, code.Status, w.Code)
		require.Equal(t, code.Issue, outcomeOf(t, w).Issue[0].Code)
	}
}

func TestOutcomesCarryTheTrace(t *testing.T) {
	const uuid = "4bf92f35-77b3-4da6-a3ce-929d0e0e4736"
	for _, tc := range []struct{ name, header, value, want string }{
		{"x-trace-id", "X-Trace-Id", uuid, uuid},
		{"traceparent", "Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "4bf92f3577b34da6a3ce929d0e0e4736"},
		{"amazon", "X-Amzn-Trace-Id", "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1", "1-5759e988-bd862e3fe1be46a994272793"},
		{"anything else is not repeated", "X-Trace-Id", "x\"} <script>", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := request(t, serving(t, options(t), nil), "GET", "/nothing", "", header(tc.header, tc.value), header("X-Request-Id", "mine"))
			extension := outcomeOf(t, w).Extension[0]
			require.Equal(t, "https://medplum.com/fhir/StructureDefinition/tracing", extension.URL)
			require.Equal(t, w.Header().Get("X-Request-Id"), extension.Extension[0].ValueID)
			require.NotEqual(t, "mine", extension.Extension[0].ValueID)
			if tc.want == "" {
				require.Regexp(t, `^[0-9a-f-]{36}$`, extension.Extension[1].ValueID)
			} else {
				require.Equal(t, tc.want, extension.Extension[1].ValueID)
			}
		})
	}
}

func TestGroupsRenderInTheirOwnForm(t *testing.T) {
	handler := serving(t, options(t), func(e *echo.Echo) {
		g := e.Group("/oauth2", web.Errors(func(c echo.Context, _ error) error { return c.String(418, "mine") }))
		g.GET("/x", func(echo.Context) error { return errors.New("x") })
	})
	require.Equal(t, 418, request(t, handler, "GET", "/oauth2/x", "").Code)
}

func TestSecurityHeaders(t *testing.T) {
	o := options(t)
	w := request(t, serving(t, o, nil), "GET", "/nothing", "")
	require.Equal(t, "no-store, no-cache, must-revalidate", w.Header().Get("Cache-Control"))
	require.Equal(t, "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none';", w.Header().Get("Content-Security-Policy"))
	require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
	require.Equal(t, "DENY", w.Header().Get("X-Frame-Options"))
	require.Equal(t, "no-referrer", w.Header().Get("Referrer-Policy"))
	require.Empty(t, w.Header().Get("Strict-Transport-Security"))

	o = options(t)
	o.BaseURL = &url.URL{Scheme: "https", Host: "admit.example"}
	require.NotEmpty(t, request(t, serving(t, o, nil), "GET", "/", "").Header().Get("Strict-Transport-Security"))
}

func TestHeadIsGetWithoutBody(t *testing.T) {
	listener, stop := listening(t, serving(t, options(t), nil))
	defer stop()
	response, err := http.Head("http://" + listener.Addr().String() + "/healthcheck")
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Positive(t, response.ContentLength)
}

func TestCORS(t *testing.T) {
	o := options(t)
	o.AppURL = &url.URL{Scheme: "https", Host: "app.example", Path: "/admit/"}
	o.AllowedOrigins = []string{"https://other.example"}
	handler := serving(t, o, func(e *echo.Echo) {
		e.GET("/fhir/R4/Patient", func(c echo.Context) error { return c.String(200, "{}") })
	})
	for _, tc := range []struct {
		name, path, origin string
		allowed            bool
	}{
		{"the app", "/fhir/R4/Patient", "https://app.example", true},
		{"a listed origin", "/fhir/R4/Patient", "https://other.example", true},
		{"under /api", "/api/fhir/R4/Patient", "https://other.example", true},
		{"another origin", "/fhir/R4/Patient", "https://evil.example", false},
		{"an origin that begins alike", "/fhir/R4/Patient", "https://other.example.evil.example", false},
		{"null", "/fhir/R4/Patient", "null", false},
		{"SCIM is not for browsers", "/scim/v2/Users", "https://app.example", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			preflight := request(t, handler, "OPTIONS", tc.path, "", header("Origin", tc.origin), header("Access-Control-Request-Method", "POST"))
			plain := request(t, handler, "GET", tc.path, "", header("Origin", tc.origin))
			if !tc.allowed {
				require.Empty(t, preflight.Header().Get("Access-Control-Allow-Origin"))
				require.Empty(t, plain.Header().Get("Access-Control-Allow-Origin"))
				return
			}
			require.Equal(t, http.StatusNoContent, preflight.Code)
			for _, w := range []http.Header{preflight.Header(), plain.Header()} {
				require.Equal(t, tc.origin, w.Get("Access-Control-Allow-Origin"))
				require.Equal(t, "true", w.Get("Access-Control-Allow-Credentials"))
				require.Contains(t, w.Values("Vary"), "Origin")
			}
			require.Contains(t, plain.Header().Get("Access-Control-Expose-Headers"), "ETag")
		})
	}
}

func TestForwardedForCountsOnlyFromTrustedProxies(t *testing.T) {
	for _, tc := range []struct{ name, peer, forwarded, want string }{
		{"an untrusted peer", "198.51.100.9:1", "203.0.113.7", "198.51.100.9"},
		{"a trusted proxy", "10.1.2.3:1", "203.0.113.7", "203.0.113.7"},
		{"a client that lies to the proxy", "10.1.2.3:1", "1.2.3.4, 203.0.113.7", "203.0.113.7"},
		{"a chain of trusted proxies", "10.1.2.3:1", "203.0.113.7, 10.9.9.9", "203.0.113.7"},
		{"no address", "10.1.2.3:1", "x", "unknown"}, // and not the proxy's, which a rule might let in
		{"no address behind one", "10.1.2.3:1", "x, 203.0.113.7", "203.0.113.7"},
		{"nothing", "10.1.2.3:1", "", "10.1.2.3"},
		{"with a port", "10.1.2.3:1", "203.0.113.7:4711", "203.0.113.7"},
		{"IPv6 with a port", "10.1.2.3:1", "[2001:db8::1]:4711", "2001:db8::1"},
		{"IPv6 in brackets", "10.1.2.3:1", "[2001:db8::1]", "2001:db8::1"},
		{"IPv4 within IPv6", "10.1.2.3:1", "203.0.113.7, ::ffff:10.9.9.9", "203.0.113.7"},
		{"proxies alone", "10.1.2.3:1", "10.8.8.8, 10.9.9.9", "10.8.8.8"},
		{"loopback is not trusted by itself", "127.0.0.1:1", "203.0.113.7", "127.0.0.1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := options(t)
			o.TrustedProxies = []netip.Prefix{prefix(t, "10.0.0.0/8")}
			handler := serving(t, o, func(e *echo.Echo) {
				e.GET("/ip", func(c echo.Context) error { return c.String(200, c.RealIP()) })
			})
			w := request(t, handler, "GET", "/ip", "", from(tc.peer), header("X-Forwarded-For", tc.forwarded), header("X-Real-Ip", "9.9.9.9"))
			require.Equal(t, tc.want, w.Body.String())
		})
	}
}

func TestRateLimit(t *testing.T) {
	o := options(t)
	now := &fixed{at: time.Date(2026, 1, 2, 3, 4, 15, 0, time.UTC)}
	o.Clock, o.Limits = now, web.Limits{Login: 2, Auth: 3, General: -1}
	handler := serving(t, o, func(e *echo.Echo) {
		for _, path := range []string{"/auth/login", "/auth/method", "/auth/me", "/oauth2/token"} {
			e.POST(path, func(c echo.Context) error { return c.NoContent(200) })
		}
	})
	login := func(change ...func(*http.Request)) int {
		return request(t, handler, "POST", "/auth/login", "", change...).Code
	}
	require.Equal(t, `"requests";r=1;t=46`, request(t, handler, "POST", "/auth/login", "").Header().Get("RateLimit"))
	require.Equal(t, 200, login())
	w := request(t, handler, "POST", "/auth/login", "")
	require.Equal(t, http.StatusTooManyRequests, w.Code)
	require.Equal(t, "too-many-requests", outcomeOf(t, w).ID)
	require.Equal(t, "46", w.Header().Get("Retry-After"))
	require.Equal(t, http.StatusTooManyRequests, request(t, handler, "POST", "/api/auth/login", "").Code, "/api is no way around")
	require.Equal(t, http.StatusTooManyRequests, login(header("X-Forwarded-For", "203.0.113.7")), "nor is a claim")
	require.Equal(t, 200, login(from("203.0.113.7:1")), "another address has its own")
	require.Equal(t, 200, login(from("[2001:db8::1]:1")))
	require.Equal(t, 200, login(from("[2001:db8::2]:1")))
	require.Equal(t, 429, login(from("[2001:db8::3]:1")), "one IPv6 network is one client")
	for range 10 {
		require.Equal(t, 200, request(t, handler, "POST", "/auth/me", "").Code, "me is not limited like the rest of auth")
	}
	for range 3 {
		require.Equal(t, 200, request(t, handler, "POST", "/oauth2/token", "").Code)
	}
	require.Equal(t, 429, request(t, handler, "POST", "/auth/method", "").Code, "auth and oauth2 share a limit")
	now.at = now.at.Add(45 * time.Second)
	require.Equal(t, 200, login(), "a new minute")
}

func TestProbes(t *testing.T) {
	o := options(t)
	o.TrustedProxies = []netip.Prefix{prefix(t, "10.0.0.0/8")}
	var down error
	o.Ready = func(context.Context) error { return down }
	handler := serving(t, o, nil)
	require.Equal(t, "OK", request(t, handler, "GET", "/", "").Body.String())
	require.Contains(t, request(t, handler, "GET", "/robots.txt", "").Body.String(), "Disallow: /")
	require.Contains(t, request(t, handler, "GET", "/healthcheck", "").Body.String(), `"ok":true,"version":"test"`)
	require.Equal(t, 200, request(t, handler, "GET", "/readyz", "").Code)

	down = errors.New("connection refused by 10.0.0.7")
	for _, path := range []string{"/healthcheck", "/readyz"} {
		w := request(t, handler, "GET", path, "")
		require.Equal(t, http.StatusServiceUnavailable, w.Code)
		require.NotContains(t, w.Body.String(), "10.0.0.7")
	}

	require.Equal(t, 404, request(t, handler, "GET", "/metrics", "").Code, "metrics are not for strangers")
	require.Equal(t, 404, request(t, handler, "GET", "/metrics", "", from("127.0.0.1:1"), header("X-Forwarded-For", "203.0.113.7")).Code, "nor through a proxy")
	for _, peer := range []string{"127.0.0.1:1", "10.1.1.1:1", "[::1]:1"} {
		w := request(t, handler, "GET", "/metrics", "", from(peer))
		require.Equal(t, 200, w.Code, peer)
		require.Contains(t, w.Body.String(), `admit_http_request_duration_seconds_count{method="GET",route="/healthcheck",status="200"} 1`)
	}
}

// TestAClientThatHungUpIsNoFailure: whatever the handler then fails with, nobody's attention is due.
func TestAClientThatHungUpIsNoFailure(t *testing.T) {
	var log bytes.Buffer
	o := options(t)
	o.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelInfo}))
	handler := serving(t, o, func(e *echo.Echo) {
		e.GET("/x", func(echo.Context) error { return errors.New("the statement was cancelled") }, web.Errors(web.Outcome))
	})
	hungUp, cancel := context.WithCancel(t.Context())
	cancel()
	w := request(t, handler, "GET", "/x", "", func(r *http.Request) { *r = *r.WithContext(hungUp) })
	require.Equal(t, 499, w.Code)
	require.Empty(t, log.String())
	require.Equal(t, http.StatusInternalServerError, request(t, handler, "GET", "/x", "").Code)
	require.Contains(t, log.String(), "the statement was cancelled")
}

func TestLogsCannotBeForgedAndHoldNoPath(t *testing.T) {
	var log bytes.Buffer
	o := options(t)
	o.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	handler := serving(t, o, func(e *echo.Echo) {
		e.GET("/setpassword/:id/:secret", func(echo.Context) error { return errors.New("a\nlevel=ERROR msg=forged") })
	})
	request(t, handler, "GET", "/setpassword/1/hunter2%0Alevel=ERROR?code=hunter2", "")
	require.NotContains(t, log.String(), "hunter2")
	for line := range strings.Lines(log.String()) {
		require.True(t, strings.HasPrefix(line, "time="), line)
	}
}

// listening serves handler on a real listener until stop, which returns when Serve has.
func listening(t *testing.T, handler http.Handler) (listener net.Listener, stop func()) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- web.Serve(ctx, handler, listener, slog.New(slog.DiscardHandler), 10*time.Second) }()
	return listener, func() {
		cancel()
		require.NoError(t, <-done)
	}
}

func TestServeFinishesWhatIsInFlight(t *testing.T) {
	begun, finish := make(chan struct{}), make(chan struct{})
	listener, stop := listening(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(begun)
		<-finish
		_, _ = w.Write([]byte("done"))
	}))
	answered := make(chan string, 1)
	go func() {
		response, err := http.Get("http://" + listener.Addr().String())
		if err != nil {
			answered <- err.Error()
			return
		}
		defer response.Body.Close()
		body := make([]byte, 4)
		_, _ = response.Body.Read(body)
		answered <- string(body)
	}()
	<-begun
	stopped := make(chan struct{})
	go func() { stop(); close(stopped) }()
	require.Eventually(t, func() bool {
		connection, err := net.Dial("tcp", listener.Addr().String())
		if err == nil {
			_ = connection.Close()
		}
		return err != nil
	}, 5*time.Second, time.Millisecond, "no new connection is taken")
	close(finish)
	require.Equal(t, "done", <-answered)
	<-stopped
}

func TestNetwork(t *testing.T) {
	for address, want := range map[string]string{
		"203.0.113.7": "203.0.113.7", "::ffff:203.0.113.7": "203.0.113.7", "2001:db8:1:2:3::4": "2001:db8:1:2::/64",
		"fe80::1%eth0": "fe80::/64", "::1": "::/64", "@": "@",
	} {
		require.Equal(t, want, web.Network(address))
	}
}
