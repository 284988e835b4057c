package admin

import (
	"context"
	"encoding/json"
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
// names, else the one whose external id is the subject. There must be one alone on the whole server, active,
// a User, and not of a super-admin project. It implements oauth.ForeignTokens.
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
		member, err = f.member(ctx, holder)
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
	return claims, holder.Expires, audit.RecordAlone(ctx, f.Store, audit.Event{
		Project: project, Action: audit.SignIn, Agent: member.User.Reference, Entities: []string{member.User.Reference},
		Description: "by a token of " + token.Issuer + " for its subject " + holder.Subject, RemoteAddr: token.Address,
	})
}

// member is the one that a holder is.
//
// Errors: oauth.ErrForeign.
func (f *ForeignTokens) member(ctx context.Context, holder openid.Holder) (one medplum.ProjectMembership, err error) {
	projects, err := f.Store.Partitions(ctx)
	if err != nil {
		return one, err
	}
	var found []store.Resource
	if holder.FHIRUser != "" {
		found, err = f.byProfile(ctx, projects, holder.FHIRUser)
	} else {
		found, err = f.byExternalID(ctx, projects, holder.Subject)
	}
	if err != nil {
		return one, err
	}
	active := 0
	for _, row := range found {
		var m medplum.ProjectMembership
		if err := json.Unmarshal(row.Content, &m); err != nil {
			return one, fmt.Errorf("%s/%s: %w", row.Type, row.ID, err)
		}
		if m.IsActive() {
			one, active = m, active+1
		}
	}
	if active != 1 {
		return one, fmt.Errorf("%w: %d active memberships are of subject %q with fhirUser %q", oauth.ErrForeign, active, holder.Subject, holder.FHIRUser)
	}
	return one, f.mayCome(ctx, one)
}

// mayCome refuses programs, whose clients may be switched off, and super administrators.
func (f *ForeignTokens) mayCome(ctx context.Context, m medplum.ProjectMembership) error {
	if resourceType, _ := m.User.Split(); resourceType != medplum.TypeUser {
		return fmt.Errorf("%w: it names a program", oauth.ErrForeign)
	}
	_, id := m.Project.Split()
	project, err := fetch[medplum.Project](ctx, f.Repo, "read the project of a token's member", store.Ref{Project: store.SystemProject, Type: medplum.TypeProject, ID: id})
	switch {
	case errors.Is(err, store.ErrNotFound):
		return fmt.Errorf("%w: the project is gone", oauth.ErrForeign)
	case err == nil && project.SuperAdmin:
		return fmt.Errorf("%w: it names a super administrator", oauth.ErrForeign)
	}
	return err
}

// byProfile are the memberships of a profile, which is named by a reference or an absolute URL.
func (f *ForeignTokens) byProfile(ctx context.Context, projects []string, fhirUser string) (found []store.Resource, err error) {
	profile, ok := profileOf(fhirUser)
	if !ok {
		return nil, fmt.Errorf("%w: fhirUser %q is no reference", oauth.ErrForeign, fhirUser)
	}
	return f.Repo.MembershipsIn(ctx, "find the member of a token", projects, profile)
}

// byExternalID are the memberships with an external id.
func (f *ForeignTokens) byExternalID(ctx context.Context, projects []string, subject string) (found []store.Resource, err error) {
	refs, err := f.Store.OwnersAmong(ctx, projects, repo.KeyMembershipExternalID, subject)
	if err != nil {
		return nil, err
	}
	for _, ref := range refs {
		row, err := f.Repo.Record(ctx, "find the member of a token", ref)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		found = append(found, row)
	}
	return found, nil
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
