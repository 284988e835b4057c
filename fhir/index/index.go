// Package index makes the search index rows of a resource: for every search parameter of its
// type the tokens, references, strings, dates, numbers and uris that its expression finds, in
// the form in which the store compares them. It does no I/O and it judges nothing: a value that
// is not what the parameter wants makes no row.
//
//   - One parsed document is walked; each expression is compiled once per process.
//   - Rows are distinct, and depend on nothing but the document.
//   - Nothing is rounded: decimals keep all their digits, dates cover all the time they mean.
//   - _id and _lastUpdated are columns of the resource, not rows.
//
// Besides a parameter p there are rows for its modifiers: "p:text" (strings) and "p:of-type"
// (tokens) of a token, "p:mime" (tokens) of a media type without its parameters, "p:identifier"
// (tokens) of a reference, "p:ucum" (quantities) of a quantity in the canonical unit of UCUM.
// CompartmentParam has the compartments that the resource is in. Composite says which composite parameters have rows, and UnionOf which others share rows.
package index

import (
	"errors"
	"slices"
	"sync"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/fhirpath"
	"github.com/admitdev/admit/pkg/store"
)

// The names of the rows of modifiers, after the parameter's code.
const (
	TextSuffix       = ":text"
	OfTypeSuffix     = ":of-type"
	IdentifierSuffix = ":identifier"
	CanonicalSuffix  = ":ucum"
	MIMESuffix       = ":mime"
)

// Extract makes the rows of a resource as it is stored, with its id (see document.Stamp): those of
// R4's parameters and of the project's own.
func Extract(doc *document.Node, resourceType string, custom ...Param) store.Index {
	var b builder
	env := fhirpath.NewEnv(doc, resourceType)
	for _, p := range paramsOf(resourceType) {
		b.param(env, p)
	}
	for _, c := range composites(resourceType) {
		b.composite(env, c)
	}
	for _, p := range custom {
		b.param(env, p)
	}
	b.compartments(doc, resourceType)
	b.share(resourceType)
	return b.index()
}

// References makes the rows of one reference parameter, R4's or the project's own.
func References(doc *document.Node, resourceType, param string, custom ...Param) []store.ReferenceRow {
	var b builder
	env := fhirpath.NewEnv(doc, resourceType)
	for _, p := range append(slices.Clip(paramsOf(resourceType)), custom...) {
		if p.Code == param && p.Type == definitions.Reference {
			b.param(env, p)
		}
	}
	return b.index().Reference
}

// Param is a search parameter ready to be evaluated.
type Param struct {
	*definitions.SearchParam
	expression *fhirpath.Expression
	add        func(b *builder, param string, v fhirpath.Value)
}

// Compile readies a search parameter that R4 does not have.
//
// Errors: those of fhirpath.Compile; ErrType for a type of parameter that has no rows.
func Compile(p *definitions.SearchParam) (Param, error) {
	add := adders[p.Type]
	if add == nil {
		return Param{}, ErrType
	}
	expression, err := fhirpath.Compile(p.Expression)
	return Param{p, expression, add}, err
}

// ErrType is Compile's error for parameters of a type that has no rows of its own.
var ErrType = errors.New("no rows are made for search parameters of this type")

// param makes the rows of one parameter.
func (b *builder) param(env *fhirpath.Env, p Param) {
	b.anyCase = AnyCase(p.SearchParam)
	values, err := p.expression.Evaluate(env, env.Root)
	if err != nil {
		return // a shape that the expression does not foresee has nothing to be found by
	}
	for _, v := range values {
		p.add(b, p.Code, v)
	}
}

// compiled remembers the compiled parameters of each type that has been written.
var compiled sync.Map // resource type → []Param

func paramsOf(resourceType string) []Param {
	if ps, ok := compiled.Load(resourceType); ok {
		return ps.([]Param)
	}
	var out []Param
	for _, p := range definitions.SearchParams(resourceType) {
		add := adders[p.Type]
		if p.Expression == "" || add == nil || p.Code == "_id" || p.Code == "_lastUpdated" || !UnionOf(resourceType, p).Own {
			continue
		}
		out = append(out, Param{p, mustCompile(p.Expression), add})
	}
	if len(out) > 0 { // an unknown type is the client's; it is not kept
		compiled.Store(resourceType, out)
	}
	return out
}

// compiledComposites remembers the compiled composites of each type that has been written.
var compiledComposites sync.Map // resource type → []composite

func composites(resourceType string) []composite {
	if cs, ok := compiledComposites.Load(resourceType); ok {
		return cs.([]composite)
	}
	out := compositesOf(resourceType)
	if definitions.IsResource(resourceType) {
		compiledComposites.Store(resourceType, out)
	}
	return out
}

// adders turn a value into rows. Composite and special parameters have none.
var adders = map[definitions.ParamType]func(b *builder, param string, v fhirpath.Value){
	definitions.Token:     (*builder).token,
	definitions.Reference: (*builder).reference,
	definitions.String:    (*builder).string,
	definitions.Date:      (*builder).date,
	definitions.Number:    (*builder).quantity,
	definitions.Quantity:  (*builder).quantity,
	definitions.URI:       (*builder).uri,
}

// builder collects rows.
type builder struct {
	rows    store.Index
	anyCase bool // of the parameter at hand
}

// index is the rows without repetitions.
func (b *builder) index() store.Index {
	b.bound()
	b.rows.Token = distinct(b.rows.Token)
	b.rows.Reference = distinct(b.rows.Reference)
	b.rows.String = distinct(b.rows.String)
	b.rows.Date = distinct(b.rows.Date)
	b.rows.Quantity = distinct(b.rows.Quantity)
	b.rows.URI = distinct(b.rows.URI)
	return b.rows
}

// distinct drops repetitions. Few rows are compared in pairs, without a map.
func distinct[T comparable](rows []T) []T {
	if len(rows) > 32 {
		return distinctOfMany(rows)
	}
	out := rows[:0]
	for _, row := range rows {
		if !slices.Contains(out, row) {
			out = append(out, row)
		}
	}
	return out
}

func distinctOfMany[T comparable](rows []T) []T {
	seen := make(map[T]struct{}, len(rows))
	out := rows[:0]
	for _, row := range rows {
		if _, ok := seen[row]; !ok {
			seen[row] = struct{}{}
			out = append(out, row)
		}
	}
	return out
}
