package client

import (
	"context"
	"encoding/json"
	"net/http"
)

// Members manages the ProjectMemberships of the project, whose ids are those of its users too.
type Members struct{ client *Client }

// Members manages the ProjectMemberships of the project.
func (c *Client) Members() Members { return Members{c} }

func (m Members) do(ctx context.Context, method string, body, into any, path ...string) error {
	return m.client.do(ctx, call{method: method, path: append([]string{"members"}, path...), body: body, into: into})
}

// Read reads a ProjectMembership.
func (m Members) Read(ctx context.Context, id string) (membership json.RawMessage, err error) {
	err = m.do(ctx, http.MethodGet, nil, &membership, id)
	return membership, err
}

// Update replaces a ProjectMembership, and gives it as it is stored.
func (m Members) Update(ctx context.Context, id string, membership json.RawMessage) (stored json.RawMessage, err error) {
	err = m.do(ctx, http.MethodPost, membership, &stored, id)
	return stored, err
}

// Delete removes a membership; the person is no member any more.
func (m Members) Delete(ctx context.Context, id string) error {
	return m.do(ctx, http.MethodDelete, nil, nil, id)
}

// ResetPassword mails the member a link to a new password.
func (m Members) ResetPassword(ctx context.Context, id string) error {
	return m.do(ctx, http.MethodPost, nil, nil, id, "resetpassword")
}

// ResetMFA takes the member's authenticator away, who sets up another at the next sign-in where one is required.
func (m Members) ResetMFA(ctx context.Context, id string) error {
	return m.do(ctx, http.MethodPost, struct{}{}, nil, id, "mfa", "reset")
}

// Session is a sign-in that has not ended.
type Session struct {
	ID            string `json:"id"`
	Scope         string `json:"scope"`
	AuthMethod    string `json:"authMethod"`
	MFAVerified   bool   `json:"mfaVerified"`
	RemoteAddress string `json:"remoteAddress"`
	UserAgent     string `json:"userAgent"`
	Browser       string `json:"browser"`
	OS            string `json:"os"`
	Started       string `json:"started"`
	LastUsed      string `json:"lastUsed"` // when it last got tokens
}

// Sessions lists the sessions of a member.
func (m Members) Sessions(ctx context.Context, id string) ([]Session, error) {
	var list struct {
		Sessions []Session `json:"sessions"`
	}
	err := m.do(ctx, http.MethodGet, nil, &list, id, "sessions")
	return list.Sessions, err
}

// EndSession ends a session of a member.
func (m Members) EndSession(ctx context.Context, id, session string) error {
	return m.do(ctx, http.MethodDelete, nil, nil, id, "sessions", session)
}

// SetPassword sets the password of somebody who belongs to this project alone, and ends their sessions.
func (m Members) SetPassword(ctx context.Context, email, password string) error {
	return m.client.do(ctx, call{
		method: http.MethodPost, server: true, path: []string{"admin", "projects", "setpassword"},
		body: map[string]string{"email": email, "password": password, "projectId": m.client.project},
	})
}
