// Package profile checks resources against profiles (R4 profiling.html): StructureDefinitions that
// constrain a type, compiled once into a tree of the elements they say something about. It does
// no I/O: a Source finds what a profile refers to when it is compiled, and Check is pure.
//
// A profile may have a snapshot or a differential alone. A differential is laid over the tree of
// its base; what R4 itself says of an element is not repeated, because package validate has
// checked it. So Check is for resources that are valid already.
//
//   - What a profile says and this package cannot tell is never passed over in silence. Where it
//     decides what else is checked (slices by resolve() or by profile) the profile is refused
//     whole; where it stands alone (a constraint that cannot be evaluated, a value set or profile
//     that is not here) Check gives a warning.
//   - Of a reference no more is checked than the type that it names.
//   - A Profile does not change and may be shared. What it takes to check one resource is bounded.
package profile

import (
	"strings"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/fhirpath"
	"github.com/admitdev/admit/fhir/terminology"
)

// The bounds of one profile with all that it refers to, and of one Check.
const (
	maxProfiles = 200
	maxElements = 50_000
	maxSteps    = 2_000_000
	maxIssues   = 1000
)

// Source finds what profiles refer to; what is not known is nil.
type Source interface {
	// StructureDefinition is a profile by its canonical URL; an empty version is any.
	StructureDefinition(url, version string) (*document.Node, error)
	terminology.Source
}

// Profile is a compiled profile.
type Profile struct {
	// URL is its canonical, Type the type that it constrains.
	URL, Type string
	root      *node
}

// unbounded and unsaid are values of node.max; unsaid is one of node.min, too.
const unbounded, unsaid = -1, -2

// node is what profiles say of one element.
type node struct {
	name      string // "value" for value[x]
	slice     string // the slice's name
	base      *definitions.Element
	min, max  int
	maxLength int
	types     []allowed
	fixed     *document.Node
	pattern   *document.Node
	set       *terminology.Set // of a required binding
	setURL    string
	rules     []rule
	warnings  []string // what cannot be checked
	children  []*node
	slicing   *slicing
	slices    []*node
	reference string // the path of a content reference
	content   *node  // what it leads to
}

// allowed is a type that an element may have.
type allowed struct {
	code     string
	profiles []*Profile // one of them the value conforms to
	targets  []string   // resource types of references; empty: any
	unknown  []string   // profiles that are not here
}

// rule is a constraint.
type rule struct {
	definitions.Invariant
	warning bool
	own     *fhirpath.Expression
	foreign foreign
}

// slicing says how values are told apart.
type slicing struct {
	discriminators []discriminator
	rules          string // open, closed, openAtEnd
	ordered        bool
}

// discriminator is what the values of slices differ in.
type discriminator struct {
	kind string // value, pattern, exists, type
	path []step
}

// step is one step of a discriminator's path: an element, the extensions of a URL, or a type.
type step struct{ name, extension, ofType string }

const coreURL = "http://hl7.org/fhir/StructureDefinition/"

// coreType is the type that a canonical of R4's own names; empty for a profile.
func coreType(canonical string) string {
	url, _ := terminology.Canonical(canonical)
	name, ok := strings.CutPrefix(url, coreURL)
	if name == "SimpleQuantity" || name == "MoneyQuantity" {
		return "Quantity" // R4's own profiles of it, which its elements have
	}
	if !ok || strings.ContainsRune(name, '.') || definitions.StructureOf(name) == nil {
		return ""
	}
	return name
}

// IsCore says whether a canonical names a type of R4 and not a profile.
func IsCore(canonical string) bool { return coreType(canonical) != "" }

// structure is the type of an element's values, nil when it may have several.
func (n *node) structure() *definitions.Structure {
	if len(n.types) == 1 {
		s := definitions.StructureOf(n.types[0].code)
		if s != nil && s.Name != "BackboneElement" && s.Name != "Element" {
			return s
		}
	}
	if n.base != nil && len(n.base.Types) == 1 {
		return n.base.Types[0].Structure
	}
	return nil
}

// child is the node of an element.
func (n *node) child(name string) *node {
	for _, c := range n.children {
		if c.name == name {
			return c
		}
	}
	if n.content != nil && n.content != n {
		return n.content.child(name)
	}
	return nil
}

// decides says whether the node or what is below it tells values apart; seen are nodes that have
// been asked.
func (n *node) decides(seen map[*node]bool) bool {
	if n == nil || seen[n] {
		return false
	}
	seen[n] = true
	if n.fixed != nil || n.pattern != nil || n.set != nil {
		return true
	}
	for _, list := range [][]*node{n.children, n.slices} {
		for _, c := range list {
			if (c.min > 0 || c.min == unsaid) && c.decides(seen) {
				return true
			}
		}
	}
	for _, t := range n.types {
		for _, p := range t.profiles {
			if p.root.decides(seen) {
				return true
			}
		}
	}
	return false
}
