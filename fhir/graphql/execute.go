package graphql

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/fhirpath"
	"github.com/admitdev/admit/pkg/outcome"
)

// execution is one query on its way. It goes level by level: a selection is carried out for all
// objects that it is about at once, which is why their references can be followed together.
type execution struct {
	*Engine
	ctx       context.Context
	session   Session
	variables map[string]any
	given     map[string]json.RawMessage // the variables as they were spelled
	fragments map[string]*ast.FragmentDefinition

	expressions map[string]*fhirpath.Expression // of fhirpath arguments
	paths       *fhirpath.Budget                // of all of them together

	loaded    map[reference]*object // what references have led to
	searches  int
	resources int
	bytes     int // of the resources
	size      int // bytes that the answer may still have
	errors    gqlerror.List
	refused   *gqlerror.Error // why the query was given up
}

// object is something that fields are selected of, and what has been selected so far.
type object struct {
	of         *objectType
	node       *document.Node // of an element or resource
	connection *connection
	subject    any // of introspection
	members    []member

	up  *object // where it is, for the paths of errors
	key string
	at  int // -1: no item of a list
}

type member struct {
	key   string
	value value
}

// value is JSON as it is, an object, or a list of values.
type value struct {
	raw    []byte
	object *object
	list   []value
	isList bool
}

var null = value{raw: []byte("null")}

func (o *object) set(key string, v value) { o.members = append(o.members, member{key, v}) }

func (o *object) path() ast.Path {
	if o == nil || o.up == nil {
		return nil
	}
	path := append(o.up.path(), ast.PathName(o.key))
	if o.at >= 0 {
		path = append(path, ast.PathIndex(o.at))
	}
	return path
}

// errGivenUp says that the query has run into a limit; execution.refused says which.
var errGivenUp = errors.New("graphql: given up")

func (x *execution) giveUp(format string, args ...any) error {
	x.refused = gqlerror.Errorf(format, args...)
	return errGivenUp
}

// fail notes why a field is null. An error that is nobody's but ours ends the query.
func (x *execution) fail(o *object, key string, f *ast.Field, err error) error {
	var known *outcome.Outcome
	if !errors.As(err, &known) {
		return err
	}
	if len(x.errors) < maxErrors {
		e := gqlerror.ErrorPathf(append(o.path(), ast.PathName(key)), "%s", known.Error())
		if f.Position != nil {
			e.Locations = []gqlerror.Location{{Line: f.Position.Line, Column: f.Position.Column}}
		}
		e.Extensions = map[string]any{"code": known.Code.Issue}
		x.errors = append(x.errors, e)
	}
	return nil
}

// maxErrors is how many errors an answer lists.
const maxErrors = 100

// operation carries out the whole query.
func (x *execution) operation(operation *ast.OperationDefinition) (json.RawMessage, error) {
	root := &object{of: rootOf(operation), at: -1}
	if err := x.selections([]*object{root}, []ast.SelectionSet{operation.SelectionSet}); err != nil {
		return nil, err
	}
	return root.appendTo(nil), nil
}

// selections carries out sets for objects of one type.
func (x *execution) selections(objects []*object, sets []ast.SelectionSet) error {
	if len(objects) == 0 {
		return nil
	}
	if err := x.ctx.Err(); err != nil {
		return err
	}
	groups := &grouping{execution: x, of: objects[0].of, seen: map[string]bool{}, at: map[string]int{}}
	for _, set := range sets {
		groups.collect(set)
	}
	for _, g := range groups.groups {
		if x.size -= len(objects) * (len(g.key) + 4); x.size < 0 {
			return x.giveUp("The answer is too large (max %d bytes)", x.limits.Size)
		}
		if err := x.group(objects, g); err != nil {
			return err
		}
	}
	return nil
}

// group is the fields that answer under one key.
type group struct {
	key    string
	fields []*ast.Field
}

func (g group) sets() []ast.SelectionSet {
	sets := make([]ast.SelectionSet, len(g.fields))
	for i, f := range g.fields {
		sets[i] = f.SelectionSet
	}
	return sets
}

type grouping struct {
	*execution
	of     *objectType
	seen   map[string]bool // fragments
	at     map[string]int
	groups []group
}

// collect finds the fields of a set, in the fragments that apply to the type as well (GraphQL
// §6.3.2).
func (g *grouping) collect(set ast.SelectionSet) {
	for _, selection := range set {
		switch selection := selection.(type) {
		case *ast.Field:
			if !g.included(selection.Directives) {
				continue
			}
			i, ok := g.at[selection.Alias]
			if !ok {
				i = len(g.groups)
				g.at[selection.Alias] = i
				g.groups = append(g.groups, group{key: selection.Alias})
			}
			g.groups[i].fields = append(g.groups[i].fields, selection)
		case *ast.InlineFragment:
			if g.included(selection.Directives) && g.applies(selection.TypeCondition) {
				g.collect(selection.SelectionSet)
			}
		case *ast.FragmentSpread:
			fragment := g.fragments[selection.Name]
			if g.included(selection.Directives) && !g.seen[selection.Name] && g.applies(fragment.TypeCondition) {
				g.seen[selection.Name] = true
				g.collect(fragment.SelectionSet)
			}
		}
	}
}

func (g *grouping) applies(condition string) bool {
	return condition == "" || condition == g.of.name || condition == anyResource
}

// included is @skip and @include (GraphQL §3.13).
func (x *execution) included(directives ast.DirectiveList) bool {
	for _, d := range directives {
		condition, _ := d.ArgumentMap(x.variables)["if"].(bool)
		if d.Name == "skip" && condition || d.Name == "include" && !condition {
			return false
		}
	}
	return true
}

// group gives the objects the value of a field.
func (x *execution) group(objects []*object, g group) error {
	f := g.fields[0]
	if f.Name == "__typename" {
		for _, o := range objects {
			o.set(g.key, text(o.of.name))
		}
		return nil
	}
	meaning := x.schema.field(objects[0].of, f.Name)
	if meaning == nil { // validation has seen to it
		return fmt.Errorf("graphql: %s has no field %s", objects[0].of.name, f.Name)
	}
	switch meaning.role {
	case typeRole:
		for _, o := range objects {
			o.set(g.key, x.leaf(o.node.Get("resourceType")))
		}
		return x.affordableSize()
	case memberRole:
		return x.members(objects, g, meaning)
	case readRole:
		return x.read(objects[0], g, meaning)
	case listRole, connectionRole:
		return x.searchesFor(objects, g, meaning)
	case referenceRole:
		return x.follow(objects, g)
	case createRole, updateRole, deleteRole:
		return x.mutate(objects[0], g, meaning)
	case summaryRole:
		return x.summaries(objects, g)
	}
	return x.introspect(objects, g)
}

func (x *execution) affordableSize() error {
	if x.size < 0 {
		return x.giveUp("The answer is too large (max %d bytes)", x.limits.Size)
	}
	return nil
}

// below carries out a group's selections of the objects that it led to, type by type.
func (x *execution) below(objects []*object, g group) error {
	if err := x.affordableSize(); err != nil {
		return err
	}
	byType := map[string][]*object{}
	var names []string
	for _, o := range objects {
		if byType[o.of.name] == nil {
			names = append(names, o.of.name)
		}
		byType[o.of.name] = append(byType[o.of.name], o)
	}
	for _, name := range names {
		if err := x.selections(byType[name], g.sets()); err != nil {
			return err
		}
	}
	return nil
}

// leaf is a primitive as it is spelled.
func (x *execution) leaf(n *document.Node) value {
	if n == nil {
		return null
	}
	raw := n.Compact(nil)
	x.size -= len(raw)
	return value{raw: raw}
}

func text(s string) value {
	raw, _ := json.Marshal(s) // a string always marshals
	return value{raw: raw}
}

// appendTo writes the object as JSON.
func (o *object) appendTo(out []byte) []byte {
	out = append(out, '{')
	for i, m := range o.members {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(append(out, '"'), m.key...), `":`...) // names have nothing to escape
		out = m.value.appendTo(out)
	}
	return append(out, '}')
}

func (v value) appendTo(out []byte) []byte {
	switch {
	case v.object != nil:
		return v.object.appendTo(out)
	case !v.isList:
		return append(out, v.raw...)
	}
	out = append(out, '[')
	for i, item := range v.list {
		if i > 0 {
			out = append(out, ',')
		}
		out = item.appendTo(out)
	}
	return append(out, ']')
}
