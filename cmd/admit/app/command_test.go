package app_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/cmd/admit/app"
)

// output is written by the command while a test reads it.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// wait waits until the output matches and returns the first group.
func (o *output) wait(t *testing.T, pattern string) string {
	t.Helper()
	form := regexp.MustCompile(pattern)
	var found []string
	require.Eventually(t, func() bool {
		found = form.FindStringSubmatch(o.String())
		return found != nil
	}, 30*time.Second, 5*time.Millisecond, "no %s in the output", pattern)
	return found[len(found)-1]
}

// run runs the command to its end and returns its exit code.
func run(t *testing.T, environ []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs output
	code = app.Run(t.Context(), "1.2.3", args, environ, &out, &errs)
	return code, out.String(), errs.String()
}

// running is a serve that stop ends, as SIGTERM does.
type running struct {
	out, log *output
	stop     func() int
}

func start(t *testing.T, environ []string, args ...string) running {
	t.Helper()
	r := running{out: &output{}, log: &output{}}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan int, 1)
	go func() { ended <- app.Run(ctx, "1.2.3", append([]string{"serve"}, args...), environ, r.out, r.log) }()
	r.stop = sync.OnceValue(func() int { cancel(); return <-ended })
	t.Cleanup(func() { r.stop() })
	return r
}

func sqlite(t *testing.T) string {
	return "ADMIT_DATABASE_URL=sqlite:" + filepath.Join(t.TempDir(), "admit.db")
}

const anyPort = "ADMIT_LISTEN=127.0.0.1:0"

// address is where a server that was started on any port listens.
func (r running) address(t *testing.T) string {
	t.Helper()
	return r.log.wait(t, `"msg":"serving","address":"([^"]+)"`)
}

func TestDemoPrintsALineThatInvitesHomerSimpson(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	demo := start(t, []string{anyPort, "ADMIT_DATABASE_URL=postgres://nobody:nothing@nowhere.invalid/x"}, "--demo")
	line := demo.out.wait(t, `(?m)^(curl .+)$`)
	parts := regexp.MustCompile(`^curl '([^']+)' -H '([^:']+): ([^']+)' -H '([^:']+): ([^']+)' --data-raw '([^']+)'$`).FindStringSubmatch(line)
	require.NotNil(t, parts, line)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, parts[1], strings.NewReader(parts[6]))
	require.NoError(t, err)
	request.Header.Set(parts[2], parts[3])
	request.Header.Set(parts[4], parts[5])
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode, "%s", answer)
	require.Contains(t, string(answer), `"resourceType":"ProjectMembership"`)
	require.Contains(t, string(answer), `"display":"Homer Simpson"`)
	require.Contains(t, parts[6], `"sendEmail":"false"`, "the example is the guide's own")

	require.Zero(t, demo.stop())
	left, err := os.ReadDir(os.Getenv("TMPDIR"))
	require.NoError(t, err)
	require.Empty(t, left, "the database is gone")
}

func TestFirstStartPrintsALinkUntilItWasUsed(t *testing.T) {
	environ := []string{anyPort, sqlite(t), "ADMIT_BASE_URL=https://id.example.org/"}
	first := start(t, environ)
	link := first.out.wait(t, `https://id\.example\.org/setup/(\S+)`)
	page := "http://" + first.address(t) + "/setup/" + link
	response, err := http.Get(page)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.NotContains(t, first.log.String(), link, "a secret is in no log")
	require.Zero(t, first.stop())

	again := start(t, environ)
	require.Equal(t, link, again.out.wait(t, `/setup/(\S+)`), "opening the link has not used it")
	require.Zero(t, again.stop())

	configured := start(t, append(environ, "ADMIT_SUPERADMIN_EMAIL=super@example.com", "ADMIT_SUPERADMIN_PASSWORD=Quiet-harbour-47"))
	configured.address(t)
	require.NotContains(t, configured.out.String(), "/setup/")
	require.Zero(t, configured.stop())

	later := start(t, environ)
	later.address(t)
	require.NotContains(t, later.out.String(), "/setup/")
}

func TestLinksLeadToThePortThatIsServed(t *testing.T) {
	server := start(t, []string{anyPort, sqlite(t)})
	_, port, err := net.SplitHostPort(server.address(t))
	require.NoError(t, err)
	require.Equal(t, port, server.out.wait(t, `http://localhost:(\d+)/setup/`))
}

func TestSuperAdminVariablesCountOnTheFirstStartAlone(t *testing.T) {
	database := sqlite(t)
	person := func(email string) []string {
		return []string{
			anyPort, database, "ADMIT_SUPERADMIN_EMAIL=" + email, "ADMIT_SUPERADMIN_PASSWORD=Quiet-harbour-47",
			"ADMIT_SUPERADMIN_CLIENT_ID=ci-" + email[:1], "ADMIT_SUPERADMIN_CLIENT_SECRET=0123456789abcdef0123456789abcdef",
		}
	}
	token := func(r running, client string) int {
		form := "grant_type=client_credentials&client_id=" + client + "&client_secret=0123456789abcdef0123456789abcdef"
		response, err := http.Post("http://"+r.address(t)+"/oauth2/token", "application/x-www-form-urlencoded", strings.NewReader(form))
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		return response.StatusCode
	}
	first := start(t, person("first@example.com"))
	require.Equal(t, http.StatusOK, token(first, "ci-f"))
	require.Zero(t, first.stop())
	second := start(t, person("second@example.com"))
	require.NotEqual(t, http.StatusOK, token(second, "ci-s"), "the second start makes nobody")
	require.Equal(t, http.StatusOK, token(second, "ci-f"))
}

func TestFaultsOfTheConfigurationStopTheCommand(t *testing.T) {
	for _, args := range [][]string{{"serve"}, {"serve", "--demo"}, {"migrate", "up"}, {"healthcheck"}} {
		code, _, stderr := run(t, []string{"ADMIT_LISTEN=nowhere", "ADMIT_RATE_LIMIT=many"}, args...)
		require.Equal(t, 1, code, args)
		require.Contains(t, stderr, `ADMIT_LISTEN (--listen) is "nowhere"`)
		require.Contains(t, stderr, `ADMIT_RATE_LIMIT (--rate-limit) is "many"`)
	}
	code, _, stderr := run(t, nil, "serve", "--port", "1")
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "--port")
}

func TestATakenAddressIsToldAndTheDatabaseLeftAlone(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	path := filepath.Join(t.TempDir(), "admit.db")
	code, _, stderr := run(t, []string{"ADMIT_LISTEN=" + taken.Addr().String(), "ADMIT_DATABASE_URL=sqlite:" + path}, "serve")
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "ADMIT_LISTEN: listen tcp")
	require.NoFileExists(t, path)
}

func TestAPasswordThatIsNoGoodIsToldAndTheDatabaseLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "admit.db")
	code, _, stderr := run(t, []string{
		anyPort, "ADMIT_DATABASE_URL=sqlite:" + path, "ADMIT_SUPERADMIN_EMAIL=super@example.com", "ADMIT_SUPERADMIN_PASSWORD=password1",
	}, "serve")
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "ADMIT_SUPERADMIN_PASSWORD (--superadmin-password): ")
	require.NoFileExists(t, path)
}

func TestMigrateUpAndStatus(t *testing.T) {
	environ := []string{sqlite(t)}
	code, out, stderr := run(t, environ, "migrate", "status")
	require.Zero(t, code, stderr)
	require.Contains(t, out, "waits")
	_, path, _ := strings.Cut(environ[0], "sqlite:")
	require.NoFileExists(t, path, "who only looks makes no database")
	code, out, stderr = run(t, environ, "migrate", "up")
	require.Zero(t, code, stderr)
	require.NotContains(t, out, "waits")
	code, out, _ = run(t, environ, "migrate", "status")
	require.Zero(t, code)
	require.Contains(t, out, "00001_resource.sql")
	require.NotContains(t, out, "waits")
}

func TestHealthcheck(t *testing.T) {
	server := start(t, []string{anyPort, sqlite(t)})
	address := server.address(t)
	code, _, stderr := run(t, nil, "healthcheck", "--listen", address)
	require.Zero(t, code, stderr)
	require.Zero(t, server.stop())
	code, _, stderr = run(t, nil, "healthcheck", "--listen", address)
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "the server does not answer")
}

func TestHelpShowsWhatACommandHeeds(t *testing.T) {
	for command, flags := range map[string][]string{
		"serve": {"--demo", "--listen", "--database-url", "--smtp-url"}, "apply": {"--file", "--database-url"}, "invite": {"--from", "--server"},
		"migrate up": {"--database-url"}, "audit verify": {"--project", "--database-url"}, "healthcheck": {"--listen"}, "version": nil,
	} {
		code, out, _ := run(t, nil, append(strings.Fields(command), "--help")...)
		require.Zero(t, code)
		for _, flag := range flags {
			require.Contains(t, out, flag, command)
		}
		require.Equal(t, command == "serve", strings.Contains(out, "--bundle-max-mb"), command)
		for line := range strings.Lines(out) {
			require.LessOrEqual(t, len(strings.TrimRight(line, "\n")), 80, "%s: %s", command, line)
		}
	}
}

func TestOnlyYesIsTakenForIt(t *testing.T) {
	for answer, refused := range map[string]bool{"yes\n": false, " yes \r\n": false, "yes": false, "y\n": true, "no\n": true, "": true, "\nyes\n": true} {
		var out strings.Builder
		err := app.Confirm(strings.NewReader(answer), &out, "Change this?", "nothing was changed")
		require.Equal(t, refused, err != nil, "%q", answer)
		require.Equal(t, "Change this? Only yes is taken for it: ", out.String())
	}
	file, err := os.Open(os.DevNull)
	require.NoError(t, err)
	defer file.Close()
	require.ErrorContains(t, app.Confirm(file, io.Discard, "Change this?", "nothing was changed"), "--yes does it without asking")
}

func TestAnUnknownCommandIsRefused(t *testing.T) {
	for _, args := range [][]string{{"sevre"}, {"migrate", "upp"}} {
		code, _, stderr := run(t, []string{sqlite(t)}, args...)
		require.Equal(t, 1, code)
		require.Contains(t, stderr, "unknown command")
	}
	code, out, _ := run(t, nil)
	require.Zero(t, code)
	require.Contains(t, out, "Usage:")
	code, _, stderr := run(t, nil, "serve", "--listn", "x")
	require.Equal(t, 1, code)
	require.Equal(t, "admit: unknown flag: --listn; see admit serve --help\n", stderr)
}

func TestAuditVerifySaysWhenThereIsNothing(t *testing.T) {
	environ := []string{sqlite(t)}
	_, path, _ := strings.Cut(environ[0], "sqlite:")
	code, _, stderr := run(t, environ, "audit", "verify")
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "ADMIT_DATABASE_URL: stat "+path+": ")
	require.NoFileExists(t, path)
	code, _, stderr = run(t, environ, "migrate", "up")
	require.Zero(t, code, stderr)
	code, out, stderr := run(t, environ, "audit", "verify")
	require.Zero(t, code, stderr)
	require.Equal(t, "no record has been sealed yet; a running server seals them\n", out)
}

func TestVersion(t *testing.T) {
	for _, ask := range []string{"version", "--version"} {
		code, out, _ := run(t, nil, ask)
		require.Zero(t, code)
		require.Regexp(t, `^admit 1\.2\.3 go1\.\S+ \S+/\S+\n$`, out)
	}
}
