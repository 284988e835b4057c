package search

import (
	"slices"
	"strings"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/index"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// filterParam compiles a _filter to what parameters with modifiers compile to.
func (p *parser) filterParam(resourceType, modifier, value string, depth int) (store.Predicate, error) {
	if modifier != "" {
		return nil, unknownModifier("_filter", modifier)
	}
	t, err := readFilter(value)
	if err != nil {
		return nil, err
	}
	return p.term(resourceType, t, depth)
}

func (p *parser) term(resourceType string, t term, depth int) (store.Predicate, error) {
	if len(t.path) > 0 {
		return p.path(resourceType, t, t.path, depth)
	}
	parts := make([]store.Predicate, len(t.parts))
	for i, part := range t.parts {
		var err error
		if parts[i], err = p.term(resourceType, part, depth); err != nil {
			return nil, err
		}
	}
	switch t.op {
	case "and":
		return store.And(parts), nil
	case "or":
		return store.Or(parts), nil
	}
	return store.Not{Of: parts[0]}, nil
}

// path follows all names but the last, which is compared.
func (p *parser) path(resourceType string, t term, path []step, depth int) (store.Predicate, error) {
	if len(path) == 1 {
		return p.comparison(resourceType, path[0].name, t.op, t.value)
	}
	names := []string{path[1].name}
	if path[0].filter != nil {
		names = append(names, path[0].filter.names()...)
	}
	knowsAll := func(target string) bool {
		return !slices.ContainsFunc(names, func(name string) bool { return !p.knows(target, name) })
	}
	return p.link(resourceType, path[0].name, path[1].name, depth+1, knowsAll, func(target string) (store.Predicate, error) {
		of, err := p.path(target, t, path[1:], depth+1)
		if err != nil || path[0].filter == nil {
			return of, err
		}
		such, err := p.term(target, *path[0].filter, depth+1)
		return store.And{such, of}, err
	})
}

// ordered are the operators that are prefixes as well.
var ordered = []string{"eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"}

// comparison compiles name op value.
func (p *parser) comparison(resourceType, name, op, value string) (store.Predicate, error) {
	refused := outcome.New(outcome.NotSupported, "The operator %s of _filter is not supported for %s", op, name)
	text := unescaped.Replace(value)
	if compile, ok := specials[name]; ok {
		switch {
		case name == "_lastUpdated" && slices.Contains(ordered, op):
			return compile(p, resourceType, "", op+text)
		case name == "_lastUpdated" && op == "po":
			return compile(p, resourceType, "", "ap"+text)
		case op == "eq" && name != "_lastUpdated":
			return compile(p, resourceType, "", text)
		}
		return nil, refused
	}
	param, err := p.lookUp(resourceType, name)
	if err != nil {
		return nil, err
	}
	p.use(resourceType, name)
	of, ok, err := p.compare(resourceType, param, op, text)
	if err == nil && !ok {
		return nil, refused
	}
	return p.within(resourceType, name, of), err
}

// unescaped escapes what separates values and parts, which a _filter's value cannot do; its bar
// still divides a system from a code.
var unescaped = strings.NewReplacer(`\`, `\\`, `,`, `\,`, `$`, `\$`)

// compare compiles an operator by the type of the parameter; ok is false where R4 gives it none.
func (p *parser) compare(resourceType string, param *definitions.SearchParam, op, text string) (of store.Predicate, ok bool, err error) {
	if op == "pr" && param.Type != definitions.Composite {
		missing := map[string]string{"true": "false", "false": "true"}[text]
		of, err = p.compile(resourceType, param, "missing", missing)
		return of, true, err
	}
	spelled, modifier, ok := text, "", false
	switch param.Type {
	case definitions.Date, definitions.Number, definitions.Quantity:
		spelled, ok = op+text, slices.Contains(ordered, op)
		if op == "po" && param.Type == definitions.Date {
			spelled, ok = "ap"+text, true
		}
	case definitions.Token:
		modifier, ok = map[string]string{"eq": "", "in": "in", "ni": "not-in", "ss": "below", "sb": "above"}[op], strings.Contains(" eq in ni ss sb ", " "+op+" ")
	case definitions.Reference:
		ok = op == "eq" || op == "re"
	case definitions.URI:
		ok = op == "eq"
	case definitions.String:
		return p.compareString(resourceType, param, op, strings.ReplaceAll(text, "|", `\|`))
	}
	if !ok {
		return nil, false, nil
	}
	of, err = p.compile(resourceType, param, modifier, spelled)
	return of, true, err
}

// compareString regards neither case nor accents.
func (p *parser) compareString(resourceType string, param *definitions.SearchParam, op, text string) (store.Predicate, bool, error) {
	match, ok := map[string]store.StringMatch{
		"eq": store.Equal, "co": store.Contains, "sw": store.StartsWith, "ew": store.EndsWith,
	}[op]
	if !ok {
		return nil, false, nil
	}
	of, err := p.union(resourceType, param, false, func(param *definitions.SearchParam) (store.Predicate, error) {
		return p.strings(param.Code, param.Code, match, text)
	})
	return of, true, err
}

// list is R4 search.html#list: what a List points at.
func (p *parser) list(resourceType, modifier, value string, depth int) (store.Predicate, error) {
	if modifier != "" {
		return nil, unknownModifier("_list", modifier)
	}
	if strings.HasPrefix(value, "$") {
		return nil, outcome.New(outcome.NotSupported, "Functional lists are not supported: %s", value)
	}
	lists := splitEscaped(value, ',')
	for i, raw := range lists {
		if row := index.Literal("", raw); row.TargetType == "List" {
			lists[i] = row.TargetID
		}
	}
	of, err := p.has(resourceType, "List:item:_id", strings.Join(lists, ","), depth+1)
	if p.listed { // it is asked once, however many types are searched
		p.chains--
	}
	p.listed = true
	return of, err
}
