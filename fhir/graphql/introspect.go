package graphql

import (
	"slices"
	"strconv"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator"

	"github.com/admitdev/admit/fhir/definitions"
)

func introspectionRoot(name string) *ast.FieldDefinition {
	return validator.QueryIntrospectionFields().ForName(name)
}

func (s *schema) preludeType(name string) *ast.Definition { return s.prelude.Definitions.ForName(name) }

// introspectionField is a field of GraphQL's own types (§4).
func (s *schema) introspectionField(t *objectType, name string) *field {
	def := s.preludeType(t.name).Fields.ForName(name)
	if def == nil {
		return nil
	}
	f := &field{name: name, role: introspectionRole, array: def.Type.Elem != nil}
	if of := s.preludeType(def.Type.Name()); of != nil && of.Kind == ast.Object {
		f.of = &objectType{name: of.Name, kind: introspectionKind}
	}
	return f
}

// allTypes are the types that have fields, by name.
func (s *schema) allTypes() map[string]*objectType {
	all := map[string]*objectType{queryType.name: &queryType, mutationType.name: &mutationType}
	for _, structure := range definitions.Structures() {
		if structure.Kind == definitions.Primitive || structure.Kind == definitions.Abstract {
			continue
		}
		of := typeOf(structure)
		all[of.name] = of
		if structure.Kind == definitions.Resource {
			connection := s.queryField(of.name + "Connection").of
			all[connection.name] = connection
			edge := connectionField(connection, "edges").of
			all[edge.name] = edge
		}
	}
	return all
}

// definition is a type, whole; nil when there is none of that name.
func (s *schema) definition(name string) *ast.Definition {
	if def, ok := s.whole.Load(name); ok {
		return def.(*ast.Definition)
	}
	def := s.makeDefinition(name)
	if def != nil { // unknown names are the client's; they are not kept
		s.whole.Store(name, def)
	}
	return def
}

func (s *schema) makeDefinition(name string) *ast.Definition {
	if def := s.preludeType(name); def != nil {
		return def
	}
	if name == anyResource {
		return &ast.Definition{Kind: ast.Union, Name: name, Types: definitions.ResourceTypes()}
	}
	if to, rest, ok := strings.Cut(name, "_"); ok && definitions.IsResource(to) {
		from, _ := strings.CutSuffix(rest, "_reference")
		if definitions.IsResource(from) && referenceEnum(to, from) == name && len(pointing(from, to)) > 0 {
			return referenceType(to, from)
		}
		return nil
	}
	if f := mutationField(name); f != nil && f.role != deleteRole {
		return inputType(name)
	}
	of := s.types()[name]
	if of == nil {
		return nil
	}
	def := &ast.Definition{Kind: ast.Object, Name: name}
	for _, name := range fieldNames(of) {
		if f := s.field(of, name); f != nil {
			def.Fields = append(def.Fields, s.define(of, f))
		}
	}
	return def
}

// fieldNames are the names that may be fields of a type.
func fieldNames(t *objectType) []string {
	switch t.kind {
	case connectionKind:
		return []string{"count", "offset", "pageSize", "first", "previous", "next", "last", "edges"}
	case edgeKind:
		return []string{"mode", "score", "resource"}
	case mutationKind:
		var names []string
		for _, r := range definitions.ResourceTypes() {
			names = append(names, r+"Create", r+"Update", r+"Delete")
		}
		return names
	case queryKind:
		var names []string
		for _, r := range definitions.ResourceTypes() {
			names = append(names, r, r+"List", r+"Connection")
		}
		return names
	}
	names := []string{"resourceType"}
	for i := range t.structure.Elements {
		e := &t.structure.Elements[i]
		for j := range e.Types {
			names = append(names, e.Member(&e.Types[j]))
		}
	}
	if t.structure.Name == "Reference" {
		names = append(names, "resource")
	}
	if t.structure.Kind == definitions.Resource {
		for _, r := range definitions.ResourceTypes() {
			names = append(names, r+"List")
		}
	}
	return names
}

// allNames are the names of all types.
func (s *schema) allNames() []string {
	var names []string
	for name := range s.types() {
		names = append(names, name)
	}
	for _, def := range s.prelude.Definitions {
		names = append(names, def.Name)
	}
	resources := definitions.ResourceTypes()
	for _, to := range resources {
		names = append(names, to+"Create", to+"Update")
		for _, from := range resources {
			if len(pointing(from, to)) > 0 {
				names = append(names, referenceEnum(to, from))
			}
		}
	}
	slices.Sort(names)
	return append(names, anyResource)
}

// introspect selects of the schema.
func (x *execution) introspect(objects []*object, g group) error {
	meaning := x.schema.field(objects[0].of, g.fields[0].Name)
	var below []*object
	wrap := func(o *object, at int, subject any) value {
		child := &object{of: meaning.of, subject: subject, up: o, key: g.key, at: at}
		below = append(below, child)
		x.size -= 4
		return value{object: child}
	}
	for _, o := range objects {
		switch answer := x.about(o, g).(type) {
		case nil:
			o.set(g.key, null)
		case string:
			v := text(answer)
			x.size -= len(v.raw)
			o.set(g.key, v)
		case bool:
			o.set(g.key, value{raw: strconv.AppendBool(nil, answer)})
		case []string:
			v := value{isList: true}
			for _, s := range answer {
				v.list = append(v.list, text(s))
			}
			o.set(g.key, v)
		case []any:
			v := value{isList: true}
			for i, subject := range answer {
				v.list = append(v.list, wrap(o, i, subject))
			}
			o.set(g.key, v)
		default:
			o.set(g.key, wrap(o, -1, answer))
		}
	}
	return x.below(below, g)
}

// about is the answer of a subject to a field: nil, a string, a bool, strings, another subject or
// a list of them.
func (x *execution) about(o *object, g group) any {
	name := g.fields[0].Name
	switch subject := o.subject.(type) {
	case nil:
		if name == "__schema" {
			return x.schema
		}
		asked, _ := g.fields[0].ArgumentMap(x.variables)["name"].(string)
		return subjectOf(x.schema.definition(asked))
	case *schema:
		return subject.about(name)
	case *ast.Definition:
		return x.schema.aboutType(subject, name)
	case *ast.Type:
		return aboutWrapper(subject, name, x.schema)
	case *ast.FieldDefinition:
		switch name {
		case "name":
			return subject.Name
		case "args":
			return anys(subject.Arguments)
		case "type":
			return typeSubject(subject.Type, x.schema)
		case "isDeprecated":
			return false
		}
	case *ast.ArgumentDefinition:
		switch name {
		case "name":
			return subject.Name
		case "type":
			return typeSubject(subject.Type, x.schema)
		case "defaultValue":
			if subject.DefaultValue != nil {
				return subject.DefaultValue.String()
			}
		case "isDeprecated":
			return false
		}
	case *ast.EnumValueDefinition:
		switch name {
		case "name":
			return subject.Name
		case "isDeprecated":
			return false
		}
	case *ast.DirectiveDefinition:
		switch name {
		case "name":
			return subject.Name
		case "locations":
			var locations []string
			for _, l := range subject.Locations {
				locations = append(locations, string(l))
			}
			return locations
		case "args":
			return anys(subject.Arguments)
		case "isRepeatable":
			return subject.IsRepeatable
		}
	}
	return nil
}

func (s *schema) about(name string) any {
	switch name {
	case "queryType":
		return s.definition(queryType.name)
	case "mutationType":
		return s.definition(mutationType.name)
	case "types":
		var all []any
		for _, name := range s.allNames() {
			all = append(all, s.definition(name))
		}
		return all
	case "directives":
		var all []any
		for _, d := range s.prelude.Directives {
			if d.Name != "defer" {
				all = append(all, d)
			}
		}
		return all
	}
	return nil
}

func (s *schema) aboutType(def *ast.Definition, name string) any {
	switch name {
	case "kind":
		return string(def.Kind)
	case "name":
		return def.Name
	case "fields":
		if def.Kind == ast.Object {
			return anys(def.Fields)
		}
	case "interfaces":
		if def.Kind == ast.Object {
			return []any{}
		}
	case "possibleTypes":
		if def.Kind == ast.Union {
			var all []any
			for _, t := range def.Types {
				all = append(all, s.definition(t))
			}
			return all
		}
	case "enumValues":
		if def.Kind == ast.Enum {
			return anys(def.EnumValues)
		}
	}
	return nil
}

// typeSubject is a named type, or what is around one.
func typeSubject(t *ast.Type, s *schema) any {
	if t.NonNull || t.Elem != nil {
		return t
	}
	return subjectOf(s.definition(t.NamedType))
}

func aboutWrapper(t *ast.Type, name string, s *schema) any {
	switch {
	case name == "kind" && t.NonNull:
		return "NON_NULL"
	case name == "kind":
		return "LIST"
	case name == "ofType" && t.NonNull:
		inner := *t
		inner.NonNull = false
		return typeSubject(&inner, s)
	case name == "ofType":
		return typeSubject(t.Elem, s)
	}
	return nil
}

// subjectOf keeps a definition that is not there from becoming one that is.
func subjectOf(def *ast.Definition) any {
	if def == nil {
		return nil
	}
	return def
}

func anys[T any](items []T) []any {
	all := make([]any, len(items))
	for i, item := range items {
		all[i] = item
	}
	return all
}
