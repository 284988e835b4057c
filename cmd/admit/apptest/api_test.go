package apptest_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

const (
	superAdminEmail    = "admin@example.com"
	superAdminPassword = "Super-admin-1" // thirteen characters, like the recorded one
	aPassword          = "Correct-horse-battery-24"
)

// api talks to a running server as any program would, over the wire.
type api struct {
	t    *testing.T
	base string // ends with a slash
}

type answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// session is what somebody who has signed in holds.
type session struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	IDToken      string `json:"id_token"`
	Login        string
	Project      struct{ Reference string }
	Profile      struct{ Reference string }
}

func (s session) projectID() string { return strings.TrimPrefix(s.Project.Reference, "Project/") }

// call is one request: an empty ContentType leaves the header out, an empty Token the authorization.
type call struct {
	Method, Path, Token, ContentType string
	Header                           http.Header
	Body                             string
}

func (a api) do(c call) answer {
	a.t.Helper()
	request, err := http.NewRequestWithContext(a.t.Context(), c.Method, a.base, strings.NewReader(c.Body))
	if err != nil {
		a.t.Fatal(err)
	}
	// The path goes out as it is spelled, wrong escapes and all.
	path, query, _ := strings.Cut(c.Path, "?")
	request.URL.Opaque = path
	request.URL.RawQuery = query
	for name, values := range c.Header {
		request.Header[name] = values
	}
	if host := c.Header.Get("Host"); host != "" {
		request.Host = host
	}
	if c.ContentType != "" {
		request.Header.Set("Content-Type", c.ContentType)
	}
	if c.Token != "" {
		request.Header.Set("Authorization", "Bearer "+c.Token)
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		a.t.Fatalf("%s %s: %v", c.Method, c.Path, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		a.t.Fatalf("%s %s: %v", c.Method, c.Path, err)
	}
	return answer{response.StatusCode, response.Header, body}
}

// post sends JSON and expects success.
func (a api) post(path, token, body string) answer {
	a.t.Helper()
	got := a.do(call{Method: http.MethodPost, Path: path, Token: token, ContentType: "application/json", Body: body})
	if got.Status >= http.StatusBadRequest {
		a.t.Fatalf("POST %s: %d %s", path, got.Status, got.Body)
	}
	return got
}

func (a api) form(path string, fields url.Values) answer {
	a.t.Helper()
	return a.do(call{Method: http.MethodPost, Path: path, ContentType: "application/x-www-form-urlencoded", Body: fields.Encode()})
}

// into reads an answer's JSON.
func (got answer) into(t *testing.T, v any) {
	t.Helper()
	if err := json.Unmarshal(got.Body, v); err != nil {
		t.Fatalf("%v in %s", err, got.Body)
	}
}

// field reads one string of the answer's top level.
func (got answer) field(t *testing.T, name string) string {
	t.Helper()
	var fields map[string]any
	got.into(t, &fields)
	return text(fields[name])
}

func challenge() string {
	sum := sha256.Sum256([]byte(recordedVerifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// register makes a stranger the owner and admin of a project of his own.
func (a api) register(email, project string) session {
	a.t.Helper()
	login := a.post("/auth/newuser", "", quote(`{"firstName":"Ada","lastName":"Owner","email":%q,"password":%q,"projectId":"new",
		"remember":true,"codeChallengeMethod":"S256","codeChallenge":%q}`, email, aPassword, challenge())).field(a.t, "login")
	code := a.post("/auth/newproject", "", quote(`{"login":%q,"projectName":%q}`, login, project)).field(a.t, "code")
	return a.exchange(login, code)
}

// signIn signs in with a password; projectID is needed for users of one project.
func (a api) signIn(email, password, projectID string) session {
	a.t.Helper()
	body := map[string]any{
		"email": email, "password": password, "remember": true, "scope": "openid",
		"codeChallengeMethod": "S256", "codeChallenge": challenge(),
	}
	if projectID != "" {
		body["projectId"] = projectID
	}
	encoded, err := json.Marshal(body)
	if err != nil {
		a.t.Fatal(err)
	}
	got := a.post("/auth/login", "", string(encoded))
	return a.exchange(got.field(a.t, "login"), got.field(a.t, "code"))
}

func (a api) exchange(login, code string) session {
	a.t.Helper()
	got := a.form("/oauth2/token", url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "code_verifier": {recordedVerifier},
	})
	if got.Status != http.StatusOK {
		a.t.Fatalf("no token for code %q: %d %s", code, got.Status, got.Body)
	}
	s := session{Login: login}
	got.into(a.t, &s)
	return s
}

// member is somebody whom the owner has invited with a password, signed in.
func (a api) member(owner session, profileType, email string, more string) session {
	a.t.Helper()
	a.post("/admin/projects/"+owner.projectID()+"/invite", owner.AccessToken, quote(`{"resourceType":%q,"firstName":"M","lastName":"Ember",
		"email":%q,"password":%q,"sendEmail":false`, profileType, email, aPassword)+more+`}`)
	return a.signIn(email, aPassword, owner.projectID())
}

// quote is Sprintf whose %q gives JSON strings.
func quote(format string, args ...any) string {
	var out bytes.Buffer
	for _, part := range strings.SplitAfter(format, "%q") {
		before, found := strings.CutSuffix(part, "%q")
		out.WriteString(before)
		if found {
			encoded, _ := json.Marshal(args[0]) // a string always has a JSON form
			args = args[1:]
			out.Write(encoded)
		}
	}
	return out.String()
}
