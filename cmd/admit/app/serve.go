package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/config"
	"github.com/admitdev/admit/pkg/mail"
)

func serveCommand(version string, environ []string, load loader) *cobra.Command {
	var demo bool
	serve := &cobra.Command{
		Use:   "serve",
		Short: "Migrate the database and serve until SIGTERM",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := load(cmd)
			if err != nil {
				return err
			}
			collectLess()
			log := logger(c, cmd.ErrOrStderr())
			for _, warning := range c.Warnings {
				log.Warn(warning)
			}
			o := Options{Config: c, Clock: clock.System{}, Log: log, Version: named(version), MailWaits: tellOfMail(cmd.OutOrStdout())}
			if demo {
				return serveDemo(cmd.Context(), o, cmd.OutOrStdout())
			}
			return serve(cmd.Context(), o, environ, cmd.OutOrStdout())
		},
	}
	serve.Flags().BoolVar(&demo, "demo", false, "serve a throw-away database with a project and an administrator in it")
	return configured(serve)
}

// What a server keeps alive is small: collecting half as often as Go would gives a seventh of its time
// back. Where much is alive, as under a Bundle as large as they may be, it collects more often instead.
const (
	gcPercent   = 200
	memoryLimit = 384 << 20
)

// collectLess sets the garbage collector where the environment does not.
func collectLess() {
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetGCPercent(gcPercent)
		debug.SetMemoryLimit(memoryLimit)
	}
}

// serve listens first, so that an address that is taken is told before the database is touched.
func serve(ctx context.Context, o Options, environ []string, out io.Writer) error {
	listener, err := listen(ctx, o.Config)
	if err != nil {
		return err
	}
	s, err := New(ctx, o)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	if err := s.prepare(ctx, environ, out); err != nil {
		return errors.Join(err, listener.Close(), s.Close())
	}
	o.Log.Info("serving", "address", listener.Addr().String(), "base", o.Config.BaseURL.String(), "version", o.Version)
	return s.Run(ctx, listener)
}

// prepare does what is done before anybody is served.
func (s *Server) prepare(ctx context.Context, environ []string, out io.Writer) error {
	if err := s.FirstStart(ctx, out); err != nil {
		return err
	}
	_, err := s.Apply(ctx, environ, out)
	return err
}

func listen(ctx context.Context, c *config.Config) (net.Listener, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return nil, fmt.Errorf("ADMIT_LISTEN: %w", err)
	}
	if c.BaseURL.Port() == "0" { // any port was asked for
		_, port, err := net.SplitHostPort(listener.Addr().String())
		if err != nil {
			return nil, errors.Join(err, listener.Close())
		}
		if c.AppURL == c.BaseURL {
			c.AppURL = config.Localhost(port)
		}
		c.BaseURL = config.Localhost(port)
	}
	return listener, nil
}

// tellOfMail shows the operator a mail that waits in the drawer.
func tellOfMail(out io.Writer) func(mail.Rendered) {
	return func(m mail.Rendered) {
		if m.Link != "" {
			fmt.Fprintf(out, "\nNo mail server is configured (ADMIT_SMTP_URL). The mail %q to %s waits; its link:\n  %s\n", m.Subject, m.To, m.Link)
		}
	}
}
