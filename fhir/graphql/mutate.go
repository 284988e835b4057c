package graphql

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/pkg/store"
)

func rootOf(operation *ast.OperationDefinition) *objectType {
	if operation.Operation == ast.Mutation {
		return &mutationType
	}
	return &queryType
}

func mutationField(name string) *field {
	for suffix, role := range map[string]role{"Create": createRole, "Update": updateRole, "Delete": deleteRole} {
		if resource, ok := strings.CutSuffix(name, suffix); ok && definitions.IsResource(resource) {
			return &field{name: name, role: role, resource: resource, of: resourceType(resource)}
		}
	}
	return nil
}

func mutationArguments(f *field) ast.ArgumentDefinitionList {
	var args ast.ArgumentDefinitionList
	if f.role != createRole {
		args = append(args, &ast.ArgumentDefinition{Name: "id", Type: ast.NonNullNamedType("ID", nil)})
	}
	if f.role != deleteRole {
		args = append(args, &ast.ArgumentDefinition{Name: "res", Type: ast.NonNullNamedType(f.name, nil)})
	}
	return args
}

// inputType is what a mutation takes, by Medplum's name for it. It is a scalar: the resource is
// validated as a resource when it is written, so nothing would be gained by telling GraphQL its form.
func inputType(name string) *ast.Definition { return &ast.Definition{Kind: ast.Scalar, Name: name} }

// mutate writes. A failure is the field's error; what other fields have written stays.
func (x *execution) mutate(o *object, g group, meaning *field) error {
	if err := x.statement(); err != nil {
		return err
	}
	written, err := x.written(g.fields[0], meaning)
	if err != nil || meaning.role == deleteRole {
		o.set(g.key, null)
		if err != nil {
			return x.fail(o, g.key, g.fields[0], err)
		}
		return nil
	}
	child, err := x.load(written, o, g.key, -1)
	if err != nil {
		return err
	}
	o.set(g.key, value{object: child})
	return x.below([]*object{child}, g)
}

func (x *execution) written(f *ast.Field, meaning *field) (store.Resource, error) {
	id := ""
	if given := f.Arguments.ForName("id"); given != nil {
		v, err := given.Value.Value(x.variables)
		if err != nil {
			return store.Resource{}, err
		}
		id = fmt.Sprint(v)
	}
	if meaning.role == deleteRole {
		return store.Resource{}, x.session.Delete(x.ctx, meaning.resource, id)
	}
	body, err := x.spell(nil, f.Arguments.ForName("res").Value)
	if err != nil {
		return store.Resource{}, err
	}
	if meaning.role == createRole {
		return x.session.Create(x.ctx, meaning.resource, body)
	}
	return x.session.Update(x.ctx, meaning.resource, id, body, "")
}

// spell writes a value as JSON, its numbers as they are spelled in the query or the variables.
func (x *execution) spell(out []byte, v *ast.Value) ([]byte, error) {
	switch v.Kind {
	case ast.Variable:
		if given, ok := x.given[v.Raw]; ok {
			return append(out, given...), nil
		}
		return appendJSON(out, x.variables[v.Raw])
	case ast.IntValue, ast.FloatValue, ast.BooleanValue, ast.NullValue:
		return append(out, v.Raw...), nil
	case ast.ListValue, ast.ObjectValue:
		return x.spellParts(out, v)
	}
	return appendJSON(out, v.Raw)
}

func (x *execution) spellParts(out []byte, v *ast.Value) (_ []byte, err error) {
	brackets := "[]"
	if v.Kind == ast.ObjectValue {
		brackets = "{}"
	}
	out = append(out, brackets[0])
	for i, part := range v.Children {
		if i > 0 {
			out = append(out, ',')
		}
		if v.Kind == ast.ObjectValue {
			out = append(append(append(out, '"'), part.Name...), `":`...) // names have nothing to escape
		}
		if out, err = x.spell(out, part.Value); err != nil {
			return nil, err
		}
	}
	return append(out, brackets[1]), nil
}

func appendJSON(out []byte, v any) ([]byte, error) {
	raw, err := json.Marshal(v)
	return append(out, raw...), err
}
