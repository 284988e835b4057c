package admin

import (
	"context"
	"net/url"
	"strings"

	"github.com/admitdev/admit/pkg/mail"
	"github.com/admitdev/admit/pkg/outcome"
)

// Method is how somebody signs in (contract §2.2): by password, or where their domain has an identity
// provider of its own, there.
type Method struct {
	Domain       string `json:"domain,omitempty"`
	AuthorizeURL string `json:"authorizeUrl,omitempty"`
}

// Method says how somebody signs in. It looks at the domain of the address alone, so it tells nothing
// about who has an account. The address that it gives is ours: Medplum's clients add their wishes as state
// and go there, and the journey to the provider begins with a state, a nonce and a code challenge that are
// bound to the browser.
//
// Errors: outcome Invalid.
func (s *SignIn) Method(ctx context.Context, email string) (Method, error) {
	var fields outcome.Fields
	fields.Check(mail.ValidAddress(email), "email", "Valid email address is required")
	if err := fields.Err(); err != nil {
		return Method{}, err
	}
	_, domain, _ := strings.Cut(mail.Canonical(email), "@")
	p, err := s.providerOfDomain(ctx, domain)
	if outcome.Has(err, outcome.Invalid) {
		return Method{}, nil
	}
	if err != nil {
		return Method{}, err
	}
	return Method{p.domain, s.externalURL(url.Values{"domain": {p.domain}})}, nil
}
