package oauth

import (
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/admitdev/admit/pkg/secret"
	"github.com/admitdev/admit/pkg/store"
)

// headerDPoP holds the proof that whoever sends a request has a key (RFC 9449 §4.1).
const headerDPoP = "DPoP"

// invalidProof is the error of RFC 9449 §5.
const invalidProof = "invalid_dpop_proof"

// errProof: the request proves no key. It is bad credentials like others where a token is shown.
var errProof = fmt.Errorf("%w: the DPoP proof", errToken)

// confirmation is the claim that binds a token to a key (RFC 9449 §6.1).
type confirmation struct {
	Thumbprint string `json:"jkt"`
}

// boundTo is the confirmation of a key, nil for none.
func boundTo(thumbprint string) *confirmation {
	if thumbprint == "" {
		return nil
	}
	return &confirmation{thumbprint}
}

// proofClaims are RFC 9449 §4.2.
type proofClaims struct {
	ID       string       `json:"jti"`
	Method   string       `json:"htm"`
	URL      string       `json:"htu"`
	IssuedAt *json.Number `json:"iat"`
	Expires  *json.Number `json:"exp"`
	Token    string       `json:"ath"`
}

// maxProofID is how long a jti may be.
const maxProofID = 256

// proven is the RFC 7638 thumbprint of the key that a request proves to have, with the access token that
// it shows, if any (RFC 9449 §4.3). A proof is good for a minute around its time, and once.
//
// Errors: errProof.
func (s *Server) proven(request *http.Request, token string) (thumbprint string, err error) {
	headers := request.Header.Values(headerDPoP)
	if len(headers) != 1 {
		return "", errProof
	}
	var claims proofClaims
	thumbprint, ok := verifyProof(headers[0], &claims)
	if !ok {
		return "", errProof
	}
	issued, ok := numericDate(claims.IssuedAt)
	now := s.Clock.Now()
	switch {
	case !ok || issued.Before(now.Add(-clockSkew)) || issued.After(now.Add(clockSkew)),
		claims.ID == "" || len(claims.ID) > maxProofID,
		claims.Method != request.Method && (claims.Method != http.MethodHead || request.Method != http.MethodGet), // HEAD is answered as GET
		!s.isAddress(claims.URL, request),
		token != "" && !secret.Equal(claims.Token, digestOf(token)):
		return "", errProof
	}
	if claims.Expires != nil {
		if expires, ok := numericDate(claims.Expires); !ok || !expires.After(now) {
			return "", errProof
		}
	}
	first, err := s.Store.UseOnce(request.Context(), secret.SHA256("dpop "+thumbprint+" "+claims.ID), store.At(issued.Add(2*clockSkew)))
	if err == nil && !first {
		err = errProof
	}
	return thumbprint, err
}

// digestOf is what a proof says of an access token.
func digestOf(token string) string {
	digest := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(digest[:])
}

// isAddress says whether an address is that of a request, but for its query: the one under which the server
// knows itself, whatever the Host header says.
func (s *Server) isAddress(address string, request *http.Request) bool {
	said, err := url.Parse(address)
	if err != nil || said.User != nil || !strings.EqualFold(said.Scheme, s.BaseURL.Scheme) || !strings.EqualFold(said.Host, s.BaseURL.Host) {
		return false
	}
	asked, err := url.ParseRequestURI(request.RequestURI)
	if err != nil {
		return false
	}
	under := strings.TrimSuffix(s.BaseURL.Path, "/") // a proxy may have taken it off
	return said.Path == asked.Path || said.Path == under+asked.Path
}

// provenKey is the key that a request to the token endpoint proves, empty when it proves none.
//
// Errors: *Error.
func (s *Server) provenKey(request *http.Request) (thumbprint string, err error) {
	if len(request.Header.Values(headerDPoP)) == 0 {
		return "", nil
	}
	thumbprint, err = s.proven(request, "")
	if errors.Is(err, errProof) {
		err = refuse(invalidProof, "The DPoP proof is not one for this request")
	}
	return thumbprint, err
}

// mustProve refuses tokens that nobody's key is bound to, to a client that wants none.
func mustProve(of session) error {
	if of.client.KeyBound && of.login.KeyThumbprint == "" {
		return refuse(invalidProof, "The client takes only tokens that are bound to a key")
	}
	return nil
}

// accessBy verifies the access token of a request that shows it under a scheme. One that is bound to a key
// is good under DPoP alone, with a proof of that key; any other under Bearer alone (RFC 9449 §7).
//
// Errors: errToken.
func (s *Server) accessBy(request *http.Request, scheme, token string) (accessClaims, error) {
	claims, err := s.access(request.Context(), token)
	if err != nil {
		return accessClaims{}, err
	}
	switch bound := claims.Confirmation != nil; {
	case strings.EqualFold(scheme, "Bearer") && !bound:
		return claims, nil
	case !strings.EqualFold(scheme, headerDPoP) || !bound:
		return accessClaims{}, errToken
	}
	thumbprint, err := s.proven(request, token)
	if err == nil && thumbprint != claims.Confirmation.Thumbprint {
		err = errToken
	}
	return claims, err
}

// rebind is the key to which the tokens of a refresh are bound: the one of the session, which must be proven
// again, or the first that is (RFC 9449 §5).
func rebind(login store.Login, proven string) (string, error) {
	if login.KeyThumbprint != "" && login.KeyThumbprint != proven {
		return "", refuse(invalidGrant, "The token is bound to another key")
	}
	return proven, nil
}

// proofAlgorithms are those with which a proof may be signed.
var proofAlgorithms = []string{"ES256", "ES384", "RS256", "RS384", "PS256"}

// proofHeader is what the header of a proof says (RFC 9449 §4.2).
type proofHeader struct {
	joseHeader
	Type string          `json:"typ"`
	Key  json.RawMessage `json:"jwk"`
}

// verifyProof reads a proof that is signed with the key in it, and gives that key's thumbprint.
func verifyProof(proof string, claims *proofClaims) (thumbprint string, ok bool) {
	var header proofHeader
	if !peekInto(proof, &header, claims) || header.Type != "dpop+jwt" || header.Critical != nil || header.Unencoded != nil ||
		!slices.Contains(proofAlgorithms, header.Algorithm) {
		return "", false
	}
	key, ok := parsePublicKey(header.Key, header.Algorithm)
	if !ok || !key.verifies(proof) {
		return "", false
	}
	digest, err := key.thumbprint(crypto.SHA256)
	return base64.RawURLEncoding.EncodeToString(digest), err == nil
}
