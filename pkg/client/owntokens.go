package client

import (
	"context"
	"net/http"
	"time"
)

// OwnTokens are the named tokens of whoever calls, a person.
type OwnTokens struct{ client *Client }

// OwnTokens are the named tokens of whoever calls, a person.
func (c *Client) OwnTokens() OwnTokens { return OwnTokens{c} }

func (o OwnTokens) do(ctx context.Context, method string, body, into any, path ...string) error {
	return o.client.do(ctx, call{method: method, server: true, path: append([]string{"auth", "me", "tokens"}, path...), body: body, into: into})
}

// List lists the live tokens, without their values.
func (o OwnTokens) List(ctx context.Context) ([]NamedToken, error) {
	var list struct {
		Tokens []NamedToken `json:"tokens"`
	}
	err := o.do(ctx, http.MethodGet, nil, &list)
	return list.Tokens, err
}

// Create makes the token of a key, in place of the one that there is.
func (o OwnTokens) Create(ctx context.Context, key string, validity time.Duration) (made NamedToken, err error) {
	err = o.do(ctx, http.MethodPost, map[string]any{"key": key, "validity": int(validity / time.Second)}, &made)
	return made, err
}

// Revoke ends the token of a key.
func (o OwnTokens) Revoke(ctx context.Context, key string) error {
	return o.do(ctx, http.MethodDelete, nil, nil, key)
}
