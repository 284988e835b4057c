package graphql

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/index"
	"github.com/admitdev/admit/fhir/search"
	"github.com/admitdev/admit/pkg/store"
)

// The types whose R4 resources nobody stores: they are made of package definitions when they are
// asked for.
const (
	structureDefinition = "StructureDefinition"
	searchParameter     = "SearchParameter"
)

// core are R4's own definitions that a search finds, in the order of their names. Only the first page
// of a search has them. nil says that the type has none.
func (x *execution) core(resourceType string, args map[string]any, request *search.Request) []candidate {
	if resourceType != structureDefinition && resourceType != searchParameter {
		return nil
	}
	found := []candidate{}
	if request.Offset > 0 || args["_cursor"] != nil {
		return found
	}
	candidates := coreStructures()
	if resourceType == searchParameter {
		base, _ := args["base"].(string)
		candidates = parametersOf(base)
	}
	for _, c := range candidates {
		if len(found) >= request.Count {
			break
		}
		if request.Holds(c.ref, time.Time{}, c.rows) {
			found = append(found, c)
		}
	}
	return found
}

// candidate is a definition that may be asked for. Its document is made when the first query wants it,
// and shared by all.
type candidate struct {
	ref  store.Ref
	rows store.Index
	doc  func() definition
}

type definition struct {
	node  *document.Node
	bytes int
}

func parsed(content []byte) definition {
	doc, err := document.Parse(content)
	if err != nil {
		return definition{} // what was marshalled parses
	}
	return definition{doc, len(content)}
}

// coreStructures are found by all that stands outside of their elements.
var coreStructures = sync.OnceValue(func() []candidate {
	var all []candidate
	for _, s := range definitions.Structures() {
		if s.Kind == definitions.Backbone {
			continue
		}
		head := headOf(s)
		all = append(all, candidate{
			ref:  store.Ref{Project: store.SystemProject, Type: structureDefinition, ID: s.Name},
			rows: index.Extract(parsed(encode(head)).node, structureDefinition),
			doc: sync.OnceValue(func() definition {
				whole := head
				whole.Snapshot = &snapshot{Element: elementsOf(s)}
				return parsed(encode(whole))
			}),
		})
	}
	return all
})

// coreParameters are the search parameters by the type that they are of.
var coreParameters = sync.OnceValue(func() map[string][]candidate {
	all := map[string][]candidate{}
	for _, t := range definitions.ResourceTypes() {
		for _, p := range definitions.SearchParams(t) {
			if p.Expression == "" {
				continue
			}
			doc := parsed(encode(parameterOf(t, p)))
			all[t] = append(all[t], candidate{
				ref:  store.Ref{Project: store.SystemProject, Type: searchParameter, ID: t + "-" + strings.TrimLeft(p.Code, "_")},
				rows: index.Extract(doc.node, searchParameter),
				doc:  func() definition { return doc },
			})
		}
	}
	return all
})

// parametersOf are the search parameters of the types that base names, each once; of all when it
// names none.
func parametersOf(base string) []candidate {
	types := strings.Split(base, ",")
	if base == "" {
		types = definitions.ResourceTypes()
	}
	var all []candidate
	seen := map[string]bool{}
	for _, t := range types {
		if !seen[t] {
			seen[t] = true
			all = append(all, coreParameters()[t]...)
		}
	}
	return all
}

type structureResource struct {
	ResourceType   string    `json:"resourceType"`
	ID             string    `json:"id"`
	URL            string    `json:"url"`
	Name           string    `json:"name"`
	Status         string    `json:"status"`
	FHIRVersion    string    `json:"fhirVersion"`
	Kind           string    `json:"kind"`
	Abstract       bool      `json:"abstract"`
	Type           string    `json:"type"`
	BaseDefinition string    `json:"baseDefinition,omitempty"`
	Derivation     string    `json:"derivation,omitempty"`
	Snapshot       *snapshot `json:"snapshot,omitempty"`
}

type snapshot struct {
	Element []elementDefinition `json:"element"`
}

type elementDefinition struct {
	ID               string        `json:"id"`
	Path             string        `json:"path"`
	Min              int           `json:"min"`
	Max              string        `json:"max"`
	Base             elementBase   `json:"base"`
	ContentReference string        `json:"contentReference,omitempty"`
	Type             []elementType `json:"type,omitempty"`
	Summary          bool          `json:"isSummary,omitempty"`
	Binding          *binding      `json:"binding,omitempty"`
}

type elementBase struct {
	Path string `json:"path"`
	Min  int    `json:"min"`
	Max  string `json:"max"`
}

type elementType struct {
	Code          string   `json:"code"`
	TargetProfile []string `json:"targetProfile,omitempty"`
}

type binding struct {
	Strength string `json:"strength"`
	ValueSet string `json:"valueSet"`
}

type parameterResource struct {
	ResourceType string   `json:"resourceType"`
	ID           string   `json:"id"`
	URL          string   `json:"url"`
	Name         string   `json:"name"`
	Status       string   `json:"status"`
	Code         string   `json:"code"`
	Base         []string `json:"base"`
	Type         string   `json:"type"`
	Expression   string   `json:"expression"`
	Target       []string `json:"target,omitempty"`
}

// encode marshals what is made of strings and numbers, which cannot fail.
func encode(v any) []byte {
	raw, _ := json.Marshal(v)
	return raw
}

const (
	hl7Structure     = "http://hl7.org/fhir/StructureDefinition/"
	medplumStructure = "https://medplum.com/fhir/StructureDefinition/"
)

// urlOf is the canonical URL of a structure. Medplum's own types have no summary.
func urlOf(s *definitions.Structure) string {
	if s.Kind == definitions.Resource && !slices.ContainsFunc(s.Elements, func(e definitions.Element) bool { return e.Summary }) {
		return medplumStructure + s.Name
	}
	return hl7Structure + s.Name
}

func headOf(s *definitions.Structure) structureResource {
	head := structureResource{
		ResourceType: structureDefinition, ID: s.Name, URL: urlOf(s), Name: s.Name, Status: "active", FHIRVersion: "4.0.1",
		Kind: "resource", Abstract: s.Kind == definitions.Abstract, Type: s.Name,
	}
	switch s.Kind {
	case definitions.Complex:
		head.Kind = "complex-type"
	case definitions.Primitive:
		head.Kind = "primitive-type"
	}
	if s.Base != "" {
		head.BaseDefinition, head.Derivation = hl7Structure+s.Base, "specialization"
	}
	return head
}

// elementsOf are the elements of a structure with those of its backbone elements below them.
func elementsOf(s *definitions.Structure) []elementDefinition {
	root := elementDefinition{ID: s.Name, Path: s.Name, Max: "*", Base: elementBase{Path: s.Name, Max: "*"}}
	return appendElements([]elementDefinition{root}, s, s.Name)
}

func appendElements(out []elementDefinition, s *definitions.Structure, path string) []elementDefinition {
	for i := range s.Elements {
		e := &s.Elements[i]
		d := definitionOf(s, e, path)
		own := e.Types[0].Structure
		switch {
		case own.Kind == definitions.Backbone && own.Name != path+"."+e.Name:
			d.ContentReference, d.Type = "#"+own.Name, nil
			out = append(out, d)
		case own.Kind == definitions.Backbone:
			d.Type = []elementType{{Code: own.Base}}
			out = appendElements(append(out, d), own, own.Name)
		default:
			out = append(out, d)
		}
	}
	return out
}

func definitionOf(s *definitions.Structure, e *definitions.Element, path string) elementDefinition {
	name := e.Name
	if e.Choice {
		name += "[x]"
	}
	d := elementDefinition{ID: path + "." + name, Path: path + "." + name, Min: e.Min, Max: "1", Summary: e.Summary}
	if e.Max < 0 {
		d.Max = "*"
	} else if e.Max > 0 {
		d.Max = spelled(e.Max)
	}
	d.Base = elementBase{inheritedFrom(s, e.Name, path) + "." + name, d.Min, d.Max}
	for i := range e.Types {
		t := elementType{Code: e.Types[i].Code}
		for _, target := range e.Types[i].Targets {
			t.TargetProfile = append(t.TargetProfile, hl7Structure+target)
		}
		d.Type = append(d.Type, t)
	}
	if e.ValueSet != "" {
		d.Binding = &binding{"required", e.ValueSet}
	}
	return d
}

// inheritedFrom is the type that an element comes from.
func inheritedFrom(s *definitions.Structure, name, path string) string {
	switch {
	case s.Kind == definitions.Resource && slices.Contains([]string{"id", "meta", "implicitRules", "language"}, name):
		return "Resource"
	case s.Kind == definitions.Resource && s.Base == "DomainResource" && slices.Contains([]string{"text", "contained", "extension", "modifierExtension"}, name):
		return "DomainResource"
	case s.Kind != definitions.Resource && (name == "id" || name == "extension"):
		return "Element"
	case s.Kind == definitions.Backbone && name == "modifierExtension":
		return "BackboneElement"
	}
	return path
}

func parameterOf(resourceType string, p *definitions.SearchParam) parameterResource {
	return parameterResource{
		ResourceType: searchParameter, ID: resourceType + "-" + strings.TrimLeft(p.Code, "_"), URL: p.URL, Name: p.Code, Status: "active",
		Code: p.Code, Base: []string{resourceType}, Type: string(p.Type), Expression: p.Expression, Target: p.Targets,
	}
}
