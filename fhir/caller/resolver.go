package caller

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/policy"
	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// Claims are what verified credentials say: a token's login, or the client of a Basic header or a token of
// an external issuer, which have no login and name their membership.
type Claims struct {
	LoginID    string
	Project    string
	Membership string
	ClientID   string
	Scope      string
	Patient    string // id of the patient that the client was launched about, empty when there is none
	// ScopeOnly says that the client may do what the scopes about data say, and without any nothing.
	ScopeOnly bool
}

// Logins knows the sessions; pkg/oauth decides which are live.
type Logins interface {
	// LiveLogin is what a login says that is not revoked, has not run out, has a membership and whose
	// client is active. Any other is store.ErrNotFound.
	LiveLogin(ctx context.Context, id string) (Claims, error)
}

// Records reads identity resources with Admit's own rights; *repo.Repo implements it.
type Records interface {
	// Record is the current version; a deleted or unknown one is store.ErrNotFound.
	Record(ctx context.Context, reason string, ref store.Ref) (store.Resource, error)
	// MembershipsOf are the current memberships of a profile in its project, oldest first.
	MembershipsOf(ctx context.Context, reason, project string, profile medplum.Reference) ([]store.Resource, error)
}

// Options are what a Resolver stands on.
type Options struct {
	Logins  Logins
	Records Records
	Changes Changes
	Clock   clock.Clock
	Log     *slog.Logger
	// Hear, when set, is told of each change of another process; one without a kind says that changes
	// may have been missed.
	Hear func(store.Change)
}

// Resolver turns Claims into Callers.
type Resolver struct {
	logins  Logins
	records Records
	changes Changes
	clock   clock.Clock
	log     *slog.Logger
	hear    func(store.Change)
	cache   *cache
}

// NewResolver makes a Resolver. It caches only while Run is running.
func NewResolver(o Options) *Resolver {
	r := &Resolver{o.Logins, o.Records, o.Changes, o.Clock, o.Log, o.Hear, newCache()}
	if r.hear == nil {
		r.hear = func(store.Change) {}
	}
	r.changes.OnChange(func(change store.Change) { r.cache.drop(mark{change.Kind, change.Ref}) })
	return r
}

// key is what a Caller is cached under.
func (c Claims) key() string {
	if c.LoginID != "" {
		return "login " + c.LoginID
	}
	return "membership " + c.Membership + " by " + c.ClientID + " with " + c.Scope
}

// Resolve makes the Caller, from the cache when it may be trusted.
//
// Errors: outcome Unauthorized when the login or membership is gone, revoked or inactive;
// outcome Invalid when its policies cannot be read.
func (r *Resolver) Resolve(ctx context.Context, claims Claims) (Caller, error) {
	key := claims.key()
	who, ok, since := r.cache.get(key, r.clock.Now())
	if ok {
		return who, nil
	}
	who, from, err := r.load(ctx, claims)
	if err != nil {
		return Caller{}, err
	}
	r.cache.put(key, who, from, since)
	return who, nil
}

// loading collects what a Caller is made from.
type loading struct {
	*Resolver
	from []mark
	now  time.Time
	// unlimited has access entries hold whatever their periods say.
	unlimited bool
}

func (r *Resolver) load(ctx context.Context, claims Claims) (Caller, []mark, error) {
	l := &loading{Resolver: r, now: r.clock.Now()}
	var err error
	switch {
	case claims.LoginID != "":
		claims, err = l.login(ctx, claims.LoginID)
	case claims.ClientID != "":
		err = l.client(ctx, claims)
	}
	if err != nil {
		return Caller{}, nil, err
	}
	who, err := l.caller(ctx, claims)
	return who, l.from, err
}

// login is what a live login says; it counts for more than the token that names it.
func (l *loading) login(ctx context.Context, id string) (Claims, error) {
	l.from = append(l.from, mark{store.ChangeLogin, id})
	claims, err := l.logins.LiveLogin(ctx, id)
	if err != nil {
		return Claims{}, unauthorized(err)
	}
	claims.LoginID = id
	if claims.ClientID != "" { // whose status LiveLogin looked at
		l.from = append(l.from, mark{medplum.TypeClientApplication, claims.ClientID})
	}
	return claims, nil
}

// client looks at a client without a login: one that was switched off since it asked has no job done any more.
func (l *loading) client(ctx context.Context, claims Claims) error {
	var client medplum.ClientApplication
	ref := store.Ref{Project: claims.Project, Type: medplum.TypeClientApplication, ID: claims.ClientID}
	if err := l.record(ctx, ref, &client); err != nil {
		return unauthorized(err)
	}
	if client.Status != "" && client.Status != "active" {
		return outcome.New(outcome.Unauthorized, "")
	}
	return nil
}

func (l *loading) caller(ctx context.Context, claims Claims) (Caller, error) {
	var membership medplum.ProjectMembership
	ref := store.Ref{Project: claims.Project, Type: medplum.TypeProjectMembership, ID: claims.Membership}
	if err := l.record(ctx, ref, &membership); err != nil {
		return Caller{}, unauthorized(err)
	}
	if !membership.IsActive() {
		return Caller{}, outcome.New(outcome.Unauthorized, "")
	}
	var project medplum.Project
	ref = store.Ref{Project: store.SystemProject, Type: medplum.TypeProject, ID: claims.Project}
	if err := l.record(ctx, ref, &project); err != nil {
		return Caller{}, unauthorized(err)
	}
	who := describe(membership, project)
	var err error
	if who.Quota, err = l.quota(ctx, project, membership); err != nil {
		return Caller{}, err
	}
	who.LoginID, who.ClientID, who.Scope, who.ScopeOnly = claims.LoginID, claims.ClientID, claims.Scope, claims.ScopeOnly
	if claims.Patient != "" {
		who.Patient = medplum.RefTo("Patient", claims.Patient, "")
	}
	if err := l.links(ctx, project, &who); err != nil {
		return Caller{}, err
	}
	sources, err := l.sources(ctx, &who, membership)
	if err != nil {
		return Caller{}, err
	}
	if who.Policy, err = policy.Compile(sources, who.subject()); err != nil {
		return Caller{}, unreadable(err)
	}
	return who, nil
}

func describe(membership medplum.ProjectMembership, project medplum.Project) Caller {
	return Caller{
		Project:         project.ID,
		ProjectName:     project.Name,
		Membership:      medplum.RefTo(medplum.TypeProjectMembership, membership.ID, ""),
		User:            membership.User,
		Profile:         membership.Profile,
		Admin:           membership.Admin,
		SuperAdmin:      project.SuperAdmin,
		Features:        project.Features,
		CheckReferences: project.CheckReferencesOnWrite,
	}
}

// links finds the linked projects and what they export. A link to a project that is gone leads
// nowhere.
func (l *loading) links(ctx context.Context, project medplum.Project, who *Caller) error {
	for _, link := range project.Link {
		resourceType, id := link.Project.Split()
		if resourceType != medplum.TypeProject || id == project.ID {
			continue
		}
		var linked medplum.Project
		ref := store.Ref{Project: store.SystemProject, Type: medplum.TypeProject, ID: id}
		switch err := l.record(ctx, ref, &linked); {
		case errors.Is(err, store.ErrNotFound):
		case err != nil:
			return err
		default:
			who.Linked = append(who.Linked, Link{id, linked.ExportedResourceType})
		}
	}
	return nil
}

// sources reads the membership's policies that hold now. One that cannot be read stops everything:
// the membership would otherwise have other rights than its administrator wrote down.
func (l *loading) sources(ctx context.Context, who *Caller, membership medplum.ProjectMembership) ([]policy.Source, error) {
	access := membership.Access
	if membership.AccessPolicy != nil {
		access = append([]medplum.Access{{Policy: *membership.AccessPolicy}}, access...)
	}
	sources := make([]policy.Source, 0, len(access))
	for _, a := range access {
		holds, err := who.within(a, l.now)
		if err != nil {
			return nil, unreadable(err)
		}
		if !holds && !l.unlimited {
			continue
		}
		source := policy.Source{Parameters: a.Parameter}
		resourceType, id := a.Policy.Split()
		if resourceType != medplum.TypeAccessPolicy {
			return nil, unreadable(fmt.Errorf("%q is no AccessPolicy", a.Policy.Reference))
		}
		ref := store.Ref{Project: who.Project, Type: medplum.TypeAccessPolicy, ID: id}
		switch err := l.record(ctx, ref, &source.Policy); {
		case errors.Is(err, store.ErrNotFound):
			return nil, unreadable(fmt.Errorf("%s does not exist", a.Policy.Reference))
		case err != nil:
			return nil, err
		}
		sources = append(sources, source)
	}
	return sources, nil
}

// within says whether an access entry holds now, and has the Caller end when that changes.
func (c *Caller) within(a medplum.Access, now time.Time) (bool, error) {
	period, err := policy.PeriodOf(a)
	if err != nil {
		return false, err
	}
	if next := period.Next(now); !next.IsZero() && (c.until.IsZero() || next.Before(c.until)) {
		c.until = next
	}
	return period.Holds(now), nil
}

// record reads and remembers that the Caller depends on it, even when it is not there.
func (l *loading) record(ctx context.Context, ref store.Ref, v any) error {
	l.from = append(l.from, mark{ref.Type, ref.ID})
	found, err := l.records.Record(ctx, "find out who calls", ref)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(found.Content, v); err != nil {
		return fmt.Errorf("%s/%s: %w", ref.Type, ref.ID, err)
	}
	return nil
}

// unauthorized is for what must exist behind valid credentials and does not.
func unauthorized(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return outcome.New(outcome.Unauthorized, "")
	}
	return err
}

func unreadable(cause error) error {
	return outcome.New(outcome.Invalid, "Authentication error").Because(
		"Cannot authenticate: Invalid access policy configuration. "+
			"Please contact your administrator to update your project membership. (%v)", cause)
}

// subject is the Caller as policies see it.
func (c Caller) subject() policy.Subject {
	linked := make([]string, len(c.Linked))
	for i, link := range c.Linked {
		linked[i] = link.Project
	}
	return policy.Subject{
		Project: c.Project, Linked: linked, Profile: c.Profile,
		Admin: c.Admin, SuperAdmin: c.SuperAdmin, Scope: c.Scope, ScopeOnly: c.ScopeOnly, Patient: c.Patient,
	}
}
