package policy

import (
	"errors"
	"fmt"
	"slices"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/index"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/search"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

var (
	interactions = []Interaction{Read, VRead, Update, Delete, History, Create, Search}
	readonly     = []Interaction{Search, Read, History, VRead}
)

// Known says whether FHIR has the interaction and policies can grant it.
func (i Interaction) Known() bool { return slices.Contains(interactions, i) }

// Compile understands the policies of a membership. An error means that nothing is granted.
//
// Errors: outcome Invalid or NotSupported, wrapped with the entry at fault.
func Compile(sources []Source, subject Subject) (*Policy, error) {
	c := &compiler{subject: subject}
	c.described = medplum.AccessPolicy{ResourceType: medplum.TypeAccessPolicy, BasedOn: []medplum.Reference{}}
	for _, source := range sources {
		if err := c.source(source); err != nil {
			return nil, fmt.Errorf("AccessPolicy/%s: %w", source.Policy.ID, err)
		}
	}
	if len(sources) > 0 {
		c.definitions()
	}
	c.roles()
	c.scope()
	return c.policy(), nil
}

// compiler collects the rules.
type compiler struct {
	subject   Subject
	rules     []*Rule
	scopes    scopes
	described medplum.AccessPolicy
	addresses []addressRule
}

func (c *compiler) source(s Source) error {
	values, err := c.subject.values(s.Parameters)
	if err != nil {
		return err
	}
	if s.Policy.ID != "" {
		c.described.BasedOn = append(c.described.BasedOn, medplum.RefTo(medplum.TypeAccessPolicy, s.Policy.ID, ""))
	}
	if s.Policy.Compartment != nil {
		account, err := values.reference(*s.Policy.Compartment)
		if err != nil {
			return at(err, "AccessPolicy.compartment")
		}
		c.described.Compartment = &account
	}
	for i, entry := range s.Policy.Resource {
		if !c.subject.mayName(entry.ResourceType) {
			continue
		}
		rule, err := compileRule(entry, values)
		if err != nil {
			return at(err, fmt.Sprintf("AccessPolicy.resource[%d]", i))
		}
		rule.origin = fmt.Sprintf("%s/%s resource[%d]", medplum.TypeAccessPolicy, s.Policy.ID, i)
		c.rules = append(c.rules, rule)
	}
	for i, entry := range s.Policy.IPAccessRule {
		rule, err := compileAddressRule(entry)
		if err != nil {
			return at(err, fmt.Sprintf("AccessPolicy.ipAccessRule[%d]", i))
		}
		rule.origin = fmt.Sprintf("%s/%s ipAccessRule[%d]", medplum.TypeAccessPolicy, s.Policy.ID, i)
		c.addresses = append(c.addresses, rule)
		c.described.IPAccessRule = append(c.described.IPAccessRule, entry)
	}
	return nil
}

// definitions lets everybody who has a policy read the definitions, unless the policy says
// something of its own about them.
func (c *compiler) definitions() {
	for _, t := range []string{"SearchParameter", "StructureDefinition"} {
		if !c.names(t) {
			c.rules = append(c.rules, &Rule{
				origin: originDefinitions,
				entry:  medplum.PolicyResource{ResourceType: t, Readonly: true},
				grants: readonly,
			})
		}
	}
}

// names says whether a rule is about this very type.
func (c *compiler) names(resourceType string) bool {
	return slices.ContainsFunc(c.rules, func(r *Rule) bool { return r.entry.ResourceType == resourceType })
}

// policy makes the tables.
func (c *compiler) policy() *Policy {
	p := &Policy{rules: c.rules, tables: map[string]*table{}, scopes: c.scopes, described: c.described, addresses: c.addresses}
	for _, r := range c.rules {
		p.described.Resource = append(p.described.Resource, r.entry)
		if t := r.entry.ResourceType; t != search.AnyType && p.tables[t] == nil {
			p.tables[t] = newTable(c.applying(t))
		}
	}
	for _, t := range slices.Concat(identityTypes, superTypes) {
		if p.tables[t] == nil {
			p.tables[t] = newTable(nil)
		}
	}
	p.others = newTable(c.applying(""))
	p.silence()
	return p
}

// applying are the rules about a type, those about all types among them.
func (c *compiler) applying(resourceType string) []*Rule {
	var rules []*Rule
	for _, r := range c.rules {
		t := r.entry.ResourceType
		if t == resourceType || t == search.AnyType && !isIdentity(resourceType) {
			rules = append(rules, r)
		}
	}
	return rules
}

// compileRule understands one entry.
func compileRule(entry medplum.PolicyResource, values values) (*Rule, error) {
	if entry.ResourceType != search.AnyType && !definitions.IsResource(entry.ResourceType) {
		return nil, at(outcome.New(outcome.Invalid, "Unknown resource type: %s", entry.ResourceType), "resourceType")
	}
	r := &Rule{Hidden: entry.HiddenFields, Readonly: entry.ReadonlyFields, entry: entry}
	var err error
	if r.grants, err = granted(entry); err != nil {
		return nil, err
	}
	if err = r.conditions(values); err != nil {
		return nil, err
	}
	for _, list := range []struct {
		name   string
		fields []string
	}{{"hiddenFields", entry.HiddenFields}, {"readonlyFields", entry.ReadonlyFields}} {
		for _, field := range list.fields {
			if !fieldPath.MatchString(field) {
				return nil, at(outcome.New(outcome.Invalid, "%q is no path of an element", field), list.name)
			}
		}
	}
	for i, expression := range entry.WriteConstraint {
		compiled, err := compileConstraint(expression, values)
		if err != nil {
			return nil, at(err, fmt.Sprintf("writeConstraint[%d]", i))
		}
		r.constraints = append(r.constraints, compiled)
	}
	return r, nil
}

// granted are the interactions of an entry: those it names, else all, or all that only read.
func granted(entry medplum.PolicyResource) ([]Interaction, error) {
	if entry.Interaction == nil {
		if entry.Readonly {
			return readonly, nil
		}
		return interactions, nil
	}
	list := make([]Interaction, 0, len(entry.Interaction))
	for _, name := range entry.Interaction {
		if !slices.Contains(interactions, Interaction(name)) {
			return nil, at(outcome.New(outcome.Invalid, "Unknown interaction: %s", name), "interaction")
		}
		list = append(list, Interaction(name))
	}
	return list, nil
}

// conditions compiles criteria and compartment; both must hold.
func (r *Rule) conditions(values values) error {
	var all store.And
	if r.entry.Compartment != nil {
		compartment, err := values.reference(*r.entry.Compartment)
		if err != nil {
			return at(err, "compartment")
		}
		row := index.Literal(index.CompartmentParam, compartment.Reference)
		if row.TargetID == "" {
			return at(outcome.New(outcome.Invalid, "%s is no compartment", compartment.Reference), "compartment")
		}
		r.entry.Compartment = &compartment
		all = append(all, store.Reference{Param: row.Param, Values: []store.ReferenceValue{{Type: row.TargetType, ID: row.TargetID}}})
	}
	if r.entry.Criteria != "" {
		predicate, bound, err := compileCriteria(r.entry.ResourceType, r.entry.Criteria, values.bind)
		if err != nil {
			return at(err, "criteria")
		}
		all, r.entry.Criteria = append(all, predicate), bound
	}
	switch len(all) {
	case 0:
	case 1:
		r.where = all[0]
	default:
		r.where = all
	}
	return nil
}

// compileCriteria understands a criteria of a rule for a type, and spells it with its values.
func compileCriteria(resourceType, criteria string, bind search.Bind) (p store.Predicate, bound string, err error) {
	read, err := search.ReadCriteria(criteria)
	if err != nil {
		return nil, "", err
	}
	if read.Type != resourceType {
		return nil, "", outcome.New(outcome.Invalid, "A criteria for %s must begin with %[1]s?", resourceType)
	}
	if p, err = read.Compile(bind); err != nil {
		return nil, "", err
	}
	return p, read.Text(bind), nil
}

// at puts the path of the element at fault before an outcome's expression.
func at(err error, path string) error {
	var o *outcome.Outcome
	if !errors.As(err, &o) {
		return err
	}
	issue := &o.Issues[len(o.Issues)-1]
	if len(issue.Expression) > 0 {
		path += "." + issue.Expression[0]
	}
	issue.Expression = []string{path}
	return err
}
