package search

import (
	"slices"
	"strings"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/index"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// Parameters are the search parameters that projects have besides those of R4.
type Parameters interface {
	// SearchParam finds the parameter of a type.
	SearchParam(resourceType, code string) (Parameter, bool)
}

// Parameter is a search parameter that a project has defined.
type Parameter struct {
	*definitions.SearchParam
	// Projects are those whose resources are indexed by it; nil when the search looks at no others.
	Projects []string
	// Indexing says that not all resources are indexed by it yet, so no search by it would be whole.
	Indexing bool
}

// Language is what a search may be spelled with: the parameters of R4 and Custom's. Base is the
// absolute URL of the FHIR surface with its final slash: references below it are local.
type Language struct {
	Base   string
	Custom Parameters // nil for none
	// Lenient leaves parameters out that are not known or not supported, as a client may ask by
	// Prefer: handling=lenient (R4 search.html#errors). Their modifiers and values are not forgiven.
	Lenient bool
	// Strict refuses elements in _elements that no type has, which are else as good as absent ones.
	Strict bool
	// Form leaves parameters out that have no value, as forms send them (R4 search.html#errors). A
	// condition never does: it would find more than it says.
	Form bool
}

// known are the parameters that all types know.
func (p *parser) known(types []string, params []parameter) []parameter {
	return slices.DeleteFunc(params, func(param parameter) bool {
		return slices.ContainsFunc(types, func(t string) bool { return !p.isKnown(t, param.name) })
	})
}

func (p *parser) isKnown(resourceType, name string) bool {
	if strings.HasPrefix(name, "_has:") || p.knows(resourceType, name) {
		return true
	}
	code, _, _ := strings.Cut(name, ".")
	code, _, _ = strings.Cut(code, ":")
	_, err := p.lookUp(resourceType, code)
	return code == "_filter" || code == "_list" || !outcome.Has(err, outcome.Invalid) && !outcome.Has(err, outcome.NotSupported)
}

// Supports says whether a parameter of R4 can be searched by.
func Supports(resourceType string, p *definitions.SearchParam) bool {
	if p.Type == definitions.Composite {
		_, ok := index.CompositeOf(resourceType, p)
		return ok
	}
	_, hasRows := kinds[p.Type]
	return hasRows && p.Expression != ""
}

// lookUp finds a parameter that can be searched by.
func (p *parser) lookUp(resourceType, code string) (*definitions.SearchParam, error) {
	param, ok := definitions.SearchParamOf(resourceType, code)
	if !ok {
		custom, ok := p.customParam(resourceType, code)
		switch {
		case !ok:
			return nil, unknownParameter(code)
		case custom.Indexing:
			return nil, outcome.New(outcome.Conflict, "Search parameter %s is being indexed: search by it when that is done", code)
		}
		param = custom.SearchParam
	}
	_, hasRows := kinds[param.Type]
	if !hasRows && param.Type != definitions.Composite || param.Expression == "" {
		return nil, outcome.New(outcome.NotSupported, "Search parameter %s is not supported", code)
	}
	return param, nil
}

func (p *parser) customParam(resourceType, code string) (Parameter, bool) {
	if p.custom == nil {
		return Parameter{}, false
	}
	return p.custom.SearchParam(resourceType, code)
}

// within keeps a condition on a project's own parameter to the resources that are indexed by it:
// about others it says nothing, not even that a value is missing.
func (p *parser) within(resourceType, code string, of store.Predicate) store.Predicate {
	custom, ok := p.customParam(resourceType, code)
	if !ok || custom.Projects == nil || of == nil {
		return of
	}
	in := store.Reference{Param: index.CompartmentParam}
	for _, project := range custom.Projects {
		in.Values = append(in.Values, store.ReferenceValue{Type: medplum.TypeProject, ID: project})
	}
	return store.And{in, of}
}
