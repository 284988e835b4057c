package client

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/admitdev/admit/pkg/clock"
)

// TokenSource gives the access token of a request.
type TokenSource interface {
	Token(ctx context.Context, baseURL string, h *http.Client) (string, error)
}

// StaticToken is an access token that somebody else looks after.
type StaticToken string

// Token implements TokenSource.
func (t StaticToken) Token(context.Context, string, *http.Client) (string, error) {
	return string(t), nil
}

// earlier is how long before its end a token is replaced.
const earlier = time.Minute

// Credentials signs in as a ClientApplication with its secret (RFC 6749 §4.4), whose membership
// must be an administrator's. A token is kept until shortly before it runs out.
func Credentials(id, secret string) TokenSource {
	return &credentials{id: id, secret: secret}
}

type credentials struct {
	id, secret string
	mu         sync.Mutex
	token      string
	until      time.Time
}

// Token implements TokenSource. Requests at the same time wait for one sign-in.
func (c *credentials) Token(ctx context.Context, baseURL string, h *http.Client) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	begun := clock.System{}.Now()
	if c.token != "" && begun.Before(c.until) {
		return c.token, nil
	}
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {c.id}, "client_secret": {c.secret}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, baseURL+"/oauth2/token", strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	var given struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int    `json:"expires_in"`
	}
	if err := send(h, request, &given); err != nil {
		return "", err
	}
	c.token, c.until = given.AccessToken, begun.Add(time.Duration(given.ExpiresIn)*time.Second-earlier)
	return c.token, nil
}
