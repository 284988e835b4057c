package search

import (
	"strings"

	"github.com/admitdev/admit/fhir/index"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// special compiles a parameter that is not defined by an expression.
type special func(p *parser, resourceType, modifier, value string) (store.Predicate, error)

var specials = map[string]special{
	"_id":          (*parser).id,
	"_lastUpdated": (*parser).lastUpdated,
	"_compartment": (*parser).compartment,
	"_project":     (*parser).project,
}

// id is R4 search.html#id.
func (p *parser) id(resourceType, modifier, value string) (store.Predicate, error) {
	p.use(resourceType, "_id")
	if modifier == "missing" {
		return neverMissing("_id", value)
	}
	var ids store.IDIn
	for _, raw := range splitEscaped(value, ',') {
		id, err := p.text(raw)
		if err != nil {
			return nil, err
		}
		if id == "" {
			return nil, outcome.New(outcome.Invalid, "Search parameter _id has an empty value")
		}
		ids = append(ids, id)
	}
	switch modifier {
	case "":
		return ids, nil
	case "not":
		return store.Not{Of: ids}, nil
	}
	return nil, unknownModifier("_id", modifier)
}

// neverMissing is R4 search.html#missing of what every resource has; nil always holds.
func neverMissing(code, value string) (store.Predicate, error) {
	switch value {
	case "true":
		return store.Or{}, nil
	case "false":
		return nil, nil
	}
	return nil, outcome.New(outcome.Invalid, "Invalid value of %s:missing: %s", code, value)
}

// lastUpdated is R4 search.html#lastUpdated.
func (p *parser) lastUpdated(resourceType, modifier, value string) (store.Predicate, error) {
	p.use(resourceType, "_lastUpdated")
	switch modifier {
	case "":
	case "missing":
		return neverMissing("_lastUpdated", value)
	default:
		return nil, unknownModifier("_lastUpdated", modifier)
	}
	return p.alternatives("_lastUpdated", value, func(raw string) (store.Predicate, error) {
		op, low, high, err := p.date(raw)
		return store.LastUpdated{Op: op, Low: low, High: high}, err
	})
}

// compartment is Medplum's _compartment: the compartments that a resource is in, its accounts and
// its project.
func (p *parser) compartment(resourceType, modifier, value string) (store.Predicate, error) {
	p.use(resourceType, index.CompartmentParam)
	any := store.Reference{Param: index.CompartmentParam}
	for _, raw := range splitEscaped(value, ',') {
		text, err := p.text(raw)
		if err != nil {
			return nil, err
		}
		row := index.Literal("", text)
		switch {
		case row.TargetID != "":
			any.Values = append(any.Values, store.ReferenceValue{Type: row.TargetType, ID: row.TargetID})
		case text != "" && !strings.ContainsAny(text, "/:"):
			any.Values = append(any.Values, store.ReferenceValue{ID: text})
		default:
			return nil, outcome.New(outcome.Invalid, "Invalid value of _compartment: %s", text)
		}
	}
	switch modifier {
	case "":
		return any, nil
	case "not":
		return store.Not{Of: any}, nil
	}
	return nil, unknownModifier("_compartment", modifier)
}

// project is Medplum's _project. What belongs to a project is in its compartment.
func (p *parser) project(resourceType, modifier, value string) (store.Predicate, error) {
	if modifier != "" {
		return nil, unknownModifier("_project", modifier)
	}
	p.use(resourceType, "_project")
	any := store.Reference{Param: index.CompartmentParam}
	for _, raw := range splitEscaped(value, ',') {
		text, err := p.text(raw)
		if err != nil {
			return nil, err
		}
		id := strings.TrimPrefix(text, medplum.TypeProject+"/")
		if id == "" {
			return nil, outcome.New(outcome.Invalid, "Search parameter _project has an empty value")
		}
		any.Values = append(any.Values, store.ReferenceValue{Type: medplum.TypeProject, ID: id})
	}
	return any, nil
}
