package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/policy"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/fhir/search"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// Callers knows what a member may do; *caller.Resolver implements it.
type Callers interface {
	// Assume is the Caller that a membership would be.
	Assume(ctx context.Context, m medplum.ProjectMembership, as caller.Assumed) (caller.Caller, error)
	// Enter is who somebody is now who has shown these claims before.
	Enter(ctx context.Context, claims caller.Claims, onBehalfOf, address string) (caller.Caller, error)
}

// AccessQuestion asks whether a member may do something, and why.
type AccessQuestion struct {
	Membership  medplum.Reference  `json:"membership"`
	Interaction policy.Interaction `json:"interaction"`
	// Resource is a resource, or the Reference of a stored one.
	Resource json.RawMessage `json:"resource,omitempty"`
	// Search is a search (Type?parameters) instead of a resource.
	Search string `json:"search,omitempty"`
	// Scope, Address and At are what the request would come with: the scopes of its token, where it
	// comes from and when. Without them there are no scopes, any address will do, and it is now.
	Scope   string    `json:"scope,omitempty"`
	Address string    `json:"address,omitempty"`
	At      time.Time `json:"at,omitzero"`
}

// ExplainAccess says whether a member may do something and what decides. Resources are read with the
// caller's own rights, so that nobody is told of what they do not see themselves.
//
// Errors: outcome Forbidden, NotFound, Gone, Invalid, those of validation and of searches.
func (s *Service) ExplainAccess(ctx context.Context, who caller.Caller, project string, q AccessQuestion) (policy.Decision, error) {
	var none policy.Decision
	if err := s.mayAdminister(ctx, who, project, audit.AccessExplain); err != nil {
		return none, err
	}
	ask, err := s.accessAsked(who, q)
	if err != nil {
		return none, err
	}
	m, err := s.memberOf(ctx, who, project, q.Membership)
	if err != nil {
		return none, err
	}
	if err := s.mayReadPolicies(ctx, who, project, m); err != nil {
		return none, err
	}
	as := caller.Assumed{Scope: q.Scope, At: q.At}
	if as.At.IsZero() {
		as.At = s.Clock.Now()
	}
	d, err := s.explain(ctx, m, as, q.Address, ask)
	if err != nil || d.Allowed || len(m.Access) == 0 {
		return d, err
	}
	as.Unlimited = true
	anytime, err := s.explain(ctx, m, as, q.Address, ask)
	if err != nil || !anytime.Allowed {
		return d, err
	}
	anytime.Allowed, anytime.Layer = false, policy.LayerTime
	anytime.Reason = "the entry that would allow it does not hold then: " + notHolding(m, anytime.Policy, as.At)
	anytime.HiddenFields, anytime.ReadonlyFields = nil, nil
	return anytime, nil
}

// asking asks a member, as it would be, what its policy decides.
type asking func(ctx context.Context, member caller.Caller) (policy.Decision, error)

func (s *Service) accessAsked(who caller.Caller, q AccessQuestion) (asking, error) {
	switch {
	case (q.Search == "") == (len(q.Resource) == 0):
		return nil, outcome.New(outcome.Invalid, "Either a resource or a search is expected").At("resource")
	case q.Search != "" && q.Interaction != "" && q.Interaction != policy.Search:
		return nil, outcome.New(outcome.Invalid, "A search is the interaction search").At("interaction")
	case q.Search != "":
		return s.searchAsked(q.Search)
	case !q.Interaction.Known():
		return nil, outcome.New(outcome.Invalid, "Unknown interaction: %s", q.Interaction).At("interaction")
	}
	asked, err := resourceAsked(q)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, member caller.Caller) (policy.Decision, error) {
		return s.Repo.As(who).Explain(ctx, member, asked)
	}, nil
}

func (s *Service) searchAsked(text string) (asking, error) {
	resourceType, query, _ := strings.Cut(text, "?")
	if err := repo.KnownType(resourceType); err != nil {
		return nil, err
	}
	req, err := search.Parse([]string{resourceType}, query, s.BaseURL.JoinPath("fhir/R4/").String())
	if err != nil {
		return nil, err
	}
	return func(_ context.Context, member caller.Caller) (policy.Decision, error) {
		return member.Policy.ExplainSearch(req), nil
	}, nil
}

func resourceAsked(q AccessQuestion) (repo.Asked, error) {
	var given struct{ ResourceType, ID, Reference string }
	if err := json.Unmarshal(q.Resource, &given); err != nil {
		return repo.Asked{}, outcome.New(outcome.Structure, "A resource or a Reference is expected").At("resource")
	}
	if given.ResourceType != "" {
		return repo.Asked{Interaction: q.Interaction, Type: given.ResourceType, ID: given.ID, Body: q.Resource}, nil
	}
	resourceType, id := medplum.Reference{Reference: given.Reference}.Split()
	if id == "" || q.Interaction == policy.Create {
		return repo.Asked{}, outcome.New(outcome.Invalid, "A resource is expected, or a Reference of a stored one").At("resource")
	}
	return repo.Asked{Interaction: q.Interaction, Type: resourceType, ID: id}, nil
}

// memberOf reads a membership of the project that the caller may see.
//
// Errors: outcome Invalid, NotFound, Gone.
func (s *Service) memberOf(ctx context.Context, who caller.Caller, project string, ref medplum.Reference) (m medplum.ProjectMembership, err error) {
	resourceType, id := ref.Split()
	if resourceType != medplum.TypeProjectMembership {
		return m, outcome.New(outcome.Invalid, "A ProjectMembership is expected").At("membership")
	}
	res, err := s.Member(ctx, who, project, id)
	if err != nil {
		return m, err
	}
	return m, decode(res, &m)
}

// mayReadPolicies keeps the policies of a membership from an administrator who may not read them.
//
// Errors: outcome Forbidden.
func (s *Service) mayReadPolicies(ctx context.Context, who caller.Caller, project string, m medplum.ProjectMembership) error {
	refs := []medplum.Reference{}
	if m.AccessPolicy != nil {
		refs = append(refs, *m.AccessPolicy)
	}
	for _, entry := range m.Access {
		refs = append(refs, entry.Policy)
	}
	for _, ref := range refs {
		_, id := ref.Split()
		_, err := s.Repo.As(who).Read(ctx, medplum.TypeAccessPolicy, id)
		if outcome.Has(err, outcome.NotFound) { // then it is the explanation, unless it is only out of sight
			_, err = s.Repo.Record(ctx, "tell a policy that is gone from one out of sight", store.Ref{Project: project, Type: medplum.TypeAccessPolicy, ID: id})
			if err == nil {
				return outcome.New(outcome.Forbidden, "")
			}
		}
		if err != nil && !outcome.Has(err, outcome.Gone) && !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	return nil
}

// explain goes through the layers that come before a policy's rules.
func (s *Service) explain(ctx context.Context, m medplum.ProjectMembership, as caller.Assumed, address string, ask asking) (policy.Decision, error) {
	if !m.IsActive() {
		return policy.Refused(policy.LayerMembership, "the membership is not active"), nil
	}
	member, err := s.Callers.Assume(ctx, m, as)
	var unreadable *outcome.Outcome
	if errors.As(err, &unreadable) {
		return policy.Refused(policy.LayerPolicy, "%s", unreadable.Issues[0].Diagnostics), nil
	}
	if err != nil {
		return policy.Decision{}, fmt.Errorf("assume a membership: %w", err)
	}
	if address != "" {
		if d := member.Policy.ExplainAddress(address); !d.Allowed {
			return d, nil
		}
	}
	return ask(ctx, member)
}

// notHolding names the entries of access with a policy that do not hold at a time.
func notHolding(m medplum.ProjectMembership, of *medplum.Reference, at time.Time) string {
	var names []string
	for i, entry := range m.Access {
		period, err := policy.PeriodOf(entry)
		if err == nil && !period.Holds(at) && (of == nil || of.Reference == entry.Policy.Reference) {
			names = append(names, fmt.Sprintf("ProjectMembership/%s access[%d]", m.ID, i))
		}
	}
	return strings.Join(names, ", ")
}
