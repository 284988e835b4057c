// Package policy decides what a caller may do to a resource, and narrows a search to what the
// caller may see. It does no I/O: a compiled Policy and a resource's rows go in, a decision comes
// out.
//
//   - The grant is the union of the rules; no rule takes away what another gave, and no policy
//     grants nothing.
//   - A parameter (%profile) is bound as a value after parsing, so no value can add a rule.
//   - Read and search agree: what a search returns, a read by the same caller returns.
//   - A policy that cannot be understood is an error, never a wider or narrower policy.
//   - A compiled Policy never changes; goroutines share it.
package policy

import (
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
	// Scope is the token's; its SMART scopes narrow the policy. Patient is the launch's patient.
	Scope   string
	Patient medplum.Reference
}

// Policy is what a caller may do.
type Policy struct {
	rules []*Rule
}

// Rule is one entry of a policy, as far as what it grants depends on the resource.
type Rule struct {
	// Hidden are the elements (dotted paths) that the caller does not see, Readonly those that an
	// update puts back; hidden ones are put back as well.
	Hidden, Readonly []string
}

// Compile understands the policies of a membership. An error means that nothing is granted.
func Compile(sources []Source, subject Subject) (*Policy, error) { return &Policy{}, nil }

// Check says whether a policy that is about to be stored can be understood; the outcome's
// expressions name the entry at fault.
func Check(p medplum.AccessPolicy) error { return nil }

// Narrow says whether an interaction with a type is granted at all and for which resources of it;
// a nil predicate means for all.
func (p *Policy) Narrow(i Interaction, resourceType string) (visible store.Predicate, allowed bool) {
	return nil, false
}

// Rule is the first rule that grants the interaction with a resource that has these rows.
func (p *Policy) Rule(i Interaction, ref store.Ref, lastUpdated time.Time, ix store.Index) (*Rule, bool) {
	return nil, false
}

// Constrained says whether the rule has a writeConstraint, for which Permits needs documents.
func (r *Rule) Constrained() bool { return false }

// Permits evaluates the rule's writeConstraint over the stored document (nil on create) and the
// new one (nil on delete). An error or an empty result is a no.
func (r *Rule) Permits(before, after []byte) bool { return false }

// HasFields says whether some rule hides or protects elements of the type.
func (p *Policy) HasFields(resourceType string) bool { return false }

// CheckSearch refuses a search that filters, sorts or follows by what is hidden from the caller.
//
// Errors: outcome Forbidden.
func (p *Policy) CheckSearch(r *search.Request) error { return nil }

// Compartment is stamped as account on what the caller creates; nil for none.
func (p *Policy) Compartment() *medplum.Reference { return nil }

// AllowsAddress says whether the ipAccessRules let the address in.
func (p *Policy) AllowsAddress(address string) bool { return true }

// Describe is the effective policy as /auth/me shows it.
func (p *Policy) Describe() medplum.AccessPolicy { return medplum.AccessPolicy{} }
