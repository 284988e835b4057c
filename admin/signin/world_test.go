package signin_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/admin/signin"
	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/jobs"
	"github.com/admitdev/admit/pkg/mail"
	"github.com/admitdev/admit/pkg/oauth"
	"github.com/admitdev/admit/pkg/secret"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/store/storetest"
	"github.com/admitdev/admit/pkg/web"
)

const (
	password = "Correct-horse-battery-24"
	another  = "Another-horse-battery-25"
	verifier = "a-verifier-of-at-least-forty-three-characters-0"
)

// testClock stands still until it is moved, at the beginning of a minute: what is counted per
// minute is counted in one.
type testClock struct {
	clock.System
	start time.Time
	ahead atomic.Int64
}

func newClock() *testClock { return &testClock{start: clock.System{}.Now().Truncate(time.Minute)} }

func (c *testClock) Now() time.Time { return c.start.Add(time.Duration(c.ahead.Load())) }

func (c *testClock) move(d time.Duration) { c.ahead.Add(int64(d)) }

// passwords counts what was verified, and lets a test act in between.
type passwords struct {
	*secret.Passwords
	verified, nobody atomic.Int64
	afterVerify      func()
}

func (p *passwords) Verify(ctx context.Context, password, hash string) (bool, error) {
	p.verified.Add(1)
	match, err := p.Passwords.Verify(ctx, password, hash)
	if p.afterVerify != nil {
		p.afterVerify()
	}
	return match, err
}

func (p *passwords) VerifyNobody(ctx context.Context, password string) error {
	p.nobody.Add(1)
	return p.Passwords.VerifyNobody(ctx, password)
}

// post keeps the letters and jobs that were queued.
type post struct {
	mu      sync.Mutex
	letters []mail.Letter
	jobs    []jobs.Args
}

func (p *post) Queue(_ context.Context, _ *store.Tx, letter mail.Letter) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.letters = append(p.letters, letter)
	return "mail", nil
}

func (p *post) Enqueue(_ context.Context, _ *store.Tx, args jobs.Args) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.jobs = append(p.jobs, args)
	return nil
}

// world is the surface over HTTP with everything under it.
type world struct {
	t         testing.TB
	clock     *testClock
	store     *store.Store
	repo      *repo.Repo
	passwords *passwords
	post      *post
	people    *admin.SignIn
	handler   http.Handler
	base      string
	name      string // makes addresses of one rule differ from those of another
}

func newWorld(t testing.TB, db storetest.DB, change ...func(*admin.SignInOptions)) *world {
	return newWorldAt(t, db, newClock(), change...)
}

func newWorldAt(t testing.TB, db storetest.DB, at *testClock, change ...func(*admin.SignInOptions)) *world {
	w := &world{t: t, clock: at, post: &post{}, name: secret.Token(4)}
	log := slog.New(slog.DiscardHandler)
	w.store = storetest.OpenWith(t, db, store.Options{Clock: w.clock})
	box, err := secret.OpenBox(t.Context(), w.store)
	require.NoError(t, err)
	w.passwords = &passwords{Passwords: &secret.Passwords{
		Rules: secret.Rules{MinLength: 8, BlockList: true, AppName: "Admit"}, Hasher: secret.NewTestHasher(),
	}}
	base := &url.URL{Scheme: "http", Host: "admit.example", Path: "/"}
	w.repo = repo.New(repo.Options{Store: w.store, Clock: w.clock, Secrets: oauth.ClientSecrets{Store: w.store, Box: box}, Log: log})
	server := oauth.New(oauth.Options{Store: w.store, Clock: w.clock, Log: log, Box: box, Directory: admin.NewDirectory(w.repo), BaseURL: base})
	service := admin.New(admin.Options{
		Refusals: audit.NewNotes("https://admit.example/", w.store, w.clock, log),
		Repo:     w.repo, Store: w.store, Clock: w.clock, Passwords: w.passwords, Mails: w.post, Fingerprints: box, BaseURL: base, AppURL: base, AppName: "Admit", MailLimit: -1, Log: log,
	})
	callers := caller.NewResolver(caller.Options{Logins: logins{server}, Records: w.repo, Changes: w.store, Clock: w.clock, Log: log})
	options := admin.SignInOptions{
		Service: service, Repo: w.repo, Store: w.store, Clock: w.clock, Passwords: w.passwords, Codes: server, Box: box,
		Jobs: w.post, Mails: w.post, AppName: "Admit", RegistrationOpen: true, LoginLimit: -1, Entrance: callers,
	}
	for _, fn := range change {
		fn(&options)
	}
	w.people = admin.NewSignIn(options)
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = callers.Run(ctx) })
	t.Cleanup(func() { stop(); running.Wait() })

	e := web.New(web.Options{
		Log: log, Clock: w.clock, BaseURL: base, AppURL: base, Limits: web.Limits{Login: -1, Auth: -1, General: -1},
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")},
	})
	server.Mount(e)
	verified := func(c echo.Context) (caller.Claims, bool) {
		claims, ok := oauth.Verified(c)
		return caller.Claims(claims), ok
	}
	signin.New(w.people, w.clock).Mount(e.Group("/auth", web.Errors(web.Outcome)), server.Authenticate(), callers.Middleware(verified))
	w.handler = web.Handler(e)
	listener := httptest.NewServer(w.handler)
	t.Cleanup(listener.Close)
	w.base = listener.URL
	return w
}

// logins asks package oauth for caller.Resolver, as package app does.
type logins struct{ *oauth.Server }

func (l logins) LiveLogin(ctx context.Context, id string) (caller.Claims, error) {
	claims, err := l.Server.LiveLogin(ctx, id)
	return caller.Claims(claims), err
}

// email is an address that no other rule uses.
func (w *world) email(local string) string { return local + "." + w.name + "@example.com" }

type answer struct {
	status int
	header http.Header
	body   string
	json   map[string]any
}

func (a answer) text(name string) string { s, _ := a.json[name].(string); return s }

// issues are the texts of an OperationOutcome, each with the field it is about.
func (a answer) issues() []string {
	var outcome struct {
		Issue []struct {
			Details    struct{ Text string }
			Expression []string
		}
	}
	_ = json.Unmarshal([]byte(a.body), &outcome)
	var texts []string
	for _, issue := range outcome.Issue {
		texts = append(texts, strings.TrimSpace(strings.Join(issue.Expression, ",")+" "+issue.Details.Text))
	}
	return texts
}

func (a answer) refusedWith(t testing.TB, status int, issues ...string) {
	t.Helper()
	require.Equal(t, status, a.status, a.body)
	require.Equal(t, issues, a.issues())
}

func (w *world) do(method, path, token string, body any, header ...string) answer {
	w.t.Helper()
	var reader io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		require.NoError(w.t, err)
		reader = strings.NewReader(string(raw))
	}
	return w.send(method, path, token, "application/json", reader, header...)
}

func (w *world) send(method, path, token, contentType string, body io.Reader, header ...string) answer {
	w.t.Helper()
	request, err := http.NewRequestWithContext(context.Background(), method, w.base+path, body)
	require.NoError(w.t, err)
	request.Header.Set("Content-Type", contentType)
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(w.t, err)
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	require.NoError(w.t, err)
	got := answer{status: response.StatusCode, header: response.Header, body: string(raw)}
	_ = json.Unmarshal(raw, &got.json)
	return got
}

func (w *world) post200(path, token string, body any) answer {
	w.t.Helper()
	got := w.do("POST", path, token, body)
	require.Equal(w.t, 200, got.status, got.body)
	return got
}

func challenge() string {
	digest := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(digest[:])
}

type object = map[string]any

// with is a sign-in or registration with a challenge, and what else is given.
func with(of object) object {
	all := object{"codeChallenge": challenge(), "codeChallengeMethod": "S256"}
	for name, value := range of {
		all[name] = value
	}
	return all
}

func newUser(email string, more object) object {
	all := with(object{"firstName": "Ada", "lastName": "Owner", "email": email, "password": password, "projectId": "new", "remember": true})
	for name, value := range more {
		all[name] = value
	}
	return all
}

func (w *world) exchange(code string) answer {
	w.t.Helper()
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "code_verifier": {verifier}}
	return w.send("POST", "/oauth2/token", "", "application/x-www-form-urlencoded", strings.NewReader(form.Encode()))
}

func (w *world) token(code string) string {
	w.t.Helper()
	got := w.exchange(code)
	require.Equal(w.t, 200, got.status, got.body)
	return got.text("access_token")
}

// owner registers somebody with a project of their own.
func (w *world) owner(email, project string) (token, projectID string) {
	w.t.Helper()
	login := w.post200("/auth/newuser", "", newUser(email, nil)).text("login")
	code := w.post200("/auth/newproject", "", object{"login": login, "projectName": project}).text("code")
	got := w.exchange(code)
	require.Equal(w.t, 200, got.status, got.body)
	reference, _ := got.json["project"].(map[string]any)["reference"].(string)
	return got.text("access_token"), strings.TrimPrefix(reference, "Project/")
}

func (w *world) login(email string, more object) answer {
	w.t.Helper()
	all := with(object{"email": email, "password": password})
	for name, value := range more {
		all[name] = value
	}
	return w.do("POST", "/auth/login", "", all)
}

// signIn signs in with a password that leads straight to a code.
func (w *world) signIn(email string, more object) string {
	w.t.Helper()
	got := w.login(email, more)
	require.NotEmpty(w.t, got.text("code"), got.body)
	return w.token(got.text("code"))
}

func (w *world) wantLive(token string) {
	w.t.Helper()
	require.Equal(w.t, 200, w.do("GET", "/auth/me", token, nil).status)
}

func (w *world) wantDead(token string) {
	w.t.Helper()
	require.Equal(w.t, 401, w.do("GET", "/auth/me", token, nil).status)
}

// change edits a resource with Admit's own rights.
func (w *world) change(project, resourceType, id string, edit func(object)) {
	w.t.Helper()
	ctx := context.Background()
	rows := w.repo.System("set up a test", project)
	res, err := rows.Read(ctx, resourceType, id)
	require.NoError(w.t, err)
	var content object
	require.NoError(w.t, json.Unmarshal(res.Content, &content))
	edit(content)
	raw, err := json.Marshal(content)
	require.NoError(w.t, err)
	_, err = rows.Update(ctx, resourceType, id, raw, res.Version)
	require.NoError(w.t, err)
}

// userOf is the User that holds an address, and what is stored of it.
func (w *world) userOf(scope, email string) (store.Ref, object) {
	w.t.Helper()
	ref, err := w.store.Owner(context.Background(), store.Key{Scope: scope, Kind: repo.KeyUserEmail, Value: email})
	require.NoError(w.t, err)
	res, err := w.repo.Record(context.Background(), "look at a test's User", ref)
	require.NoError(w.t, err)
	var content object
	require.NoError(w.t, json.Unmarshal(res.Content, &content))
	return ref, content
}

// sendReset does the job that a request for a new password queued, and gives the letter.
func (w *world) sendReset(email string) mail.Letter {
	w.t.Helper()
	w.post200("/auth/resetpassword", "", object{"email": email})
	require.Len(w.t, w.post.jobs, 1)
	require.NoError(w.t, w.people.SendReset(context.Background(), w.post.jobs[0].(admin.ResetPassword)))
	w.post.jobs = nil
	require.NotEmpty(w.t, w.post.letters)
	letter := w.post.letters[len(w.post.letters)-1]
	require.Equal(w.t, mail.Reset, letter.Template)
	require.Equal(w.t, email, letter.To)
	return letter
}

func long(n int) string { return fmt.Sprintf("%0*d", n, 1) }
