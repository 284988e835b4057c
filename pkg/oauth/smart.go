package oauth

import (
	"net/http"

	"github.com/labstack/echo/v4"
)

// smartConfiguration is SMART App Launch 2.2, ".well-known/smart-configuration".
type smartConfiguration struct {
	Issuer                string   `json:"issuer"`
	JWKSURI               string   `json:"jwks_uri"`
	AuthorizationEndpoint string   `json:"authorization_endpoint"`
	TokenEndpoint         string   `json:"token_endpoint"`
	IntrospectionEndpoint string   `json:"introspection_endpoint"`
	RevocationEndpoint    string   `json:"revocation_endpoint"`
	RegistrationEndpoint  string   `json:"registration_endpoint,omitempty"`
	GrantTypes            []string `json:"grant_types_supported"`
	ResponseTypes         []string `json:"response_types_supported"`
	Scopes                []string `json:"scopes_supported"`
	TokenAuthMethods      []string `json:"token_endpoint_auth_methods_supported"`
	TokenAuthAlgorithms   []string `json:"token_endpoint_auth_signing_alg_values_supported"`
	CodeChallengeMethods  []string `json:"code_challenge_methods_supported"`
	Capabilities          []string `json:"capabilities"`
}

// smartConfiguration names S256 alone even where plain is allowed: SMART forbids to name that. A
// capability that is only half there is not named: on another application's pages nobody can choose a
// patient.
func (s *Server) smartConfiguration(c echo.Context) error {
	register, err := s.registrationEndpoint(c)
	if err != nil {
		return err
	}
	capabilities := []string{
		"launch-ehr", "launch-standalone", "authorize-post",
		"client-public", "client-confidential-symmetric", "client-confidential-asymmetric",
		"sso-openid-connect", "context-banner", "context-style", "context-ehr-patient", "context-ehr-encounter",
		"permission-offline", "permission-patient", "permission-user", "permission-v1", "permission-v2",
	}
	if s.OwnPages {
		capabilities = append(capabilities, "context-standalone-patient", "context-standalone-encounter")
	}
	return c.JSON(http.StatusOK, smartConfiguration{
		Issuer:                s.issuer,
		JWKSURI:               s.issuer + ".well-known/jwks.json",
		AuthorizationEndpoint: s.issuer + "oauth2/authorize",
		TokenEndpoint:         s.issuer + "oauth2/token",
		IntrospectionEndpoint: s.issuer + "oauth2/introspect",
		RevocationEndpoint:    s.issuer + "oauth2/revoke",
		RegistrationEndpoint:  register,
		GrantTypes:            grantTypes,
		ResponseTypes:         []string{"code"},
		Scopes: []string{
			"openid", "fhirUser", "profile", "email", "phone", "launch", "launch/patient", "launch/encounter", "offline_access",
			"patient/*.rs", "user/*.cruds", "system/*.cruds",
		},
		TokenAuthMethods:     tokenAuthMethods,
		TokenAuthAlgorithms:  assertionAlgorithms,
		CodeChallengeMethods: []string{methodS256},
		Capabilities:         capabilities,
	})
}
