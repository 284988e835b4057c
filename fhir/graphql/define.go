package graphql

import (
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/admitdev/admit/fhir/definitions"
)

// define is a field as GraphQL defines it.
func (s *schema) define(t *objectType, f *field) *ast.FieldDefinition {
	if t.kind == introspectionKind {
		return s.preludeType(t.name).Fields.ForName(f.name)
	}
	if f.role == introspectionRole {
		return introspectionRoot(f.name)
	}
	def := &ast.FieldDefinition{Name: f.name, Type: f.typeName()}
	switch f.role {
	case typeRole:
		def.Type = ast.NonNullNamedType("String", nil)
	case readRole:
		def.Arguments = ast.ArgumentDefinitionList{{Name: "id", Type: ast.NonNullNamedType("ID", nil)}}
	case createRole, updateRole, deleteRole:
		def.Arguments = mutationArguments(f)
	case connectionRole:
		def.Arguments = s.searchArguments(f.resource)
	case listRole:
		def.Arguments = s.searchArguments(f.resource)
		if t.kind == elementKind {
			by := &ast.ArgumentDefinition{Name: "_reference", Type: ast.NonNullNamedType(referenceEnum(t.name, f.resource), nil)}
			def.Arguments = append(append(ast.ArgumentDefinitionList{}, def.Arguments...), by)
		}
	case referenceRole:
		def.Arguments = ast.ArgumentDefinitionList{{Name: "optional", Type: ast.NamedType("Boolean", nil)}, {Name: "type", Type: ast.NamedType("String", nil)}}
	case memberRole:
		if f.array {
			def.Arguments = itemArguments(f)
		}
	}
	return def
}

func (f *field) typeName() *ast.Type {
	name := f.scalar
	switch {
	case f.union:
		name = anyResource
	case f.of != nil:
		name = f.of.name
	}
	if f.array {
		return ast.ListType(ast.NamedType(name, nil), nil)
	}
	return ast.NamedType(name, nil)
}

func referenceEnum(to, from string) string { return to + "_" + from + "_reference" }

// referenceType is the enum of the parameters by which from points at to.
func referenceType(to, from string) *ast.Definition {
	def := &ast.Definition{Kind: ast.Enum, Name: referenceEnum(to, from)}
	for _, code := range pointing(from, to) {
		def.EnumValues = append(def.EnumValues, &ast.EnumValueDefinition{Name: toName(code)})
	}
	return def
}

// searchArguments are a type's search parameters (R4 graphql.html#searching).
func (s *schema) searchArguments(resource string) ast.ArgumentDefinitionList {
	if made, ok := s.arguments.Load(resource); ok {
		return made.(ast.ArgumentDefinitionList)
	}
	args := ast.ArgumentDefinitionList{
		{Name: "_count", Type: ast.NamedType("Int", nil)}, {Name: "_offset", Type: ast.NamedType("Int", nil)},
		{Name: "_sort", Type: ast.NamedType("String", nil)}, {Name: "_filter", Type: ast.NamedType("String", nil)},
		{Name: "_cursor", Type: ast.NamedType("String", nil)},
	}
	for _, p := range definitions.SearchParams(resource) {
		if name := toName(p.Code); args.ForName(name) == nil {
			args = append(args, &ast.ArgumentDefinition{Name: name, Type: ast.NamedType("String", nil)})
		}
	}
	for _, always := range []string{"_id", "_lastUpdated", "_tag", "_profile", "_security", "_source"} {
		if args.ForName(always) == nil {
			args = append(args, &ast.ArgumentDefinition{Name: always, Type: ast.NamedType("String", nil)})
		}
	}
	kept, _ := s.arguments.LoadOrStore(resource, args)
	return kept.(ast.ArgumentDefinitionList)
}

// itemArguments choose among the values of an element (R4 graphql.html#list): by position, by an
// expression, or by the value of a text of theirs.
func itemArguments(f *field) ast.ArgumentDefinitionList {
	args := ast.ArgumentDefinitionList{{Name: "_count", Type: ast.NamedType("Int", nil)}, {Name: "_offset", Type: ast.NamedType("Int", nil)}}
	if f.of == nil {
		return args
	}
	args = append(args, &ast.ArgumentDefinition{Name: "fhirpath", Type: ast.NamedType("String", nil)})
	for i := range f.of.structure.Elements {
		element := &f.of.structure.Elements[i]
		for j := range element.Types {
			if of := element.Types[j].Structure; of.Kind == definitions.Primitive && !element.Array() && scalarOf(of.Name) == "String" {
				args = append(args, &ast.ArgumentDefinition{Name: element.Member(&element.Types[j]), Type: ast.NamedType("String", nil)})
			}
		}
	}
	return args
}

// prepare makes the schema of what a document speaks of: its types, with the fields that are named.
func (s *schema) prepare(doc *ast.QueryDocument) *ast.Schema {
	p := &preparing{schema: s, fragments: fragmentsOf(doc), done: map[string]bool{}, made: &ast.Schema{
		Types: map[string]*ast.Definition{}, Directives: map[string]*ast.DirectiveDefinition{}, PossibleTypes: map[string][]*ast.Definition{},
	}}
	for _, def := range s.prelude.Definitions {
		p.add(def)
	}
	for _, d := range s.prelude.Directives {
		if d.Name != "defer" {
			p.made.Directives[d.Name] = d
		}
	}
	p.made.Query = p.object(&queryType)
	for _, operation := range doc.Operations {
		if operation.Operation == ast.Mutation {
			p.made.Mutation = p.object(&mutationType)
		}
		p.selections(rootOf(operation), operation.SelectionSet)
	}
	for _, fragment := range doc.Fragments { // those that nobody uses are looked at as well
		p.fragment(nil, fragment)
	}
	return p.made
}

type preparing struct {
	*schema
	fragments map[string]*ast.FragmentDefinition
	done      map[string]bool
	made      *ast.Schema
}

func (p *preparing) add(def *ast.Definition) {
	p.made.Types[def.Name] = def
	if def.Kind == ast.Object {
		p.made.PossibleTypes[def.Name] = []*ast.Definition{def}
	}
}

func (p *preparing) object(t *objectType) *ast.Definition {
	def := p.made.Types[t.name]
	if def == nil {
		def = &ast.Definition{Kind: ast.Object, Name: t.name}
		p.add(def)
		if t.kind == elementKind && t.structure.Kind == definitions.Resource {
			p.made.PossibleTypes[anyResource] = append(p.made.PossibleTypes[anyResource], def)
		}
	}
	return def
}

func (p *preparing) selections(t *objectType, set ast.SelectionSet) {
	for _, selection := range set {
		switch selection := selection.(type) {
		case *ast.Field:
			p.named(t, selection)
		case *ast.InlineFragment:
			p.selections(p.condition(t, selection.TypeCondition), selection.SelectionSet)
		case *ast.FragmentSpread:
			if fragment := p.fragments[selection.Name]; fragment != nil {
				p.fragment(t, fragment)
			}
		}
	}
}

func (p *preparing) fragment(t *objectType, fragment *ast.FragmentDefinition) {
	t = p.condition(t, fragment.TypeCondition)
	key := fragment.Name
	if t != nil {
		key += " " + t.name
	}
	if !p.done[key] {
		p.done[key] = true
		p.selections(t, fragment.SelectionSet)
	}
}

// condition is the type that a fragment is on: the one at hand, or a resource type. nil stands for
// the union and for what is not known, which validation refuses.
func (p *preparing) condition(t *objectType, name string) *objectType {
	switch {
	case name == "" || t != nil && t.name == name:
		return t
	case name == anyResource:
		p.anyResource()
		return nil
	case name == queryType.name:
		return &queryType
	case name == mutationType.name:
		return &mutationType
	case definitions.IsResource(name):
		of := resourceType(name)
		p.object(of)
		return of
	}
	if structure := definitions.StructureOf(name); structure != nil && structure.Kind == definitions.Complex {
		of := typeOf(structure)
		p.object(of)
		return of
	}
	if of := p.types()[name]; of != nil { // takes long when it is first asked
		p.object(of)
		return of
	}
	return nil
}

func (p *preparing) anyResource() {
	if p.made.Types[anyResource] == nil {
		p.made.Types[anyResource] = &ast.Definition{Kind: ast.Union, Name: anyResource}
	}
}

func (p *preparing) named(t *objectType, selection *ast.Field) {
	if t == nil || t.kind == introspectionKind {
		return
	}
	f := p.field(t, selection.Name)
	if f == nil {
		return
	}
	def := p.object(t)
	if def.Fields.ForName(f.name) == nil {
		def.Fields = append(def.Fields, p.define(t, f))
		if f.role == listRole && t.kind == elementKind {
			p.add(referenceType(t.name, f.resource))
		}
		if f.role == createRole || f.role == updateRole {
			p.add(inputType(f.name))
		}
	}
	if f.union {
		p.anyResource()
	} else if f.of != nil && f.of.kind != introspectionKind {
		p.object(f.of)
	}
	p.selections(f.of, selection.SelectionSet)
}
