package oauth

import (
	"context"
	"encoding/json"
	"math"
	"net/url"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/admitdev/admit/pkg/secret"
	"github.com/admitdev/admit/pkg/store"
)

const (
	// assertionLasts is how far ahead an assertion may expire (SMART App Launch, backend services).
	assertionLasts = 5 * time.Minute
	// clockSkew is how far a client's clock may be ahead of ours.
	clockSkew = time.Minute
)

// assertion is a JWT with which a client shows who it is (RFC 7523 §3), believed in nothing until
// verifyAssertion has seen it.
type assertion struct {
	token  string
	header joseHeader
	claims assertionClaims
}

type assertionClaims struct {
	Issuer    string       `json:"iss"`
	Subject   string       `json:"sub"`
	Audience  jwt.Audience `json:"aud"`
	ID        string       `json:"jti"`
	Expires   *json.Number `json:"exp"`
	NotBefore *json.Number `json:"nbf"`
}

// presentAssertion reads the assertion of a form. It alone must say who the client is: a second way
// in the same request is refused (RFC 6749 §2.3).
func (s *Server) presentAssertion(form url.Values, header bool) (presented, error) {
	if form.Get("client_assertion_type") != assertionJWT {
		return presented{}, refuse(invalidRequest, "Unsupported client assertion type")
	}
	given := assertion{token: form.Get("client_assertion")}
	var ok bool
	if given.header, ok = peek(given.token, &given.claims); !ok || given.claims.Subject == "" {
		return presented{}, refuse(invalidRequest, "Invalid client assertion")
	}
	switch aud := given.claims.Audience; {
	case len(aud) != 1 || !slices.Contains([]string{s.issuer + "oauth2/token", s.issuer + "oauth2/par", s.issuer}, aud[0]):
		return presented{}, refuse(invalidRequest, "Invalid client assertion audience")
	case given.claims.Issuer != given.claims.Subject:
		return presented{}, refuse(invalidRequest, "Invalid client assertion issuer")
	case header || form.Has("client_secret"):
		return presented{}, refuse(invalidRequest, "A client shows who it is in one way")
	case form.Has("client_id") && form.Get("client_id") != given.claims.Subject:
		return presented{}, refuse(invalidRequest, "Incorrect client")
	}
	return presented{id: given.claims.Subject, assertion: &given}, nil
}

// verifyAssertion holds an assertion to its client, its keys and its time, and uses it up: it is good
// once. Nothing is kept of one that is not the client's.
func (s *Server) verifyAssertion(ctx context.Context, client Client, given assertion) error {
	expires, err := s.assertedUntil(given.claims)
	switch {
	case err != nil:
		return err
	case client.JWKSURI == "":
		return refuse(invalidRequest, "Client must have a JWK Set URL")
	case !slices.Contains(assertionAlgorithms, given.header.Algorithm):
		return refuse(invalidRequest, "Unsupported client assertion algorithm")
	case given.header.KeyID == "" || given.header.Critical != nil || given.header.Unencoded != nil,
		given.header.SetURL != "" && given.header.SetURL != client.JWKSURI: // SMART: jku is the registered one or absent
		return refuse(invalidRequest, "Invalid client assertion")
	}
	keys, err := s.clients.find(ctx, client.JWKSURI, given.header.KeyID)
	if err != nil {
		if ctx.Err() != nil {
			return err
		}
		s.Log.WarnContext(ctx, "a client's keys cannot be read", "client", client.ID, "error", err)
		return refuse(invalidRequest, "The client's JWK Set cannot be read")
	}
	signed := slices.ContainsFunc(keys, func(key publicKey) bool {
		return key.algorithm.String() == given.header.Algorithm && key.verifies(given.token)
	})
	if !signed {
		return refuse(invalidRequest, "Invalid client assertion signature")
	}
	first, err := s.Store.UseOnce(ctx, secret.SHA256(client.ID+" "+given.claims.ID), store.At(expires))
	if err == nil && !first {
		err = refuse(invalidRequest, "Client assertion already used")
	}
	return err
}

// assertedUntil is when an assertion expires, if it says so and is good now.
func (s *Server) assertedUntil(claims assertionClaims) (time.Time, error) {
	now := s.Clock.Now()
	expires, ok := numericDate(claims.Expires)
	switch {
	case claims.ID == "":
		return expires, refuse(invalidRequest, "Client assertion without jti")
	case !ok:
		return expires, refuse(invalidRequest, "Client assertion without exp")
	case !expires.After(now):
		return expires, refuse(invalidRequest, "Client assertion expired")
	case expires.After(now.Add(assertionLasts)):
		return expires, refuse(invalidRequest, "Client assertion good for more than five minutes")
	}
	if claims.NotBefore != nil {
		if begins, ok := numericDate(claims.NotBefore); !ok || begins.After(now.Add(clockSkew)) {
			return expires, refuse(invalidRequest, "Client assertion not good yet")
		}
	}
	return expires, nil
}

// numericDate reads a time of RFC 7519 §2, which may have a fraction; one that no clock will show is
// none.
func numericDate(n *json.Number) (time.Time, bool) {
	if n == nil {
		return time.Time{}, false
	}
	seconds, err := n.Float64()
	if err != nil || seconds < 0 || seconds > math.MaxInt32*1000 {
		return time.Time{}, false
	}
	return time.UnixMilli(int64(seconds * 1000)), true
}
