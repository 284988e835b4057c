package admin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/oauth"
	"github.com/admitdev/admit/pkg/openid"
	"github.com/admitdev/admit/pkg/store"
)

// TokenIssuer knows whom its access tokens are about; *openid.Issuer implements it.
type TokenIssuer interface {
	Holder(ctx context.Context, token string) (openid.Holder, error)
}

// ForeignTokens says which member an access token of another server is: the one whose profile the issuer
// names, else the one whose external id is "issuer|subject", or the subject alone where there is one issuer.
// There must be one alone on the whole server, active, a User, and not of a super-admin project. Where
// several factors are wanted the token must say that there were. It implements oauth.ForeignTokens.
type ForeignTokens struct {
	Issuers map[string]TokenIssuer
	Repo    *repo.Repo
	Store   *store.Store
	Log     *slog.Logger
}

// Trusts implements oauth.ForeignTokens.
func (f *ForeignTokens) Trusts(issuer string) bool { return f.Issuers[issuer] != nil }

// Confirm implements oauth.ForeignTokens.
func (f *ForeignTokens) Confirm(ctx context.Context, token oauth.ForeignToken) (claims oauth.Claims, until time.Time, err error) {
	holder, err := f.Issuers[token.Issuer].Holder(ctx, token.Token)
	if errors.Is(err, openid.ErrRefused) || errors.Is(err, openid.ErrBusy) {
		err = fmt.Errorf("%w: %w", oauth.ErrForeign, err)
	}
	var member medplum.ProjectMembership
	if err == nil {
		member, err = f.member(ctx, token.Issuer, holder)
	}
	if errors.Is(err, oauth.ErrForeign) {
		f.Log.InfoContext(ctx, "a token of an external issuer was refused", "issuer", token.Issuer, "error", err)
	}
	if err != nil {
		return oauth.Claims{}, until, err
	}
	_, project := member.Project.Split()
	claims = oauth.Claims{Project: project, Membership: member.ID, Scope: holder.Scope}
	if token.Known {
		return claims, holder.Expires, nil
	}
	return claims, holder.Expires, f.Store.InTx(ctx, func(tx *store.Tx) error {
		if err := tx.AcceptInvitations(ctx, project, member.ID); err != nil {
			return err
		}
		return audit.Record(ctx, tx, audit.Event{
			Project: project, Action: audit.SignIn, Agent: member.User.Reference, Entities: []string{member.User.Reference},
			Description: "by a token of " + token.Issuer + " for its subject " + holder.Subject, RemoteAddr: token.Address,
		})
	})
}

// member is the one that a holder is.
//
// Errors: oauth.ErrForeign.
func (f *ForeignTokens) member(ctx context.Context, issuer string, holder openid.Holder) (one medplum.ProjectMembership, err error) {
	named, err := f.named(ctx, issuer, holder)
	if err != nil {
		return one, err
	}
	var of medplum.Project
	found := 0
	for _, ref := range named {
		m, err := fetch[medplum.ProjectMembership](ctx, f.Repo, "find the member of a token", ref)
		if err != nil || !m.IsActive() {
			if ignoreNotFound(err) != nil {
				return one, err
			}
			continue
		}
		project, err := fetch[medplum.Project](ctx, f.Repo, "read the project of a token's member", store.Ref{Project: store.SystemProject, Type: medplum.TypeProject, ID: ref.Project})
		switch {
		case errors.Is(err, store.ErrNotFound): // nobody is a member of what is gone
		case err != nil:
			return one, err
		default:
			one, of, found = m, project, found+1
		}
	}
	resourceType, _ := one.User.Split()
	switch {
	case found != 1:
		err = fmt.Errorf("%w: %d active memberships are of subject %q with fhirUser %q", oauth.ErrForeign, found, holder.Subject, holder.FHIRUser)
	case resourceType != medplum.TypeUser: // a client may be switched off
		err = fmt.Errorf("%w: it names a program", oauth.ErrForeign)
	case of.SuperAdmin:
		err = fmt.Errorf("%w: it names a super administrator", oauth.ErrForeign)
	case !holder.Several():
		err = f.mayBeWeak(ctx, of, one)
	}
	return one, err
}

// mayBeWeak refuses a member of whom several factors are wanted.
//
// Errors: oauth.ErrForeign.
func (f *ForeignTokens) mayBeWeak(ctx context.Context, of medplum.Project, m medplum.ProjectMembership) error {
	_, id := m.User.Split()
	ref, err := f.Store.Owner(ctx, store.Key{Scope: store.SystemProject, Kind: medplum.TypeUser, Value: id})
	var user medplum.User
	if err == nil {
		user, err = fetch[medplum.User](ctx, f.Repo, "read the User of a token's member", ref)
	}
	switch {
	case errors.Is(err, store.ErrNotFound):
		return fmt.Errorf("%w: the User is gone", oauth.ErrForeign)
	case err == nil && (of.MFARequired() || user.MFARequired):
		return fmt.Errorf("%w: it does not say that there were several factors", oauth.ErrForeign)
	}
	return err
}

// named are the memberships that a holder may be: those of the profile that the issuer names, else those
// with the external id. A subject is unique within its issuer only (OpenID Connect Core §2), so that by
// itself it names nobody where there are several.
func (f *ForeignTokens) named(ctx context.Context, issuer string, holder openid.Holder) ([]store.Ref, error) {
	if holder.FHIRUser == "" {
		bound := issuer + "|" + holder.Subject
		alone := bound
		if len(f.Issuers) == 1 {
			alone = holder.Subject
		}
		return f.Store.MembersByExternalID(ctx, bound, alone)
	}
	profile, ok := profileOf(holder.FHIRUser)
	if !ok {
		return nil, fmt.Errorf("%w: fhirUser %q is no reference", oauth.ErrForeign, holder.FHIRUser)
	}
	return f.Store.Owners(ctx, store.SystemProject, repo.KeyMembershipProfile, profile.Reference+"/", maxMemberships)
}

// profileOf reads Type/id, or an http or https URL that ends in it.
func profileOf(fhirUser string) (medplum.Reference, bool) {
	u, err := url.Parse(fhirUser)
	if err != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || u.User != nil {
		return medplum.Reference{}, false
	}
	name := fhirUser
	if u.Scheme == "http" || u.Scheme == "https" {
		dir, id := path.Split(u.Path)
		name = path.Base(dir) + "/" + id
	}
	ref := medplum.Reference{Reference: name}
	resourceType, id := ref.Split()
	return ref, resourceType != "" && repo.ValidID(id) && strings.Count(name, "/") == 1
}
