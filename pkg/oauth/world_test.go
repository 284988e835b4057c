package oauth_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/oauth"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/secret"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/store/storetest"
	"github.com/admitdev/admit/pkg/web"
)

const (
	issuer       = "http://admit.example/"
	projectA     = "0197a000-0000-7000-8000-00000000000a"
	projectB     = "0197a000-0000-7000-8000-00000000000b"
	userID       = "0197a000-0000-7000-8000-000000000001"
	clientSecret = "s+c r%e:t/1" // every character that form encoding touches
	verifier     = "a-verifier-of-at-least-forty-three-characters-0"
)

// testClock stands still until it is moved.
type testClock struct {
	clock.System
	mu  sync.Mutex
	now time.Time
}

func (c *testClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *testClock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// directory is an oauth.Directory of a few.
type directory struct {
	mu          sync.Mutex
	store       *store.Store
	clients     map[string]oauth.Client
	memberships map[string]oauth.Membership // by id
	person      oauth.Person
}

func (d *directory) Client(ctx context.Context, id string) (oauth.Client, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if client, ok := d.clients[id]; ok {
		secrets, err := d.store.Credentials(ctx, client.Ref())
		client.Secrets = secrets
		return client, err
	}
	return oauth.Client{}, store.ErrNotFound
}

func (d *directory) ClientMembership(ctx context.Context, client oauth.Client) (oauth.Membership, error) {
	return d.Membership(ctx, client.Project, "member-"+client.ID)
}

func (d *directory) Membership(_ context.Context, project, id string) (oauth.Membership, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if m, ok := d.memberships[id]; ok && m.Project == project {
		return m, nil
	}
	return oauth.Membership{}, store.ErrNotFound
}

func (d *directory) Launch(_ context.Context, project, id string) (oauth.Launch, error) {
	if project == projectA && id == "launch-1" {
		return oauth.Launch{Patient: "pat-1", Encounter: "enc-1"}, nil
	}
	return oauth.Launch{}, store.ErrNotFound
}

func (d *directory) Person(context.Context, store.Ref, oauth.Membership) (oauth.Person, error) {
	return d.person, nil
}

func (d *directory) changeClient(id string, change func(*oauth.Client)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	client := d.clients[id]
	change(&client)
	d.clients[id] = client
}

func (d *directory) changeMembership(id string, change func(*oauth.Membership)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	m := d.memberships[id]
	change(&m)
	d.memberships[id] = m
}

// world is an authorization server over HTTP, and what it knows.
type world struct {
	t      testing.TB
	clock  *testClock
	store  *store.Store
	box    *secret.Box
	people *directory
	oauth  *oauth.Server
	base   string
}

func newWorld(t testing.TB, db storetest.DB) *world {
	w := &world{t: t, clock: &testClock{now: clock.System{}.Now()}}
	w.store = storetest.OpenWith(t, db, store.Options{Clock: w.clock})
	var err error
	w.box, err = secret.OpenBox(t.Context(), w.store)
	require.NoError(t, err)
	w.people = &directory{
		store: w.store,
		clients: map[string]oauth.Client{
			"client-a": {ID: "client-a", Project: projectA, Name: "A client", Active: true},
			"client-b": {ID: "client-b", Project: projectB, Name: "B client", Active: true},
		},
		memberships: map[string]oauth.Membership{},
		person:      oauth.Person{Name: "Ada Lovelace", Given: "Ada", Family: "Lovelace", Email: "ada@example.com", EmailVerified: true},
	}
	for id, project := range map[string]string{"client-a": projectA, "client-b": projectB} {
		self := oauth.Reference{Reference: "ClientApplication/" + id, Display: id}
		w.people.memberships["member-"+id] = oauth.Membership{ID: "member-" + id, Project: project, ProjectName: "P", Active: true, User: self, Profile: self}
		w.setSecret(id, project, clientSecret)
	}
	w.people.memberships["ada"] = oauth.Membership{
		ID: "ada", Project: projectA, ProjectName: "Clinic", Active: true,
		User:    oauth.Reference{Reference: "User/" + userID, Display: "ada@example.com"},
		Profile: oauth.Reference{Reference: "Practitioner/p1", Display: "Ada Lovelace"},
	}
	w.oauth, w.base = w.serve(false)
	return w
}

// serve starts a process of the server.
func (w *world) serve(plain bool) (*oauth.Server, string) {
	return w.serveWith(oauth.Options{AllowPKCEPlain: plain, AllowPrivateURLs: true})
}

func (w *world) serveWith(o oauth.Options) (*oauth.Server, string) {
	base, err := url.Parse(issuer)
	require.NoError(w.t, err)
	log := slog.New(slog.DiscardHandler)
	o.Store, o.Clock, o.Log, o.Box, o.Directory, o.BaseURL = w.store, w.clock, log, w.box, w.people, base
	s := oauth.New(o)
	e := web.New(web.Options{Log: log, Clock: w.clock, BaseURL: base, AppURL: base, Limits: web.Limits{Login: -1, Auth: -1, General: -1}})
	s.Mount(e)
	// protected is any route that needs a caller.
	e.GET("/protected", func(c echo.Context) error {
		claims, ok := oauth.Verified(c)
		if ok && claims.LoginID != "" {
			live, err := s.LiveLogin(c.Request().Context(), claims.LoginID)
			if err != nil {
				return outcome.New(outcome.Unauthorized, "")
			}
			claims = live
		}
		if !ok {
			return outcome.New(outcome.Unauthorized, "")
		}
		return c.JSON(http.StatusOK, claims)
	}, s.Authenticate())
	server := httptest.NewServer(web.Handler(e))
	w.t.Cleanup(server.Close)
	return s, server.URL
}

func (w *world) setSecret(client, project, value string) {
	secrets := oauth.ClientSecrets{Store: w.store, Box: w.box}
	require.NoError(w.t, w.store.InTx(w.t.Context(), func(tx *store.Tx) error {
		return secrets.SetClientSecret(w.t.Context(), tx, project, client, value)
	}))
}

func challenge() string {
	digest := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(digest[:])
}

// login makes a login of Ada's that has its membership, and its code.
func (w *world) login(change ...func(*store.Login)) (login store.Login, code string) {
	w.t.Helper()
	now := w.clock.Now()
	login = store.Login{
		ID: secret.ID(), UserProject: store.SystemProject, UserType: "User", UserID: userID,
		MembershipProject: projectA, Membership: "ada", AuthMethod: "password", AuthTime: store.At(now), Scope: "openid", Nonce: "n-1",
		CodeChallenge: challenge(), CodeChallengeMethod: "S256", Offline: true, ExpiresAt: store.At(now.Add(time.Hour)),
	}
	for _, fn := range change {
		fn(&login)
	}
	require.NoError(w.t, w.store.InTx(w.t.Context(), func(tx *store.Tx) (err error) {
		if err = tx.AddLogin(w.t.Context(), login); err == nil {
			code, err = w.oauth.IssueCode(w.t.Context(), tx, login.ID, "")
		}
		return err
	}))
	return login, code
}

type answer struct {
	status int
	header http.Header
	body   string
	json   map[string]any
}

func (a answer) text(name string) string { s, _ := a.json[name].(string); return s }

// oauthError is "error: description" of an answer.
func (a answer) oauthError() string { return a.text("error") + ": " + a.text("error_description") }

func (w *world) do(method, path, contentType string, header http.Header, body string) answer {
	w.t.Helper()
	request, err := http.NewRequestWithContext(w.t.Context(), method, w.base+path, strings.NewReader(body))
	require.NoError(w.t, err)
	for name, values := range header {
		request.Header[name] = values
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(w.t, err)
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	require.NoError(w.t, err)
	got := answer{status: response.StatusCode, header: response.Header, body: string(raw)}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	_ = decoder.Decode(&got.json) // some answers are text
	return got
}

// form posts pairs of names and values.
func (w *world) form(path string, header http.Header, pairs ...string) answer {
	w.t.Helper()
	values := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		values.Add(pairs[i], pairs[i+1])
	}
	return w.do(http.MethodPost, path, "application/x-www-form-urlencoded", header, values.Encode())
}

func (w *world) exchange(code string, more ...string) answer {
	w.t.Helper()
	return w.form("/oauth2/token", nil, append([]string{"grant_type", "authorization_code", "code", code, "code_verifier", verifier}, more...)...)
}

func (w *world) refresh(token string, more ...string) answer {
	w.t.Helper()
	return w.form("/oauth2/token", nil, append([]string{"grant_type", "refresh_token", "refresh_token", token}, more...)...)
}

// tokens are those of a fresh login.
func (w *world) tokens(change ...func(*store.Login)) answer {
	w.t.Helper()
	_, code := w.login(change...)
	got := w.exchange(code)
	require.Equal(w.t, 200, got.status, got.body)
	return got
}

func bearer(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }

func basic(id, password string) http.Header {
	raw := url.QueryEscape(id) + ":" + url.QueryEscape(password)
	return http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte(raw))}}
}

func (w *world) wantLive(token string) {
	w.t.Helper()
	require.Equal(w.t, 200, w.do("GET", "/protected", "", bearer(token), "").status)
}

func (w *world) wantRefused(header http.Header) answer {
	w.t.Helper()
	got := w.do("GET", "/protected", "", header, "")
	require.Equal(w.t, 401, got.status, got.body)
	require.Equal(w.t, "unauthorized", got.text("id"))
	return got
}

// claims of a token, unverified.
func claims(t testing.TB, token string) map[string]any {
	t.Helper()
	parts := strings.Split(token, ".")
	require.Len(t, parts, 3)
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	require.NoError(t, err)
	var all map[string]any
	require.NoError(t, json.Unmarshal(raw, &all))
	return all
}

func each(t *testing.T, fn func(t *testing.T, w *world)) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) { fn(t, newWorld(t, db)) })
}
