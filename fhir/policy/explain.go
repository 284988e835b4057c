package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/search"
	"github.com/admitdev/admit/pkg/store"
)

// What gives rules besides the policies.
const (
	originDefinitions = "the rule that everybody may read definitions"
	originAdmin       = "the role of a project administrator"
	originSuperAdmin  = "the role of a super administrator"
)

// Layer is where a decision falls. The layers are asked in this order; the first that refuses decides.
type Layer string

// The layers.
const (
	LayerMembership Layer = "membership"      // it is not active
	LayerPolicy     Layer = "policy"          // a policy cannot be read
	LayerTime       Layer = "time"            // an access entry does not hold now
	LayerAddress    Layer = "ipAccessRule"    // the address is kept out
	LayerProject    Layer = "project"         // the resource is another project's
	LayerRule       Layer = "resource"        // no entry grants the interaction with the type
	LayerScope      Layer = "scope"           // the token's scopes do not
	LayerCriteria   Layer = "criteria"        // no entry's criteria or compartment is met
	LayerFields     Layer = "hiddenFields"    // a search reads a hidden field
	LayerConstraint Layer = "writeConstraint" // one is not met
)

// Decision is what a policy says and why.
type Decision struct {
	Allowed bool   `json:"allowed"`
	Layer   Layer  `json:"layer"`
	Reason  string `json:"reason"`
	// Policy, Rule and Criteria are what decided; empty where no single entry did.
	Policy   *medplum.Reference `json:"policy,omitempty"`
	Rule     string             `json:"rule,omitempty"`
	Criteria string             `json:"criteria,omitempty"`
	// HiddenFields and ReadonlyFields are those of the entry that allows.
	HiddenFields   []string `json:"hiddenFields,omitempty"`
	ReadonlyFields []string `json:"readonlyFields,omitempty"`
	// Considered are the entries for the type, in order, up to the one that decided.
	Considered []Considered `json:"considered,omitempty"`
}

// Considered is what became of one entry.
type Considered struct {
	Rule     string `json:"rule"`
	Criteria string `json:"criteria,omitempty"`
	Result   string `json:"result"`
}

// Image is a resource as it is stored or would be.
type Image struct {
	Name        string // "stored" or "new"
	Ref         store.Ref
	LastUpdated time.Time
	Index       store.Index
}

// Question is an interaction with a resource: with its stored image, the new one, or first the one
// and then the other. Before and After are the documents for a writeConstraint.
type Question struct {
	Interaction   Interaction
	Images        []Image
	Before, After []byte
}

// Refused is a decision that no entry of a policy made.
func Refused(layer Layer, format string, args ...any) Decision {
	return Decision{Layer: layer, Reason: fmt.Sprintf(format, args...)}
}

// ExplainAddress says whether the ipAccessRules let an address in.
func (p *Policy) ExplainAddress(address string) Decision {
	allowed, origin := p.address(address)
	d := Decision{Allowed: allowed, Layer: LayerAddress, Reason: "no rule keeps the address out"}
	switch {
	case origin != "":
		d.Reason = "the first rule about the address decides"
		d.cite(origin, "")
	case !allowed:
		d.Reason = "this is no address"
	}
	return d
}

// Explain decides as Narrow, Rule and Permits do.
func (p *Policy) Explain(q Question) Decision {
	d := Decision{Allowed: true}
	var rule *Rule
	for _, image := range q.Images {
		if rule = p.explainImage(&d, q.Interaction, image); rule == nil {
			return d
		}
	}
	d.HiddenFields, d.ReadonlyFields = rule.Hidden, rule.Readonly
	if q.Interaction != Create && q.Interaction != Update && q.Interaction != Delete {
		return d
	}
	if i := rule.forbids(q.Before, q.After); i >= 0 {
		d.refuse(LayerConstraint, "the constraint is not met: %s", rule.entry.WriteConstraint[i].Expression)
		d.cite(fmt.Sprintf("%s.writeConstraint[%d]", rule.origin, i), rule.condition())
	}
	return d
}

// explainImage finds the rule that grants the interaction with an image; nil when d refuses it.
func (p *Policy) explainImage(d *Decision, i Interaction, image Image) *Rule {
	rules := p.table(image.Ref.Type).rules
	d.Considered = nil
	if !slices.ContainsFunc(rules, func(r *Rule) bool { return r.Grants(i) }) {
		for _, r := range rules {
			d.consider(r, "does not grant "+string(i))
		}
		d.refuse(LayerRule, "no entry grants %s of %s", i, image.Ref.Type)
		return nil
	}
	scoped, ok := p.scopes.narrow(i, image.Ref.Type)
	if !ok || !search.Match(scoped, image.Ref, image.LastUpdated, image.Index) {
		d.refuse(LayerScope, "no scope grants %s of the %s resource", i, image.Name)
		d.Criteria = p.scopes.words(image.Ref.Type)
		return nil
	}
	var failed *Rule
	for _, r := range rules {
		switch {
		case !r.Grants(i):
			d.consider(r, "does not grant "+string(i))
		case !search.Match(r.where, image.Ref, image.LastUpdated, image.Index):
			d.consider(r, "the criteria are not met")
			failed = r
		default:
			d.consider(r, "grants "+string(i))
			d.Layer, d.Reason = LayerRule, "the first entry that grants the interaction and is met decides"
			if r.where != nil {
				d.Layer = LayerCriteria
			}
			d.cite(r.origin, r.condition())
			return r
		}
	}
	d.refuse(LayerCriteria, "the %s resource meets the criteria of no entry that grants %s", image.Name, i)
	d.cite(failed.origin, failed.condition())
	return nil
}

// ExplainSearch decides as Narrow and CheckSearch do. An allowed search is narrowed to what the
// entries considered let through.
func (p *Policy) ExplainSearch(r *search.Request) Decision {
	d := Decision{Allowed: true, Layer: LayerRule, Reason: "the search shows what the entries considered let through"}
	for _, t := range r.Types {
		if _, ok := p.table(t).grants[Search]; !ok {
			d.refuse(LayerRule, "no entry grants search of %s", t)
			return d
		}
		if _, ok := p.scopes.narrow(Search, t); !ok {
			d.refuse(LayerScope, "no scope grants search of %s", t)
			d.Criteria = p.scopes.words(t)
			return d
		}
		d.shows(p, t)
	}
	for _, t := range r.Reaches() {
		if _, ok := p.Narrow(Search, t); ok {
			d.shows(p, t)
		} else {
			d.Considered = append(d.Considered, Considered{Result: "no entry and scope grant search of " + t + ": nothing is found through it"})
		}
	}
	for _, use := range r.Uses {
		if rule, hidden := p.table(use.Type).hides(use); hidden != "" {
			d.refuse(LayerFields, "the parameter %s reads the hidden field %s", use.Param, hidden)
			d.cite(rule.origin+".hiddenFields", rule.condition())
			return d
		}
	}
	if len(d.Considered) == 1 {
		d.cite(d.Considered[0].Rule, d.Considered[0].Criteria)
	}
	return d
}

// shows considers the entries that let a search find resources of a type.
func (d *Decision) shows(p *Policy, t string) {
	for _, rule := range p.table(t).rules {
		if rule.Grants(Search) {
			d.consider(rule, "shows "+t)
		}
	}
}

func (d *Decision) refuse(layer Layer, format string, args ...any) {
	considered := d.Considered
	*d = Refused(layer, format, args...)
	d.Considered = considered
}

func (d *Decision) consider(r *Rule, result string) {
	d.Considered = append(d.Considered, Considered{r.origin, r.condition(), result})
}

// cite names what decided.
func (d *Decision) cite(origin, criteria string) {
	d.Rule, d.Criteria, d.Policy = origin, criteria, policyOf(origin)
}

// policyOf is the AccessPolicy of an origin; nil for what no policy gives.
func policyOf(origin string) *medplum.Reference {
	ref, _, _ := strings.Cut(origin, " ")
	if resourceType, id := (medplum.Reference{Reference: ref}).Split(); resourceType != medplum.TypeAccessPolicy || id == "" {
		return nil
	}
	return &medplum.Reference{Reference: ref}
}

// condition is the rule's criteria, with its values, and its compartment.
func (r *Rule) condition() string {
	if r.entry.Compartment == nil {
		return r.entry.Criteria
	}
	compartment := r.entry.ResourceType + "?_compartment=" + r.entry.Compartment.Reference
	if r.entry.Criteria == "" {
		return compartment
	}
	return r.entry.Criteria + " and " + compartment
}

// words are the scopes about a type.
func (s scopes) words(resourceType string) string {
	var words []string
	for _, one := range s.list {
		if one.resourceType == search.AnyType || one.resourceType == resourceType {
			words = append(words, one.text)
		}
	}
	return strings.Join(words, " ")
}
