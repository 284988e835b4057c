package apptest

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/pkg/store/storetest"
)

// Role is a kind of caller.
type Role string

// The callers that As knows. Admin, Practitioner, Patient, Program and Bot belong to one project, which
// Admin owns; OtherAdmin owns another.
const (
	Anonymous    Role = "anonymous"
	SuperAdmin   Role = "super admin"
	Admin        Role = "admin"
	OtherAdmin   Role = "other admin"
	Practitioner Role = "practitioner"
	Patient      Role = "patient"
	Program      Role = "client"
	Bot          Role = "bot"
)

// Password is what everybody signs in with, the super administrator aside.
const Password = "Correct-horse-battery-24"

// Person is what is known of somebody who has signed in.
type Person struct {
	Email, Password           string
	Token, RefreshToken       string
	Project                   string // id
	Membership, Profile, User string // references
	ClientID, ClientSecret    string // of Program
}

// As is somebody who has signed in; each comes into being when first asked for.
func (s *Server) As(role Role) *Client {
	s.t.Helper()
	s.mu.Lock()
	c, known := s.people[role]
	s.mu.Unlock()
	if !known {
		c = s.enter(role)
		s.mu.Lock()
		s.people[role] = c
		s.mu.Unlock()
	}
	s.remember()
	return c
}

func (s *Server) enter(role Role) *Client {
	s.t.Helper()
	switch role {
	case Anonymous:
		return s.anonymous()
	case SuperAdmin:
		return s.SignIn(SuperAdminEmail, SuperAdminPassword, "")
	case Admin:
		return s.Register("admin@clinic.example", "Clinic")
	case OtherAdmin:
		return s.Register("admin@elsewhere.example", "Elsewhere")
	case Practitioner, Patient:
		profile := map[Role]string{Practitioner: "Practitioner", Patient: "Patient"}[role]
		return s.Invite(s.As(Admin), profile, string(role)+"@clinic.example", "")
	case Program:
		return s.program(s.As(Admin))
	case Bot:
		return s.bot(s.As(Admin))
	}
	require.Fail(s.t, "no such role", role)
	return nil
}

func (s *Server) anonymous() *Client {
	return &Client{t: s.t, base: s.URL, header: http.Header{}}
}

// verifier is the code verifier of every sign-in (RFC 7636 §4.1).
const verifier = "a-verifier-of-at-least-forty-three-characters"

func challenge() string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Register makes a stranger the owner and administrator of a new project.
func (s *Server) Register(email, project string) *Client {
	s.t.Helper()
	c := s.anonymous()
	login := c.POST("/auth/newuser", body(map[string]any{
		"firstName": "Ada", "lastName": "Owner", "email": email, "password": Password, "projectId": "new", "remember": true,
		"codeChallenge": challenge(), "codeChallengeMethod": "S256",
	})).WantStatus(http.StatusOK).Field("login")
	code := c.POST("/auth/newproject", body(map[string]any{"login": login, "projectName": project})).WantStatus(http.StatusOK).Field("code")
	return s.exchange(code, Person{Email: email, Password: Password})
}

// Invite is somebody whom by has invited with a password, signed in. more is further members of
// the invitation's JSON, each beginning with a comma.
func (s *Server) Invite(by *Client, profileType, email, more string) *Client {
	s.t.Helper()
	by.POST("/admin/projects/"+by.Project+"/invite", fmt.Sprintf(
		`{"resourceType":%q,"firstName":"Max","lastName":"Member","email":%q,"password":%q,"sendEmail":false%s}`,
		profileType, email, Password, more)).WantStatus(http.StatusOK)
	return s.SignIn(email, Password, by.Project)
}

// SignIn is somebody who signs in with a password; project is needed for Users of one project.
func (s *Server) SignIn(email, password, project string) *Client {
	s.t.Helper()
	fields := map[string]any{
		"email": email, "password": password, "remember": true, "scope": "openid", "codeChallenge": challenge(), "codeChallengeMethod": "S256",
	}
	if project != "" {
		fields["projectId"] = project
	}
	code := s.anonymous().POST("/auth/login", body(fields)).WantStatus(http.StatusOK).Field("code")
	return s.exchange(code, Person{Email: email, Password: password})
}

func (s *Server) exchange(code string, p Person) *Client {
	s.t.Helper()
	require.NotEmpty(s.t, code, "the sign-in gave no code")
	c := s.anonymous()
	got := c.FORM("/oauth2/token", url.Values{"grant_type": {"authorization_code"}, "code": {code}, "code_verifier": {verifier}}.Encode())
	return s.signedIn(got, p)
}

// program is a ClientApplication of by's project that has signed in with its secret.
func (s *Server) program(by *Client) *Client {
	s.t.Helper()
	made := by.POST("/admin/projects/"+by.Project+"/client", `{"name":"Batch"}`).WantStatus(http.StatusCreated)
	p := Person{ClientID: made.Field("id"), ClientSecret: made.Field("secret")}
	got := s.anonymous().FORM("/oauth2/token", url.Values{
		"grant_type": {"client_credentials"}, "client_id": {p.ClientID}, "client_secret": {p.ClientSecret},
	}.Encode())
	return s.signedIn(got, p)
}

// bot is a Bot of by's project with a session. No route gives it one: Admit keeps bots, and whoever
// runs them acts for them.
func (s *Server) bot(by *Client) *Client {
	s.t.Helper()
	id := by.GET("/fhir/R4/Bot?name=Robot").WantStatus(http.StatusOK).Field("entry.0.resource.id")
	if id == "" {
		id = by.POST("/admin/projects/"+by.Project+"/bot", `{"name":"Robot"}`).WantStatus(http.StatusCreated).Field("id")
	}
	membership := by.GET("/fhir/R4/ProjectMembership?user=Bot/" + id).WantStatus(http.StatusOK).Field("entry.0.resource.id")
	return s.entered(Person{Token: s.TokensOf(by.Project, membership).Access})
}

// Again is a further session of somebody, for a test that ends it.
func (s *Server) Again(role Role) *Client {
	s.t.Helper()
	switch c := s.As(role); role {
	case Anonymous:
		return c
	case Program:
		return s.signedIn(s.anonymous().FORM("/oauth2/token", url.Values{
			"grant_type": {"client_credentials"}, "client_id": {c.ClientID}, "client_secret": {c.ClientSecret},
		}.Encode()), c.Person)
	case Bot:
		return s.bot(s.As(Admin))
	default:
		return s.SignIn(c.Email, c.Password, c.Project)
	}
}

func (s *Server) signedIn(token *Answer, p Person) *Client {
	s.t.Helper()
	token.WantStatus(http.StatusOK)
	p.Token, p.RefreshToken = token.Field("access_token"), token.Field("refresh_token")
	return s.entered(p)
}

// entered is somebody who has a token.
func (s *Server) entered(p Person) *Client {
	s.t.Helper()
	c := s.anonymous().With("Authorization", "Bearer "+p.Token)
	me := c.GET("/auth/me").WantStatus(http.StatusOK)
	p.Project = me.Field("project.id")
	p.Membership = "ProjectMembership/" + me.Field("membership.id")
	p.Profile, p.User = me.Field("membership.profile.reference"), me.Field("membership.user.reference")
	c.Person = p
	return c
}

func body(fields map[string]any) string {
	var out strings.Builder
	encoder := json.NewEncoder(&out)
	if err := encoder.Encode(fields); err != nil { // strings and booleans always have a JSON form
		panic(err)
	}
	return out.String()
}

// Each runs test against a server on each kind of database.
func Each(t *testing.T, test func(t *testing.T, s *Server), options ...Option) {
	t.Helper()
	t.Parallel() // a test waits for its database more than it works
	storetest.Each(t, func(t *testing.T, db storetest.DB) { test(t, Start(t, append([]Option{On(db)}, options...)...)) })
}
