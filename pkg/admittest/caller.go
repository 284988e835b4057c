package admittest

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/oauth"
	"github.com/admitdev/admit/pkg/secret"
	"github.com/admitdev/admit/pkg/store"
)

// Tokens are what the token endpoint has given.
type Tokens struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
}

// Token is an access token of a client, a bot or a member of the project file. A new one is got each time.
func (s *Server) Token(name string) string {
	s.t.Helper()
	project, membership := s.find(name)
	if userType, _ := s.membership(project, membership).User.Split(); userType != medplum.TypeClientApplication {
		return s.TokensOf(project, membership).Access
	}
	id, plain := s.Credentials(name)
	return s.exchange(url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {plain}}).Access
}

// find is the membership of somebody whom the project file names.
func (s *Server) find(name string) (project, membership string) {
	s.t.Helper()
	for _, p := range s.projects {
		if id := cmp.Or(p.People[name], p.Programs[name]); id != "" {
			return p.Project, id
		}
	}
	s.t.Fatalf("admittest: the project file names no %s", name)
	return "", ""
}

// HTTP is a client that sends a token of a client, a bot or a member of the project file.
func (s *Server) HTTP(name string) *http.Client {
	s.t.Helper()
	return &http.Client{Transport: bearer(s.Token(name))}
}

// bearer sends a token.
type bearer string

// RoundTrip implements http.RoundTripper.
func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+string(b))
	return http.DefaultTransport.RoundTrip(r)
}

// Credentials are the id and secret of a client of the project file.
func (s *Server) Credentials(name string) (id, plain string) {
	s.t.Helper()
	project, membership := s.find(name)
	_, id = s.membership(project, membership).User.Split()
	rows := s.App.Store()
	box, err := secret.OpenBox(s.t.Context(), rows)
	s.must(err)
	plain, _, err = oauth.ClientSecrets{Store: rows, Box: box}.ClientSecrets(s.t.Context(), nil, project, id)
	s.must(err)
	return id, plain
}

// ProjectID is the id of a project of the project file.
func (s *Server) ProjectID(name string) string {
	s.t.Helper()
	for _, p := range s.projects {
		if p.Name == name {
			return p.Project
		}
	}
	s.t.Fatalf("admittest: the project file has no project %s", name)
	return ""
}

func (s *Server) membership(project, id string) (m medplum.ProjectMembership) {
	s.t.Helper()
	res, err := s.App.Store().Get(s.t.Context(), store.Ref{Project: project, Type: medplum.TypeProjectMembership, ID: id}, nil)
	s.must(err)
	s.must(json.Unmarshal(res.Content, &m))
	return m
}

// verifier is the code verifier of every sign-in (RFC 7636 §4.1).
const verifier = "a-verifier-of-at-least-forty-three-characters"

// TokensOf are tokens of a membership, as if whoever has it had just signed in: no password is needed, so none has to be hashed.
func (s *Server) TokensOf(project, membership string) Tokens {
	s.t.Helper()
	m := s.membership(project, membership)
	userType, userID := m.User.Split()
	userProject := project
	if userType == medplum.TypeUser {
		owner, err := s.App.Store().Owner(s.t.Context(), store.Key{Scope: store.SystemProject, Kind: userType, Value: userID})
		s.must(err)
		userProject = owner.Project
	}
	code, now, challenge := secret.Token(16), clock.System{}.Now(), sha256.Sum256([]byte(verifier))
	login := store.Login{
		ID: secret.ID(), UserProject: userProject, UserType: userType, UserID: userID, MembershipProject: project, Membership: membership,
		AuthMethod: "execute", AuthTime: store.At(now), Scope: "openid", ExpiresAt: store.At(now.Add(time.Hour)),
		CodeChallenge: base64.RawURLEncoding.EncodeToString(challenge[:]), CodeChallengeMethod: "S256",
	}
	s.must(s.App.Store().InTx(s.t.Context(), func(tx *store.Tx) error {
		if err := tx.AddLogin(s.t.Context(), login); err != nil {
			return err
		}
		return tx.AddCode(s.t.Context(), store.AuthorizationCode{Hash: secret.SHA256(code), Login: login.ID, ExpiresAt: login.ExpiresAt})
	}))
	return s.exchange(url.Values{"grant_type": {"authorization_code"}, "code": {code}, "code_verifier": {verifier}})
}

func (s *Server) exchange(form url.Values) (tokens Tokens) {
	s.t.Helper()
	response, err := http.PostForm(s.URL+"/oauth2/token", form)
	s.must(err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	s.must(err)
	if response.StatusCode != http.StatusOK {
		s.must(fmt.Errorf("the token endpoint: %s: %s", response.Status, body))
	}
	s.must(json.Unmarshal(body, &tokens))
	return tokens
}
