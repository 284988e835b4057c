package oauth

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/pkg/outcome"
)

// metadata is RFC 8414 §2 and OpenID Connect Discovery §3. It names what works.
type metadata struct {
	Issuer                   string   `json:"issuer"`
	AuthorizationEndpoint    string   `json:"authorization_endpoint"`
	TokenEndpoint            string   `json:"token_endpoint"`
	UserinfoEndpoint         string   `json:"userinfo_endpoint"`
	JWKSURI                  string   `json:"jwks_uri"`
	IntrospectionEndpoint    string   `json:"introspection_endpoint"`
	RevocationEndpoint       string   `json:"revocation_endpoint"`
	EndSessionEndpoint       string   `json:"end_session_endpoint"`
	PushedEndpoint           string   `json:"pushed_authorization_request_endpoint"`
	RegistrationEndpoint     string   `json:"registration_endpoint,omitempty"`
	IDTokenAlgorithms        []string `json:"id_token_signing_alg_values_supported"`
	GrantTypes               []string `json:"grant_types_supported"`
	ResponseTypes            []string `json:"response_types_supported"`
	SubjectTypes             []string `json:"subject_types_supported"`
	Scopes                   []string `json:"scopes_supported"`
	Claims                   []string `json:"claims_supported"`
	ACRValues                []string `json:"acr_values_supported"`
	TokenAuthMethods         []string `json:"token_endpoint_auth_methods_supported"`
	TokenAuthAlgorithms      []string `json:"token_endpoint_auth_signing_alg_values_supported"`
	IntrospectionAuthMethods []string `json:"introspection_endpoint_auth_methods_supported"`
	IntrospectionAlgorithms  []string `json:"introspection_endpoint_auth_signing_alg_values_supported"`
	RevocationAuthMethods    []string `json:"revocation_endpoint_auth_methods_supported"`
	RevocationAlgorithms     []string `json:"revocation_endpoint_auth_signing_alg_values_supported"`
	CodeChallengeMethods     []string `json:"code_challenge_methods_supported"`
	Prompts                  []string `json:"prompt_values_supported"`
	ProofAlgorithms          []string `json:"dpop_signing_alg_values_supported"`
	PushedOnly               bool     `json:"require_pushed_authorization_requests"`
	NamesIssuer              bool     `json:"authorization_response_iss_parameter_supported"`
	RequestParameter         bool     `json:"request_parameter_supported"`
	RequestURIParameter      bool     `json:"request_uri_parameter_supported"`
}

// What both discovery documents say.
var (
	authMethods      = []string{"client_secret_basic", "client_secret_post", "private_key_jwt"}
	tokenAuthMethods = append([]string{"none"}, authMethods...)
	grantTypes       = []string{"client_credentials", "authorization_code", "refresh_token", grantTokenExchange}
)

// configuration names a registration endpoint to whoever asks about a project (?project=) whose
// clients may register themselves.
func (s *Server) configuration(c echo.Context) error {
	register, err := s.registrationEndpoint(c)
	if err != nil {
		return err
	}
	methods := []string{methodS256}
	if s.AllowPKCEPlain {
		methods = append(methods, methodPlain)
	}
	return c.JSON(http.StatusOK, metadata{
		Issuer:                   s.issuer,
		AuthorizationEndpoint:    s.issuer + "oauth2/authorize",
		TokenEndpoint:            s.issuer + "oauth2/token",
		UserinfoEndpoint:         s.issuer + "oauth2/userinfo",
		JWKSURI:                  s.issuer + ".well-known/jwks.json",
		IntrospectionEndpoint:    s.issuer + "oauth2/introspect",
		RevocationEndpoint:       s.issuer + "oauth2/revoke",
		EndSessionEndpoint:       s.issuer + "oauth2/end-session",
		PushedEndpoint:           s.issuer + "oauth2/par",
		RegistrationEndpoint:     register,
		IDTokenAlgorithms:        []string{"ES256"},
		GrantTypes:               grantTypes,
		ResponseTypes:            []string{"code"},
		SubjectTypes:             []string{"public"},
		Scopes:                   []string{"openid", "profile", "email", "phone", "offline_access"},
		Claims:                   []string{"iss", "aud", "sub", "iat", "exp", "auth_time", "acr", "amr", "nonce", "name", "given_name", "family_name", "email", "email_verified", "phone_number"},
		ACRValues:                []string{phishingResistant},
		TokenAuthMethods:         tokenAuthMethods,
		TokenAuthAlgorithms:      assertionAlgorithms,
		IntrospectionAuthMethods: authMethods,
		IntrospectionAlgorithms:  assertionAlgorithms,
		RevocationAuthMethods:    authMethods,
		RevocationAlgorithms:     assertionAlgorithms,
		CodeChallengeMethods:     methods,
		Prompts:                  []string{"none", "login", "consent"},
		ProofAlgorithms:          proofAlgorithms,
		NamesIssuer:              true,
	})
}

// jwks is RFC 7517 §5: the keys that sign, signed or will sign.
func (s *Server) jwks(c echo.Context) error {
	state, err := s.keys.current(c.Request().Context())
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, state.published)
}

// resource is RFC 9728 §2.
type resource struct {
	Resource             string   `json:"resource"`
	AuthorizationServers []string `json:"authorization_servers"`
	JWKSURI              string   `json:"jwks_uri"`
	Scopes               []string `json:"scopes_supported"`
	BearerMethods        []string `json:"bearer_methods_supported"`
	ProofAlgorithms      []string `json:"dpop_signing_alg_values_supported"`
}

func (s *Server) protectedResource(c echo.Context) error {
	named := s.issuer
	if asked, ok := c.QueryParams()["resource"]; ok {
		if len(asked) != 1 || !strings.HasPrefix(asked[0], s.issuer) {
			return outcome.New(outcome.Invalid, "Invalid resource URL")
		}
		named = asked[0]
	}
	return c.JSON(http.StatusOK, resource{
		Resource: named, AuthorizationServers: []string{s.issuer}, JWKSURI: s.issuer + ".well-known/jwks.json",
		Scopes: []string{"openid", "profile", "email", "phone", "offline_access"}, BearerMethods: []string{"header"},
		ProofAlgorithms: proofAlgorithms,
	})
}

// smartStyles is where token answers' smart_style_url leads (SMART App Launch §2.0.13.1).
func smartStyles(c echo.Context) error {
	return c.JSON(http.StatusOK, map[string]string{
		"color_background":     "#ffffff",
		"color_error":          "#b3261e",
		"color_highlight":      "#0b57d0",
		"color_modal_backdrop": "",
		"color_success":        "#146c2e",
		"color_text":           "#1f1f1f",
		"dim_border_radius":    "6px",
		"dim_font_size":        "13px",
		"dim_spacing_size":     "20px",
		"font_family_body":     "sans-serif",
		"font_family_heading":  "sans-serif",
	})
}
