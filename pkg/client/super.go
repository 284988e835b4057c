package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Super is what super administrators do about the server.
type Super struct{ client *Client }

// Super is what super administrators do about the server, whatever the project.
func (c *Client) Super() Super { return Super{c} }

func (s Super) do(ctx context.Context, call call, path ...string) error {
	call.server, call.path = true, append([]string{"admin", "super"}, path...)
	return s.client.do(ctx, call)
}

// SetPassword sets the password of anybody, and ends their sessions. Project is that of somebody who belongs
// to one alone, else empty.
func (s Super) SetPassword(ctx context.Context, email, project, password string) error {
	body := map[string]string{"email": email, "password": password, "projectId": project}
	return s.do(ctx, call{method: http.MethodPost, body: body}, "setpassword")
}

// Reindex has a resource type indexed anew in the background, or all with "*".
func (s Super) Reindex(ctx context.Context, resourceType string) error {
	return s.do(ctx, call{
		method: http.MethodPost, body: map[string]string{"resourceType": resourceType}, header: http.Header{"Prefer": {"respond-async"}},
	}, "reindex")
}

// Purge removes the Logins that ended before the instant, of all projects.
func (s Super) Purge(ctx context.Context, before time.Time) error {
	body := map[string]any{"resourceType": "Login", "before": before}
	return s.do(ctx, call{method: http.MethodPost, body: body}, "purge")
}

// Migration is a migration of the database. Applied is zero while it waits.
type Migration struct {
	Version int       `json:"version"`
	Name    string    `json:"name"`
	Applied time.Time `json:"applied"`
}

// Migrations lists the migrations of the database.
func (s Super) Migrations(ctx context.Context) ([]Migration, error) {
	var list struct {
		Migrations []Migration `json:"migrations"`
	}
	err := s.do(ctx, call{method: http.MethodGet, into: &list}, "migrations")
	return list.Migrations, err
}

// MailSummary is a mail in the list of the drawer.
type MailSummary struct {
	ID       string `json:"id"`
	To       string `json:"to"`
	Template string `json:"template"`
	Project  string `json:"project"`
	State    string `json:"state"`
	Error    string `json:"error"`
	Created  string `json:"created"`
	Updated  string `json:"updated"`
}

// MailMessage is a mail as it reads. Its link is gone once the mail has been sent.
type MailMessage struct {
	MailSummary
	MailWords
	Link string `json:"link"`
}

// Mail lists a page of the mail drawer, newest first; after is the next of the page before.
func (s Super) Mail(ctx context.Context, after string) (mail []MailSummary, next string, err error) {
	var list struct {
		Mail []MailSummary `json:"mail"`
		Next string        `json:"next"`
	}
	query := url.Values{}
	if after != "" {
		query.Set("after", after)
	}
	err = s.do(ctx, call{method: http.MethodGet, query: query, into: &list}, "mail")
	return list.Mail, list.Next, err
}

// MailMessage reads a mail of the drawer.
func (s Super) MailMessage(ctx context.Context, id string) (read MailMessage, err error) {
	err = s.do(ctx, call{method: http.MethodGet, into: &read}, "mail", id)
	return read, err
}
