package apptest

import (
	"bytes"
	"context"
	"database/sql/driver"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/cmd/admit/app"
	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/config"
	"github.com/admitdev/admit/pkg/mail"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/store/storetest"
)

// Server is a whole server that answers at URL until its test ends.
type Server struct {
	URL    string // without a final slash
	Store  *store.Store
	Routes []*echo.Route
	// Handler is what answers at URL.
	Handler http.Handler

	t      testing.TB
	people map[Role]*Client

	mu    sync.Mutex
	mails []mail.Rendered
	log   bytes.Buffer

	before      map[string]map[string]string // type → id → version, when somebody was last asked for
	mailsBefore int
}

// Option changes how a server starts.
type Option func(*starting)

type starting struct {
	host    string
	environ []string
	clock   clock.Clock
	wrap    func(driver.Connector) driver.Connector
}

// On uses a database of storetest; without it the server has one in memory.
func On(db storetest.DB) Option { return With("ADMIT_DATABASE_URL=" + db.URL) }

// With sets variables, "ADMIT_REGISTRATION=closed"; a later one wins.
func With(variables ...string) Option {
	return func(s *starting) { s.environ = append(s.environ, variables...) }
}

// At replaces the machine's clock.
func At(c clock.Clock) Option { return func(s *starting) { s.clock = c } }

// Named lets the server be reached by a name, as passkeys want it: localhost.
func Named(host string) Option { return func(s *starting) { s.host = host } }

// Watched has every statement shown to watch before the database gets it.
func Watched(watch storetest.Watch) Option { return func(s *starting) { s.wrap = watch.Wrap } }

// The first super administrator of every server.
const (
	SuperAdminEmail    = "super@example.com"
	SuperAdminPassword = "Quiet-harbour-4711"
)

// Start runs a server until the end of the test.
func Start(t testing.TB, options ...Option) *Server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &Server{t: t, people: map[Role]*Client{}}
	o := starting{clock: clock.System{}, environ: []string{
		"ADMIT_LISTEN=" + listener.Addr().String(), "ADMIT_DATABASE_URL=sqlite::memory:", "ADMIT_STORAGE_URL=file:" + t.TempDir(),
		"ADMIT_SUPERADMIN_EMAIL=" + SuperAdminEmail, "ADMIT_SUPERADMIN_PASSWORD=" + SuperAdminPassword,
		"ADMIT_LOGIN_RATE_LIMIT=-1", "ADMIT_AUTH_RATE_LIMIT=-1", "ADMIT_RATE_LIMIT=-1", "ADMIT_FHIR_QUOTA=-1", "ADMIT_PROJECT_MAIL_LIMIT=-1", "ADMIT_REGISTRATION=open",
	}}
	for _, option := range options {
		option(&o)
	}
	host, port, err := net.SplitHostPort(listener.Addr().String())
	require.NoError(t, err)
	if o.host != "" {
		host = o.host
	}
	s.URL = "http://" + net.JoinHostPort(host, port)
	o.environ = append([]string{"ADMIT_BASE_URL=" + s.URL}, o.environ...)
	c, err := config.Load(lastOf(o.environ), nil)
	require.NoError(t, err)
	server, err := app.New(t.Context(), app.Options{
		Config: c, Clock: o.clock, Version: "test", MailWaits: s.keepMail, Wrap: o.wrap,
		Log: slog.New(slog.NewTextHandler(s, &slog.HandlerOptions{Level: c.LogLevel})),
	})
	require.NoError(t, err)
	s.Store, s.Routes, s.Handler = server.Store(), server.Routes, server.Handler
	require.NoError(t, server.FirstStart(t.Context(), io.Discard))
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx, listener) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-ended)
		if t.Failed() {
			t.Logf("the server's log:\n%s", s.Log())
		}
	})
	return s
}

// lastOf are the variables as they were set last; one that was set to nothing is not set.
func lastOf(environ []string) []string {
	last := map[string]string{}
	for _, variable := range environ {
		name, value, _ := strings.Cut(variable, "=")
		last[name] = value
	}
	var set []string
	for name, value := range last {
		if value != "" {
			set = append(set, name+"="+value)
		}
	}
	return set
}

// Write keeps the log; it implements io.Writer.
func (s *Server) Write(line []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.Write(line)
}

// Log is all that the server has logged.
func (s *Server) Log() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

func (s *Server) keepMail(m mail.Rendered) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mails = append(s.mails, m)
}

// Mails are the mails that wait in the drawer.
func (s *Server) Mails() []mail.Rendered {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]mail.Rendered(nil), s.mails...)
}

// MailTo waits for the job that puts a mail to address into the drawer, and returns the newest.
func (s *Server) MailTo(address string) mail.Rendered {
	s.t.Helper()
	return s.MailAbout(address, "")
}

// MailAbout is MailTo for a subject with a text in it.
func (s *Server) MailAbout(address, subject string) mail.Rendered {
	s.t.Helper()
	var found mail.Rendered
	require.Eventually(s.t, func() bool {
		for _, m := range s.Mails() {
			if strings.EqualFold(m.To, address) && strings.Contains(m.Subject, subject) {
				found = m
			}
		}
		return found.ID != ""
	}, waitForMail, pollForMail, "no mail to %s about %q", address, subject)
	return found
}

// WantNoMail wants no mail to have been queued since somebody was last asked for by As.
func (s *Server) WantNoMail() {
	s.t.Helper()
	require.Equal(s.t, s.mailsBefore, s.queuedMails(), "mails were queued")
}

func (s *Server) queuedMails() int {
	s.t.Helper()
	mails, err := s.Store.Mails(s.t.Context(), "", 1000)
	require.NoError(s.t, err)
	return len(mails)
}

// WantUnchanged wants every resource of these types to be as it was when somebody was last asked
// for by As: none made, changed or deleted, in any project.
func (s *Server) WantUnchanged(types ...string) {
	s.t.Helper()
	for _, resourceType := range types {
		before, ok := s.before[resourceType]
		require.True(s.t, ok, "%s is not watched", resourceType)
		require.Equal(s.t, before, s.versions(resourceType), resourceType)
	}
}

// remember is what WantUnchanged and WantNoMail compare with.
func (s *Server) remember() {
	s.t.Helper()
	before := map[string]map[string]string{}
	for _, resourceType := range watched() {
		before[resourceType] = s.versions(resourceType)
	}
	mails := s.queuedMails()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before, s.mailsBefore = before, mails
}

// watched are the types that refusals must leave alone.
func watched() []string {
	return []string{
		"User", "Project", "ProjectMembership", "ClientApplication", "Bot", "AccessPolicy",
		"Patient", "Practitioner", "RelatedPerson", "Observation",
	}
}

// versions are the current versions of a type in all projects.
func (s *Server) versions(resourceType string) map[string]string {
	s.t.Helper()
	projects := []string{store.SystemProject}
	if resourceType != "Project" {
		projects = slices.AppendSeq(projects, maps.Keys(s.versions("Project")))
	}
	rows, err := s.Store.Search(s.t.Context(), store.Query{Projects: projects, Types: []string{resourceType}, Limit: 100_000})
	require.NoError(s.t, err)
	versions := map[string]string{}
	for _, row := range rows {
		versions[row.ID] = row.Version
	}
	return versions
}
