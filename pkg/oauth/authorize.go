package oauth

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// Authorization is a request to the authorization endpoint (RFC 6749 §4.1.1, OpenID Connect Core
// §3.1.2.1, SMART App Launch 2) that may be answered: its client is known, its redirect URI is that
// client's own, and everything that can be judged before somebody has signed in is right.
type Authorization struct {
	Client              Client
	RedirectURI         string
	State               string
	Scope               string
	Nonce               string
	CodeChallenge       string
	CodeChallengeMethod string
	// KeyThumbprint is that of the key to which the code is bound (RFC 9449 §10), empty for none.
	KeyThumbprint string
	Launch        Launch
	LoginHint     string
	// Prompts are what prompt asks for.
	Prompts []string
	// MaxAge is how old a sign-in may be; negative when any age will do.
	MaxAge time.Duration
	// Subject is the user of id_token_hint, empty without one.
	Subject string
	// Parameters are those that count: what the client has pushed, or what came.
	Parameters url.Values
	// Pushed is the hash of the reference of a pushed request (RFC 9126), empty for any other.
	Pushed string
}

// Redirection is the refusal of an authorization request that is told to the client.
type Redirection struct {
	Code, Description string
	// Location is the client's redirect URI with the error.
	Location string
}

// Error implements error.
func (r *Redirection) Error() string { return r.Code + ": " + r.Description }

// The errors of OpenID Connect Core §3.1.2.6.
const (
	LoginRequired       = "login_required"
	InteractionRequired = "interaction_required"
	ConsentRequired     = "consent_required"
	AccessDenied        = accessDenied
	unsupportedResponse = "unsupported_response_type"
	requestNotSupported = "request_not_supported"
)

// maxNonce is how long a nonce may be.
const maxNonce = 255

// Authorization reads a request; a pushed one goes on that was begun. Until the redirect URI is known to
// be the client's, what is wrong is shown and redirects nobody.
//
// Errors: outcome Invalid, *Redirection.
func (s *Server) Authorization(ctx context.Context, given url.Values) (Authorization, error) {
	if isPushed(given) {
		return s.pushed(ctx, given)
	}
	a, err := s.authorization(ctx, given)
	if err == nil && a.Client.PushedOnly {
		err = s.Refuse(a, invalidRequest, "The client must push its requests")
	}
	return a, err
}

// authorization reads parameters, wherever they come from.
func (s *Server) authorization(ctx context.Context, given url.Values) (a Authorization, err error) {
	a.Parameters = given
	for _, name := range []string{"client_id", "redirect_uri"} {
		if len(given[name]) > 1 {
			return a, outcome.New(outcome.Invalid, "A parameter is given twice")
		}
	}
	a.Client, err = s.Directory.Client(ctx, given.Get("client_id"))
	switch {
	case errors.Is(err, store.ErrNotFound) || err == nil && !a.Client.Active:
		return a, outcome.New(outcome.Invalid, "Client not found")
	case err != nil:
		return a, err
	}
	a.RedirectURI = given.Get("redirect_uri")
	switch {
	case a.RedirectURI == "":
		return a, outcome.New(outcome.Invalid, "Missing redirect URI")
	case !slices.Contains(a.Client.RedirectURIs, a.RedirectURI): // character by character (RFC 9700 §2.1)
		return a, outcome.New(outcome.Invalid, "Invalid redirect URI")
	}
	a.State = given.Get("state")
	if err := a.read(given); err != nil {
		return a, s.redirected(a, err)
	}
	return a, s.redirected(a, s.judge(ctx, &a, given))
}

// redirected sends a refusal to the client.
func (s *Server) redirected(a Authorization, err error) error {
	var refused *Error
	if !errors.As(err, &refused) {
		return err
	}
	return s.Refuse(a, refused.Code, refused.Description)
}

// Refuse is the refusal of a request that may be answered.
func (s *Server) Refuse(a Authorization, code, description string) *Redirection {
	return &Redirection{code, description, s.answer(a, url.Values{"error": {code}, "error_description": {description}})}
}

// Granted is where a browser goes with the code.
func (s *Server) Granted(a Authorization, code string) string {
	return s.answer(a, url.Values{"code": {code}})
}

// answer is the redirect URI with the answer. It says who answers (RFC 9207), so that a client with
// several servers is not mixed up.
func (s *Server) answer(a Authorization, with url.Values) string {
	to, err := url.Parse(a.RedirectURI)
	if err != nil {
		return a.RedirectURI // a registered one is a URL
	}
	query := to.Query()
	for name, values := range with {
		query[name] = values
	}
	if a.State != "" {
		query.Set("state", a.State)
	}
	query.Set("iss", s.issuer)
	to.RawQuery = query.Encode()
	return to.String()
}

// read takes over what needs no looking up, in the order of contract §3.2.
func (a *Authorization) read(given url.Values) error {
	for _, values := range given {
		if len(values) > 1 {
			return refuse(invalidRequest, "A parameter is given twice")
		}
		if len(values[0]) > maxParameter {
			return refuse(invalidRequest, "A parameter is too long")
		}
	}
	if a.Scope = given.Get("scope"); a.Scope == "" {
		a.Scope = strings.Join(a.Client.DefaultScope, " ")
	}
	a.Nonce, a.LoginHint = given.Get("nonce"), given.Get("login_hint")
	a.CodeChallenge, a.CodeChallengeMethod = given.Get("code_challenge"), given.Get("code_challenge_method")
	a.KeyThumbprint = given.Get(keyParameter)
	a.Prompts, a.MaxAge = strings.Fields(given.Get("prompt")), -1
	switch {
	case a.Scope == "":
		return refuse(invalidRequest, "Missing scope")
	case !ValidScope(a.Scope):
		return refuse(invalidScope, "Invalid scope")
	case given.Get("response_type") != "code":
		return refuse(unsupportedResponse, "The response type must be code")
	case given.Has("request") || given.Has("request_uri"):
		return refuse(requestNotSupported, "Request objects are not supported")
	case given.Get("response_mode") != "" && given.Get("response_mode") != "query":
		return refuse(invalidRequest, "The response mode must be query")
	case Text(a.Nonce, maxNonce) != a.Nonce:
		return refuse(invalidRequest, "Invalid nonce")
	case a.KeyThumbprint != "" && !challengeS256.MatchString(a.KeyThumbprint): // both are a SHA-256
		return refuse(invalidRequest, "Invalid "+keyParameter)
	case slices.Contains(a.Prompts, "none") && len(a.Prompts) > 1:
		return refuse(invalidRequest, "prompt=none goes with no other")
	}
	if age := given.Get("max_age"); age != "" {
		seconds, err := strconv.ParseUint(age, 10, 31)
		if err != nil {
			return refuse(invalidRequest, "Invalid max_age")
		}
		a.MaxAge = time.Duration(seconds) * time.Second
	}
	return nil
}

// judge looks at what depends on the client, on this server and on what it keeps.
func (s *Server) judge(ctx context.Context, a *Authorization, given url.Values) error {
	if aud := given.Get("aud"); aud != "" {
		named, err := url.Parse(aud)
		if err != nil || named.Scheme != s.BaseURL.Scheme || named.Host != s.BaseURL.Host {
			return refuse(invalidRequest, "Invalid audience")
		}
	}
	if err := a.Client.mayAsk(a.Scope); err != nil {
		return err
	}
	if err := s.challenged(a); err != nil {
		return err
	}
	if launch := given.Get("launch"); launch != "" {
		var err error
		if a.Launch, err = s.Directory.Launch(ctx, a.Client.Project, launch); err != nil {
			return notFoundIs(err, "Invalid launch")
		}
	}
	if hint := given.Get("id_token_hint"); hint != "" {
		claims, err := s.hinted(ctx, hint)
		if outcome.Has(err, outcome.Invalid) {
			return refuse(invalidRequest, "Invalid id_token_hint")
		}
		if err != nil {
			return err
		}
		a.Subject = claims.Subject // an expired one still says whom the client means
	}
	return nil
}

// challenged wants PKCE of every client that may not go without it.
func (s *Server) challenged(a *Authorization) error {
	if a.CodeChallenge == "" {
		if a.CodeChallengeMethod != "" {
			return refuse(invalidRequest, "Missing code challenge")
		}
		if !s.withoutPKCE(a.Client) {
			return refuse(invalidRequest, "Missing code challenge")
		}
		return nil
	}
	if a.CodeChallengeMethod == "" {
		return refuse(invalidRequest, "Missing code challenge method")
	}
	challengeOK, methodOK := s.ValidChallenge(a.CodeChallenge, a.CodeChallengeMethod)
	switch {
	case !methodOK:
		return refuse(invalidRequest, "Invalid code challenge method")
	case !challengeOK:
		return refuse(invalidRequest, "Invalid code challenge")
	}
	return nil
}

// withoutPKCE says whether a client may go without PKCE: by its own settings, when it can show who it is
// instead (RFC 9700 §2.1.1). The built-in one cannot, so it may where old clients are let in.
func (s *Server) withoutPKCE(client Client) bool {
	if !client.PKCEOptional || client.BuiltIn {
		return client.BuiltIn && s.AllowPKCEPlain
	}
	return client.confidential()
}
