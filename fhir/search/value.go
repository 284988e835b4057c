package search

import (
	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/index"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// stringParam is R4 search.html#string.
func (p *parser) stringParam(param *definitions.SearchParam, modifier, value string) (store.Predicate, error) {
	match, ok := map[string]store.StringMatch{
		"": store.StartsWith, "contains": store.Contains, "exact": store.Exact,
	}[modifier]
	if !ok {
		return nil, unknownModifier(param.Code, modifier)
	}
	return p.strings(param.Code, param.Code, match, value)
}

// strings compares the rows named rows.
func (p *parser) strings(code, rows string, match store.StringMatch, value string) (store.Predicate, error) {
	return p.alternatives(code, value, func(raw string) (store.Predicate, error) {
		text, err := p.text(raw)
		if err != nil {
			return nil, err
		}
		folded := index.Fold(text)
		if folded == "" || len(folded) > index.MaxFolded {
			return nil, outcome.New(outcome.Invalid, "Invalid value of search parameter %s", code)
		}
		if match == store.Exact {
			return store.String{Param: rows, Match: match, Value: text, Folded: folded}, nil
		}
		return store.String{Param: rows, Match: match, Value: folded}, nil
	})
}

// uriParam is R4 search.html#uri.
func (p *parser) uriParam(param *definitions.SearchParam, modifier, value string) (store.Predicate, error) {
	match, ok := map[string]store.URIMatch{
		"": store.URIExact, "below": store.URIBelow, "above": store.URIAbove,
	}[modifier]
	if !ok {
		return nil, unknownModifier(param.Code, modifier)
	}
	return p.alternatives(param.Code, value, func(raw string) (store.Predicate, error) {
		if match == store.URIExact {
			if of, ok, err := p.versioned(param, raw); ok || err != nil {
				return of, err
			}
		}
		text, err := p.text(raw)
		if match == store.URIExact {
			text = index.Bound(text)
		}
		of := store.URI{Param: param.Code, Match: match, Value: text}
		if param.Code == "_profile" && match == store.URIExact && index.Literal("", text).TargetID != "" {
			// A relative profile is one of this server's (R4 search.html#profile).
			return store.Or{of, store.URI{Param: of.Param, Match: match, Value: index.Bound(p.base + text)}}, err
		}
		return of, err
	})
}

// dateParam is R4 search.html#date.
func (p *parser) dateParam(param *definitions.SearchParam, modifier, value string) (store.Predicate, error) {
	if modifier != "" {
		return nil, unknownModifier(param.Code, modifier)
	}
	return p.alternatives(param.Code, value, func(raw string) (store.Predicate, error) {
		op, low, high, err := p.date(raw)
		return store.Date{Param: param.Code, Op: op, Low: low, High: high}, err
	})
}

// date reads a prefix and the interval that a date of any precision covers. ap means that the
// intervals overlap: R4 leaves the width to the server, and this one has no clock here.
func (p *parser) date(raw string) (op store.Op, low, high int64, err error) {
	op, rest := prefix(raw)
	text, err := p.text(rest)
	if err != nil {
		return "", 0, 0, err
	}
	low, high, ok := index.Date(text)
	if !ok {
		return "", 0, 0, outcome.New(outcome.Invalid, "Invalid format for date search parameter: %s", text)
	}
	return op, low, high, nil
}

// prefix cuts R4 search.html#prefix off. It is looked for before placeholders are bound, so that a
// value cannot bring one along.
func prefix(raw string) (store.Op, string) {
	if len(raw) > 2 {
		switch op := store.Op(raw[:2]); op {
		case store.Eq, store.Ne, store.Gt, store.Lt, store.Ge, store.Le, store.Sa, store.Eb, store.Ap:
			return op, raw[2:]
		}
	}
	return store.Eq, raw
}
