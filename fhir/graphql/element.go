package graphql

import (
	"errors"

	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/fhirpath"
	"github.com/admitdev/admit/pkg/outcome"
)

// members selects an element of documents.
func (x *execution) members(objects []*object, g group, meaning *field) error {
	var below []*object
	choose, err := x.choice(g, meaning)
	if err != nil {
		for _, o := range objects {
			o.set(g.key, null)
		}
		return x.fail(objects[0], g.key, g.fields[0], err)
	}
	for _, o := range objects {
		n := o.node.Get(g.fields[0].Name)
		switch {
		case n == nil || n.Kind == document.Null:
			o.set(g.key, null)
		case meaning.array && n.Kind == document.Array:
			list := value{isList: true}
			for i, item := range choose(n.Items) {
				v, child := x.item(o, g.key, i, item, meaning)
				list.list = append(list.list, v)
				if child != nil {
					below = append(below, child)
				}
			}
			o.set(g.key, list)
		default:
			v, child := x.item(o, g.key, -1, n, meaning)
			o.set(g.key, v)
			if child != nil {
				below = append(below, child)
			}
		}
	}
	if x.refused != nil {
		return errGivenUp
	}
	if err := x.affordableSize(); err != nil {
		return err
	}
	return x.below(below, g)
}

// expression compiles what many fields may say once.
func (x *execution) expression(source string) (*fhirpath.Expression, error) {
	if known, ok := x.expressions[source]; ok {
		return known, nil
	}
	compiled, err := fhirpath.Compile(source)
	if err == nil {
		x.expressions[source] = compiled
	}
	return compiled, err
}

// item is one value: a primitive, or an object that is selected of.
func (x *execution) item(up *object, key string, at int, n *document.Node, meaning *field) (value, *object) {
	switch {
	case n == nil || n.Kind == document.Null:
		return null, nil
	case meaning.scalar != "":
		return x.leaf(n), nil
	case n.Kind != document.Object:
		return null, nil
	}
	of := meaning.of
	if meaning.union {
		name := n.Text("resourceType")
		if !definitions.IsResource(name) {
			return null, nil
		}
		of = resourceType(name)
	}
	child := &object{of: of, node: n, up: up, key: key, at: at}
	x.size -= 4
	return value{object: child}, child
}

// choice is what the arguments of a list leave of it (R4 graphql.html#list).
func (x *execution) choice(g group, meaning *field) (func([]*document.Node) []*document.Node, error) {
	args := g.fields[0].ArgumentMap(x.variables)
	var expression *fhirpath.Expression
	if source, ok := args["fhirpath"].(string); ok {
		var err error
		if expression, err = x.expression(source); err != nil {
			return nil, outcome.New(outcome.Invalid, "The expression of fhirpath cannot be read")
		}
	}
	return func(items []*document.Node) []*document.Node {
		if len(args) == 0 {
			return items
		}
		var chosen []*document.Node
		for _, item := range items {
			if matches(item, args) && (expression == nil || x.holds(expression, item, meaning)) {
				chosen = append(chosen, item)
			}
		}
		if offset, ok := integer(args["_offset"]); ok {
			chosen = chosen[min(max(offset, 0), len(chosen)):]
		}
		if count, ok := integer(args["_count"]); ok {
			chosen = chosen[:min(max(count, 0), len(chosen))]
		}
		return chosen
	}, nil
}

// matches compares the texts of an item with the arguments of their names.
func matches(item *document.Node, args map[string]any) bool {
	for name, wanted := range args {
		if s, ok := wanted.(string); ok && name != "fhirpath" && item.Text(name) != s {
			return false
		}
	}
	return true
}

// holds says whether an expression is true of an item; one that cannot be evaluated is not.
func (x *execution) holds(expression *fhirpath.Expression, item *document.Node, meaning *field) bool {
	if meaning.of == nil {
		return false
	}
	focus := fhirpath.Value{Type: meaning.of.structure, Node: item}
	env := x.paths.Env(item, meaning.of.structure.Name)
	out, err := expression.Evaluate(env, focus)
	if errors.Is(err, fhirpath.ErrTooCostly) {
		x.refused = gqlerror.Errorf("Query evaluates too much FHIRPath")
	}
	if err != nil || len(out) != 1 {
		return false
	}
	kind, text, ok := out[0].Primitive()
	return ok && (kind != document.Bool || text == "true")
}
