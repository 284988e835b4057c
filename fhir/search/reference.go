package search

import (
	"strings"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/index"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// referenceParam is R4 search.html#reference.
func (p *parser) referenceParam(param *definitions.SearchParam, modifier, value string) (store.Predicate, error) {
	canonical := isCanonical(param.Expression)
	switch {
	case modifier == "below" && canonical:
		return p.anyVersion(param, value)
	case modifier == "identifier" && !canonical:
		return p.tokens(param, param.Code+index.IdentifierSuffix, value)
	case modifier != "" && !definitions.IsResource(modifier):
		return nil, unknownModifier(param.Code, modifier)
	}
	any := store.Reference{Param: param.Code}
	for _, raw := range splitEscaped(value, ',') {
		text, err := p.text(raw)
		if err != nil {
			return nil, err
		}
		values, err := p.reference(param, modifier, text)
		if err != nil {
			return nil, err
		}
		any.Values = append(any.Values, values...)
	}
	return any, nil
}

// reference understands id, Type/id and an absolute URL. A reference below the server's own
// address is local, however the resource spells it.
func (p *parser) reference(param *definitions.SearchParam, resourceType, text string) ([]store.ReferenceValue, error) {
	if text == "" {
		return nil, outcome.New(outcome.Invalid, "Search parameter %s has an empty value", param.Code)
	}
	if local, ok := strings.CutPrefix(text, p.base); ok && p.base != "" {
		text = local
	}
	row := index.Literal("", text)
	if row.TargetID == "" && strings.ContainsAny(text, "/:#") {
		return []store.ReferenceValue{{URL: index.Bound(text)}}, nil
	}
	value := store.ReferenceValue{Type: row.TargetType, ID: row.TargetID}
	if value.ID == "" {
		value = store.ReferenceValue{Type: resourceType, ID: text}
		if resourceType == "" && len(param.Targets) == 1 {
			value.Type = param.Targets[0]
		}
	}
	if resourceType != "" && value.Type != resourceType {
		return nil, outcome.New(outcome.Invalid, "Invalid value of %s:%s: %s", param.Code, resourceType, text)
	}
	values := []store.ReferenceValue{value}
	if p.base != "" && value.Type != "" {
		values = append(values, store.ReferenceValue{URL: p.base + value.Type + "/" + value.ID})
	}
	return values, nil
}

// chain is R4 search.html#chaining: link is code or code:Type, rest the parameter of the target.
func (p *parser) chain(resourceType, link, rest, value string, depth int) (store.Predicate, error) {
	return p.link(resourceType, link, rest, depth, func(target string) bool { return p.knows(target, rest) }, func(target string) (store.Predicate, error) {
		return p.filter(target, rest, value, depth)
	})
}

// link follows code or code:Type to the targets for which of compiles what holds there; without a
// type to those that know what is asked of them.
func (p *parser) link(resourceType, link, rest string, depth int, knows func(target string) bool, of func(target string) (store.Predicate, error)) (store.Predicate, error) {
	code, target, typed := strings.Cut(link, ":")
	param, err := p.linkParam(resourceType, code, depth)
	if err != nil {
		return nil, err
	}
	targets := param.Targets
	if typed {
		if !definitions.IsResource(target) {
			return nil, unknownModifier(code, target)
		}
		targets = []string{target}
	}
	var any store.Or
	for _, t := range targets {
		if !typed && !knows(t) {
			continue
		}
		if p.chains++; p.chains > maxChains {
			return nil, outcome.New(outcome.Invalid, "Search is too complex: name the types of its chains")
		}
		p.reach(t)
		inner, err := of(t)
		if err != nil {
			return nil, err
		}
		any = append(any, store.Chain{Param: code, Type: t, Of: inner})
	}
	switch len(any) {
	case 0:
		return nil, unknownParameter(link + "." + rest)
	case 1:
		return any[0], nil
	}
	return any, nil
}

// has is R4 search.html#has: rest is Type:code:parameter.
func (p *parser) has(resourceType, rest, value string, depth int) (store.Predicate, error) {
	parts := strings.SplitN(rest, ":", 3)
	if len(parts) != 3 || parts[2] == "" {
		return nil, unknownParameter("_has:" + rest)
	}
	source, code, inner := parts[0], parts[1], parts[2]
	if !definitions.IsResource(source) {
		return nil, outcome.New(outcome.Structure, "Unknown resource type")
	}
	if _, err := p.linkParam(source, code, depth); err != nil {
		return nil, err
	}
	if p.chains++; p.chains > maxChains {
		return nil, outcome.New(outcome.Invalid, "Search is too complex")
	}
	p.reach(source)
	of, err := p.filter(source, inner, value, depth)
	if err != nil {
		return nil, err
	}
	of = p.within(source, code, of)
	return store.Has{Type: source, Param: code, Of: of}, nil
}

// linkParam is the reference parameter that a chain follows.
func (p *parser) linkParam(resourceType, code string, depth int) (*definitions.SearchParam, error) {
	if p.closed {
		return nil, outcome.New(outcome.NotSupported, "A criteria cannot look into other resources: %s", code)
	}
	if depth > maxChain {
		return nil, outcome.New(outcome.Invalid, "Search chain is too deep (max %d)", maxChain)
	}
	param, err := p.lookUp(resourceType, code)
	if err != nil {
		return nil, err
	}
	if param.Type != definitions.Reference {
		return nil, outcome.New(outcome.Invalid, "Search parameter %s is no reference", code)
	}
	p.use(resourceType, code)
	return param, nil
}

// knows says whether a type has the parameter that name begins with.
func (p *parser) knows(resourceType, name string) bool {
	if strings.HasPrefix(name, "_has:") {
		return true
	}
	code, _, _ := strings.Cut(name, ".")
	code, _, _ = strings.Cut(code, ":")
	if _, ok := specials[code]; ok {
		return true
	}
	_, err := p.lookUp(resourceType, code)
	return err == nil || outcome.Has(err, outcome.Conflict)
}
