package oauth

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/admitdev/admit/pkg/store"
)

// The kinds of tokens, as token_use tells them apart: each is refused where another is due.
const (
	useAccess  = "access"
	useID      = "id"
	useRefresh = "refresh"
)

// registered are the claims that every token has (RFC 7519 §4.1).
type registered struct {
	Issuer    string `json:"iss"`
	Audience  string `json:"aud,omitempty"`
	ClientID  string `json:"client_id,omitempty"`
	LoginID   string `json:"login_id"`
	Use       string `json:"token_use"`
	ID        string `json:"jti"`
	IssuedAt  int64  `json:"iat"`
	NotBefore int64  `json:"nbf"`
	Expires   int64  `json:"exp"`
}

type accessClaims struct {
	registered
	Subject  string `json:"sub"`
	Username string `json:"username"`
	Scope    string `json:"scope"`
	Profile  string `json:"profile"`
	Email    string `json:"email,omitempty"`
	Data     *about `json:"data,omitempty"`
	Pool     string `json:"scoped_userpool_id,omitempty"` // the project, as clients of Authing call it
	Class    int    `json:"tac,omitempty"`                // of the sessions of a dialect (SignSession)
	// Confirmation is the key that the token is bound to (RFC 9449 §6.1).
	Confirmation *confirmation `json:"cnf,omitempty"`
}

// about says whose token it is to clients that know users by their membership's id.
type about struct {
	ID string `json:"id"`
}

type idClaims struct {
	registered
	Subject  string   `json:"sub"`
	FHIRUser string   `json:"fhirUser"`
	Nonce    string   `json:"nonce,omitempty"`
	AuthTime int64    `json:"auth_time"`
	ACR      string   `json:"acr,omitempty"`
	AMR      []string `json:"amr,omitempty"`
	Email    string   `json:"email,omitempty"`
}

// phishingResistant is the acr of a sign-in that no other site can pass on (OpenID EAP ACR Values §2).
const phishingResistant = "phr"

// recognition are the claims acr and amr of a login (OpenID Connect Core §2, RFC 8176): what we have asked for
// ourselves, or what the identity provider says that it has.
func recognition(l store.Login) (acr string, amr []string) {
	switch l.AuthMethod {
	case methodPassword:
		amr = []string{"pwd"}
	case methodPasskey: // its key may be in hardware or in software
		acr, amr = phishingResistant, []string{"pop"}
	case MethodExternal, MethodExchange:
		acr, amr = l.ACR, words(l.AMR)
	}
	if l.MFAVerified && !slices.Contains(amr, "mfa") {
		amr = append(amr, "mfa")
	}
	return acr, amr
}

type refreshClaims struct {
	registered
	Secret string `json:"refresh_secret"`
}

// register fills in what a token of this use and lifetime says.
func (s *Server) register(use, audienceOf, client, login string, now time.Time, lasts time.Duration) registered {
	return registered{
		Issuer: s.issuer, Audience: audienceOf, ClientID: client, LoginID: login, Use: use,
		ID: s.Clock.NewID(), IssuedAt: now.Unix(), NotBefore: now.Unix(), Expires: now.Add(lasts).Unix(),
	}
}

// valid says whether the claims are those of a token of ours, for ourselves, of this use, now.
func (r registered) valid(issuer, use string, now time.Time) bool {
	at := now.Unix()
	return r.Issuer == issuer && r.Audience == issuer && r.Use == use && r.LoginID != "" &&
		r.NotBefore <= at && at < r.Expires
}

// access verifies an access token; any other is errToken.
func (s *Server) access(ctx context.Context, token string) (accessClaims, error) {
	now := s.Clock.Now()
	claims, ok := s.verified.get(token)
	if !ok {
		payload, err := s.keys.verify(ctx, token)
		if err != nil {
			return accessClaims{}, err
		}
		if json.Unmarshal(payload, &claims) != nil {
			return accessClaims{}, errToken
		}
	}
	if !claims.valid(s.issuer, useAccess, now) {
		return accessClaims{}, errToken
	}
	if !ok {
		s.verified.put(token, claims)
	}
	return claims, nil
}

// refresh verifies a refresh token; any other is errToken.
func (s *Server) refresh(ctx context.Context, token string) (refreshClaims, error) {
	payload, err := s.keys.verify(ctx, token)
	if err != nil {
		return refreshClaims{}, err
	}
	var claims refreshClaims
	if json.Unmarshal(payload, &claims) != nil || claims.Secret == "" || !claims.valid(s.issuer, useRefresh, s.Clock.Now()) {
		return refreshClaims{}, errToken
	}
	return claims, nil
}

// hasScope says whether a scope holds a word.
func hasScope(scope, word string) bool { return slices.Contains(words(scope), word) }
