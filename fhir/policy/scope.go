package policy

import (
	"regexp"
	"slices"
	"strings"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/index"
	"github.com/admitdev/admit/fhir/search"
	"github.com/admitdev/admit/pkg/store"
)

// scopes are the SMART scopes of a token (SMART App Launch 2, scopes-and-launch-context); given is
// false when it has none, which leaves the policy as it is unless the subject is ScopeOnly.
type scopes struct {
	given bool
	list  []smartScope
}

type smartScope struct {
	text         string
	resourceType string // or search.AnyType
	grants       []Interaction
	where        store.Predicate
	uses         []search.Use
	about        bool // a patient who is not the caller
	// tells are the types of which its uses read what is hidden. For them it grants nothing: whoever asks for
	// a token chooses its scopes and whom it is about.
	tells map[string]bool
}

// aboutData is a scope about data, however it is spelt. One that is not understood grants nothing; to overlook it
// would grant everything. Scopes of a launch are none.
var (
	aboutData = regexp.MustCompile(`^(\*|[A-Z][A-Za-z]*)\.|/`)
	smart     = regexp.MustCompile(`^(patient|user|system)/(\*|[A-Za-z]+)\.(read|write|\*|c?r?u?d?s?)(\?.*)?$`)
)

// scope reads the token's scopes.
func (c *compiler) scope() {
	c.scopes.given = c.subject.ScopeOnly
	for text := range strings.FieldsSeq(c.subject.Scope) {
		if !aboutData.MatchString(text) || strings.HasPrefix(text, "launch/") {
			continue
		}
		c.scopes.given = true
		if s, ok := c.readScope(text); ok {
			c.scopes.list = append(c.scopes.list, s)
		}
	}
}

func (c *compiler) readScope(text string) (smartScope, bool) {
	parts := smart.FindStringSubmatch(text)
	if parts == nil {
		return smartScope{}, false
	}
	s := smartScope{text: text, resourceType: parts[2], grants: scopeGrants(parts[3])}
	if s.resourceType != search.AnyType && !definitions.IsResource(s.resourceType) {
		return smartScope{}, false
	}
	var all store.And
	if parts[1] == "patient" {
		patient := c.subject.Patient
		if patient.Reference == "" {
			patient = c.subject.Profile
		}
		resourceType, id := patient.Split()
		if resourceType != "Patient" {
			return smartScope{}, false
		}
		s.about = patient.Reference != c.subject.Profile.Reference
		all = append(all, store.Reference{Param: index.CompartmentParam, Values: []store.ReferenceValue{{Type: resourceType, ID: id}}})
	}
	if parts[4] != "" {
		criteria := s.resourceType + parts[4]
		where, _, err := compileCriteria(s.resourceType, criteria, values{}.bind)
		if err != nil {
			return smartScope{}, false
		}
		if s.uses, err = usesOf(criteria); err != nil {
			return smartScope{}, false
		}
		all = append(all, where)
	}
	if len(all) > 0 {
		s.where = all
	}
	return s, true
}

func usesOf(criteria string) ([]search.Use, error) {
	read, err := search.ReadCriteria(criteria)
	if err != nil {
		return nil, err
	}
	return read.Uses(values{}.bind)
}

// silence finds out of which types the scopes tell what is hidden.
func (p *Policy) silence() {
	for i := range p.scopes.list {
		s := &p.scopes.list[i]
		if len(s.uses) == 0 && !s.about {
			continue
		}
		s.tells = map[string]bool{}
		for _, resourceType := range definitions.ResourceTypes() {
			uses := s.uses
			if s.about {
				uses = slices.Concat(uses, patientUses(resourceType))
			}
			if s.grantsOn(resourceType) && p.hidesAny(resourceType, uses) {
				s.tells[resourceType] = true
			}
		}
	}
}

// hidesAny says whether some of the uses read what is hidden of a type.
func (p *Policy) hidesAny(resourceType string, uses []search.Use) bool {
	return slices.ContainsFunc(uses, func(use search.Use) bool {
		use.Type = resourceType
		_, hidden := p.table(resourceType).hides(use)
		return hidden != ""
	})
}

// patientUses are what puts a resource into the compartment of a patient.
func patientUses(resourceType string) []search.Use {
	uses := []search.Use{{Param: index.CompartmentParam, Expression: resourceType + ".meta.accounts"}}
	codes, _ := definitions.Compartment("Patient", resourceType)
	for _, code := range codes {
		uses = append(uses, search.Use{Param: code})
	}
	return uses
}

func (s *smartScope) grantsOn(resourceType string) bool {
	return s.resourceType == search.AnyType || s.resourceType == resourceType
}

// scopeGrants are the interactions of a permission: read is rs, write is cud.
func scopeGrants(permission string) []Interaction {
	switch permission {
	case "read":
		permission = "rs"
	case "write":
		permission = "cud"
	case "*":
		permission = "cruds"
	}
	var out []Interaction
	for _, letter := range permission {
		switch letter {
		case 'c':
			out = append(out, Create)
		case 'r':
			out = append(out, Read, VRead, History)
		case 'u':
			out = append(out, Update)
		case 'd':
			out = append(out, Delete)
		case 's':
			out = append(out, Search)
		}
	}
	return out
}

// ScopesGrant says whether the token's scopes leave an interaction with a type as it is. What is no
// interaction with a resource, such as an administrator's invite, asks it about the resource that
// it comes to: a token that was given for less must not do more by another route.
func (p *Policy) ScopesGrant(i Interaction, resourceType string) bool {
	where, ok := p.scopes.narrow(i, resourceType)
	return ok && where == nil
}

// narrow is what the scopes leave of an interaction with a type.
func (s scopes) narrow(i Interaction, resourceType string) (store.Predicate, bool) {
	if !s.given {
		return nil, true
	}
	var any store.Or
	for k := range s.list {
		one := &s.list[k]
		if !one.grantsOn(resourceType) || one.tells[resourceType] || !slices.Contains(one.grants, i) {
			continue
		}
		if one.where == nil {
			return nil, true
		}
		any = append(any, one.where)
	}
	return any, len(any) > 0
}
