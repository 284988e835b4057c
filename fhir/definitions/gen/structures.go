package main

import (
	"slices"
	"strconv"
	"strings"

	"github.com/admitdev/admit/fhir/definitions"
)

// medplumTypes are the types of Medplum that are known, as of its release 5.1.13; the definitions
// in its package are of a later one.
var medplumTypes = []string{
	"AccessPolicy", "Agent", "AsyncJob", "Bot", "BulkDataExport", "ClientApplication", "DomainConfiguration",
	"IdentityProvider", "JsonWebKey", "Login", "Package", "PackageInstallation", "PackageRelease", "Project",
	"ProjectMembership", "SmartAppLaunch", "User", "UserConfiguration", "UserSecurityRequest", "ViewDefinition",
}

// optional are elements that Medplum demands and Admit keeps in credential tables instead.
var optional = []string{"UserSecurityRequest.secret", "UserSecurityRequest.type"}

// leftOut are elements that say nothing a client may write.
var leftOut = []string{"Meta.deleted"}

// medplumSets begin the URLs of Medplum's own value sets. They bind nothing: Medplum's releases add
// to them, as Admit does to the types of profiles that a project has default policies for.
const medplumSets = "https://medplum.com/"

// uncheckable are invariants that are not taken over, with the reason.
var uncheckable = map[string]string{
	"ele-1": "validate checks it on every element itself",
	"ext-1": "validate checks it on every extension itself",
	"dom-2": "validate itself", "dom-3": "validate itself", "dom-4": "validate itself", "dom-5": "validate itself",
	"txt-1": "htmlChecks(): validate looks at the div itself", "txt-2": "as txt-1",
	"ref-1": "validate itself: it needs the containing resource",
	"axp-3": "policy parses the criteria, which is stricter and knows chains",
}

func (s *source) structures() []*definitions.Structure {
	var out []*definitions.Structure
	for _, def := range s.structureDefinitions {
		if def.Name == "Meta" && s.metaOfMedplum != nil {
			def.Snapshot.Element = withMedplumMeta(def.Snapshot.Element, s.metaOfMedplum.Snapshot.Element)
		}
		out = append(out, structuresOf(def)...)
	}
	slices.SortFunc(out, func(a, b *definitions.Structure) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// withMedplumMeta adds Medplum's elements to meta: project, author, accounts, ….
func withMedplumMeta(ours, theirs []elementDefinition) []elementDefinition {
	for _, e := range theirs {
		known := slices.ContainsFunc(ours, func(o elementDefinition) bool { return o.Path == e.Path })
		if !known && !slices.Contains(leftOut, e.Path) {
			ours = append(ours, e)
		}
	}
	return ours
}

// structuresOf makes the structure of a definition and of each of its backbone elements.
func structuresOf(def structureDefinition) []*definitions.Structure {
	root := &definitions.Structure{Name: def.Name, Kind: kindOf(def), Base: last(def.BaseDefinition)}
	byPath := map[string]*definitions.Structure{def.Name: root}
	all := []*definitions.Structure{root}
	for i, e := range def.Snapshot.Element {
		if !strings.Contains(e.Path, ".") {
			root.Invariants = invariants(e)
			continue
		}
		parent, name := cutLast(e.Path)
		if root.Kind == definitions.Primitive && name == "value" {
			continue
		}
		element := elementOf(def, e, name)
		if isBackbone(def.Snapshot.Element, i) {
			child := &definitions.Structure{Name: e.Path, Kind: definitions.Backbone, Base: e.Type[0].Code}
			child.Invariants, element.Invariants = element.Invariants, nil
			element.Types = []definitions.Type{{Code: e.Path}}
			byPath[e.Path] = child
			all = append(all, child)
		}
		element.Summary = e.IsSummary && parent == def.Name && kindOf(def) == definitions.Resource
		byPath[parent].Elements = append(byPath[parent].Elements, element)
	}
	for _, st := range all {
		addMissing(st)
	}
	return all
}

// addMissing gives Medplum's types what its definitions leave to the base types.
func addMissing(s *definitions.Structure) {
	add := func(name, code string, max int) {
		if !slices.ContainsFunc(s.Elements, func(e definitions.Element) bool { return e.Name == name }) {
			s.Elements = append(s.Elements, definitions.Element{Name: name, Max: max, Types: []definitions.Type{{Code: code}}})
		}
	}
	if s.Name == "ViewDefinition" { // a logical model upstream, a resource in use
		add("id", "id", 0)
		add("implicitRules", "uri", 0)
		add("language", "code", 0)
		add("text", "Narrative", 0)
		add("contained", "Resource", -1)
		add("extension", "Extension", -1)
		add("modifierExtension", "Extension", -1)
	}
	if s.Kind == definitions.Complex || s.Kind == definitions.Primitive || s.Kind == definitions.Backbone {
		add("id", "string", 0)
		add("extension", "Extension", -1)
	}
	if s.Kind == definitions.Backbone && s.Base == "BackboneElement" {
		add("modifierExtension", "Extension", -1)
	}
}

func kindOf(def structureDefinition) definitions.Kind {
	switch {
	case def.Kind == "primitive-type":
		return definitions.Primitive
	case def.Kind == "complex-type":
		return definitions.Complex
	case def.Abstract:
		return definitions.Abstract
	}
	return definitions.Resource // a logical one too: ViewDefinition
}

// isBackbone says whether the element has elements of its own.
func isBackbone(elements []elementDefinition, i int) bool {
	return i+1 < len(elements) && strings.HasPrefix(elements[i+1].Path, elements[i].Path+".")
}

func elementOf(def structureDefinition, e elementDefinition, name string) definitions.Element {
	out := definitions.Element{Min: e.Min, Max: maxOf(e.Max)}
	out.Name, out.Choice = strings.CutSuffix(name, "[x]")
	if slices.Contains(optional, e.Path) {
		out.Min = 0
	}
	if e.Binding.Strength == "required" && !strings.HasPrefix(e.Binding.ValueSet, medplumSets) {
		out.ValueSet, _, _ = strings.Cut(e.Binding.ValueSet, "|")
	}
	out.Invariants = invariants(e)
	if e.ContentReference != "" {
		_, path, _ := strings.Cut(e.ContentReference, "#")
		out.Types = []definitions.Type{{Code: path}}
		return out
	}
	for _, t := range e.Type {
		code := last(t.Code)
		for _, x := range t.Extension {
			if strings.HasSuffix(x.URL, "structuredefinition-fhir-type") {
				code = x.ValueURL
			}
		}
		if strings.HasPrefix(code, "System.") {
			code = strings.ToLower(strings.TrimPrefix(code, "System."))
		}
		if code == "integer64" { // a type of R5
			continue
		}
		out.Types = append(out.Types, definitions.Type{Code: code, Targets: targets(t.TargetProfile)})
	}
	if kindOf(def) != definitions.Complex && kindOf(def) != definitions.Primitive && e.Path == def.Name+".id" {
		out.Types = []definitions.Type{{Code: "id"}} // the definitions say string, the specification id
	}
	return out
}

func maxOf(s string) int {
	switch n, err := strconv.Atoi(s); {
	case err != nil:
		return -1
	case n == 1:
		return 0
	default:
		return n
	}
}

// targets are the resource types of target profiles; none when any resource will do.
func targets(profiles []string) []string {
	var out []string
	for _, p := range profiles {
		if last(p) == "Resource" {
			return nil
		}
		out = append(out, last(p))
	}
	return out
}

// invariants are the element's own. Those of its data type are left to that type's structure.
func invariants(e elementDefinition) []definitions.Invariant {
	var out []definitions.Invariant
	for _, c := range e.Constraint {
		if c.Severity == "error" && c.Expression != "" && uncheckable[c.Key] == "" {
			out = append(out, definitions.Invariant{Key: c.Key, Human: c.Human, Expression: c.Expression})
		}
	}
	return out
}

func last(url string) string { return url[strings.LastIndexByte(url, '/')+1:] }

func cutLast(path string) (parent, name string) {
	i := strings.LastIndexByte(path, '.')
	return path[:i], path[i+1:]
}
