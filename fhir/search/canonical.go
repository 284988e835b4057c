package search

import (
	"slices"
	"strings"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/index"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// anyVersion is :below of a canonical (R4 search.html#versions): whatever version it names. A part of
// a version is not looked for.
func (p *parser) anyVersion(param *definitions.SearchParam, value string) (store.Predicate, error) {
	any := store.Reference{Param: param.Code}
	for _, raw := range splitEscaped(value, ',') {
		rawURL, _, versioned := cutEscaped(raw, '|')
		url, err := p.text(rawURL)
		switch {
		case err != nil:
			return nil, err
		case versioned:
			return nil, outcome.New(outcome.NotSupported, "%s:below finds every version: a part of one is not supported", param.Code)
		case url == "":
			return nil, outcome.New(outcome.Invalid, "Search parameter %s has an empty value", param.Code)
		}
		any.Values = append(any.Values, store.ReferenceValue{URL: index.Bound(url)})
	}
	return any, nil
}

// versioned is url|version where a parameter is the canonical URL of resources that have a version (R4
// search.html#uri).
func (p *parser) versioned(param *definitions.SearchParam, raw string) (store.Predicate, bool, error) {
	rawURL, rawVersion, ok := cutEscaped(raw, '|')
	resourceType, _, _ := strings.Cut(param.Expression, ".")
	if !ok || rawVersion == "" || param.Expression != resourceType+".url" {
		return nil, false, nil
	}
	of, ok := definitions.SearchParamOf(resourceType, "version")
	if !ok || of.Type != definitions.Token {
		return nil, false, nil
	}
	p.use(resourceType, of.Code)
	url, err := p.text(rawURL)
	if err != nil {
		return nil, true, err
	}
	version, err := p.text(rawVersion)
	if version = index.Bound(version); err != nil {
		return nil, true, err
	}
	return store.And{
		store.URI{Param: param.Code, Match: store.URIExact, Value: index.Bound(url)},
		store.Token{Param: of.Code, Values: []store.TokenValue{{Code: &version}}},
	}, true, nil
}

// isCanonical says whether all that an expression leads to are canonicals, or uris as R4 lets some be.
func isCanonical(expression string) bool {
	types := leadsTo(expression)
	return slices.Contains(types, "canonical") && !slices.ContainsFunc(types, func(t string) bool { return t != "canonical" && t != "uri" })
}
