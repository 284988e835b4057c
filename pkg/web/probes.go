package web

import (
	"net"
	"net/http"
	"net/netip"
	"runtime"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/admitdev/admit/pkg/outcome"
)

// probes are the routes for machines that watch the server.
type probes struct{ Options }

func (p probes) mount(e *echo.Echo) {
	e.GET("/", func(c echo.Context) error { return c.String(http.StatusOK, "OK") })
	e.GET("/robots.txt", func(c echo.Context) error { return c.String(http.StatusOK, "User-agent: *\nDisallow: /\n") })
	e.GET("/healthcheck", p.healthcheck)
	e.GET("/readyz", p.readyz)
	if p.Metrics != nil {
		e.GET("/metrics", echo.WrapHandler(promhttp.HandlerFor(p.Metrics, promhttp.HandlerOpts{})), p.watchersOnly)
	}
}

// health has the names of Medplum's answer, whose clients show version. Admit has no Redis and
// may have no Postgres: both say whether the database that stands in for them answers.
type health struct {
	OK             bool            `json:"ok"`
	Version        string          `json:"version"`
	Platform       string          `json:"platform"`
	Runtime        string          `json:"runtime"`
	Postgres       bool            `json:"postgres"`
	Redis          bool            `json:"redis"`
	RedisInstances map[string]bool `json:"redisInstances"`
}

func (p probes) healthcheck(c echo.Context) error {
	err := p.Ready(c.Request().Context())
	ok := err == nil
	status := http.StatusOK
	if !ok {
		logger(c).WarnContext(c.Request().Context(), "the database does not answer", "error", err)
		status = http.StatusServiceUnavailable
	}
	return c.JSON(status, health{
		OK: ok, Version: p.Version, Platform: runtime.GOOS, Runtime: runtime.Version(),
		Postgres: ok, Redis: ok, RedisInstances: map[string]bool{"default": ok},
	})
}

func (p probes) readyz(c echo.Context) error {
	if err := p.Ready(c.Request().Context()); err != nil {
		logger(c).WarnContext(c.Request().Context(), "not ready", "error", err)
		return c.String(http.StatusServiceUnavailable, "not ready")
	}
	return c.String(http.StatusOK, "ready")
}

// watchersOnly answers only who asks directly from this machine or from a trusted proxy's
// address: metrics tell an outsider how much is used and when. A request that some proxy has
// forwarded comes from elsewhere, whatever its peer.
func (p probes) watchersOnly(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		request := c.Request()
		for _, forwarded := range []string{echo.HeaderXForwardedFor, echo.HeaderXRealIP, "Forwarded", "Via"} {
			if request.Header.Get(forwarded) != "" {
				return outcome.New(outcome.NotFound, "")
			}
		}
		if !p.watcher(request.RemoteAddr) {
			return outcome.New(outcome.NotFound, "")
		}
		return next(c)
	}
}

func (p probes) watcher(remote string) bool {
	host, _, _ := net.SplitHostPort(remote)
	peer, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	peer = peer.Unmap()
	if peer.IsLoopback() {
		return true
	}
	for _, prefix := range p.TrustedProxies {
		if prefix.Contains(peer) {
			return true
		}
	}
	return false
}
