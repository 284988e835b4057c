package admin

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/mail"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// Method is how somebody signs in (contract §2.2): by password, or where their domain has an identity
// provider of its own, there.
type Method struct {
	Domain       string `json:"domain,omitempty"`
	AuthorizeURL string `json:"authorizeUrl,omitempty"`
}

// externalScope is what is asked of an identity provider.
const externalScope = "openid profile email"

// Method says how somebody signs in. It looks at the domain of the address alone, so it tells nothing
// about who has an account.
//
// Errors: outcome Invalid.
func (s *SignIn) Method(ctx context.Context, email string) (Method, error) {
	var fields outcome.Fields
	fields.Check(mail.ValidAddress(email), "email", "Valid email address is required")
	if err := fields.Err(); err != nil {
		return Method{}, err
	}
	_, domain, _ := strings.Cut(mail.Canonical(email), "@")
	key := store.Key{Scope: store.SystemProject, Kind: repo.KeyDomain, Value: domain}
	ref, err := s.Store.Owner(ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		return Method{}, nil
	}
	if err != nil {
		return Method{}, err
	}
	config, err := fetch[medplum.DomainConfiguration](ctx, s.Repo, "find the identity provider of a domain", ref)
	if errors.Is(err, store.ErrNotFound) || err == nil && config.IdentityProvider == nil {
		return Method{}, nil
	}
	if err != nil {
		return Method{}, err
	}
	authorize, err := url.Parse(config.IdentityProvider.AuthorizeURL)
	if err != nil || authorize.Host == "" || authorize.Scheme != "https" && authorize.Scheme != "http" {
		return Method{}, outcome.New(outcome.Invalid, "Failed to construct URL for the domain")
	}
	query := authorize.Query()
	query.Set("client_id", config.IdentityProvider.ClientID)
	query.Set("redirect_uri", s.Service.BaseURL.JoinPath("auth/external").String())
	query.Set("response_type", "code")
	query.Set("scope", externalScope)
	authorize.RawQuery = query.Encode()
	return Method{domain, authorize.String()}, nil
}
