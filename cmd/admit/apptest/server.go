package apptest

import (
	"maps"
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/cmd/admit/app"
	"github.com/admitdev/admit/pkg/admittest"
	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/store/storetest"
)

// Server is a whole server that answers at URL until its test ends.
type Server struct {
	*admittest.Server
	Store  *store.Store
	Routes []*echo.Route
	// Handler is what answers at URL.
	Handler http.Handler

	t      testing.TB
	people map[Role]*Client
	mu     sync.Mutex

	before      map[string]map[string]string // type → id → version, when somebody was last asked for
	mailsBefore int
}

// Option changes how a server starts.
type Option = admittest.Option

// On uses a database of storetest; without it the server has one in memory.
func On(db storetest.DB) Option { return With("ADMIT_DATABASE_URL=" + db.URL) }

// With sets variables, "ADMIT_REGISTRATION=closed"; a later one wins.
func With(variables ...string) Option { return admittest.Variables(variables...) }

// At replaces the machine's clock.
func At(c clock.Clock) Option {
	return admittest.Adjusted(func(o *app.Options) { o.Clock = c })
}

// Named lets the server be reached by a name, as passkeys want it: localhost.
func Named(host string) Option { return admittest.Named(host) }

// Watched has every statement shown to watch before the database gets it.
func Watched(watch storetest.Watch) Option {
	return admittest.Adjusted(func(o *app.Options) { o.Wrap = watch.Wrap })
}

// The first super administrator of every server.
const (
	SuperAdminEmail    = "super@example.com"
	SuperAdminPassword = "Quiet-harbour-4711"
)

// Start runs a server until the end of the test.
func Start(t testing.TB, options ...Option) *Server {
	t.Helper()
	ours := With("ADMIT_SUPERADMIN_EMAIL="+SuperAdminEmail, "ADMIT_SUPERADMIN_PASSWORD="+SuperAdminPassword, "ADMIT_REGISTRATION=open")
	s := &Server{Server: admittest.Start(t, append([]Option{ours}, options...)...), t: t, people: map[Role]*Client{}}
	s.Store, s.Routes, s.Handler = s.App.Store(), s.App.Routes, s.App.Handler
	return s
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
