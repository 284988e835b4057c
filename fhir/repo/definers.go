package repo

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/index"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/policy"
	"github.com/admitdev/admit/fhir/profile"
	"github.com/admitdev/admit/fhir/terminology"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// This file keeps definitions from telling their writers what those may not see. A profile binds with the
// project's authority, so one that is bound to a hidden value set would tell by refusals which codes that has.
//
//   - Whoever may not read all definitions of a type refers to none of it that it does not see, and is told the
//     same of what is hidden and of what never was: the target comes first. Others may refer to what is yet to be.
//   - A target may become another one later, when what had its URL is renamed or retired. So whoever may write
//     definitions is bound by the value sets and code systems that it sees alone. No rule is lost by that: it could
//     replace the rule itself. Profiles bind it all the same, for everybody can name them.

// findDefinitions finds the resources of a type that have a canonical URL.
type findDefinitions func(resourceType, url string) ([]store.Row, error)

// partlySees says whether there may be resources of the type of which the caller does not see everything.
func (a *access) partlySees(resourceType string) bool {
	visible, err := a.narrow(policy.Search, resourceType)
	return err != nil || visible != nil || a.hasFields(resourceType)
}

// defines says whether the caller may write what is bound to value sets.
func (a *access) defines() bool {
	for _, resourceType := range []string{typeStructureDefinition, typeValueSet} {
		for _, interaction := range []policy.Interaction{policy.Create, policy.Update} {
			if visible, err := a.narrow(interaction, resourceType); err == nil && a.maybeDefinition(visible) {
				return true
			}
		}
	}
	return false
}

// maybeDefinition says whether a definition could satisfy a predicate. It is in nobody's compartment unless it is
// put there, so the rule by which patients may add anything to their own makes them no definers.
func (a *access) maybeDefinition(visible store.Predicate) bool {
	switch p := visible.(type) {
	case store.And:
		return !slices.ContainsFunc(p, func(one store.Predicate) bool { return !a.maybeDefinition(one) })
	case store.Or:
		return slices.ContainsFunc(p, a.maybeDefinition)
	case store.Reference:
		return p.Param != index.CompartmentParam || slices.ContainsFunc(p.Values, a.maybeWithin)
	}
	return true
}

// maybeWithin says whether a definition could be in a compartment: the project's or one that the policy stamps.
func (a *access) maybeWithin(compartment store.ReferenceValue) bool {
	if stamped := a.who.Policy.Compartment(); stamped != nil {
		if resourceType, id := stamped.Split(); resourceType == compartment.Type && id == compartment.ID {
			return true
		}
	}
	return compartment.Type == medplum.TypeProject
}

// rulers finds the definitions that rule what the caller writes, and says whether they are the same for
// everybody who reads the same projects.
func (a *access) rulers(ctx context.Context) (find findDefinitions, shared bool) {
	whole := func(resourceType, url string) ([]store.Row, error) {
		return a.withURL(ctx, resourceType, url, a.partitions(resourceType), nil)
	}
	definer := a.definer()
	if definer == nil || !definer.partlySees(typeValueSet) && !definer.partlySees(typeCodeSystem) {
		return whole, true
	}
	return func(resourceType, url string) ([]store.Row, error) {
		if resourceType == typeStructureDefinition {
			return whole(resourceType, url)
		}
		return definer.definitions(ctx, resourceType, url)
	}, false
}

// definer is the caller as one who may write definitions, nil when it may not; with another token perhaps,
// whose scopes leave more.
func (a *access) definer() *access {
	if a.who.Policy == nil {
		return nil
	}
	unscoped := *a
	unscoped.who.Policy = a.who.Policy.WithoutScopes()
	for _, as := range []*access{a, &unscoped} {
		if as.defines() {
			return as
		}
	}
	return nil
}

// checkDefinition refuses a definition that refers to others which its writer does not see. What the stored
// version refers to already may stay.
func (a *access) checkDefinition(ctx context.Context, c *change, d draft) error {
	if a.system != "" || !isDefinition(d.ref.Type) || !slices.ContainsFunc(definitionTypes, a.partlySees) {
		return nil
	}
	missed, err := a.unseenBy(ctx, d.doc)
	if err != nil || len(missed) == 0 {
		return err
	}
	if c.oldDoc != nil {
		before, err := a.unseenBy(ctx, c.oldDoc)
		if err != nil {
			return err
		}
		maps.DeleteFunc(missed, func(name string, _ bool) bool { return before[name] })
	}
	var issues []outcome.Issue
	for _, name := range slices.Sorted(maps.Keys(missed)) {
		issues = append(issues, outcome.Issue{Code: outcome.Invalid.Issue, Text: name + " not found", Expression: []string{d.ref.Type}})
	}
	if len(issues) == 0 {
		return nil
	}
	return &outcome.Outcome{Code: outcome.Invalid, Issues: issues}
}

// unseenBy is what a definition is made of and the caller does not see.
func (a *access) unseenBy(ctx context.Context, doc *document.Node) (map[string]bool, error) {
	seen := &lookups{Source: newProfileSource(func(resourceType, url string) ([]store.Row, error) {
		return a.wholly(ctx, resourceType, url)
	}), partly: a.partlySees, missed: map[string]bool{}, asked: map[string]bool{}}
	var err error
	switch doc.Text("resourceType") {
	case typeStructureDefinition:
		_, err = profile.CompileDefinition(seen, doc)
	case typeValueSet:
		var definition definitions.ValueSet
		if err := json.Unmarshal(doc.Raw, &definition); err != nil {
			return nil, err
		}
		seen.composed(&definition)
		_, err = terminology.ResolveDefinition(seen, &definition)
	}
	if said := (*outcome.Outcome)(nil); errors.As(err, &said) {
		err = nil // a definition that cannot be checked is refused where it is to rule
	}
	maps.DeleteFunc(seen.missed, func(name string, _ bool) bool {
		return strings.HasPrefix(name, typeCodeSystem+" ") && !seen.asked[name]
	})
	return seen.missed, err
}

// wholly is definitions without those of which an element is hidden.
func (a *access) wholly(ctx context.Context, resourceType, url string) ([]store.Row, error) {
	rows, err := a.visibleWithURL(ctx, resourceType, url)
	if err != nil || !a.hasFields(resourceType) {
		return rows, err
	}
	var whole []store.Row
	for _, row := range rows {
		_, ix, err := indexed(row.Resource)
		if err != nil {
			return nil, err
		}
		if len(a.hidden(policy.Search, row.Resource, ix)) == 0 {
			whole = append(whole, row)
		}
	}
	return whole, nil
}

// lookups notes what is asked for and not there, of the types of which the caller sees but a part.
type lookups struct {
	profile.Source
	partly func(resourceType string) bool
	missed map[string]bool
	// asked are the code systems that say which codes there are. Where a value set lists them itself, its system
	// need not be here.
	asked map[string]bool
}

func canonicalOf(resourceType, url, version string) string {
	if version != "" {
		url += "|" + version
	}
	return resourceType + " " + url
}

func (l *lookups) note(missing bool, resourceType, url, version string) {
	if missing && l.partly(resourceType) {
		l.missed[canonicalOf(resourceType, url, version)] = true
	}
}

// composed notes which systems a value set asks for codes.
func (l *lookups) composed(v *definitions.ValueSet) {
	if v.Compose == nil {
		return
	}
	active := v.Compose.Inactive != nil && !*v.Compose.Inactive // which the system says
	for _, part := range slices.Concat(v.Compose.Include, v.Compose.Exclude) {
		if len(part.Concept) == 0 || active {
			l.asked[canonicalOf(typeCodeSystem, part.System, part.Version)] = true
		}
	}
}

// StructureDefinition implements profile.Source.
func (l *lookups) StructureDefinition(url, version string) (*document.Node, error) {
	found, err := l.Source.StructureDefinition(url, version)
	l.note(found == nil, typeStructureDefinition, url, version)
	return found, err
}

// ValueSet implements terminology.Source.
func (l *lookups) ValueSet(url, version string) (*definitions.ValueSet, error) {
	found, err := l.Source.ValueSet(url, version)
	l.note(found == nil, typeValueSet, url, version)
	if found != nil {
		l.composed(found)
	}
	return found, err
}

// CodeSystem implements terminology.Source.
func (l *lookups) CodeSystem(url, version string) (*terminology.System, error) {
	found, err := l.Source.CodeSystem(url, version)
	l.note(found == nil, typeCodeSystem, url, version)
	return found, err
}
