package app

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/admitdev/admit/pkg/config"
	"github.com/admitdev/admit/pkg/secret"
)

const (
	demoProject = "Springfield Clinic"
	demoEmail   = "admin@example.com"
	// demoInvite is the example of Medplum's guide to inviting by API.
	demoInvite = `{"resourceType":"Patient","firstName":"Homer","lastName":"Simpson","email":"homer@example.com", "sendEmail":"false"}`
)

// serveDemo serves a database of its own that is gone when it ends, whatever is configured, with a
// project and an administrator in it.
func serveDemo(ctx context.Context, o Options, out io.Writer) (err error) {
	listener, err := listen(ctx, o.Config)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "admit-demo-")
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	demo := *o.Config
	o.Config = &demo
	demo.DatabaseURL = config.Secret("sqlite:" + filepath.Join(dir, "admit.db"))
	demo.StorageURL = config.Secret("file:" + filepath.Join(dir, "binary"))
	demo.RegistrationOpen = true // how the administrator comes in; it goes away with the database
	demo.AppURL = demo.BaseURL
	s, err := New(ctx, o)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, listener) }()
	made, err := newDemo(ctx, listener.Addr())
	if err != nil {
		stop()
		return errors.Join(fmt.Errorf("make the demo: %w", err), <-ended)
	}
	made.print(out, demo.BaseURL)
	return <-ended
}

// demo is who may do what in the throw-away database.
type demo struct{ project, password, token string }

// newDemo registers the administrator over the wire, as a stranger does with open registration.
func newDemo(ctx context.Context, address net.Addr) (demo, error) {
	d := demo{password: secret.Token(12)}
	c := demoClient("http://" + reachable(address.String()))
	verifier := secret.Token(32)
	challenge := sha256.Sum256([]byte(verifier))
	var login struct{ Login, Code string }
	err := c.post(ctx, "/auth/newuser", map[string]string{
		"firstName": "Julius", "lastName": "Hibbert", "email": demoEmail, "password": d.password, "projectId": "new",
		"codeChallenge": base64.RawURLEncoding.EncodeToString(challenge[:]), "codeChallengeMethod": "S256",
	}, &login)
	if err != nil {
		return d, err
	}
	if err := c.post(ctx, "/auth/newproject", map[string]string{"login": login.Login, "projectName": demoProject}, &login); err != nil {
		return d, err
	}
	var token struct {
		AccessToken string                     `json:"access_token"`
		Project     struct{ Reference string } `json:"project"`
	}
	err = c.form(ctx, "/oauth2/token", url.Values{
		"grant_type": {"authorization_code"}, "code": {login.Code}, "code_verifier": {verifier},
	}, &token)
	d.token, d.project = token.AccessToken, strings.TrimPrefix(token.Project.Reference, "Project/")
	return d, err
}

// print shows the demo, with a line that can be pasted into a terminal as it stands.
func (d demo) print(out io.Writer, base *url.URL) {
	fmt.Fprintf(out, `
Admit is running with a throw-away database at %s

  project   %s (%s)
  admin     %s
  password  %s

Invite Homer Simpson by pasting this line into another terminal (its token is good for an hour):

curl '%s' -H 'Authorization: Bearer %s' -H 'Content-Type: application/json' --data-raw '%s'

Ctrl-C ends the server and removes its database.

`, base, demoProject, d.project, demoEmail, d.password, base.JoinPath("admin/projects", d.project, "invite"), d.token, demoInvite)
}

// demoClient is the address of the server it asks.
type demoClient string

func (c demoClient) post(ctx context.Context, path string, body, answer any) error {
	content, err := json.Marshal(body)
	if err != nil {
		return err
	}
	return c.send(ctx, path, "application/json", content, answer)
}

func (c demoClient) form(ctx context.Context, path string, fields url.Values, answer any) error {
	return c.send(ctx, path, "application/x-www-form-urlencoded", []byte(fields.Encode()), answer)
}

func (c demoClient) send(ctx context.Context, path, contentType string, body []byte, answer any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, string(c)+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", contentType)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("POST %s: %s: %s", path, response.Status, content)
	}
	return json.Unmarshal(content, answer)
}
