package oauth

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/pkg/store"
)

// grantRequest is a request to the token endpoint.
type grantRequest struct {
	form      url.Values
	presented presented
	address   string
	agent     string
	key       string // thumbprint of the key that the request proves (RFC 9449)
}

// token is POST /oauth2/token (RFC 6749 §3.2).
func (s *Server) token(c echo.Context) error {
	form, err := readForm(c)
	if err != nil {
		return err
	}
	who, err := s.present(c.Request(), form)
	if err != nil {
		return err
	}
	key, err := s.provenKey(c.Request())
	if err != nil {
		return err
	}
	r := grantRequest{form, who, c.RealIP(), Text(c.Request().UserAgent(), 512), key}
	made, err := s.grant(c.Request().Context(), r)
	if err != nil {
		return s.recordRefusal(c.Request().Context(), r, err)
	}
	return c.JSON(http.StatusOK, made)
}

func (s *Server) grant(ctx context.Context, r grantRequest) (tokens, error) {
	switch r.form.Get("grant_type") {
	case "":
		return tokens{}, refuse(invalidRequest, "Missing grant_type")
	case "client_credentials":
		return s.clientCredentials(ctx, r)
	case "authorization_code":
		return s.authorizationCode(ctx, r)
	case "refresh_token":
		return s.refreshToken(ctx, r)
	case grantTokenExchange:
		return s.tokenExchange(ctx, r)
	}
	return tokens{}, refuse(invalidRequest, "Unsupported grant_type")
}

// tokens is the answer (contract §3.1).
type tokens struct {
	TokenType       string    `json:"token_type"`
	IssuedTokenType string    `json:"issued_token_type,omitempty"` // of a token exchange (RFC 8693 §2.2.1)
	ExpiresIn       int       `json:"expires_in"`
	Scope           string    `json:"scope"`
	IDToken         string    `json:"id_token,omitempty"`
	AccessToken     string    `json:"access_token"`
	RefreshToken    string    `json:"refresh_token,omitempty"`
	Project         Reference `json:"project"`
	Profile         Reference `json:"profile"`
	launched
	SMARTStyleURL     string `json:"smart_style_url"`
	NeedPatientBanner bool   `json:"need_patient_banner"`
}

// session is a login with what its tokens say of it.
type session struct {
	login  store.Login
	client Client // zero without one
	member Membership
	email  string // for scope email
	// refreshSecret makes a refresh token of it; empty for none.
	refreshSecret string
	now           time.Time
}

func (s session) accessLasts() time.Duration {
	return s.client.AccessLasts(accessLifetime)
}
func (s session) refreshLasts() time.Duration {
	return lifetime(s.client.RefreshTokenLifetime, refreshLifetime)
}

// lasts is how long the login must outlive now.
func (s session) lasts() time.Duration {
	if s.refreshSecret == "" {
		return s.accessLasts()
	}
	return max(s.accessLasts(), s.refreshLasts())
}

// issue signs the tokens of a session.
func (s *Server) issue(ctx context.Context, of session) (tokens, error) {
	if err := mustProve(of); err != nil {
		return tokens{}, err
	}
	l, lasts := of.login, of.accessLasts()
	acr, amr := recognition(l)
	claims := []any{
		accessClaims{
			registered: s.register(useAccess, s.issuer, l.Client, l.ID, of.now, lasts),
			Subject:    l.UserID, Username: l.UserID, Scope: l.Scope, Profile: of.member.Profile.Reference, Email: of.email,
			Confirmation: boundTo(l.KeyThumbprint),
		},
		idClaims{
			registered: s.register(useID, l.Client, l.Client, l.ID, of.now, idLifetime),
			Subject:    l.UserID, FHIRUser: of.member.Profile.Reference, Nonce: l.Nonce, AuthTime: l.Recognised().Time.Unix(), ACR: acr, AMR: amr, Email: of.email,
		},
	}
	if of.refreshSecret != "" {
		claims = append(claims, refreshClaims{
			registered: s.register(useRefresh, s.issuer, l.Client, l.ID, of.now, of.refreshLasts()), Secret: of.refreshSecret,
		})
	}
	signed, err := s.keys.sign(ctx, claims...)
	if err != nil {
		return tokens{}, err
	}
	made := tokens{
		TokenType: "Bearer", ExpiresIn: int(lasts / time.Second), Scope: l.Scope, AccessToken: signed[0],
		Project:       Reference{"Project/" + of.member.Project, of.member.ProjectName},
		Profile:       of.member.Profile,
		SMARTStyleURL: s.issuer + "fhir/R4/.well-known/smart-styles.json",
	}
	if hasScope(l.Scope, "openid") || l.UserType == typeClient { // OpenID Connect Core §3.1.2.1; a client's own is Medplum's
		made.IDToken = signed[1]
	}
	if l.KeyThumbprint != "" {
		made.TokenType = headerDPoP
	}
	if of.refreshSecret != "" {
		made.RefreshToken = signed[2]
	}
	made.launched = launchedAbout(l, of.member)
	made.NeedPatientBanner = made.Patient != ""
	return made, nil
}
