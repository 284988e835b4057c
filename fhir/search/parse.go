package search

import (
	"slices"
	"strings"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/index"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// Parse understands the query string of a search of the types; no types make it a system search,
// which names them by _type. base is the absolute URL of the FHIR surface with its final slash:
// references below it are local.
//
// Errors: as Language.Parse's.
func Parse(types []string, query, base string) (*Request, error) {
	return Language{Base: base}.Parse(types, query)
}

// Parse is Parse with the parameters of the language.
//
// Errors: outcome Invalid or NotSupported; Structure for an unknown type; Conflict for a parameter
// that is being indexed.
func (l Language) Parse(types []string, query string) (*Request, error) {
	params, err := split(query, form)
	if err != nil {
		return nil, err
	}
	r := &Request{Types: types, Count: defaultCount, base: l.Base, system: len(types) == 0}
	p := &parser{base: l.Base, custom: l.Custom, uses: map[Use]bool{}}
	params = slices.DeleteFunc(params, func(param parameter) bool {
		return l.Form && param.value == "" || l.Lenient && isUnsupported(param.name)
	})
	filters, err := r.results(params)
	if err != nil {
		return nil, err
	}
	if len(r.Types) == 0 && len(filters) > 0 {
		r.Types = everyType()
	}
	if err := r.known(); err != nil {
		return nil, err
	}
	if l.Lenient {
		filters = p.known(r.Types, filters)
	}
	if err := p.filters(r, filters); err != nil {
		return nil, err
	}
	if err := p.order(r); err != nil {
		return nil, err
	}
	if l.Strict {
		if err := r.knownElements(); err != nil {
			return nil, err
		}
	}
	if err := p.follow(r); err != nil {
		return nil, err
	}
	if err = r.readCursor(); err != nil {
		return nil, err
	}
	r.Uses = p.used
	r.reaches = p.reaches
	return r, nil
}

// everyType are the types of a search that names none: its criteria must be those that all types have
// (R4 search.html#searchcontexts).
func everyType() []string {
	return slices.DeleteFunc(definitions.ResourceTypes(), func(t string) bool { return t == "Binary" })
}

// known checks the types of the search.
func (r *Request) known() error {
	if len(r.Types) == 0 {
		return outcome.New(outcome.NotSupported, "A search of all types must name them by _type or have a criterion")
	}
	for _, t := range r.Types {
		if !definitions.IsResource(t) {
			return outcome.New(outcome.Structure, "Unknown resource type")
		}
		if t == "Binary" {
			return outcome.New(outcome.NotSupported, "Cannot search on Binary resource type")
		}
	}
	return nil
}

// parser compiles the filters of one search.
type parser struct {
	base       string
	custom     Parameters                        // nil for none
	bind       func(name string) (string, error) // of the placeholders of a criteria; nil elsewhere
	closed     bool                              // a criteria: no chains
	chains     int
	listed     bool // a _list is among them
	conditions int  // of the type at hand
	sets       int  // value sets and codes to ask a Terminology for
	coded      []coded
	uses       map[Use]bool
	used       []Use
	reaches    []string
}

// use records a parameter by which something can be told of a resource.
func (p *parser) use(resourceType, code string) {
	u := Use{Type: resourceType, Param: code}
	if custom, ok := p.customParam(resourceType, code); ok {
		u.Expression = custom.Expression
	}
	if p.uses != nil && !p.uses[u] {
		p.uses[u] = true
		p.used = append(p.used, u)
	}
}

func (p *parser) reach(resourceType string) {
	if !slices.Contains(p.reaches, resourceType) {
		p.reaches = append(p.reaches, resourceType)
	}
}

// filters compiles the parameters for each type.
func (p *parser) filters(r *Request, params []parameter) error {
	r.filters = make(map[string]store.Predicate, len(r.Types))
	for _, t := range r.Types {
		all, err := p.all(t, params)
		if err != nil {
			return err
		}
		r.filters[t] = all
	}
	r.params = append(r.params, params...)
	return nil
}

// all holds when every parameter does; nil when there are none.
func (p *parser) all(resourceType string, params []parameter) (store.Predicate, error) {
	if len(params) > maxFilters {
		return nil, outcome.New(outcome.Invalid, "Search has too many parameters (max %d that narrow it)", maxFilters)
	}
	p.conditions = 0
	var all store.And
	for _, param := range params {
		one, err := p.filter(resourceType, param.name, param.value, 0)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	switch len(all) {
	case 0:
		return nil, nil
	case 1:
		return all[0], nil
	}
	return all, nil
}

// filter compiles one parameter for one type.
func (p *parser) filter(resourceType, name, value string, depth int) (store.Predicate, error) {
	if value == "" {
		return nil, outcome.New(outcome.Invalid, "Search parameter %s has no value", name)
	}
	if rest, ok := strings.CutPrefix(name, "_has:"); ok {
		return p.has(resourceType, rest, value, depth+1)
	}
	if link, rest, ok := strings.Cut(name, "."); ok {
		return p.chain(resourceType, link, rest, value, depth+1)
	}
	code, modifier, modified := strings.Cut(name, ":")
	if modified && modifier == "" {
		return nil, unknownModifier(code, modifier)
	}
	switch compile, ok := specials[code]; {
	case ok:
		return compile(p, resourceType, modifier, value)
	case code == "_filter":
		return p.filterParam(resourceType, modifier, value, depth)
	case code == "_list":
		return p.list(resourceType, modifier, value, depth)
	}
	param, err := p.lookUp(resourceType, code)
	if err != nil {
		return nil, err
	}
	p.use(resourceType, code)
	of, err := p.compile(resourceType, param, modifier, value)
	return p.within(resourceType, code, of), err
}

// compile compiles a parameter that has been looked up.
func (p *parser) compile(resourceType string, param *definitions.SearchParam, modifier, value string) (store.Predicate, error) {
	if param.Type == definitions.Composite {
		return p.composite(resourceType, param, modifier, value)
	}
	all := modifier == "not" || modifier == "not-in" || modifier == "missing" && value == "true"
	return p.union(resourceType, param, all, func(param *definitions.SearchParam) (store.Predicate, error) {
		if modifier == "missing" {
			return missing(param, value)
		}
		return kinds[param.Type].compile(p, param, modifier, value)
	})
}

// union compiles each parameter that has rows of param: one of them holds, or of what denies all do. A value
// counts once, for the index is asked once for all of them.
func (p *parser) union(resourceType string, param *definitions.SearchParam, all bool, one func(*definitions.SearchParam) (store.Predicate, error)) (store.Predicate, error) {
	u := index.UnionOf(resourceType, param)
	if len(u.Parts) == 0 {
		return one(param)
	}
	var each []store.Predicate
	conditions := p.conditions
	if u.Own {
		of, err := one(param)
		if err != nil {
			return nil, err
		}
		each = append(each, of)
	}
	for _, part := range u.Parts {
		p.conditions = conditions
		of, err := p.union(resourceType, part, all, one)
		if err != nil {
			return nil, err
		}
		each = append(each, of)
	}
	if all {
		return store.And(each), nil
	}
	return store.Or(each), nil
}

func unknownParameter(code string) error {
	return outcome.New(outcome.Invalid, "Unknown search parameter: %s", code)
}

func unknownModifier(code, modifier string) error {
	return outcome.New(outcome.Invalid, "Unknown modifier of search parameter %s: %s", code, modifier)
}

// missing is R4 search.html#missing. A reference that is an identifier alone and a concept that is a
// text alone are values as well.
func missing(param *definitions.SearchParam, value string) (store.Predicate, error) {
	none := store.And{store.Missing{Param: param.Code, Kind: kinds[param.Type].table}}
	switch param.Type {
	case definitions.Reference:
		none = append(none, store.Missing{Param: param.Code + index.IdentifierSuffix, Kind: store.TokenKind})
	case definitions.Token:
		none = append(none, store.Missing{Param: param.Code + index.TextSuffix, Kind: store.StringKind})
	}
	switch value {
	case "true":
		return none, nil
	case "false":
		return store.Not{Of: none}, nil
	}
	return nil, outcome.New(outcome.Invalid, "Invalid value of %s:missing: %s", param.Code, value)
}

// kind is how parameters of a type compile and where their rows are.
type kind struct {
	table   store.Kind
	compile func(p *parser, param *definitions.SearchParam, modifier, value string) (store.Predicate, error)
}

// kinds are the types of parameters that have rows: composite ones have those of their parts,
// special ones (near) none.
var kinds = map[definitions.ParamType]kind{
	definitions.String:    {store.StringKind, (*parser).stringParam},
	definitions.Token:     {store.TokenKind, (*parser).tokenParam},
	definitions.Reference: {store.ReferenceKind, (*parser).referenceParam},
	definitions.Date:      {store.DateKind, (*parser).dateParam},
	definitions.Number:    {store.QuantityKind, (*parser).numberParam},
	definitions.Quantity:  {store.QuantityKind, (*parser).quantityParam},
	definitions.URI:       {store.URIKind, (*parser).uriParam},
}

// alternatives compiles each comma-separated value; the parameter holds when one of them does.
func (p *parser) alternatives(code, value string, one func(raw string) (store.Predicate, error)) (store.Predicate, error) {
	values := splitEscaped(value, ',')
	if p.conditions += len(values); p.conditions > maxConditions {
		return nil, outcome.New(outcome.Invalid, "Search has too many values (max %d of %s)", maxConditions, code)
	}
	any := make(store.Or, len(values))
	for i, raw := range values {
		if raw == "" {
			return nil, outcome.New(outcome.Invalid, "Search parameter %s has an empty value", code)
		}
		var err error
		if any[i], err = one(raw); err != nil {
			return nil, err
		}
	}
	if len(any) == 1 {
		return any[0], nil
	}
	return any, nil
}

// text is a value as it is meant: unescaped, with the values of its placeholders.
func (p *parser) text(raw string) (string, error) {
	if !p.closed && !escapesRight(raw) {
		return "", outcome.New(outcome.Invalid, "Invalid escape in search: %s", raw)
	}
	if p.bind == nil || strings.IndexByte(raw, placeholder) < 0 {
		return unescape(raw), nil
	}
	return p.bound(raw)
}
