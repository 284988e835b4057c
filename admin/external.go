package admin

import (
	"context"
	"errors"
	"strings"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/mail"
	"github.com/admitdev/admit/pkg/openid"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// Providers speaks to identity providers; *openid.Client implements it.
type Providers interface {
	AuthorizeURL(ctx context.Context, cfg openid.Config, trip openid.Trip) (string, error)
	Exchange(ctx context.Context, cfg openid.Config, trip openid.Trip, code, issuer string) (openid.Identity, error)
	IDToken(ctx context.Context, cfg openid.Config, raw string) (openid.Identity, error)
	AccessToken(ctx context.Context, cfg openid.Config, raw string) (openid.Identity, error)
}

// ProviderSecrets gives back what is shown to an identity provider; oauth.ClientSecrets implements it.
type ProviderSecrets interface {
	ProviderSecret(ctx context.Context, tx *store.Tx, of store.Ref) (string, error)
}

// provider is an identity provider with whose word it is.
type provider struct {
	openid.Config
	// project is whose administrators chose it. The server's provider, a domain's, speaks for the User of
	// any address of its domain; a project's for the project's own Users, and for others within the
	// project alone.
	project string
	domain  string // empty for a client's
	// useSubject finds people by membership.externalId.
	useSubject bool
}

// speaksFor says whether the provider's word on an address is as good as a mailed link's: those who chose
// the provider could set the password of the User as well.
func (p provider) speaksFor(user store.Ref) bool {
	return p.project == store.SystemProject || p.project == user.Project
}

// noProvider is the outcome where none is configured.
func noProvider() error { return outcome.New(outcome.Invalid, "Identity provider not found") }

// providerOfDomain is the provider of an address's domain.
//
// Errors: outcome Invalid.
func (s *SignIn) providerOfDomain(ctx context.Context, domain string) (provider, error) {
	domain = mail.Canonical(domain)
	ref, err := s.Store.Owner(ctx, store.Key{Scope: store.SystemProject, Kind: repo.KeyDomain, Value: domain})
	if errors.Is(err, store.ErrNotFound) {
		return provider{}, noProvider()
	}
	if err != nil {
		return provider{}, err
	}
	config, err := fetch[medplum.DomainConfiguration](ctx, s.Repo, "find the identity provider of a domain", ref)
	if errors.Is(err, store.ErrNotFound) {
		return provider{}, noProvider()
	}
	if err != nil {
		return provider{}, err
	}
	p, err := s.configured(ctx, ref, config.IdentityProvider)
	p.project, p.domain = store.SystemProject, domain
	return p, err
}

// providerOfClient is the provider that a client names.
//
// Errors: outcome Invalid.
func (s *SignIn) providerOfClient(ctx context.Context, id string) (provider, error) {
	app, ref, err := s.directory.application(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return provider{}, noProvider()
	}
	if err != nil {
		return provider{}, err
	}
	p, err := s.configured(ctx, ref, app.IdentityProvider)
	p.project = ref.Project
	return p, err
}

// configured reads a provider with its secret.
func (s *SignIn) configured(ctx context.Context, of store.Ref, idp *medplum.IdentityProvider) (provider, error) {
	switch {
	case idp == nil:
		return provider{}, noProvider()
	case idp.UserInfoMode != "" && idp.UserInfoMode != "oidc",
		idp.TokenAuthMethod != "" && idp.TokenAuthMethod != "client_secret_basic" && idp.TokenAuthMethod != "client_secret_post":
		return provider{}, outcome.New(outcome.Invalid, "Unsupported identity provider configuration")
	}
	secret, err := s.ProviderSecrets.ProviderSecret(ctx, nil, of)
	return provider{useSubject: idp.UseSubject, Config: openid.Config{
		Issuer: idp.Issuer(), AuthorizeURL: idp.AuthorizeURL, TokenURL: idp.TokenURL, UserInfoURL: idp.UserInfoURL,
		ClientID: idp.ClientID, ClientSecret: secret, SecretInBody: idp.TokenAuthMethod == "client_secret_post",
	}}, err
}

// recognise finds the User whom a provider knows. Issuer and subject name somebody; an address leads only
// to the first meeting, and then only when the provider has verified it and the User is not known to the
// same provider as somebody else (an address that was given to another person since). An external id is a
// project's word: it holds there, and nothing is remembered that would hold anywhere else.
//
// Errors: outcome Invalid.
func (s *SignIn) recognise(ctx context.Context, p provider, id openid.Identity, project string) (who account, err error) {
	if p.useSubject {
		who, err = s.bySubject(ctx, p, id, project)
		return who, notKnown(err)
	}
	who, err = s.boundTo(ctx, p, id)
	if !errors.Is(err, store.ErrNotFound) {
		return who, err
	}
	if who, err = s.byVerifiedEmail(ctx, p, id, project); err != nil {
		return account{}, notKnown(err)
	}
	return who, s.meet(ctx, p, id, who)
}

func notKnown(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return outcome.New(outcome.Invalid, "User not found")
	}
	return err
}

// boundTo is the User that was bound to the subject before. One who has been deleted since is nobody.
//
// Errors: store.ErrNotFound.
func (s *SignIn) boundTo(ctx context.Context, p provider, id openid.Identity) (account, error) {
	bound, err := s.Store.ExternalIdentity(ctx, p.project, id.Issuer, id.Subject)
	if err != nil {
		return account{}, err
	}
	who, err := s.account(ctx, store.Ref{Project: bound.UserProject, Type: medplum.TypeUser, ID: bound.User})
	if errors.Is(err, store.ErrNotFound) {
		err = s.Store.InTx(ctx, func(tx *store.Tx) error { return tx.UnbindExternalIdentity(ctx, bound) })
		return account{}, errors.Join(err, store.ErrNotFound)
	}
	return who, err
}

// bySubject is the User of the membership that has the subject as its external id. Which project that is
// in the client says, or whoever signs in by their domain.
//
// Errors: store.ErrNotFound.
func (s *SignIn) bySubject(ctx context.Context, p provider, id openid.Identity, project string) (account, error) {
	if project == "" || project == newProjectID {
		return account{}, store.ErrNotFound
	}
	ref, err := s.Store.Owner(ctx, store.Key{Scope: project, Kind: repo.KeyMembershipExternalID, Value: id.Subject})
	if err != nil {
		return account{}, err
	}
	member, _, err := s.directory.member(ctx, ref)
	if err != nil {
		return account{}, err
	}
	resourceType, user := member.User.Split()
	if resourceType != medplum.TypeUser {
		return account{}, store.ErrNotFound
	}
	found, err := s.Store.Owner(ctx, store.Key{Scope: store.SystemProject, Kind: medplum.TypeUser, Value: user})
	if err != nil {
		return account{}, err
	}
	who, err := s.account(ctx, found)
	if err == nil && p.domain != "" && !ofDomain(who.user.Email, p.domain) {
		err = outcome.New(outcome.Invalid, "Email address does not match domain") // a domain's provider speaks for its domain
	}
	return who, err
}

// byVerifiedEmail is the User of the address that the provider has verified.
//
// Errors: store.ErrNotFound, outcome Invalid.
func (s *SignIn) byVerifiedEmail(ctx context.Context, p provider, id openid.Identity, project string) (account, error) {
	switch {
	case id.Email == "" || !mail.ValidAddress(id.Email):
		return account{}, outcome.New(outcome.Invalid, "External token does not contain email address")
	case !id.EmailVerified:
		return account{}, outcome.New(outcome.Invalid, "The identity provider has not verified the email address")
	case p.domain != "" && !ofDomain(id.Email, p.domain):
		return account{}, outcome.New(outcome.Invalid, "Email address does not match domain")
	}
	return s.byEmail(ctx, id.Email, project)
}

func ofDomain(email, domain string) bool {
	_, of, _ := strings.Cut(mail.Canonical(email), "@")
	return of == domain
}

// meet binds the subject to a User. Where the provider's word is as good as a mailed link's, whoever had
// registered the address before without showing that it is theirs is shut out (pre-hijacking): their
// password, second factor and sessions go.
func (s *SignIn) meet(ctx context.Context, p provider, id openid.Identity, who account) error {
	return s.Repo.System("bind a User to an identity provider", who.ref.Project).InTx(ctx, func(tx *repo.Tx) error {
		won, err := tx.Store().BindExternalIdentity(ctx, store.ExternalIdentity{
			Project: p.project, Issuer: id.Issuer, Subject: id.Subject, UserProject: who.ref.Project, User: who.ref.ID,
		})
		if err == nil && !won {
			err = s.mustBe(ctx, tx, p, id, who)
		}
		if err != nil || !p.speaksFor(who.ref) {
			return err
		}
		if err := s.shutOutStranger(ctx, tx, who); err != nil {
			return err
		}
		return setUser(ctx, tx, who.ref, "emailVerified", true)
	})
}

// mustBe refuses a User whom the provider knows as somebody else; two journeys of one person may have met.
func (s *SignIn) mustBe(ctx context.Context, tx *repo.Tx, p provider, id openid.Identity, who account) error {
	bound, err := tx.Store().ExternalIdentity(ctx, p.project, id.Issuer, id.Subject)
	if errors.Is(err, store.ErrNotFound) || err == nil && bound.User != who.ref.ID {
		err = outcome.New(outcome.Invalid, "The user is known to the identity provider as somebody else")
	}
	return err
}

// shutOutStranger takes the password, the second factor and the sessions of whoever chose a password without
// showing that the address is theirs.
func (s *SignIn) shutOutStranger(ctx context.Context, tx *repo.Tx, who account) error {
	kept, err := tx.Store().Credential(ctx, who.ref, store.Password)
	none := errors.Is(err, store.ErrNotFound)
	if err != nil && !none {
		return err
	}
	if who.user.EmailVerified && (none || kept.Opens == store.OpensAll) {
		return nil
	}
	if err := unenroll(ctx, tx, who.ref); err != nil {
		return err
	}
	if err := tx.Store().DeleteCredential(ctx, who.ref, store.Password); err != nil {
		return err
	}
	return tx.Store().RevokeLogins(ctx, who.ref)
}
