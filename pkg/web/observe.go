package web

import (
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/admitdev/admit/pkg/outcome"
)

// observe counts and times requests by route, and logs them: refused ones at info, others at
// debug. The route, not the path, is logged: paths of set-password links hold their secret.
func observe(log *slog.Logger, metrics *prometheus.Registry) echo.MiddlewareFunc {
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "admit_http_request_duration_seconds",
		Help:    "Time from the request's header to the end of its handler.",
		Buckets: prometheus.ExponentialBuckets(0.001, 2.5, 10),
	}, []string{"method", "route", "status"})
	if metrics != nil {
		metrics.MustRegister(seconds)
	}
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			timer := prometheus.NewTimer(nil) // what is observed is known afterwards
			err := next(c)
			method, status, took := knownMethod(c.Request().Method), c.Response().Status, timer.ObserveDuration()
			seconds.WithLabelValues(method, c.Path(), strconv.Itoa(status)).Observe(took.Seconds())
			level := slog.LevelDebug
			if status >= http.StatusBadRequest && status != outcome.ClientGone.Status {
				level = slog.LevelInfo
			}
			if ctx := c.Request().Context(); log.Enabled(ctx, level) {
				logger(c).LogAttrs(ctx, level, "request", slog.String("method", method), slog.String("route", c.Path()),
					slog.Int("status", status), slog.Duration("took", took.Round(time.Microsecond)), slog.String("from", c.RealIP()))
			}
			return err
		}
	}
}

// knownMethod keeps a client from making up metrics.
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "OTHER"
}
