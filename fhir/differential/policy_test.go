package differential_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/policy"
)

// rule is one entry of a policy with what it means.
type rule struct {
	kind             string // or *
	grants           []string
	where            func(r *resource, body object) bool
	hidden, readonly []string
	permits          func(before, after object) bool
}

// scope is one SMART scope with what it means.
type scope struct {
	kind   string
	grants []string
	where  func(r *resource, body object) bool
	about  bool // somebody else than the caller, by the compartments of what is asked for
}

// gives says whether a scope gives an interaction with a type. It would tell what is hidden by which resources
// are in a compartment.
func (e *eyes) gives(s scope, interaction, kind string) bool {
	return (s.kind == kind || s.kind == "*") && slices.Contains(s.grants, interaction) && !(s.about && e.tells([]use{{kind, patientPaths[kind]}, {kind, [][]string{{"meta", "accounts"}}}}))
}

// patientPaths are the references that put a resource into the compartment of a patient.
var patientPaths = map[string][][]string{"Encounter": {{"subject"}}, "Observation": {{"subject"}, {"performer"}}}

// eyes are a caller and what its policies mean.
type eyes struct {
	*world
	who       caller.Caller
	rules     []rule
	scopes    []scope
	scoped    bool
	account   string // stamped on what it creates
	described string
}

var (
	everyInteraction = []string{"search", "read", "history", "vread", "create", "update", "delete"}
	readInteractions = everyInteraction[:4]
)

// caller draws a caller with its policies.
func (w *world) caller() (*eyes, error) {
	profile := w.some(pick(w, "Patient", "Patient", "Practitioner"))
	for profile.project != w.own {
		profile = w.some(profile.kind)
	}
	e := &eyes{world: w, who: caller.Caller{Project: w.own, Profile: medplum.Reference{Reference: profile.name()}, Admin: w.chance(6), CheckReferences: w.chance(8)}}
	e.who.Extended = w.chance(6) || e.who.Admin && w.chance(2)
	w.authors = append(w.authors, profile.name())
	if w.chance(2) {
		link := caller.Link{Project: w.linked}
		if w.chance(3) {
			link.Types = []string{pick(w, kinds...), pick(w, kinds...)}
		}
		e.who.Linked = []caller.Link{link}
	}
	var sources []policy.Source
	for range 1 + w.IntN(3)*w.IntN(2) {
		source := e.source()
		if err := policy.Check(source.Policy); err != nil {
			return nil, fmt.Errorf("%s is refused on write: %w", text(source.Policy), err)
		}
		sources = append(sources, source)
	}
	e.rules = append(e.rules, rule{kind: "SearchParameter", grants: readInteractions})
	if e.who.Admin {
		e.rules = append(e.rules, rule{kind: "User", grants: everyInteraction})
	}
	if w.chance(3) {
		e.smart()
	}
	var linked []string
	for _, link := range e.who.Linked {
		linked = append(linked, link.Project)
	}
	var err error
	e.who.Policy, err = policy.Compile(sources, policy.Subject{
		Project: w.own, Linked: linked, Profile: e.who.Profile, Admin: e.who.Admin, Scope: e.who.Scope, Patient: e.who.Patient,
	})
	e.described = fmt.Sprintf("%s\nprofile %s, scope %q, patient %q, links %v, admin %v, extended %v, checked %v", text(sources), profile.name(), e.who.Scope,
		e.who.Patient.Reference, e.who.Linked, e.who.Admin, e.who.Extended, e.who.CheckReferences)
	return e, err
}

// source draws one AccessPolicy with the parameters it is bound to.
func (e *eyes) source() policy.Source {
	values := map[string]string{"profile": e.who.Profile.Reference, "patient": e.who.Profile.Reference}
	var s policy.Source
	if e.chance(2) {
		organization, patient, literal := e.some("Organization").name(), e.some("Patient").name(), pick(e.world, "final", "final,preliminary", "final&_id=x")
		s.Parameters = []medplum.Parameter{
			{Name: "org", ValueReference: &medplum.Reference{Reference: organization}}, {Name: "patient", ValueReference: &medplum.Reference{Reference: patient}},
			{Name: "code", ValueString: &literal},
		}
		values["org"], values["patient"], values["code"] = organization, patient, literal
	}
	s.Policy.ResourceType = medplum.TypeAccessPolicy
	if e.chance(6) {
		e.account = e.some("Organization").name()
		s.Policy.Compartment = &medplum.Reference{Reference: e.account}
	}
	for range 2 + e.IntN(5) {
		entry, meaning := e.entry(values)
		s.Policy.Resource, e.rules = append(s.Policy.Resource, entry), append(e.rules, meaning)
	}
	if e.chance(3) {
		e.divide(&s.Policy)
	}
	return s
}

// divide adds two entries about a type: one for its reading that hides something, one for all else.
func (e *eyes) divide(p *medplum.AccessPolicy) {
	kind := pick(e.world, kinds...)
	reading := medplum.PolicyResource{ResourceType: kind, Interaction: []string{"read"}, HiddenFields: []string{pick(e.world, fields[kind]...)}}
	others := medplum.PolicyResource{ResourceType: kind, Interaction: []string{"search", "history", "vread", "create", "update", "delete"}}
	p.Resource = append(p.Resource, reading, others)
	e.rules = append(e.rules, rule{kind: kind, grants: reading.Interaction, hidden: reading.HiddenFields}, rule{kind: kind, grants: others.Interaction})
}

// fields are what a rule may hide or protect.
var fields = map[string][]string{
	"Organization": {"name", "partOf", "active", "meta.tag"},
	"Practitioner": {"name", "name.family", "gender", "active"},
	"Patient":      {"name", "name.family", "name.given", "gender", "birthDate", "identifier", "identifier.value", "generalPractitioner", "managingOrganization", "active", "meta.tag", "meta.accounts"},
	"Encounter":    {"subject", "reasonCode", "serviceProvider", "class.code", "reasonCode.text"},
	"Observation":  {"subject", "performer", "value[x]", "valueString", "note", "component", "component.valueString", "component.value[x]", "encounter", "code.coding", "meta.tag", "meta.accounts"},
	"List":         {"title", "entry", "entry.item", "meta.tag"},
	"Binary":       {"data", "contentType"},
	"*":            {"meta.tag"},
}

func (e *eyes) entry(values map[string]string) (medplum.PolicyResource, rule) {
	kind := pick(e.world, append([]string{"*", "Patient", "Observation", "Observation"}, kinds...)...)
	entry, meaning := medplum.PolicyResource{ResourceType: kind}, rule{kind: kind, grants: everyInteraction}
	if e.chance(4) {
		entry.Readonly, meaning.grants = true, readInteractions
	}
	if e.chance(3) {
		meaning.grants = nil
		for _, i := range everyInteraction {
			if !e.chance(4) {
				meaning.grants = append(meaning.grants, i)
			}
		}
		entry.Interaction = append([]string{}, meaning.grants...)
	}
	if e.chance(2) {
		entry.Criteria, meaning.where = e.criteria(kind, values)
	} else if e.chance(4) {
		patient := e.some("Patient").name()
		entry.Compartment = &medplum.Reference{Reference: patient}
		meaning.where = func(r *resource, body object) bool { return slices.Contains(compartments(r, body), patient) }
	}
	for range e.IntN(3) * e.IntN(2) {
		entry.HiddenFields = append(entry.HiddenFields, pick(e.world, fields[kind]...))
	}
	for range e.IntN(2) * e.IntN(2) {
		entry.ReadonlyFields = append(entry.ReadonlyFields, pick(e.world, fields[kind]...))
	}
	meaning.hidden, meaning.readonly = entry.HiddenFields, entry.ReadonlyFields
	if e.chance(6) {
		c := pick(e.world, constraints...)
		entry.WriteConstraint = []medplum.Expression{{Language: "text/fhirpath", Expression: c.expression}}
		meaning.permits = c.holds
	}
	return entry, meaning
}

// constraints are writeConstraints and what they mean; whatever is empty or fails denies.
var constraints = []struct {
	expression string
	holds      func(before, after object) bool
}{
	{"%after.active = true", func(_, after object) bool { return after["active"] == true }},
	{"%before.active = %after.active", func(before, after object) bool { return before["active"] != nil && before["active"] == after["active"] }},
	{"%before.exists().not() or %before.status = 'preliminary'", func(before, _ object) bool { return before == nil || before["status"] == "preliminary" }},
	{"gender.exists() or status.exists()", func(before, after object) bool {
		if after == nil {
			after = before
		}
		return after["gender"] != nil || after["status"] != nil
	}},
	{"%after.nowhere", func(_, _ object) bool { return false }},
}

// criteria draws a criteria of one or two conditions, some with a parameter for a value.
func (e *eyes) criteria(kind string, values map[string]string) (string, func(*resource, object) bool) {
	var all []func(*resource, object) bool
	var parts []string
	for range 1 + e.IntN(3)/2 {
		part, holds := e.criterion(kind, values)
		parts, all = append(parts, part), append(all, holds)
	}
	return kind + "?" + strings.Join(parts, "&"), func(r *resource, body object) bool {
		return !slices.ContainsFunc(all, func(holds func(*resource, object) bool) bool { return !holds(r, body) })
	}
}

func (e *eyes) criterion(kind string, values map[string]string) (string, func(*resource, object) bool) {
	ofAll := map[string]bool{"*": true, "Binary": true}[kind]
	patient, isPatient := strings.CutPrefix(values["patient"], "Patient/")
	switch {
	case isPatient && e.chance(3) && kind != "Binary":
		return "_compartment=%patient", func(r *resource, body object) bool { return slices.Contains(compartments(r, body), "Patient/"+patient) }
	case isPatient && e.chance(8):
		return "_id=%patient.id", func(r *resource, _ object) bool { return r.id == patient }
	case ofAll && e.chance(2):
		if kind == "Binary" {
			id := e.some("Binary").id
			return "_id=" + id, func(r *resource, _ object) bool { return r.id == id }
		}
		return "_tag=urn:t|red", func(_ *resource, body object) bool { return has(body, "red", "meta", "tag", "code") }
	case ofAll:
		return "_tag:not=red", func(_ *resource, body object) bool { return !has(body, "red", "meta", "tag", "code") }
	case values["code"] != "" && kind == "Observation" && e.chance(2):
		return "status=%code", func(_ *resource, body object) bool { return has(body, values["code"], "status") }
	}
	for _, name := range []string{"profile", "org"} {
		for _, p := range leading(kind) {
			if of, _, _ := strings.Cut(values[name], "/"); slices.Contains(p.targets, of) && e.chance(3) {
				return p.code + "=%" + name, p.leadsTo(values[name])
			}
		}
	}
	t := e.plain(kind)
	return t.String(), func(r *resource, body object) bool { return t.holds(nil, r, body) }
}

// smart draws the scopes of a token.
func (e *eyes) smart() {
	if e.chance(3) {
		e.who.Patient = medplum.Reference{Reference: e.some("Patient").name()}
	}
	words := []string{"openid", "fhirUser"}
	permissions := map[string][]string{
		"read": {"read", "vread", "history", "search"}, "write": {"create", "update", "delete"}, "*": everyInteraction, "rs": {"read", "vread", "history", "search"},
		"cruds": everyInteraction, "r": {"read", "vread", "history"}, "s": {"search"}, "cu": {"create", "update"}, "xyz": nil, "sr": nil,
	}
	for range e.IntN(4) {
		context, kind := pick(e.world, "user", "user", "system", "patient"), pick(e.world, append([]string{"*"}, searchable...)...)
		permission := pick(e.world, "read", "write", "*", "rs", "cruds", "r", "s", "s", "cu", "cruds", "rs", "xyz", "sr")
		word, meaning := context+"/"+kind+"."+permission, scope{kind: kind, grants: permissions[permission]}
		e.scoped = true
		about := e.who.Patient.Reference
		if about == "" {
			about = e.who.Profile.Reference
		}
		if context == "patient" {
			if !strings.HasPrefix(about, "Patient/") {
				meaning.grants = nil
			}
			meaning.about = about != e.who.Profile.Reference
			meaning.where = func(r *resource, body object) bool { return slices.Contains(compartments(r, body), about) }
		}
		if kind != "*" && e.chance(2) {
			t, within := e.plain(kind), meaning.where
			word += "?" + t.String()
			if e.tells(t.uses) { // whoever chooses the scopes would ask by them
				meaning.grants = nil
			}
			meaning.where = func(r *resource, body object) bool {
				return (within == nil || within(r, body)) && t.holds(nil, r, body)
			}
		}
		words, e.scopes = append(words, word), append(e.scopes, meaning)
	}
	e.who.Scope = strings.Join(words, " ")
}
