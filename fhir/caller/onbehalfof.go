package caller

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/policy"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// Enter is Resolve for somebody who comes from an address and maybe acts on behalf of another member
// (onBehalfOf, "Type/id"; contract §0.4). Both must be let in from there.
//
// Errors: as Resolve's, outcome Forbidden.
func (r *Resolver) Enter(ctx context.Context, claims Claims, onBehalfOf, address string) (Caller, error) {
	who, err := r.Resolve(ctx, claims)
	if err != nil {
		return Caller{}, err
	}
	if !who.Policy.AllowsAddress(address) {
		return Caller{}, outcome.New(outcome.Forbidden, "IP address not allowed")
	}
	who.RemoteAddr = address
	if onBehalfOf == "" {
		return who, nil
	}
	// A token that was given for less must not do more by somebody else's name.
	if !who.ProjectAdmin() || !who.Policy.ScopesGrant(policy.Update, medplum.TypeProjectMembership) {
		return Caller{}, outcome.New(outcome.Forbidden, "")
	}
	other, err := r.member(ctx, who, onBehalfOf)
	if err != nil {
		return Caller{}, err
	}
	if !other.Policy.AllowsAddress(address) {
		return Caller{}, outcome.New(outcome.Forbidden, "IP address not allowed")
	}
	who.Policy, who.Admin = other.Policy, other.Admin
	who.OnBehalfOf = &Target{other.Membership, other.Profile}
	return who, nil
}

// member is another member of the caller's project as a Caller with the scopes of the token at hand.
// That there is none is no news for an administrator, and none for anybody else.
//
// Errors: outcome Forbidden.
func (r *Resolver) member(ctx context.Context, who Caller, target string) (Caller, error) {
	claims := Claims{Project: who.Project, Scope: who.Scope, ScopeOnly: who.ScopeOnly}
	_, claims.Patient = who.Patient.Split()
	key := "on behalf of " + target + " in " + who.Project + " about " + claims.Patient + " with " + who.Scope
	if who.ScopeOnly {
		key += " only"
	}
	other, ok, since := r.cache.get(key, r.clock.Now())
	if ok {
		return other, nil
	}
	resourceType, id := medplum.Reference{Reference: target}.Split()
	if claims.Membership = id; resourceType != medplum.TypeProjectMembership {
		var err error
		if claims.Membership, err = r.membershipOf(ctx, who.Project, target); err != nil {
			return Caller{}, err
		}
	}
	other, from, err := r.load(ctx, claims)
	if outcome.Has(err, outcome.Unauthorized) {
		err = outcome.New(outcome.Forbidden, "")
	}
	if err != nil {
		return Caller{}, err
	}
	r.cache.put(key, other, from, since)
	return other, nil
}

// membershipOf is the oldest active membership of a profile.
//
// Errors: outcome Forbidden.
func (r *Resolver) membershipOf(ctx context.Context, project, profile string) (string, error) {
	all, err := r.records.MembershipsOf(ctx, "find on whose behalf somebody acts", project, medplum.Reference{Reference: profile})
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return "", err
	}
	for _, res := range all {
		var m medplum.ProjectMembership
		if err := json.Unmarshal(res.Content, &m); err != nil {
			return "", err
		}
		if m.IsActive() {
			return m.ID, nil
		}
	}
	return "", outcome.New(outcome.Forbidden, "")
}
