// Package openid speaks to other people's OpenID providers: it sends somebody there, exchanges the
// code that they come back with, and says as whom the provider knows them. Whom that is here, and
// whether they may come in, is for package admin.
//
//   - A provider is what its own discovery document says, and that must be of the issuer that was asked
//     and name the endpoints that are configured: a configuration cannot join two servers (RFC 9700 §4.4).
//   - An ID token counts when it is signed by a key of the provider with an algorithm of the list below,
//     and its issuer, audience, authorized party, nonce and times are right (OpenID Connect Core §3.1.3.7).
//   - How somebody was recognised only a signed token says; what it does not say has not been done.
//   - Every address is asked by package fetch: no private address, no redirect, no long answer.
//   - A failure is ErrRefused when the provider or its token is wrong, ErrBusy when it limits us.
package openid

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/fetch"
)

var (
	// ErrRefused says that the provider or what it gave is not what it must be.
	ErrRefused = errors.New("openid: refused")
	// ErrBusy says that the provider wants fewer requests.
	ErrBusy = errors.New("openid: the provider limits us")
)

// Config is a provider as an administrator has configured it.
type Config struct {
	// Issuer is found by the address of AuthorizeURL when it is empty.
	Issuer                              string
	AuthorizeURL, TokenURL, UserInfoURL string
	ClientID, ClientSecret              string
	// SecretInBody sends the secret in the body of the token request instead of its header.
	SecretInBody bool
}

// Identity is as whom a provider knows somebody.
type Identity struct {
	Issuer, Subject string
	Email           string
	EmailVerified   bool
	Strength
}

// Client speaks to providers.
type Client struct {
	fetch *fetch.Client
	clock clock.Clock
	// own is the issuer of this server, which is nobody's external provider.
	own   string
	mu    sync.Mutex
	known map[Config]*provider
}

// New makes a Client of the server with the issuer own. With private it also asks private addresses.
func New(private bool, c clock.Clock, own string) *Client {
	return &Client{fetch: fetch.New(private), clock: c, own: own, known: map[Config]*provider{}}
}

const (
	// discoveryLasts is how long a discovery document is believed.
	discoveryLasts = time.Hour
	// maxKnown bounds the providers that are remembered.
	maxKnown = 1000
	// maxSubject is how long a subject may be (OpenID Connect Core §2).
	maxSubject = 255
	// maxToken bounds the work on a token that a stranger sends.
	maxToken = 16 << 10
	// patience is how long all the requests of one step may take together.
	patience = 2 * fetch.Timeout
)

// algorithms are those that an ID token may be signed with: none and those by a shared secret are not.
var algorithms = []string{
	oidc.RS256, oidc.RS384, oidc.RS512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.EdDSA,
}

// provider is what discovery has told of a Config.
type provider struct {
	metadata
	oidc     *oidc.Provider
	verifier *oidc.IDTokenVerifier
	until    time.Time
}

// metadata is what is read of a discovery document besides what the library does.
type metadata struct {
	Issuer      string   `json:"issuer"`
	Authorize   string   `json:"authorization_endpoint"`
	Token       string   `json:"token_endpoint"`
	UserInfo    string   `json:"userinfo_endpoint"`
	NamesIssuer bool     `json:"authorization_response_iss_parameter_supported"`
	ACR         []string `json:"acr_values_supported"`
}

// Trip is what belongs to one journey to a provider and back.
type Trip struct {
	RedirectURI, State, Nonce, Verifier string
	// Strong asks for several factors, where the provider says how it is asked.
	Strong bool
	// MaxAge is how long ago the provider may have recognised somebody; nil for any time.
	MaxAge *time.Duration
}

// Scope is what is asked of a provider.
const Scope = "openid profile email"

// AuthorizeURL is where a browser goes to be signed in.
//
// Errors: ErrRefused.
func (c *Client) AuthorizeURL(ctx context.Context, cfg Config, trip Trip) (string, error) {
	p, err := c.provider(ctx, cfg)
	if err != nil {
		return "", err
	}
	options := []oauth2.AuthCodeOption{oidc.Nonce(trip.Nonce), oauth2.S256ChallengeOption(trip.Verifier)}
	if values := p.strongACR(); trip.Strong && values != "" {
		options = append(options, oauth2.SetAuthURLParam("acr_values", values))
	}
	if trip.MaxAge != nil {
		options = append(options, oauth2.SetAuthURLParam("max_age", strconv.Itoa(int(trip.MaxAge.Seconds()))))
	}
	return c.oauth(cfg, trip).AuthCodeURL(trip.State, options...), nil
}

// strongACR are those of StrongACR that the provider knows: some refuse a request that names others.
func (p *provider) strongACR() string {
	var known []string
	for _, value := range StrongACR {
		if slices.Contains(p.ACR, value) {
			known = append(known, value)
		}
	}
	return strings.Join(known, " ")
}

// Exchange is who came back with a code. issuer is the parameter iss of the answer (RFC 9207), empty when
// it had none.
//
// Errors: ErrRefused, ErrBusy.
func (c *Client) Exchange(ctx context.Context, cfg Config, trip Trip, code, issuer string) (Identity, error) {
	ctx, cancel := context.WithTimeout(c.with(ctx), patience)
	defer cancel()
	p, err := c.provider(ctx, cfg)
	if err != nil {
		return Identity{}, err
	}
	if issuer != p.Issuer && (issuer != "" || p.NamesIssuer) {
		return Identity{}, fmt.Errorf("%w: the answer is of another issuer", ErrRefused)
	}
	tokens, err := c.oauth(cfg, trip).Exchange(ctx, code, oauth2.VerifierOption(trip.Verifier))
	if err != nil {
		return Identity{}, refusedBy("exchange the code", err)
	}
	raw, _ := tokens.Extra("id_token").(string)
	token, who, err := p.verify(ctx, cfg, raw)
	if err != nil {
		return Identity{}, err
	}
	if trip.Nonce == "" || token.Nonce != trip.Nonce {
		return Identity{}, fmt.Errorf("%w: the nonce is another", ErrRefused)
	}
	if token.AccessTokenHash != "" && token.VerifyAccessToken(tokens.AccessToken) != nil {
		return Identity{}, fmt.Errorf("%w: the access token is another's", ErrRefused)
	}
	if who.Email != "" {
		return who, nil
	}
	told, err := p.userinfo(ctx, cfg, tokens.AccessToken)
	if err == nil && told.Subject != who.Subject { // OpenID Connect Core §5.3.2
		err = fmt.Errorf("%w: userinfo is about somebody else", ErrRefused)
	}
	told.Strength = who.Strength
	return told, err
}

// IDToken is whom an ID token, which the provider gave for this client, is about.
//
// Errors: ErrRefused.
func (c *Client) IDToken(ctx context.Context, cfg Config, raw string) (Identity, error) {
	ctx, cancel := context.WithTimeout(c.with(ctx), patience)
	defer cancel()
	p, err := c.provider(ctx, cfg)
	if err != nil {
		return Identity{}, err
	}
	_, who, err := p.verify(ctx, cfg, raw)
	return who, err
}

// AccessToken is whom the provider's userinfo is about for an access token. One that can be read must be of
// this issuer and have been given to this client: another application of the provider must not sign in
// here whoever signed in there.
//
// Errors: ErrRefused, ErrBusy.
func (c *Client) AccessToken(ctx context.Context, cfg Config, raw string) (Identity, error) {
	ctx, cancel := context.WithTimeout(c.with(ctx), patience)
	defer cancel()
	p, err := c.provider(ctx, cfg)
	if err != nil {
		return Identity{}, err
	}
	if err := ours(raw, cfg, p.Issuer); err != nil {
		return Identity{}, err
	}
	return p.userinfo(ctx, cfg, raw)
}

// with lets the libraries use the guarded client.
func (c *Client) with(ctx context.Context) context.Context {
	return oidc.ClientContext(ctx, c.fetch.HTTP())
}

func (c *Client) oauth(cfg Config, trip Trip) *oauth2.Config {
	style := oauth2.AuthStyleInHeader
	if cfg.SecretInBody {
		style = oauth2.AuthStyleInParams
	}
	return &oauth2.Config{
		ClientID: cfg.ClientID, ClientSecret: cfg.ClientSecret, RedirectURL: trip.RedirectURI, Scopes: strings.Fields(Scope),
		Endpoint: oauth2.Endpoint{AuthURL: cfg.AuthorizeURL, TokenURL: cfg.TokenURL, AuthStyle: style},
	}
}

// verify holds an ID token to the rules.
func (p *provider) verify(ctx context.Context, cfg Config, raw string) (*oidc.IDToken, Identity, error) {
	if raw == "" || len(raw) > maxToken {
		return nil, Identity{}, fmt.Errorf("%w: no ID token", ErrRefused)
	}
	token, err := p.verifier.Verify(ctx, raw)
	if err != nil {
		return nil, Identity{}, refusedBy("verify the ID token", err)
	}
	var claims struct {
		AuthorizedParty string   `json:"azp"`
		Email           string   `json:"email"`
		EmailVerified   verified `json:"email_verified"`
		strengthClaims
	}
	if err := token.Claims(&claims); err != nil {
		return nil, Identity{}, refusedBy("read the ID token", err)
	}
	if claims.AuthorizedParty != cfg.ClientID && (claims.AuthorizedParty != "" || len(token.Audience) > 1) {
		return nil, Identity{}, fmt.Errorf("%w: the ID token was given to another client", ErrRefused)
	}
	who, err := known(Identity{p.Issuer, token.Subject, claims.Email, bool(claims.EmailVerified), claims.strength()})
	return token, who, err
}

// userinfo asks about an access token.
func (p *provider) userinfo(ctx context.Context, cfg Config, access string) (Identity, error) {
	if p.UserInfo == "" || p.UserInfo != cfg.UserInfoURL {
		return Identity{}, fmt.Errorf("%w: the provider's userinfo endpoint is another", ErrRefused)
	}
	info, err := p.oidc.UserInfo(ctx, oauth2.StaticTokenSource(&oauth2.Token{AccessToken: access, TokenType: "Bearer"}))
	if err != nil {
		return Identity{}, refusedBy("ask userinfo", err)
	}
	return known(Identity{Issuer: p.Issuer, Subject: info.Subject, Email: info.Email, EmailVerified: info.EmailVerified})
}

// known refuses somebody whom the provider does not name properly.
func known(who Identity) (Identity, error) {
	if who.Subject == "" || len(who.Subject) > maxSubject || strings.ContainsFunc(who.Subject, func(r rune) bool { return r < ' ' || r > '~' }) {
		return Identity{}, fmt.Errorf("%w: the subject is not one of OpenID Connect", ErrRefused)
	}
	return who, nil
}

// verified is email_verified, which some providers send as a string.
type verified bool

// UnmarshalJSON implements json.Unmarshaler; anything but true is false.
func (v *verified) UnmarshalJSON(raw []byte) error {
	*v = string(raw) == `true` || string(raw) == `"true"`
	return nil
}

// ours refuses an access token that says of itself that it is of another issuer or client.
func ours(raw string, cfg Config, issuer string) error {
	if raw == "" || len(raw) > maxToken || strings.ContainsFunc(raw, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return fmt.Errorf("%w: not a token", ErrRefused)
	}
	claims, ok := payload(raw)
	if !ok {
		return nil // opaque
	}
	if claims.Issuer != "" && claims.Issuer != issuer {
		return fmt.Errorf("%w: the token is of another issuer", ErrRefused)
	}
	for _, client := range []string{claims.AuthorizedParty, claims.ClientID, claims.AppID, claims.CID} {
		if client != "" && client != cfg.ClientID {
			return fmt.Errorf("%w: the token was given to another client", ErrRefused)
		}
	}
	return nil
}

// refusedBy words a failure of a library: the provider's fault, but for its limits and our own end.
func refusedBy(doing string, err error) error {
	var answered *oauth2.RetrieveError
	if errors.As(err, &answered) && answered.Response.StatusCode == http.StatusTooManyRequests || strings.HasPrefix(err.Error(), "429 ") {
		return ErrBusy
	}
	return fmt.Errorf("%w: %s: %w", ErrRefused, doing, err)
}

// accessClaims are the names by which access tokens say whom they were given to (RFC 9068 and before).
type accessClaims struct {
	Issuer          string `json:"iss"`
	AuthorizedParty string `json:"azp"`
	ClientID        string `json:"client_id"`
	AppID           string `json:"appid"`
	CID             string `json:"cid"`
}

// payload reads a token that is a JWT, without believing it.
func payload(raw string) (claims accessClaims, ok bool) {
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		return claims, false
	}
	body, err := base64URL(parts[1])
	return claims, err == nil && json.Unmarshal(body, &claims) == nil
}

// sameEndpoint says whether a configured address is the provider's own; the configured one may have a query.
func sameEndpoint(configured, discovered string) bool {
	to, err := url.Parse(configured)
	if err != nil || discovered == "" {
		return false
	}
	return configured == discovered || to.Scheme+"://"+to.Host+to.EscapedPath() == discovered
}
