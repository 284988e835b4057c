package repo

import (
	"context"
	"net/url"

	"github.com/tidwall/gjson"
	"github.com/tidwall/sjson"

	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// hasProvider says whether resources of the type may name an identity provider.
func hasProvider(resourceType string) bool {
	return resourceType == medplum.TypeClientApplication || resourceType == medplum.TypeDomainConfiguration
}

// mayProvide lets administrators alone say who else's word counts for who somebody is: whoever could
// would sign in as anybody of the project.
func (a *access) mayProvide(c *change, doc *document.Node) error {
	fresh := doc.Get("identityProvider")
	if fresh == nil || a.sameProvider(c, doc) {
		return nil
	}
	if a.system == "" && !a.administers(c.ref.Project) {
		return outcome.New(outcome.Forbidden, "Only administrators name identity providers")
	}
	for _, name := range []string{"authorizeUrl", "tokenUrl", "userInfoUrl"} {
		address, err := url.Parse(fresh.Text(name))
		if err != nil || address.Host == "" || address.User != nil || address.Scheme != "https" && address.Scheme != "http" {
			return outcome.New(outcome.Invalid, "Invalid %s", name).At(c.ref.Type + ".identityProvider." + name)
		}
	}
	return nil
}

// sameProvider says whether the identity provider is the one that was there before, whatever it is shown.
func (a *access) sameProvider(c *change, doc *document.Node) bool {
	if c.oldDoc == nil {
		return false
	}
	before, errBefore := open(c.ref.Type, c.oldDoc)
	now, errNow := open(c.ref.Type, doc)
	if errBefore != nil || errNow != nil {
		return false
	}
	was, is := before.Get("identityProvider"), now.Get("identityProvider")
	return was != nil && is != nil && same(was, is)
}

// keepProviderSecret takes the secret that came along. Without one the provider keeps what it has, unless
// it is another provider now: what was told to one is not shown to the next.
func (a *access) keepProviderSecret(ctx context.Context, c *change) error {
	switch {
	case c.in.providerSecret != "":
	case c.in.doc != nil && a.sameProvider(c, c.in.doc):
		return nil
	case c.oldDoc.Get("identityProvider") == nil:
		return nil
	}
	return a.repo.Secrets.SetProviderSecret(ctx, a.tx, c.ref, c.in.providerSecret)
}

// forgetSecrets lets the secrets go with what they were kept for.
func (a *access) forgetSecrets(ctx context.Context, ref store.Ref) error {
	if !hasProvider(ref.Type) && guarded(ref.Type) == nil {
		return nil
	}
	return a.repo.Secrets.Forget(ctx, a.tx, ref)
}

// withProviderSecret adds the secret of a client or a domain to its identity provider.
func (a *access) withProviderSecret(ctx context.Context, res store.Resource) (store.Resource, error) {
	if !gjson.GetBytes(res.Content, "identityProvider").IsObject() {
		return res, nil
	}
	secret, err := a.repo.Secrets.ProviderSecret(ctx, a.tx, res.Ref)
	if err != nil || secret == "" {
		return res, err
	}
	value, err := marshal(secret)
	if err == nil {
		res.Content, err = sjson.SetRawBytes(res.Content, "identityProvider.clientSecret", value)
	}
	return res, err
}
