package apptest

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"
)

// Client asks a Server in somebody's name.
type Client struct {
	Person
	t      testing.TB
	base   string // without a final slash
	header http.Header
}

// With is the client with another header on every request.
func (c *Client) With(name, value string) *Client {
	header := c.header.Clone()
	header.Set(name, value)
	return &Client{c.Person, c.t, c.base, header}
}

// GET asks for path.
func (c *Client) GET(path string) *Answer { c.t.Helper(); return c.Do(http.MethodGet, path, "") }

// DELETE deletes path.
func (c *Client) DELETE(path string) *Answer { c.t.Helper(); return c.Do(http.MethodDelete, path, "") }

// POST sends body, JSON unless With has said otherwise.
func (c *Client) POST(path, body string) *Answer {
	c.t.Helper()
	return c.Do(http.MethodPost, path, body)
}

// PUT sends body, JSON unless With has said otherwise.
func (c *Client) PUT(path, body string) *Answer {
	c.t.Helper()
	return c.Do(http.MethodPut, path, body)
}

// PATCH sends body, JSON unless With has said otherwise.
func (c *Client) PATCH(path, body string) *Answer {
	c.t.Helper()
	return c.Do(http.MethodPatch, path, body)
}

// FORM sends fields as application/x-www-form-urlencoded, in name, value order.
func (c *Client) FORM(path string, fields string) *Answer {
	c.t.Helper()
	return c.With("Content-Type", "application/x-www-form-urlencoded").Do(http.MethodPost, path, fields)
}

// Do sends one request and reads its answer. Redirects are not followed.
func (c *Client) Do(method, path, body string) *Answer {
	c.t.Helper()
	request, err := http.NewRequestWithContext(c.t.Context(), method, c.base+path, strings.NewReader(body))
	require.NoError(c.t, err)
	for name, values := range c.header {
		request.Header[name] = values
	}
	if body != "" && request.Header.Get("Content-Type") == "" {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	require.NoError(c.t, err)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	require.NoError(c.t, err)
	return &Answer{c.t, method + " " + path, response.StatusCode, response.Header, content}
}

// Answer is what came back. Its Want methods end the test when it is something else.
type Answer struct {
	t      testing.TB
	asked  string
	Status int
	Header http.Header
	Body   []byte
}

// WantStatus wants this status.
func (a *Answer) WantStatus(status int) *Answer {
	a.t.Helper()
	require.Equal(a.t, status, a.Status, "%s: %.500s", a.asked, a.Body)
	return a
}

// OK wants success of any kind.
func (a *Answer) OK() *Answer {
	a.t.Helper()
	require.Less(a.t, a.Status, http.StatusBadRequest, "%s: %.500s", a.asked, a.Body)
	return a
}

// WantIssue wants an OperationOutcome with an issue of this code, or this outcome id.
func (a *Answer) WantIssue(code string) *Answer {
	a.t.Helper()
	require.Equal(a.t, "OperationOutcome", a.Field("resourceType"), "%s: %d %.500s", a.asked, a.Status, a.Body)
	codes := []string{a.Field("id")}
	for _, issue := range gjson.GetBytes(a.Body, "issue.#.code").Array() {
		codes = append(codes, issue.String())
	}
	require.Contains(a.t, codes, code, "%s: %d %.500s", a.asked, a.Status, a.Body)
	return a
}

// WantText wants an OperationOutcome with an issue of this text.
func (a *Answer) WantText(text string) *Answer {
	a.t.Helper()
	var texts []string
	for _, issue := range gjson.GetBytes(a.Body, "issue.#.details.text").Array() {
		texts = append(texts, issue.String())
	}
	require.Contains(a.t, texts, text, "%s: %d %.500s", a.asked, a.Status, a.Body)
	return a
}

// Field is the value at a gjson path, empty when there is none.
func (a *Answer) Field(path string) string { return gjson.GetBytes(a.Body, path).String() }

// Into reads the JSON into v.
func (a *Answer) Into(v any) {
	a.t.Helper()
	require.NoError(a.t, json.Unmarshal(a.Body, v), "%s: %.500s", a.asked, a.Body)
}
