package authing

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"github.com/admitdev/admit/pkg/web"
)

//go:embed schema.graphql
var schemaText string

var schema = mustLoad()

func mustLoad() *ast.Schema {
	loaded, err := validator.LoadSchema(validator.Prelude, &ast.Source{Name: "schema.graphql", Input: schemaText})
	if err != nil {
		panic(err)
	}
	return loaded
}

// The bounds of a document. It asks for one field, as those of all clients do, and the schema is not
// deep, so these also bound what it costs.
const (
	maxTokens = 2000
	maxFields = 300
	maxDepth  = 8
)

// object is a value whose fields are asked for: values, objects, lists of objects, and functions of the
// field's arguments that give one of these.
type object map[string]any

type computed func(arguments) any

// field is the one field of the document that is carried out.
type field struct {
	echo      echo.Context
	name      string
	args      arguments
	client    session // of all but accessToken
	selection ast.SelectionSet
	key       string
	document  *ast.QueryDocument
	variables map[string]any
}

func (h *Handler) graphQL(c echo.Context) error {
	f, err := readField(c)
	if err != nil {
		return err
	}
	value, err := h.resolve(c.Request().Context(), f)
	if err != nil {
		if errors.Is(err, errOff) {
			return err
		}
		return toFailure(c, err).at(f.name)
	}
	data, err := json.Marshal(map[string]json.RawMessage{f.key: f.complete(value, f.selection)})
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]json.RawMessage{"data": data})
}

func (h *Handler) resolve(ctx context.Context, f *field) (any, error) {
	if f.name == "accessToken" {
		return h.accessToken(f)
	}
	who, err := client(f.echo)
	if err != nil {
		return nil, err
	}
	f.client = session{h.Admin, who}
	return resolvers()[f.name](ctx, f)
}

// readField reads a request, as far as the schema allows it.
func readField(c echo.Context) (*field, error) {
	var in struct {
		Query         string         `json:"query"`
		OperationName string         `json:"operationName"`
		Variables     map[string]any `json:"variables"`
	}
	if err := web.ReadJSON(c, &in); err != nil {
		return nil, err
	}
	document, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: in.Query}, maxTokens)
	if err != nil {
		return nil, refuse("query", err.Error())
	}
	operation := document.Operations.ForName(in.OperationName)
	if operation == nil {
		return nil, refuse("query", "one operation is expected, or the name of one")
	}
	f := &field{echo: c, document: document}
	root, err := f.only(operation)
	if err != nil {
		return nil, err
	}
	if errs := validator.ValidateWithRules(schema, document, rules.NewDefaultRules()); len(errs) > 0 {
		return nil, &failure{Code: codeOther, Message: errs[0].Message}
	}
	if f.variables, err = validator.VariableValues(schema, operation, in.Variables); err != nil {
		return nil, &failure{Code: codeOther, Message: err.Error()}
	}
	f.name, f.key, f.selection, f.args = root.Name, root.Alias, root.SelectionSet, root.ArgumentMap(f.variables)
	return f, nil
}

// only is the field that an operation asks for. The schema itself is not told: a client that asks for it
// goes on without.
func (f *field) only(operation *ast.OperationDefinition) (*ast.Field, error) {
	if len(operation.SelectionSet) != 1 {
		return nil, refuse("query", "one field is expected")
	}
	root, ok := operation.SelectionSet[0].(*ast.Field)
	switch {
	case !ok:
		return nil, refuse("query", "one field is expected")
	case root.Name == "__schema" || root.Name == "__type" || root.Name == "__typename":
		return nil, unsupported(root.Name)
	case len(f.document.Fragments) > maxDepth:
		return nil, refuse("query", "too many fragments")
	}
	fields, deepest := measure(operation.SelectionSet)
	for _, fragment := range f.document.Fragments {
		more, deep := measure(fragment.SelectionSet)
		fields, deepest = fields+more, deepest+deep
	}
	if fields > maxFields || deepest > maxDepth {
		return nil, refuse("query", "too many fields")
	}
	return root, nil
}

// measure says how many fields a selection has and how deep they lie, fragments aside.
func measure(set ast.SelectionSet) (fields, deepest int) {
	for _, selection := range set {
		var below ast.SelectionSet
		switch selection := selection.(type) {
		case *ast.Field:
			below = selection.SelectionSet
		case *ast.InlineFragment:
			below = selection.SelectionSet
		}
		more, deep := measure(below)
		fields, deepest = fields+more+1, max(deepest, deep+1)
	}
	return fields, deepest
}

// complete is a value as the selection asks for it.
func (f *field) complete(value any, set ast.SelectionSet) json.RawMessage {
	switch value := value.(type) {
	case object:
		chosen := &chosen{field: f, seen: map[string]bool{}, sets: map[string]ast.SelectionSet{}}
		chosen.collect(set)
		out := map[string]json.RawMessage{}
		for _, selected := range chosen.fields {
			out[selected.Alias] = f.complete(f.valueOf(value, selected), chosen.sets[selected.Alias])
		}
		return marshal(out)
	case []object:
		out := make([]json.RawMessage, len(value))
		for i, one := range value {
			out[i] = f.complete(one, set)
		}
		return marshal(out)
	}
	return marshal(value)
}

func (f *field) valueOf(of object, selected *ast.Field) any {
	if selected.Name == "__typename" {
		return selected.ObjectDefinition.Name
	}
	if compute, ok := of[selected.Name].(computed); ok {
		return compute(selected.ArgumentMap(f.variables))
	}
	return of[selected.Name]
}

// chosen are the fields of a selection, those of its fragments among them. What is selected of one that
// stands there twice is merged (GraphQL §6.4.3).
type chosen struct {
	*field
	seen   map[string]bool // fragments
	fields []*ast.Field
	sets   map[string]ast.SelectionSet
}

func (c *chosen) collect(set ast.SelectionSet) {
	for _, selection := range set {
		switch selection := selection.(type) {
		case *ast.Field:
			if !c.included(selection.Directives) {
				continue
			}
			below, known := c.sets[selection.Alias]
			if !known {
				c.fields = append(c.fields, selection)
			}
			c.sets[selection.Alias] = append(below, selection.SelectionSet...)
		case *ast.InlineFragment:
			if c.included(selection.Directives) {
				c.collect(selection.SelectionSet)
			}
		case *ast.FragmentSpread:
			if c.included(selection.Directives) && !c.seen[selection.Name] {
				c.seen[selection.Name] = true
				c.collect(selection.Definition.SelectionSet)
			}
		}
	}
}

// included is @skip and @include.
func (f *field) included(directives ast.DirectiveList) bool {
	for _, d := range directives {
		condition, _ := d.ArgumentMap(f.variables)["if"].(bool)
		if d.Name == "skip" && condition || d.Name == "include" && !condition {
			return false
		}
	}
	return true
}

func marshal(value any) json.RawMessage {
	raw, err := json.Marshal(value)
	if err != nil { // what is kept came as JSON
		return json.RawMessage("null")
	}
	return raw
}
