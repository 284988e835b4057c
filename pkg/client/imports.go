package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Imports invites lists of people.
type Imports struct{ client *Client }

// Imports invites lists of people.
func (c *Client) Imports() Imports { return Imports{c} }

// Import is a list of people who are to be invited, and how far that is.
type Import struct {
	ID      string `json:"id"`
	State   string `json:"state"`
	Reason  string `json:"reason,omitempty"`
	Total   int    `json:"total"`
	Waiting int    `json:"waiting"`
	Done    int    `json:"done"`
	Failed  int    `json:"failed"`
	Undone  int    `json:"undone"`
	Kept    int    `json:"kept"`
	// Actions is how many rows create, update, leave unchanged or are an error.
	Actions    map[string]int `json:"actions"`
	UploadedBy Reference      `json:"uploadedBy"` // a membership
	CreatedAt  time.Time      `json:"createdAt"`
	UndoUntil  *time.Time     `json:"undoUntil,omitempty"`
}

// Running says that the server works on it.
func (in Import) Running() bool { return in.State == "running" || in.State == "undoing" }

// ImportRow is what a row does, or what became of it.
type ImportRow struct {
	Line         int    `json:"line"`
	State        string `json:"state"`
	Action       string `json:"action"`
	ResourceType string `json:"resourceType,omitempty"`
	FirstName    string `json:"firstName,omitempty"`
	LastName     string `json:"lastName,omitempty"`
	Email        string `json:"email,omitempty"`
	ExternalID   string `json:"externalId,omitempty"`
	Membership   string `json:"membership,omitempty"`
	Error        string `json:"error,omitempty"`
	Expression   string `json:"expression,omitempty"`
}

// list is a body that is no JSON.
type list struct {
	contentType string
	content     []byte
}

func (i Imports) one(ctx context.Context, method string, body any, path ...string) (Import, error) {
	var in Import
	err := i.client.do(ctx, call{method: method, path: append([]string{"invitations", "import"}, path...), body: body, into: &in})
	return in, err
}

// Upload keeps a list, text/csv or application/x-ndjson, and says what it would do. One that is being
// applied already is found again.
func (i Imports) Upload(ctx context.Context, contentType string, content []byte) (Import, error) {
	return i.one(ctx, http.MethodPost, list{contentType, content})
}

// ImportPage is a page of imports, newest first.
type ImportPage struct {
	Imports []Import `json:"imports"`
	Next    string   `json:"next,omitempty"` // cursor of the next page, empty on the last one
}

// List lists the imports that are still kept; limit 0 is 20.
func (i Imports) List(ctx context.Context, cursor string, limit int) (ImportPage, error) {
	query := url.Values{}
	if cursor != "" {
		query.Set("cursor", cursor)
	}
	if limit != 0 {
		query.Set("limit", strconv.Itoa(limit))
	}
	var page ImportPage
	err := i.client.do(ctx, call{method: http.MethodGet, path: []string{"invitations", "import"}, query: query, into: &page})
	return page, err
}

// Read says how far an import is.
func (i Imports) Read(ctx context.Context, id string) (Import, error) {
	return i.one(ctx, http.MethodGet, nil, id)
}

// Apply has the people invited in the background.
func (i Imports) Apply(ctx context.Context, id string) (Import, error) {
	return i.one(ctx, http.MethodPost, nil, id, "apply")
}

// Undo has taken back in the background what an import has made.
func (i Imports) Undo(ctx context.Context, id string) (Import, error) {
	return i.one(ctx, http.MethodPost, nil, id, "undo")
}

// Report reads what each row does, or what became of it.
func (i Imports) Report(ctx context.Context, id string) ([]ImportRow, error) {
	var content []byte
	err := i.client.do(ctx, call{
		method: http.MethodGet, path: []string{"invitations", "import", id, "report"}, query: url.Values{"format": {"ndjson"}}, into: &content,
	})
	if err != nil {
		return nil, err
	}
	var rows []ImportRow
	for line := range bytes.Lines(content) {
		var row ImportRow
		if err := json.Unmarshal(line, &row); err != nil {
			return nil, fmt.Errorf("admit: read the report: %w", err)
		}
		rows = append(rows, row)
	}
	return rows, nil
}
