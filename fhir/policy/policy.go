// Package policy decides what a caller may do to a resource, and narrows a search to what the
// caller may see. It does no I/O: a compiled Policy and a resource's rows go in, a decision comes
// out.
//
//   - The grant is the union of the rules; no rule takes away what another gave, and no policy
//     grants nothing.
//   - A parameter (%profile) is bound as a value after parsing, so no value can add a rule.
//   - Read and search agree: what a search returns, a read by the same caller returns.
//   - A policy that cannot be understood is an error, never a wider or narrower policy.
//   - An old version hides what its own rule hides and what is hidden of the resource as it is now.
//   - The token's SMART scopes only take away, and one that tells by what is hidden grants nothing:
//     by its search parameters, or by the compartment of a patient (patient/) who is not the caller.
//   - A compiled Policy never changes; goroutines share it.
//
// A rule that hides one form of a choice (hiddenFields valueString) and lets another be written tells, by one
// refusal, that the hidden form is there: an element has one form, so the other cannot stand beside it
// ("Duplicate choice of type property"), must not replace what its writer does not see, and left out in silence
// it would be missed from the answer. To tell nothing, hide the choice as a whole: value[x].
package policy

import (
	"slices"
	"time"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/search"
	"github.com/admitdev/admit/pkg/store"
)

// Interaction is a FHIR interaction as AccessPolicy.resource.interaction spells it.
type Interaction string

// The interactions.
const (
	Read    Interaction = "read"
	VRead   Interaction = "vread"
	Update  Interaction = "update"
	Delete  Interaction = "delete"
	History Interaction = "history"
	Create  Interaction = "create"
	Search  Interaction = "search"
)

// Source is one AccessPolicy of a membership with the parameters it was given there.
type Source struct {
	Policy     medplum.AccessPolicy
	Parameters []medplum.Parameter
}

// Subject is who the policies are compiled for.
type Subject struct {
	Project string
	Linked  []string // ids of projects that may be read besides
	Profile medplum.Reference
	// Admin and SuperAdmin add the rules for identity types.
	Admin, SuperAdmin bool
	// Scope is the token's; its SMART scopes narrow the policy, and without any it is whole, unless
	// ScopeOnly leaves nothing then. Patient is the launch's patient, the profile when there is none.
	Scope     string
	ScopeOnly bool
	Patient   medplum.Reference
}

// Policy is what a caller may do.
type Policy struct {
	rules     []*Rule
	tables    map[string]*table // of the types that rules name
	others    *table            // of all other types
	scopes    scopes
	described medplum.AccessPolicy
	addresses []addressRule
}

// Rule is one entry of a policy.
type Rule struct {
	// Hidden are the elements (dotted paths) that the caller does not see, Readonly those that an
	// update puts back; hidden ones are put back as well.
	Hidden, Readonly []string

	origin      string // "AccessPolicy/<id> resource[<i>]", or what gives it besides
	entry       medplum.PolicyResource
	grants      []Interaction
	where       store.Predicate // nil: every resource of the type
	constraints []constraint
}

// table is what is known of one type beforehand.
type table struct {
	rules  []*Rule // that can apply, in order
	grants map[Interaction]grant
	fields bool
	varies bool // what is hidden depends on the rule that lets see
}

// grant is what the rules together allow of an interaction.
type grant struct{ visible store.Predicate }

func newTable(rules []*Rule) *table {
	t := &table{rules: rules, grants: map[Interaction]grant{}}
	for _, i := range interactions {
		if visible, ok := union(rules, i); ok {
			t.grants[i] = grant{visible}
		}
	}
	for _, r := range rules {
		t.fields = t.fields || len(r.Hidden)+len(r.Readonly) > 0
	}
	t.varies = varied(rules)
	return t
}

// varied says whether the rules that let see what a resource is or was hide different elements.
func varied(rules []*Rule) bool {
	var first *Rule
	for _, r := range rules {
		switch {
		case !r.Grants(Read) && !r.Grants(VRead) && !r.Grants(History):
		case first == nil:
			first = r
		case !slices.Equal(first.Hidden, r.Hidden):
			return true
		}
	}
	return false
}

// union is what the rules that grant the interaction allow: everything as soon as one of them has
// no criteria.
func union(rules []*Rule, i Interaction) (visible store.Predicate, ok bool) {
	var any store.Or
	for _, r := range rules {
		switch {
		case !r.Grants(i):
		case r.where == nil:
			return nil, true
		default:
			any = append(any, r.where)
		}
	}
	switch len(any) {
	case 0:
		return nil, false
	case 1:
		return any[0], true
	}
	return any, true
}

// Grants says whether the rule names the interaction.
func (r *Rule) Grants(i Interaction) bool { return slices.Contains(r.grants, i) }

func (p *Policy) table(resourceType string) *table {
	if t, ok := p.tables[resourceType]; ok {
		return t
	}
	return p.others
}

// Narrow says whether an interaction with a type is granted at all and for which resources of it;
// a nil predicate means for all.
func (p *Policy) Narrow(i Interaction, resourceType string) (visible store.Predicate, allowed bool) {
	g, ok := p.table(resourceType).grants[i]
	if !ok {
		return nil, false
	}
	scoped, ok := p.scopes.narrow(i, resourceType)
	if !ok {
		return nil, false
	}
	switch {
	case scoped == nil:
		return g.visible, true
	case g.visible == nil:
		return scoped, true
	}
	return store.And{g.visible, scoped}, true
}

// Rule is the first rule that grants the interaction with a resource that has these rows; it says
// which elements are hidden or read-only.
func (p *Policy) Rule(i Interaction, ref store.Ref, lastUpdated time.Time, ix store.Index) (*Rule, bool) {
	scoped, ok := p.scopes.narrow(i, ref.Type)
	if !ok || !search.Match(scoped, ref, lastUpdated, ix) {
		return nil, false
	}
	return p.Unscoped(i, ref, lastUpdated, ix)
}

// Unscoped is Rule without the token's scopes. It says which elements are hidden: a token that may not
// read must not see more in a search than one that may.
func (p *Policy) Unscoped(i Interaction, ref store.Ref, lastUpdated time.Time, ix store.Index) (*Rule, bool) {
	for _, r := range p.table(ref.Type).rules {
		if r.Grants(i) && search.Match(r.where, ref, lastUpdated, ix) {
			return r, true
		}
	}
	return nil, false
}

// WithoutScopes is the policy as it was before the token's scopes took away from it.
func (p *Policy) WithoutScopes() *Policy {
	whole := *p
	whole.scopes = scopes{}
	return &whole
}

// HasFields says whether some rule hides or protects elements of the type.
func (p *Policy) HasFields(resourceType string) bool { return p.table(resourceType).fields }

// HiddenVaries says whether what is hidden of a resource of the type may be other than what is hidden of
// an older version: the rules that let see them hide different elements.
func (p *Policy) HiddenVaries(resourceType string) bool { return p.table(resourceType).varies }

// Compartment is stamped as account on what the caller creates; nil for none.
func (p *Policy) Compartment() *medplum.Reference { return p.described.Compartment }

// Describe is the effective policy as /auth/me shows it. The caller must not change it.
func (p *Policy) Describe() medplum.AccessPolicy { return p.described }
