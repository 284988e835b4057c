// Package client is the Go SDK for the administration of a project: its users, their groups, roles and
// tokens, its members, invitations, programs and settings; and of what super administrators do about the
// server. It speaks the native API that /openapi.json describes and imports nothing of the server.
//
//		admit := client.New("https://admit.example.com", project, client.Credentials(id, secret))
//		user, err := admit.Users().Create(ctx, client.UserDraft{ProfileType: "Patient", UserFields: client.UserFields{Login: client.Text("bob")}})
//
//	  - An answer that is no success is an *Error, which names the field at fault. Its Status says what may be
//	    done: 400 names what to mend, 401 wants another token, 403 more rights; 404 and 410 are of what is not
//	    there or no longer, 409 and 412 of what has changed meanwhile; after 429 and 503 the same may work later.
//	  - An error of another type is of the network, the context or an answer that cannot be read.
//	  - A Client may be used by several goroutines at once.
//	  - Nothing is tried twice: a caller knows best what may be.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// maxAnswer bounds what is read of an answer.
const maxAnswer = 64 << 20

// Client administers one project.
type Client struct {
	base, project string
	tokens        TokenSource
	http          *http.Client
}

// New makes a Client of the server at baseURL for a project, given by its id.
func New(baseURL, project string, tokens TokenSource) *Client {
	return &Client{base: strings.TrimSuffix(baseURL, "/"), project: project, tokens: tokens, http: &http.Client{Timeout: time.Minute}}
}

// Error is an answer that is no success; errors.As finds it in what any method returns.
type Error struct {
	Status int
	Issues []Issue
}

// Issue is one reason of an Error.
type Issue struct {
	Code       string   `json:"code"`
	Expression []string `json:"expression"`
	Details    struct {
		Text string `json:"text"`
	} `json:"details"`
	Diagnostics string `json:"diagnostics"`
}

// Error implements error.
func (e *Error) Error() string {
	texts := make([]string, len(e.Issues))
	for i, issue := range e.Issues {
		if texts[i] = issue.Details.Text; issue.Diagnostics != "" {
			texts[i] += ": " + issue.Diagnostics
		}
	}
	return fmt.Sprintf("admit: %d %s", e.Status, strings.Join(texts, "; "))
}

// Field is the field at fault, empty when none is named.
func (e *Error) Field() string {
	for _, issue := range e.Issues {
		if len(issue.Expression) > 0 {
			return issue.Expression[0]
		}
	}
	return ""
}

// call is one request. Into, when not nil, takes the answer's body.
type call struct {
	method string
	server bool     // the path is the server's, not the project's
	path   []string // each step unescaped
	query  url.Values
	body   any
	header http.Header
	into   any
}

func (c *Client) do(ctx context.Context, call call) error {
	request, err := c.request(ctx, call)
	if err != nil {
		return err
	}
	return send(c.http, request, call.into)
}

// request is a call as it is sent, with the token.
func (c *Client) request(ctx context.Context, call call) (*http.Request, error) {
	address := c.base
	if !call.server {
		address += "/admin/projects/" + url.PathEscape(c.project)
	}
	for _, step := range call.path {
		address += "/" + url.PathEscape(step)
	}
	if len(call.query) > 0 {
		address += "?" + call.query.Encode()
	}
	request, err := newRequest(ctx, call.method, address, call.body)
	if err != nil {
		return nil, err
	}
	for name, values := range call.header {
		request.Header[name] = values
	}
	token, err := c.tokens.Token(ctx, c.base, c.http)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	return request, nil
}

func newRequest(ctx context.Context, method, address string, body any) (*http.Request, error) {
	if body == nil {
		return http.NewRequestWithContext(ctx, method, address, nil)
	}
	if l, is := body.(list); is {
		request, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(l.content))
		if err == nil {
			request.Header.Set("Content-Type", l.contentType)
		}
		return request, err
	}
	content, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("admit: write the request: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(content))
	if err == nil {
		request.Header.Set("Content-Type", "application/json")
	}
	return request, err
}

func send(h *http.Client, request *http.Request, into any) error {
	response, err := h.Do(request)
	if err != nil {
		return fmt.Errorf("admit: %w", err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("admit: read the answer: %w", err)
	}
	if response.StatusCode >= http.StatusBadRequest {
		return refusal(response.StatusCode, content)
	}
	if into == nil {
		return nil
	}
	if whole, is := into.(*[]byte); is {
		*whole = content
		return nil
	}
	if err := json.Unmarshal(content, into); err != nil {
		return fmt.Errorf("admit: read the answer: %w", err)
	}
	return nil
}

// refusal reads an OperationOutcome, or OAuth's error, or nothing of a proxy's own page.
func refusal(status int, content []byte) *Error {
	var said struct {
		Issue       []Issue `json:"issue"`
		Error       string  `json:"error"`
		Description string  `json:"error_description"`
	}
	refused := &Error{Status: status}
	if json.Unmarshal(content, &said) != nil {
		return refused
	}
	if refused.Issues = said.Issue; said.Error != "" {
		issue := Issue{Code: said.Error}
		issue.Details.Text = said.Error + ": " + said.Description
		refused.Issues = []Issue{issue}
	}
	return refused
}

// Text is a pointer to s, for the fields of which nil means to leave them as they are.
func Text(s string) *string { return &s }
