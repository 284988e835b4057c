package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/admitdev/admit/pkg/clock"
)

// Options is what the ground of all surfaces needs to know.
type Options struct {
	Log     *slog.Logger
	Clock   clock.Clock
	Version string
	// BaseURL is the server's own address, AppURL where its pages are; both may call it from a
	// browser, as may AllowedOrigins ("*": every origin).
	BaseURL, AppURL *url.URL
	AllowedOrigins  []string
	// TrustedProxies are the peers whose X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix
	Limits         Limits
	// Counter counts for the limits; one of its own when nil.
	Counter *Counter
	// Ready says whether the database answers.
	Ready func(context.Context) error
	// Metrics collects what /metrics shows; nil: nothing is collected.
	Metrics *prometheus.Registry
}

// New is an echo with everything that all surfaces share. They mount themselves on groups of it;
// Handler then serves it.
func New(o Options) *echo.Echo {
	if o.Counter == nil {
		o.Counter = NewCounter(o.Clock)
	}
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.IPExtractor = clientAddress(o.TrustedProxies)
	e.HTTPErrorHandler = func(err error, c echo.Context) { _ = write(c, err, Outcome) }
	e.Use(composed(
		carry(o.Log),
		requestIDs(o.Clock),
		securityHeaders(o.BaseURL),
		observe(o.Log, o.Metrics),
		Errors(Outcome),
		recovered(),
		cors(o),
		o.Limits.middleware(o.Counter),
	))
	probes{o}.mount(e)
	return e
}

// composed is the middleware of a whole echo as one, put together once: echo itself does so for each
// request. What follows it is the handler that the router has found.
func composed(all ...echo.MiddlewareFunc) echo.MiddlewareFunc {
	chain := func(c echo.Context) error { return c.Handler()(c) }
	for _, middleware := range slices.Backward(all) {
		chain = middleware(chain)
	}
	return func(echo.HandlerFunc) echo.HandlerFunc { return chain }
}

func carry(log *slog.Logger) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			c.Set(loggerKey, log)
			return next(c)
		}
	}
}

// recovered turns a panic into an error of ours, with its stack: logged whole, shown as 500.
func recovered() echo.MiddlewareFunc {
	return middleware.RecoverWithConfig(middleware.RecoverConfig{
		StackSize:       16 << 10,
		DisableStackAll: true,
		LogErrorFunc: func(_ echo.Context, err error, stack []byte) error {
			return fmt.Errorf("panic: %w\n%s", err, stack)
		},
	})
}

// Serve answers on listener until ctx ends; then it takes no new request and gives those in
// flight the time of grace to finish.
func Serve(ctx context.Context, handler http.Handler, listener net.Listener, log *slog.Logger, grace time.Duration) error {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second, // against clients that dribble their headers
		ReadTimeout:       time.Minute,
		WriteTimeout:      2 * time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serve %s: %w", listener.Addr(), err)
	case <-ctx.Done():
	}
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if err := server.Shutdown(patience); err != nil {
		return errors.Join(fmt.Errorf("requests were still running after %s: %w", grace, err), server.Close())
	}
	return nil
}
