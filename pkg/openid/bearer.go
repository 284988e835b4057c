package openid

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"golang.org/x/oauth2"
)

// Issuer is another server whose access tokens are good here as they are. A token counts when a key that the
// issuer publishes has signed it, it is an access token for this server in its time and bound to no key, and
// the issuer's userinfo endpoint confirms it and its subject: so one that was revoked does not.
type Issuer struct {
	client        *Client
	url, userInfo string
	audiences     []string
	verifier      *oidc.IDTokenVerifier

	mu    sync.Mutex
	asked time.Time
	known published
}

// published is what an issuer has told of itself.
type published struct {
	keys     oidc.StaticKeySet
	userInfo string
	jwks     string
	until    time.Time
}

const (
	// askAgain is how long an issuer is not asked for its keys again, whatever strangers send.
	askAgain = 10 * time.Second
	// minRSABits is the shortest RSA key that is believed (RFC 7518 §3.3).
	minRSABits = 2048
)

// Issuer makes one of its URL; userInfo is empty for the endpoint that discovery names. Tokens that name none
// of the audiences are for other servers (RFC 9068 §4).
func (c *Client) Issuer(url, userInfo string, audiences []string) *Issuer {
	i := &Issuer{client: c, url: url, userInfo: userInfo, audiences: audiences}
	// The library knows one audience alone; Holder checks it.
	i.verifier = oidc.NewVerifier(url, i, &oidc.Config{SkipClientIDCheck: true, SupportedSigningAlgs: algorithms, Now: c.clock.Now})
	return i
}

// Holder is whom an access token is about.
type Holder struct {
	Subject  string
	FHIRUser string
	Scope    string
	Expires  time.Time
	Strength // of RFC 9068 §2.2.1
}

// Holder is whom an access token of the issuer is about.
//
// Errors: ErrRefused, ErrBusy.
func (i *Issuer) Holder(ctx context.Context, raw string) (Holder, error) {
	ctx, cancel := context.WithTimeout(i.client.with(ctx), 2*patience)
	defer cancel()
	if len(raw) > maxToken || i.client.own == i.url {
		return Holder{}, fmt.Errorf("%w: not a token of another issuer", ErrRefused)
	}
	token, err := i.verifier.Verify(ctx, raw)
	if err != nil {
		return Holder{}, refusedBy("verify the access token", err)
	}
	if !slices.ContainsFunc(token.Audience, func(one string) bool { return slices.Contains(i.audiences, one) }) {
		return Holder{}, fmt.Errorf("%w: the token is for %q, and not for this server", ErrRefused, token.Audience)
	}
	var claims bearerClaims
	if err := token.Claims(&claims); err != nil {
		return Holder{}, refusedBy("read the access token", err)
	}
	if !claims.ofAccessToken() || !accessType(raw) {
		return Holder{}, fmt.Errorf("%w: not an access token, or one that is bound to a key", ErrRefused)
	}
	who, err := known(Identity{Issuer: i.url, Subject: token.Subject})
	if err != nil {
		return Holder{}, err
	}
	told, err := i.ask(ctx, raw, who.Subject)
	if err != nil {
		return Holder{}, err
	}
	fhirUser := told.fhirUser()
	if fhirUser == "" {
		fhirUser = claims.fhirUser()
	}
	return Holder{who.Subject, fhirUser, strings.Join(slices.Concat(claims.Scope, claims.Scopes), " "), token.Expiry, claims.strength()}, nil
}

// ask has userinfo confirm a token and its subject.
func (i *Issuer) ask(ctx context.Context, raw, subject string) (told userClaims, err error) {
	at, err := i.published(ctx, false)
	if err != nil {
		return told, err
	}
	if i.userInfo != "" {
		at.userInfo = i.userInfo
	}
	endpoint := (&oidc.ProviderConfig{IssuerURL: i.url, UserInfoURL: at.userInfo, JWKSURL: at.jwks, Algorithms: algorithms}).NewProvider(ctx)
	info, err := endpoint.UserInfo(ctx, oauth2.StaticTokenSource(&oauth2.Token{AccessToken: raw, TokenType: "Bearer"}))
	if err != nil {
		return told, refusedBy("ask userinfo", err)
	}
	if info.Subject != subject { // OpenID Connect Core §5.3.2
		return told, fmt.Errorf("%w: userinfo is about somebody else", ErrRefused)
	}
	if err := info.Claims(&told); err != nil {
		return told, refusedBy("read userinfo", err)
	}
	return told, nil
}

// VerifySignature implements oidc.KeySet. A key that is not known may be new: the issuer is asked again.
func (i *Issuer) VerifySignature(ctx context.Context, raw string) ([]byte, error) {
	at, err := i.published(ctx, false)
	if err != nil {
		return nil, err
	}
	payload, err := at.keys.VerifySignature(ctx, raw)
	if err == nil {
		return payload, nil
	}
	if at, err = i.published(ctx, true); err != nil {
		return nil, err
	}
	return at.keys.VerifySignature(ctx, raw)
}

// published is what the issuer says of itself; with anew it is asked even when it is known.
func (i *Issuer) published(ctx context.Context, anew bool) (published, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	now := i.client.clock.Now()
	current := now.Before(i.known.until)
	switch soon := !i.asked.IsZero() && now.Sub(i.asked) < askAgain; {
	case current && (!anew || soon):
		return i.known, nil
	case soon:
		return published{}, fmt.Errorf("%w: the issuer has just failed", ErrRefused)
	}
	i.asked = now
	told, err := i.discover(ctx)
	if err != nil {
		return published{}, err
	}
	told.until = now.Add(discoveryLasts)
	i.known = told
	return told, nil
}

func (i *Issuer) discover(ctx context.Context) (told published, err error) {
	// Others wait for the answer: it does not end with the request that asks.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	provider, err := oidc.NewProvider(ctx, i.url)
	if err != nil {
		return told, refusedBy("discover the issuer", err)
	}
	var said struct {
		metadata
		JWKS string `json:"jwks_uri"`
	}
	if err := provider.Claims(&said); err != nil {
		return told, refusedBy("read the issuer's description", err)
	}
	body, _, err := i.client.fetch.Get(ctx, said.JWKS, "application/json")
	if err != nil {
		return told, refusedBy("read the issuer's keys", err)
	}
	keys, err := publicKeys(body)
	return published{keys: oidc.StaticKeySet{PublicKeys: keys}, userInfo: said.UserInfo, jwks: said.JWKS}, err
}

// publicKeys are those of a JWKS that verify signatures; what is not understood is left out (RFC 7517 §5).
func publicKeys(body []byte) (keys []crypto.PublicKey, err error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil {
		return nil, refusedBy("read the issuer's keys", errors.New("not a JWK Set"))
	}
	for _, raw := range set.Keys {
		var key jose.JSONWebKey
		if json.Unmarshal(raw, &key) != nil || key.Use != "" && key.Use != "sig" {
			continue
		}
		switch public := key.Key.(type) {
		case *rsa.PublicKey:
			if public.N.BitLen() >= minRSABits {
				keys = append(keys, public)
			}
		case *ecdsa.PublicKey, ed25519.PublicKey:
			keys = append(keys, public)
		}
	}
	return keys, nil
}

// userClaims say which member here somebody is.
type userClaims struct {
	FHIRUser string `json:"fhirUser"`
	Ext      struct {
		FHIRUser string `json:"fhirUser"`
	} `json:"ext"`
}

func (c userClaims) fhirUser() string {
	if c.FHIRUser != "" {
		return c.FHIRUser
	}
	return c.Ext.FHIRUser
}

// textOrList is what an audience is, and what some issuers make of a scope.
type textOrList = jwt.Audience

// bearerClaims are what tells an access token from other tokens of an issuer, and what it is for.
type bearerClaims struct {
	userClaims
	strengthClaims
	Scope           textOrList      `json:"scope"`
	Scopes          textOrList      `json:"scp"`
	Confirmation    json.RawMessage `json:"cnf"`
	Nonce           json.RawMessage `json:"nonce"`
	AccessTokenHash json.RawMessage `json:"at_hash"`
	CodeHash        json.RawMessage `json:"c_hash"`
	Events          json.RawMessage `json:"events"` // of a logout token
	Type            string          `json:"typ"`
	Use             string          `json:"token_use"`
}

func (c bearerClaims) ofAccessToken() bool {
	return c.Confirmation == nil && c.Nonce == nil && c.AccessTokenHash == nil && c.CodeHash == nil && c.Events == nil &&
		(c.Type == "" || strings.EqualFold(c.Type, "Bearer")) && (c.Use == "" || c.Use == "access")
}

// accessType says whether the header of a token is that of an access token (RFC 9068 §2.1), or of one before
// these had a type.
func accessType(raw string) bool {
	var header struct {
		Type string `json:"typ"`
	}
	part, _, _ := strings.Cut(raw, ".")
	decoded, err := base64URL(part)
	return err == nil && json.Unmarshal(decoded, &header) == nil &&
		slices.Contains([]string{"", "jwt", "at+jwt", "application/at+jwt"}, strings.ToLower(header.Type))
}
