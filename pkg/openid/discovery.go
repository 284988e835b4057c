package openid

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"path"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
)

// wellKnown is where an issuer describes itself (OpenID Connect Discovery §4).
const wellKnown = "/.well-known/openid-configuration"

// maxSteps bounds how far up the issuer of an authorization endpoint is looked for.
const maxSteps = 6

// provider is what is known of a Config; what is not known or too old is asked for.
func (c *Client) provider(ctx context.Context, cfg Config) (*provider, error) {
	now := c.clock.Now()
	c.mu.Lock()
	p, ok := c.known[cfg]
	c.mu.Unlock()
	if ok && now.Before(p.until) {
		return p, nil
	}
	ctx, cancel := context.WithTimeout(c.with(ctx), patience)
	defer cancel()
	p, err := c.discover(ctx, cfg)
	if err != nil {
		return nil, err
	}
	p.until = now.Add(discoveryLasts)
	c.mu.Lock()
	defer c.mu.Unlock()
	for old := range c.known {
		if len(c.known) < maxKnown {
			break
		}
		delete(c.known, old)
	}
	c.known[cfg] = p
	return p, nil
}

// discover asks the issuer about itself and holds the configuration to what it says.
func (c *Client) discover(ctx context.Context, cfg Config) (*provider, error) {
	issuer := cfg.Issuer
	if issuer == "" {
		issuer = c.issuerOf(ctx, cfg)
	}
	switch issuer {
	case "":
		return nil, fmt.Errorf("%w: no issuer has the authorization endpoint for its own", ErrRefused)
	case c.own:
		return nil, fmt.Errorf("%w: this server is not its own external provider", ErrRefused)
	}
	found, err := oidc.NewProvider(ctx, issuer)
	if err != nil {
		return nil, refusedBy("discover the provider", err)
	}
	p := &provider{oidc: found}
	if err := found.Claims(&p.metadata); err != nil {
		return nil, refusedBy("read the provider's description", err)
	}
	if !sameEndpoint(cfg.AuthorizeURL, p.Authorize) || !sameEndpoint(cfg.TokenURL, p.Token) {
		return nil, fmt.Errorf("%w: the issuer's endpoints are others than those configured", ErrRefused)
	}
	// The keys are fetched later, when this request is over; the library keeps no more than the client of it.
	p.verifier = found.VerifierContext(c.with(context.WithoutCancel(ctx)),
		&oidc.Config{ClientID: cfg.ClientID, SupportedSigningAlgs: algorithms, Now: c.clock.Now})
	return p, nil
}

// issuerOf looks for the issuer above its authorization endpoint: the one that says of itself that this is
// where it is and that the endpoints are its own.
func (c *Client) issuerOf(ctx context.Context, cfg Config) string {
	at, err := url.Parse(cfg.AuthorizeURL)
	if err != nil {
		return ""
	}
	for range maxSteps {
		if at.Path == "" || at.Path == "/" {
			break
		}
		at.Path, at.RawPath = strings.TrimSuffix(path.Dir(at.Path), "/"), ""
		base := at.Scheme + "://" + at.Host + at.EscapedPath()
		body, _, err := c.fetch.Get(ctx, base+wellKnown, "application/json")
		if err != nil {
			continue
		}
		var told metadata
		if json.Unmarshal(body, &told) == nil && strings.TrimSuffix(told.Issuer, "/") == base && sameEndpoint(cfg.AuthorizeURL, told.Authorize) {
			return told.Issuer
		}
	}
	return ""
}

func base64URL(part string) ([]byte, error) {
	return base64.RawURLEncoding.DecodeString(strings.TrimRight(part, "="))
}
