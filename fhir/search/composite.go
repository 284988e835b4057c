package search

import (
	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/index"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// composite is R4 search.html#composite: values joined by $, all of them in one element. It has no
// modifiers, :missing neither.
func (p *parser) composite(resourceType string, param *definitions.SearchParam, modifier, value string) (store.Predicate, error) {
	if modifier != "" {
		return nil, unknownModifier(param.Code, modifier)
	}
	c, ok := index.CompositeOf(resourceType, param)
	if !ok {
		return nil, outcome.New(outcome.NotSupported, "Search parameter %s is not supported", param.Code)
	}
	if c.Either != nil {
		return p.eitherComposite(resourceType, c.Either, value)
	}
	for _, part := range c.Parts { // by the composite one learns of them
		p.use(resourceType, part.Code)
	}
	return p.alternatives(param.Code, value, func(raw string) (store.Predicate, error) {
		values := splitEscaped(raw, '$')
		if len(values) != len(c.Parts) {
			return nil, outcome.New(outcome.Invalid, "A value of search parameter %s has %d parts joined by $", param.Code, len(c.Parts))
		}
		for _, v := range values {
			if v == "" {
				return nil, outcome.New(outcome.Invalid, "Search parameter %s has an empty value", param.Code)
			}
		}
		if c.Whole {
			return p.wholeComposite(resourceType, c, values)
		}
		return p.namedComposite(param.Code, c, values)
	})
}

func (p *parser) eitherComposite(resourceType string, codes []string, value string) (store.Predicate, error) {
	any := make(store.Or, len(codes))
	for i, code := range codes {
		param, err := p.lookUp(resourceType, code)
		if err != nil {
			return nil, err
		}
		if any[i], err = p.composite(resourceType, param, "", value); err != nil {
			return nil, err
		}
	}
	return any, nil
}

// wholeComposite asks each part for itself: there is one base.
func (p *parser) wholeComposite(resourceType string, c index.Composite, values []string) (store.Predicate, error) {
	all := make(store.And, len(values))
	for i, part := range c.Parts {
		var err error
		if all[i], err = p.compile(resourceType, part, "", values[i]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// namedComposite asks the rows that are named by the token.
func (p *parser) namedComposite(code string, c index.Composite, values []string) (store.Predicate, error) {
	token, err := p.token(code, values[c.Name])
	if err != nil {
		return nil, err
	}
	if token.Code == nil {
		return nil, outcome.New(outcome.NotSupported, "A system alone is not supported in search parameter %s", code)
	}
	named := c.Parts[c.Name]
	var any store.Or
	for _, v := range impliedToo(named, asBoolean(named, token)) {
		rows := index.CompositeParam(code, v)
		var of store.Predicate
		if c.Span {
			of, err = p.span(rows, values[c.Row], values[c.Row+1])
		} else {
			part := *c.Parts[c.Row]
			part.Code = rows
			of, err = kinds[part.Type].compile(p, &part, "", values[c.Row])
		}
		if err != nil {
			return nil, err
		}
		any = append(any, of)
	}
	if len(any) == 1 {
		return any[0], nil
	}
	return any, nil
}

// span compares both ends of a row.
func (p *parser) span(rows, from, to string) (store.Predicate, error) {
	s := store.Span{Param: rows}
	if err := p.number(from, &s.Start, asGiven); err != nil {
		return nil, err
	}
	err := p.number(to, &s.End, asGiven)
	return s, err
}
