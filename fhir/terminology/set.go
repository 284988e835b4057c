package terminology

import (
	"slices"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/pkg/outcome"
)

// Set is a value set with everything that it is made of. It does not change and may be shared.
type Set struct {
	*definitions.ValueSet
	include, exclude []part
	active           bool // inactive codes are left out
	// parts is how many parts one question about the set may look at, cost how many steps it may
	// take, excluding how many of them for excludes.
	parts, cost, excluding int
}

func costOf(sets []*Set) int {
	sum := 0
	for _, set := range sets {
		sum += set.cost
	}
	return sum
}

func partsOf(sets []*Set) int {
	sum := 0
	for _, set := range sets {
		sum += set.parts
	}
	return sum
}

// part is one include or exclude.
type part struct {
	url     string  // of the system; empty: the codes of sets
	system  *System // nil when its content is not here
	version string
	listed  map[string]*definitions.Concept // by folded code; nil: not listed
	order   []*definitions.Concept
	tests   []test
	// filtering is what the tests take for one code.
	filtering int
	blind     bool // there are filters, and no content to filter
	sets      []*Set
}

// Resolve finds a value set and all that it is made of.
//
// Errors: outcome NotFound for one that is not known, NotSupported for a filter that is not,
// TooCostly for what is over a bound or imports itself.
func Resolve(source Source, canonical string) (*Set, error) {
	url, version := Canonical(canonical)
	definition, err := source.ValueSet(url, version)
	if err != nil {
		return nil, err
	}
	if definition == nil {
		return nil, unknownSet(canonical)
	}
	return ResolveDefinition(source, definition)
}

// ResolveDefinition is Resolve of a definition at hand.
func ResolveDefinition(source Source, definition *definitions.ValueSet) (*Set, error) {
	r := &resolver{source: source, systems: map[string]*System{}, done: map[string]*Set{}}
	return r.set(definition, nil)
}

func unknownSet(canonical string) error {
	return outcome.New(outcome.NotFound, "ValueSet %s not found", canonical)
}

// resolver is one Resolve.
type resolver struct {
	source  Source
	systems map[string]*System
	done    map[string]*Set
	// filters and patterns are how many there have been.
	filters, patterns int
}

// set resolves a definition; within are the URLs of those that import it.
func (r *resolver) set(definition *definitions.ValueSet, within []string) (*Set, error) {
	set := &Set{ValueSet: definition}
	if definition.Compose == nil {
		return nil, outcome.New(outcome.NotSupported, "ValueSet %s says not what it is composed of", definition.URL)
	}
	set.active = definition.Compose.Inactive != nil && !*definition.Compose.Inactive
	within = append(slices.Clip(within), definition.URL)
	for _, side := range []struct {
		from []definitions.Include
		to   *[]part
	}{{definition.Compose.Include, &set.include}, {definition.Compose.Exclude, &set.exclude}} {
		for i := range side.from {
			p, err := r.part(&side.from[i], within)
			if err != nil {
				return nil, err
			}
			*side.to = append(*side.to, p)
			if set.parts += 1 + partsOf(p.sets); set.parts > maxParts {
				return nil, outcome.New(outcome.TooCostly, "ValueSet %s has more than %d parts, those of its imports included", definition.URL, maxParts)
			}
			cost := 1 + p.filtering + costOf(p.sets)
			if set.cost += cost; set.cost > maxCost {
				return nil, outcome.New(outcome.TooCostly, "The filters of ValueSet %s take too long", definition.URL)
			}
			if side.to == &set.exclude {
				set.excluding += cost
			}
		}
	}
	return set, nil
}

func (r *resolver) part(from *definitions.Include, within []string) (part, error) {
	p := part{url: from.System, version: from.Version}
	var err error
	if p.url != "" {
		if p.system, err = r.system(from.System, from.Version); err != nil {
			return part{}, err
		}
	}
	if len(from.Concept) > 0 {
		p.list(from.Concept)
	}
	p.blind = len(from.Filter) > 0 && p.system == nil
	if !p.blind {
		if err := r.filter(&p, from.Filter); err != nil {
			return part{}, err
		}
	}
	for _, canonical := range from.ValueSet {
		imported, err := r.imported(canonical, within)
		if err != nil {
			return part{}, err
		}
		p.sets = append(p.sets, imported)
	}
	return p, nil
}

// filter adds the filters of a part.
func (r *resolver) filter(p *part, filters []definitions.Filter) error {
	if len(filters) > maxFilters {
		return outcome.New(outcome.TooCostly, "A part of a value set has more than %d filters", maxFilters)
	}
	for _, f := range filters {
		if r.filters++; r.filters > maxAllFilters {
			return outcome.New(outcome.TooCostly, "A value set has more than %d filters, those of its imports included", maxAllFilters)
		}
		if f.Op == "regex" {
			r.patterns++
		}
		if r.patterns > maxPatterns {
			return outcome.New(outcome.TooCostly, "A value set has more than %d regular expressions, those of its imports included", maxPatterns)
		}
		t, err := compileFilter(p.system, f)
		if err != nil {
			return err
		}
		p.tests = append(p.tests, t)
		p.filtering += t.cost
	}
	return nil
}

func (p *part) list(concepts []definitions.Concept) {
	p.listed = make(map[string]*definitions.Concept, len(concepts))
	for i := range concepts {
		c := &concepts[i]
		p.listed[p.fold(c.Code)] = c
		p.order = append(p.order, c)
	}
}

func (p *part) fold(code string) string {
	if p.system == nil {
		return code
	}
	return p.system.fold(code)
}

func (r *resolver) system(url, version string) (*System, error) {
	key := url + "|" + version
	if system, ok := r.systems[key]; ok {
		return system, nil
	}
	system, err := r.source.CodeSystem(url, version)
	if err != nil {
		return nil, err
	}
	if system != nil && (system.Content == "not-present" || system.Content == "supplement") {
		system = nil
	}
	r.systems[key] = system
	return system, nil
}

// imported resolves a value set that another is made of, once.
func (r *resolver) imported(canonical string, within []string) (*Set, error) {
	url, version := Canonical(canonical)
	switch {
	case slices.Contains(within, url):
		return nil, outcome.New(outcome.TooCostly, "ValueSet %s imports itself", url)
	case len(within) > maxDepth:
		return nil, outcome.New(outcome.TooCostly, "Value sets import each other more than %d deep", maxDepth)
	case len(r.done) > maxDefinitions:
		return nil, outcome.New(outcome.TooCostly, "A value set is made of more than %d others", maxDefinitions)
	}
	if set, ok := r.done[canonical]; ok {
		return set, nil
	}
	definition, err := r.source.ValueSet(url, version)
	if err != nil {
		return nil, err
	}
	if definition == nil {
		return nil, unknownSet(canonical)
	}
	set, err := r.set(definition, within)
	if err == nil {
		r.done[canonical] = set
	}
	return set, err
}
