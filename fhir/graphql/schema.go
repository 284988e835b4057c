package graphql

import (
	"slices"
	"strings"
	"sync"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator"

	"github.com/admitdev/admit/fhir/definitions"
)

// objectType is a type that has fields.
type objectType struct {
	name      string
	kind      objectKind
	structure *definitions.Structure // of an element or resource
	resource  string                 // the type that a connection or its edge is of
}

type objectKind int

const (
	queryKind objectKind = iota
	mutationKind
	elementKind
	connectionKind
	edgeKind
	introspectionKind
)

// role is how a field gets its value.
type role int

const (
	memberRole     role = iota // of the document
	typeRole                   // resourceType
	readRole                   // Patient(id:)
	listRole                   // PatientList, at the top or of those that point at a resource
	connectionRole             // PatientConnection
	referenceRole              // Reference.resource
	summaryRole                // a field of a connection or edge
	introspectionRole
	createRole // PatientCreate(res:)
	updateRole // PatientUpdate(id:, res:)
	deleteRole // PatientDelete(id:)
)

// field is what a name means in a type.
type field struct {
	name     string
	role     role
	element  *definitions.Element
	of       *objectType // what its selections are of; nil for a leaf and for a union
	union    bool        // any resource
	array    bool
	scalar   string
	resource string // the type that is read or searched
}

// anyResource is the union of all resource types.
const anyResource = "ResourceList"

// schema says what names mean. It is made once and remembers what takes long to make.
type schema struct {
	prelude   *ast.SchemaDocument
	arguments sync.Map // resource type → ast.ArgumentDefinitionList of its searches
	whole     sync.Map // name → *ast.Definition, of those whose definition was asked for
	types     func() map[string]*objectType
}

func newSchema() *schema {
	s := &schema{prelude: validator.PreludeDocument()}
	s.types = sync.OnceValue(s.allTypes)
	return s
}

// The types at the top.
var (
	queryType    = objectType{name: "QueryType", kind: queryKind}
	mutationType = objectType{name: "MutationType", kind: mutationKind}
)

// typeOf is the type of a structure; GraphQL's names have no dots.
func typeOf(structure *definitions.Structure) *objectType {
	name := structure.Name
	if strings.Contains(name, ".") {
		var joined strings.Builder
		for part := range strings.SplitSeq(name, ".") {
			joined.WriteString(strings.ToUpper(part[:1]) + part[1:])
		}
		name = joined.String()
	}
	return &objectType{name: name, kind: elementKind, structure: structure}
}

func resourceType(name string) *objectType { return typeOf(definitions.StructureOf(name)) }

// scalars are the types of values. Numbers are Float, as Medplum has them; they come as spelled.
func scalarOf(primitive string) string {
	switch primitive {
	case "boolean":
		return "Boolean"
	case "integer", "decimal", "positiveInt", "unsignedInt":
		return "Float"
	case "id":
		return "ID"
	}
	return "String"
}

// field finds what a name means; nil when nothing.
func (s *schema) field(t *objectType, name string) *field {
	switch t.kind {
	case queryKind:
		return s.queryField(name)
	case mutationKind:
		return mutationField(name)
	case elementKind:
		return s.elementField(t, name)
	case connectionKind:
		return connectionField(t, name)
	case edgeKind:
		return edgeField(t, name)
	case introspectionKind:
		return s.introspectionField(t, name)
	}
	return nil
}

func (s *schema) queryField(name string) *field {
	switch {
	case name == "__schema":
		return &field{name: name, role: introspectionRole, of: &objectType{name: "__Schema", kind: introspectionKind}}
	case name == "__type":
		return &field{name: name, role: introspectionRole, of: &objectType{name: "__Type", kind: introspectionKind}}
	case definitions.IsResource(name):
		return &field{name: name, role: readRole, of: resourceType(name), resource: name}
	}
	if child, ok := strings.CutSuffix(name, "Connection"); ok && definitions.IsResource(child) {
		return &field{name: name, role: connectionRole, resource: child, of: &objectType{name: name, kind: connectionKind, resource: child}}
	}
	if child, ok := strings.CutSuffix(name, "List"); ok && definitions.IsResource(child) {
		return &field{name: name, role: listRole, resource: child, of: resourceType(child), array: true}
	}
	return nil
}

func (s *schema) elementField(t *objectType, name string) *field {
	resource := t.structure.Kind == definitions.Resource
	switch {
	case name == "resourceType" && resource:
		return &field{name: name, role: typeRole, scalar: "String"}
	case name == "resource" && t.structure.Name == "Reference":
		return &field{name: name, role: referenceRole, union: true}
	}
	if p, ok := t.structure.Property(name); ok {
		f := &field{name: name, element: p.Element, array: p.Element.Array()}
		switch of := p.Type.Structure; of.Kind {
		case definitions.Primitive:
			f.scalar = scalarOf(of.Name)
		case definitions.Abstract:
			f.union = true
		default:
			f.of = typeOf(of)
		}
		return f
	}
	if child, ok := strings.CutSuffix(name, "List"); ok && resource && definitions.IsResource(child) && len(pointing(child, t.structure.Name)) > 0 {
		return &field{name: name, role: listRole, resource: child, of: resourceType(child), array: true}
	}
	return nil
}

func connectionField(t *objectType, name string) *field {
	switch name {
	case "count", "offset", "pageSize":
		return &field{name: name, role: summaryRole, scalar: "Int"}
	case "first", "previous", "next", "last":
		return &field{name: name, role: summaryRole, scalar: "String"}
	case "edges":
		return &field{name: name, role: summaryRole, array: true, of: &objectType{name: t.name + "Edge", kind: edgeKind, resource: t.resource}}
	}
	return nil
}

func edgeField(t *objectType, name string) *field {
	switch name {
	case "mode":
		return &field{name: name, role: summaryRole, scalar: "String"}
	case "score":
		return &field{name: name, role: summaryRole, scalar: "Float"}
	case "resource":
		return &field{name: name, role: summaryRole, of: resourceType(t.resource)}
	}
	return nil
}

// pointing are the search parameters of a type by which it points at another.
func pointing(from, to string) []string {
	var codes []string
	for _, p := range definitions.SearchParams(from) {
		if p.Type == definitions.Reference && p.Expression != "" && slices.Contains(p.Targets, to) {
			codes = append(codes, p.Code)
		}
	}
	return codes
}

// Names in GraphQL have no dashes; those of search parameters have underscores only in front.

func toName(code string) string { return strings.ReplaceAll(code, "-", "_") }

func toCode(name string) string {
	if strings.HasPrefix(name, "_") {
		return name
	}
	return strings.ReplaceAll(name, "_", "-")
}
