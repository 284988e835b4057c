package client

import (
	"context"
	"encoding/json"
	"net/http"
)

// Project is what its administrators see of a project.
type Project struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Secret  []Setting `json:"secret"`
	Site    []Site    `json:"site"`
	Setting []Setting `json:"setting"`
}

// Setting is a setting or a secret of a project; one value is set.
type Setting struct {
	Name         string   `json:"name"`
	ValueString  *string  `json:"valueString,omitempty"`
	ValueBoolean *bool    `json:"valueBoolean,omitempty"`
	ValueInteger *int     `json:"valueInteger,omitempty"`
	ValueDecimal *float64 `json:"valueDecimal,omitempty"`
}

// Site is a site of a project: the domains of its own, and the keys that its pages have of others.
type Site struct {
	Name               string   `json:"name"`
	Domain             []string `json:"domain"`
	GoogleClientID     string   `json:"googleClientId,omitempty"`
	GoogleClientSecret string   `json:"googleClientSecret,omitempty"`
	RecaptchaSiteKey   string   `json:"recaptchaSiteKey,omitempty"`
	RecaptchaSecretKey string   `json:"recaptchaSecretKey,omitempty"`
}

// Project reads the project.
func (c *Client) Project(ctx context.Context) (Project, error) {
	var read struct {
		Project Project `json:"project"`
	}
	err := c.do(ctx, call{method: http.MethodGet, into: &read})
	return read.Project, err
}

// SetSecrets replaces the secrets of the project; none removes them all.
func (c *Client) SetSecrets(ctx context.Context, secrets ...Setting) error {
	return replace(ctx, c, "secrets", secrets)
}

// SetSites replaces the sites of the project; none removes them all.
func (c *Client) SetSites(ctx context.Context, sites ...Site) error {
	return replace(ctx, c, "sites", sites)
}

// SetSettings replaces the settings of the project; none removes them all.
func (c *Client) SetSettings(ctx context.Context, settings ...Setting) error {
	return replace(ctx, c, "settings", settings)
}

func replace[item any](ctx context.Context, c *Client, list string, items []item) error {
	if items == nil {
		items = []item{} // no list at all is refused
	}
	return c.do(ctx, call{method: http.MethodPost, path: []string{list}, body: items})
}

// Program is a client or a bot as it was made. The secret is a client's.
type Program struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Secret string `json:"secret"`
}

// CreateClient makes a ClientApplication with its membership. Draft is the body as /admin/projects/:id/client
// has it: the elements of the resource, name among them, and accessPolicy, access or admin of the membership.
func (c *Client) CreateClient(ctx context.Context, draft any) (made Program, resource json.RawMessage, err error) {
	return c.createProgram(ctx, "client", draft)
}

// CreateBot makes a Bot with its membership, as CreateClient does a client.
func (c *Client) CreateBot(ctx context.Context, draft any) (made Program, resource json.RawMessage, err error) {
	return c.createProgram(ctx, "bot", draft)
}

func (c *Client) createProgram(ctx context.Context, kind string, draft any) (made Program, resource json.RawMessage, err error) {
	if err = c.do(ctx, call{method: http.MethodPost, path: []string{kind}, body: draft, into: &resource}); err == nil {
		err = json.Unmarshal(resource, &made)
	}
	return made, resource, err
}
