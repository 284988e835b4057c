package app

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/config"
	"github.com/admitdev/admit/pkg/mail"
	"github.com/admitdev/admit/pkg/secret"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/web"
)

// grace is what requests in flight, and then jobs, get to finish.
const grace = 10 * time.Second

// Options are what a Server is made from.
type Options struct {
	Config  *config.Config
	Clock   clock.Clock
	Log     *slog.Logger
	Version string
	// MailWaits is told once of each mail that nobody sends, because there is no mail server.
	MailWaits func(mail.Rendered)
	// Hasher, when set, hashes passwords in the place of the server's own; tests hash faster.
	Hasher *secret.Hasher
	// Wrap, when set, stands around the database driver; tests inject faults with it.
	Wrap func(driver.Connector) driver.Connector
}

// Server is all rooms, wired.
type Server struct {
	Options
	*rooms
	Handler http.Handler
	Routes  []*echo.Route
}

// New opens and migrates the database and wires the rooms. Nothing runs before Run; a Server that
// is not run wants Close.
func New(ctx context.Context, o Options) (*Server, error) {
	rows, err := store.Open(ctx, store.Options{URL: o.Config.DatabaseURL.Reveal(), Clock: o.Clock, Log: warnings(o.Log), Wrap: o.Wrap})
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	if err := rows.Migrate(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("migrate the database: %w", err), rows.Close())
	}
	s := &Server{Options: o}
	if s.rooms, err = wire(ctx, o, rows); err != nil {
		return nil, errors.Join(err, rows.Close())
	}
	e := web.New(s.webOptions())
	s.mount(e, o.Clock)
	s.Handler, s.Routes = web.Handler(e), e.Routes()
	return s, nil
}

func (s *Server) webOptions() web.Options {
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	c := s.Config
	return web.Options{
		Log: s.Log, Clock: s.Clock, Version: s.Version,
		BaseURL: c.BaseURL, AppURL: c.AppURL,
		AllowedOrigins: c.AllowedOrigins, TrustedProxies: c.TrustedProxies,
		Limits:  web.Limits{Login: c.LoginRateLimit, Auth: c.AuthRateLimit, General: c.RateLimit},
		Counter: s.counter,
		Ready:   s.store.Ping,
		Metrics: metrics,
	}
}

// Run answers on listener until ctx ends, then stops everything in order and closes.
func (s *Server) Run(ctx context.Context, listener net.Listener) error {
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	if err := s.start(background, &running, s.Log); err != nil {
		stop()
		running.Wait()
		return errors.Join(err, listener.Close(), s.Close())
	}
	served := web.Serve(ctx, s.Handler, listener, s.Log, grace)
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	stopped := s.halt(patience)
	stop()
	running.Wait()
	return errors.Join(served, stopped, s.Close())
}

// Store is the database, for tests that look behind the surfaces.
func (s *Server) Store() *store.Store { return s.store }

// Close closes the database.
func (s *Server) Close() error { return s.store.Close() }
