package profile

import (
	"slices"
	"strconv"
	"strings"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/terminology"
	"github.com/admitdev/admit/pkg/outcome"
)

// Compile compiles the profile of a canonical URL with all that it refers to; nil when it is not
// known.
//
// Errors: outcome NotSupported for what a profile says and cannot be checked, Invalid for what
// makes no sense, TooCostly.
func Compile(source Source, canonical string) (*Profile, error) {
	c := &compiler{source: source, done: map[string]*Profile{}}
	return c.whole(c.profile(canonical))
}

// CompileDefinition is Compile of a definition at hand.
func CompileDefinition(source Source, definition *document.Node) (*Profile, error) {
	c := &compiler{source: source, done: map[string]*Profile{}}
	return c.whole(c.definition(definition.Text("url"), definition))
}

// whole refuses a profile that cannot tell apart what it has to.
func (c *compiler) whole(p *Profile, err error) (*Profile, error) {
	if err != nil || p == nil {
		return nil, err
	}
	for _, made := range c.made {
		if err := made.root.decidable(made); err != nil {
			return nil, err
		}
	}
	return p, nil
}

type compiler struct {
	source   Source
	done     map[string]*Profile
	made     []*Profile
	elements int
	bases    []string // of the differentials being compiled
}

func (c *compiler) profile(canonical string) (*Profile, error) {
	if p, ok := c.done[canonical]; ok {
		return p, nil
	}
	url, version := terminology.Canonical(canonical)
	doc, err := c.source.StructureDefinition(url, version)
	if err != nil {
		return nil, err
	}
	if doc == nil {
		c.done[canonical] = nil
		return nil, nil
	}
	return c.definition(canonical, doc)
}

func (c *compiler) definition(canonical string, doc *document.Node) (*Profile, error) {
	url, _ := terminology.Canonical(canonical)
	p := &Profile{URL: url, Type: doc.Text("type"), root: newNode("")}
	c.done[canonical] = p
	if c.made = append(c.made, p); len(c.made) > maxProfiles {
		return nil, outcome.New(outcome.TooCostly, "A profile refers to more than %d others", maxProfiles)
	}
	if definitions.StructureOf(p.Type) == nil {
		return nil, outcome.New(outcome.Invalid, "Profile %s constrains the unknown type %s", url, p.Type)
	}
	p.root.types = []allowed{{code: p.Type}}
	if doc.Text("derivation") == "specialization" {
		return p, nil // a type's own definition says what validate checks
	}
	elements := doc.Find("snapshot", "element").Values()
	if len(elements) == 0 {
		elements = doc.Find("differential", "element").Values()
		if err := c.base(p, doc.Text("baseDefinition")); err != nil {
			return nil, err
		}
	}
	return p, c.lay(p, elements)
}

// base begins a profile with the tree of the one that its differential is about.
func (c *compiler) base(p *Profile, canonical string) error {
	if coreType(canonical) != "" {
		return nil
	}
	c.bases = append(c.bases, p.URL)
	if url, _ := terminology.Canonical(canonical); slices.Contains(c.bases, url) {
		return outcome.New(outcome.Invalid, "Profile %s is its own base", url)
	}
	base, err := c.profile(canonical)
	c.bases = c.bases[:len(c.bases)-1]
	switch {
	case err != nil:
		return err
	case base == nil:
		return outcome.New(outcome.NotSupported, "Profile %s has no snapshot, and its base %s is not here", p.URL, canonical)
	}
	p.root = base.root.clone()
	return nil
}

func newNode(name string) *node {
	return &node{name: name, min: unsaid, max: unsaid}
}

func (n *node) clone() *node {
	made := *n
	made.content = nil
	made.rules, made.warnings, made.types = slices.Clone(n.rules), slices.Clone(n.warnings), slices.Clone(n.types)
	made.children, made.slices = make([]*node, len(n.children)), make([]*node, len(n.slices))
	for i, c := range n.children {
		made.children[i] = c.clone()
	}
	for i, c := range n.slices {
		made.slices[i] = c.clone()
	}
	return &made
}

// lay lays the elements of a definition over the tree.
func (c *compiler) lay(p *Profile, elements []*document.Node) error {
	if c.elements += len(elements); c.elements > maxElements {
		return outcome.New(outcome.TooCostly, "A profile has more than %d elements, with those it refers to", maxElements)
	}
	for _, e := range elements {
		at, err := p.find(strings.Split(e.Text("id"), ".")) // which every element has (sdf-14)
		if err != nil {
			return err
		}
		if err := c.element(p, at, e); err != nil {
			return err
		}
	}
	return p.root.link(p)
}

// find is the node of an element, made when there is none yet.
func (p *Profile) find(segments []string) (*node, error) {
	at := p.root
	for _, segment := range segments[1:] {
		name, slice, _ := strings.Cut(segment, ":")
		name = strings.TrimSuffix(name, "[x]")
		if strings.ContainsRune(slice, '/') {
			return nil, outcome.New(outcome.NotSupported, "Profile %s slices the slice %s", p.URL, slice)
		}
		var err error
		if at, err = p.below(at, name); err != nil {
			return nil, err
		}
		if slice != "" {
			at = at.sliced(slice)
		}
	}
	return at, nil
}

// below is the child of a node. A name like valueQuantity is the slice of value[x] of that type.
func (p *Profile) below(at *node, name string) (*node, error) {
	structure := at.structure()
	var base *definitions.Element
	slice := ""
	if structure != nil && structure.Kind != definitions.Abstract {
		if base = structure.Element(name); base == nil {
			property, ok := structure.Property(name)
			if !ok {
				return nil, outcome.New(outcome.Invalid, "Profile %s constrains %s.%s, which there is not", p.URL, structure.Name, name)
			}
			base, slice = property.Element, name
		}
		name = base.Name
	}
	child := at.own(name)
	if child == nil {
		child = newNode(name)
		child.base = base
		at.children = append(at.children, child)
	}
	if slice == "" {
		return child, nil
	}
	if child.slicing == nil {
		child.slicing = &slicing{discriminators: []discriminator{{kind: "type"}}, rules: "open"}
	}
	sliced := child.sliced(slice)
	if property, ok := structure.Property(slice); ok && sliced.types == nil {
		sliced.types = []allowed{{code: property.Type.Code}}
	}
	return sliced, nil
}

// own is the child that the node itself has.
func (n *node) own(name string) *node {
	for _, c := range n.children {
		if c.name == name {
			return c
		}
	}
	return nil
}

// sliced is a slice of a node.
func (n *node) sliced(name string) *node {
	for _, s := range n.slices {
		if s.slice == name {
			return s
		}
	}
	made := newNode(n.name)
	made.slice, made.base = name, n.base
	n.slices = append(n.slices, made)
	return made
}

// link leads content references to their elements, and gives slices that have no slicing the one
// that R4 means for them (profiling.html#slicing).
func (n *node) link(p *Profile) error {
	if n.reference != "" {
		at, err := p.find(strings.Split(n.reference, "."))
		if err != nil {
			return err
		}
		n.content = at
	}
	if len(n.slices) > 0 && n.slicing == nil {
		switch {
		case n.name == "extension" || n.name == "modifierExtension":
			n.slicing = &slicing{discriminators: []discriminator{{kind: "value", path: []step{{name: "url"}}}}, rules: "open"}
		case n.base != nil && n.base.Choice:
			n.slicing = &slicing{discriminators: []discriminator{{kind: "type"}}, rules: "open"}
		}
	}
	for _, list := range [][]*node{n.children, n.slices} {
		for _, c := range list {
			if err := c.link(p); err != nil {
				return err
			}
		}
	}
	return nil
}

// natural reads a number that is written as one or as text.
func natural(n *document.Node, absent int) int {
	if n == nil {
		return absent
	}
	if n.String() == "*" {
		return unbounded
	}
	v, err := strconv.Atoi(n.String())
	if err != nil {
		return absent
	}
	return v
}
