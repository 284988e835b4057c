// Package graphql answers GraphQL queries over FHIR resources (R4 graphql.html, as Medplum serves it):
// it parses and validates a query against the part of the schema that the query speaks of, which is
// made of package definitions on the spot, and carries it out through the caller's session.
//
//   - Everything is read through Session, so a query shows what the same caller would be shown by
//     reads and searches, and nothing else. An element that is hidden is null; so every element may
//     be null, whatever its definition says.
//   - What refers to something that is not there, and to something that may not be read, gets the
//     same error.
//   - References of one field are followed with one statement for each type they lead to, however
//     many there are.
//   - A query is bounded before it is validated (length, tokens, fields, depth), before it is carried
//     out (cost) and while it is (statements, resources and their bytes, size of the answer).
//   - R4's own StructureDefinitions and SearchParameters are found besides those that are stored,
//     as facts without prose, because Medplum's clients load their schemas from here.
//
// Mutations (PatientCreate, PatientUpdate, PatientDelete) are creates, updates and deletes of Session,
// one after the other, each for itself; the resource is taken as the JSON that it would be.
package graphql

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"github.com/admitdev/admit/fhir/fhirpath"
	"github.com/admitdev/admit/fhir/search"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// Session is what a query reads through; *repo.Session is one.
type Session interface {
	Read(ctx context.Context, resourceType, id string) (store.Resource, error)
	ReadMany(ctx context.Context, resourceType string, ids []string) (map[string]store.Resource, error)
	Search(ctx context.Context, req *search.Request) ([]store.Row, error)
	Count(ctx context.Context, req *search.Request) (int, error)
	Language(ctx context.Context, base string) (search.Language, error)
	Create(ctx context.Context, resourceType string, body []byte) (store.Resource, error)
	Update(ctx context.Context, resourceType, id string, body []byte, ifMatch string) (store.Resource, error)
	Delete(ctx context.Context, resourceType, id string) error
}

// Limits bound a query. Zero values stand for the default.
type Limits struct {
	Length    int // bytes of the query, and of its variables
	Tokens    int // words and signs of the query
	Fields    int // fields of the query, those of each fragment once; aliases make a field count again
	Depth     int // fields within fields; Medplum's limit
	Cost      int // see cost
	Searches  int // statements: searches, counts, reads, and one for each type that references of a field lead to
	Resources int // resources loaded
	Bytes     int // bytes of the resources loaded
	Size      int // bytes of the answer
}

func (l Limits) orDefault() Limits {
	for _, limit := range []struct {
		value    *int
		fallback int
	}{
		{&l.Length, 64 << 10}, {&l.Tokens, 8000}, {&l.Fields, 1000}, {&l.Depth, 12},
		{&l.Cost, 20_000}, {&l.Searches, 200}, {&l.Resources, 10_000}, {&l.Bytes, 64 << 20}, {&l.Size, 16 << 20},
	} {
		if *limit.value == 0 {
			*limit.value = limit.fallback
		}
	}
	return l
}

// Query is what a client sends.
type Query struct {
	Query         string    `json:"query"`
	OperationName string    `json:"operationName"`
	Variables     Variables `json:"variables"`
}

// Variables are the values of a query's variables, and how they were spelled.
type Variables struct {
	values  map[string]any
	spelled map[string]json.RawMessage
}

// UnmarshalJSON implements json.Unmarshaler.
func (v *Variables) UnmarshalJSON(raw []byte) error {
	if err := json.Unmarshal(raw, &v.spelled); err != nil {
		return outcome.New(outcome.Invalid, "Expected object").At("variables")
	}
	return json.Unmarshal(raw, &v.values)
}

// bytes is how long they are together.
func (v *Variables) bytes() int {
	sum := 0
	for name, spelled := range v.spelled {
		sum += len(name) + len(spelled)
	}
	return sum
}

// Options are what an Engine stands on.
type Options struct {
	// Base is the absolute URL of the FHIR surface with its final slash.
	Base   string
	Limits Limits
}

// Engine answers queries. It may be used by several goroutines.
type Engine struct {
	base   string
	limits Limits
	schema *schema
}

// New makes an Engine.
func New(o Options) *Engine {
	return &Engine{base: o.Base, limits: o.Limits.orDefault(), schema: newSchema()}
}

// Answer is a response: Data, in JSON, and the errors of fields that are null for them. Without
// Data nothing was carried out.
type Answer struct {
	Data   json.RawMessage `json:"data,omitempty"`
	Errors gqlerror.List   `json:"errors,omitempty"`
}

// Execute answers a query. whole allows it to ask for the whole schema. The error is what is not the
// query's fault.
func (e *Engine) Execute(ctx context.Context, session Session, q Query, whole bool) (Answer, error) {
	doc, operation, errs := e.read(q)
	if errs != nil {
		return Answer{Errors: errs}, nil //nolint:nilerr // they are the answer
	}
	prepared := e.schema.prepare(doc)
	if errs := validator.ValidateWithRules(prepared, doc, rules.NewDefaultRules()); len(errs) > 0 {
		return Answer{Errors: errs}, nil
	}
	variables, err := validator.VariableValues(prepared, operation, q.Variables.values)
	if err != nil {
		return Answer{Errors: listOf(err)}, nil
	}
	if refused := e.affordable(doc, operation, variables, whole); refused != nil {
		return Answer{Errors: gqlerror.List{refused}}, nil //nolint:nilerr // they are the answer
	}
	run := &execution{
		Engine: e, ctx: ctx, session: session, variables: variables, given: q.Variables.spelled, fragments: fragmentsOf(doc),
		loaded: map[reference]*object{}, size: e.limits.Size,
		expressions: map[string]*fhirpath.Expression{}, paths: fhirpath.NewBudget(evaluated),
	}
	if whole {
		run.size = max(run.size, wholeSchema)
	}
	data, err := run.operation(operation)
	if err != nil {
		if run.refused != nil {
			return Answer{Errors: gqlerror.List{run.refused}}, nil //nolint:nilerr // they are the answer
		}
		return Answer{}, err
	}
	return Answer{Data: data, Errors: run.errors}, nil
}

// evaluated is of how many bytes of resources the fhirpath arguments of a query may be evaluated.
const evaluated = 1 << 20

// wholeSchema is room for the answer to the usual question for the whole schema.
const wholeSchema = 64 << 20

// read parses a query that is within the bounds of its form, and finds the operation.
func (e *Engine) read(q Query) (*ast.QueryDocument, *ast.OperationDefinition, gqlerror.List) {
	switch {
	case q.Query == "":
		return nil, nil, refusals("Must provide query.")
	case len(q.Query) > e.limits.Length:
		return nil, nil, refusals("Query is too long (max %d bytes)", e.limits.Length)
	}
	doc, err := parser.ParseQueryWithTokenLimit(&ast.Source{Name: "query", Input: q.Query}, e.limits.Tokens)
	if err != nil {
		return nil, nil, listOf(err)
	}
	if refused := e.bounded(doc); refused != nil {
		return nil, nil, gqlerror.List{refused}
	}
	operation := doc.Operations.ForName(q.OperationName)
	switch {
	case operation == nil && q.OperationName != "":
		return nil, nil, refusals("Unknown operation named %q.", q.OperationName)
	case operation == nil:
		return nil, nil, refusals("Must provide operation name if query contains multiple operations.")
	case operation.Operation == ast.Query && q.Variables.bytes() > e.limits.Length: // those of a mutation may be resources
		return nil, nil, refusals("Variables are too long (max %d bytes)", e.limits.Length)
	case operation.Operation == ast.Subscription:
		return nil, nil, refusals("Subscriptions are not supported.")
	}
	return doc, operation, nil
}

// listOf keeps the place that an error of the parser names.
func listOf(err error) gqlerror.List {
	var own *gqlerror.Error
	if errors.As(err, &own) {
		return gqlerror.List{own}
	}
	return gqlerror.List{gqlerror.Wrap(err)}
}

func refusals(format string, args ...any) gqlerror.List {
	return gqlerror.List{gqlerror.Errorf(format, args...)}
}

func fragmentsOf(doc *ast.QueryDocument) map[string]*ast.FragmentDefinition {
	fragments := map[string]*ast.FragmentDefinition{}
	for _, f := range doc.Fragments {
		if fragments[f.Name] == nil {
			fragments[f.Name] = f
		}
	}
	return fragments
}
