// Package admittest starts a whole Admit inside a Go test, for whoever has one in front of their own service: at a
// free port, with a database in memory, with the projects of a project file in it.
//
//		srv := admittest.Start(t, admittest.Project("project.yaml"), admittest.Variables("CI_SECRET="+secret))
//		answer, err := srv.HTTP("ada@clinic.example").Get(srv.URL + "/fhir/R4/Patient")
//
//	  - It is the server itself, as cmd/admit runs it, without limits of rate; nothing is faked but mail, which waits in
//	    the drawer, and the work that a hash of a password takes.
//	  - Who is named in the file, by the name of a client or bot or the address or external id of a member, has a token at hand.
//	  - All of it ends with the test, and nothing is left.
package admittest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/cmd/admit/app"
	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/config"
	"github.com/admitdev/admit/pkg/mail"
	"github.com/admitdev/admit/pkg/secret"
)

// Server is a server that answers at URL until its test ends.
type Server struct {
	URL string // without a final slash
	// App is the server, for Admit's own tests.
	App *app.Server

	t        testing.TB
	projects []admin.Difference

	mu    sync.Mutex
	mails []mail.Rendered
	log   bytes.Buffer
}

// Option changes how a server starts.
type Option func(*starting)

type starting struct {
	host    string
	environ []string
	adjust  []func(*app.Options)
}

// Project applies a project file.
func Project(path string) Option { return Variables("ADMIT_APPLY=" + path) }

// Variables sets settings of the server, "ADMIT_REGISTRATION=open", and what the project file takes from the
// environment; the last of a name wins.
func Variables(variables ...string) Option {
	return func(o *starting) { o.environ = append(o.environ, variables...) }
}

// Named lets the server be reached by a name, as passkeys want it: localhost.
func Named(host string) Option { return func(o *starting) { o.host = host } }

// Adjusted changes what the server is made from, for Admit's own tests.
func Adjusted(adjust func(*app.Options)) Option {
	return func(o *starting) { o.adjust = append(o.adjust, adjust) }
}

// Start runs a server until the end of the test.
func Start(t testing.TB, options ...Option) *Server {
	t.Helper()
	s := &Server{t: t}
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	s.must(err)
	o := starting{host: "127.0.0.1", environ: []string{
		"ADMIT_LISTEN=" + listener.Addr().String(), "ADMIT_DATABASE_URL=sqlite::memory:", "ADMIT_STORAGE_URL=file:" + t.TempDir(),
		"ADMIT_LOGIN_RATE_LIMIT=-1", "ADMIT_AUTH_RATE_LIMIT=-1", "ADMIT_CLIENT_RATE_LIMIT=-1", "ADMIT_RATE_LIMIT=-1", "ADMIT_FHIR_QUOTA=-1", "ADMIT_PROJECT_MAIL_LIMIT=-1",
	}}
	for _, option := range options {
		option(&o)
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	s.must(err)
	s.URL = "http://" + net.JoinHostPort(o.host, port)
	environ := lastOf(append([]string{"ADMIT_BASE_URL=" + s.URL}, o.environ...))
	c, err := config.Load(environ, nil)
	s.must(err)
	wired := app.Options{
		Config: c, Clock: clock.System{}, Version: "test", MailWaits: s.keepMail, Hasher: secret.NewTestHasher(),
		Log: slog.New(slog.NewTextHandler(s, &slog.HandlerOptions{Level: c.LogLevel})),
	}
	for _, adjust := range o.adjust {
		adjust(&wired)
	}
	s.App, err = app.New(t.Context(), wired)
	s.must(err)
	s.must(s.App.FirstStart(t.Context(), io.Discard))
	s.projects, err = s.App.Apply(t.Context(), environ, io.Discard)
	s.must(err)
	s.run(listener)
	return s
}

// run answers until the test has ended.
func (s *Server) run(listener net.Listener) {
	ctx, stop := context.WithCancel(context.WithoutCancel(s.t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- s.App.Run(ctx, listener) }()
	s.t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			s.t.Error(err)
		}
		if s.t.Failed() {
			s.t.Logf("the server's log:\n%s", s.Log())
		}
	})
}

func (s *Server) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatalf("admittest: %v", err)
	}
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

const (
	waitForMail = 10 * time.Second
	pollForMail = 5 * time.Millisecond
)

// MailTo waits for the job that puts a mail to address into the drawer, and returns the newest.
func (s *Server) MailTo(address string) mail.Rendered {
	s.t.Helper()
	return s.MailAbout(address, "")
}

// MailAbout is MailTo for a subject with a text in it.
func (s *Server) MailAbout(address, subject string) mail.Rendered {
	s.t.Helper()
	for end := time.Now().Add(waitForMail); time.Now().Before(end); <-time.After(pollForMail) {
		mails := s.Mails()
		for i := len(mails) - 1; i >= 0; i-- {
			if strings.EqualFold(mails[i].To, address) && strings.Contains(mails[i].Subject, subject) {
				return mails[i]
			}
		}
	}
	about := ""
	if subject != "" {
		about = fmt.Sprintf(" about %q", subject)
	}
	s.t.Fatalf("admittest: no mail to %s%s within %s", address, about, waitForMail)
	return mail.Rendered{}
}
