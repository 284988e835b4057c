package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
)

// cursor is the query of a page after another.
func cursor(next string) url.Values {
	if next == "" {
		return nil
	}
	return url.Values{"cursor": {next}}
}

// Groups lists the groups of users, from the cursor next of the page before.
func (c *Client) Groups(ctx context.Context, after string) (groups []Group, next string, err error) {
	var page struct {
		Groups []Group `json:"groups"`
		Next   string  `json:"next"`
	}
	err = c.do(ctx, call{method: http.MethodGet, path: []string{"groups"}, query: cursor(after), into: &page})
	return page.Groups, page.Next, err
}

// CreateGroup makes a group of users.
func (c *Client) CreateGroup(ctx context.Context, code, name string) (made Group, err error) {
	err = c.do(ctx, call{method: http.MethodPost, path: []string{"groups"}, body: map[string]string{"code": code, "name": name}, into: &made})
	return made, err
}

// Group reads a group by its code or id.
func (c *Client) Group(ctx context.Context, group string) (read Group, err error) {
	err = c.do(ctx, call{method: http.MethodGet, path: []string{"groups", group}, into: &read})
	return read, err
}

// RenameGroup gives a group another name.
func (c *Client) RenameGroup(ctx context.Context, group, name string) (made Group, err error) {
	err = c.do(ctx, call{method: http.MethodPatch, path: []string{"groups", group}, body: map[string]string{"name": name}, into: &made})
	return made, err
}

// DeleteGroup deletes a group.
func (c *Client) DeleteGroup(ctx context.Context, group string) error {
	return c.do(ctx, call{method: http.MethodDelete, path: []string{"groups", group}})
}

// Roles lists the roles, from the cursor next of the page before.
func (c *Client) Roles(ctx context.Context, after string) (roles []Role, next string, err error) {
	var page struct {
		Roles []Role `json:"roles"`
		Next  string `json:"next"`
	}
	err = c.do(ctx, call{method: http.MethodGet, path: []string{"roles"}, query: cursor(after), into: &page})
	return page.Roles, page.Next, err
}

// CreateRole makes a role of the rules of an AccessPolicy.
func (c *Client) CreateRole(ctx context.Context, name string, rules ...json.RawMessage) (made Role, err error) {
	err = c.do(ctx, call{method: http.MethodPost, path: []string{"roles"}, body: map[string]any{"name": name, "resource": rules}, into: &made})
	return made, err
}

// Role reads a role by its name or id.
func (c *Client) Role(ctx context.Context, role string) (read Role, err error) {
	err = c.do(ctx, call{method: http.MethodGet, path: []string{"roles", role}, into: &read})
	return read, err
}

// DeleteRole deletes a role that nobody has.
func (c *Client) DeleteRole(ctx context.Context, role string) error {
	return c.do(ctx, call{method: http.MethodDelete, path: []string{"roles", role}})
}
