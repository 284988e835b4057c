package profile

import (
	"slices"
	"strings"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/terminology"
	"github.com/admitdev/admit/pkg/outcome"
)

// element takes over what an ElementDefinition says.
func (c *compiler) element(p *Profile, n *node, e *document.Node) error {
	n.min, n.max = natural(e.Get("min"), n.min), natural(e.Get("max"), n.max)
	n.maxLength = natural(e.Get("maxLength"), n.maxLength)
	if reference, ok := strings.CutPrefix(e.Text("contentReference"), "#"); ok {
		n.reference = reference
	}
	for i := range e.Fields {
		switch f := &e.Fields[i]; {
		case strings.HasPrefix(f.Name, "fixed"):
			n.fixed = f.Value
		case strings.HasPrefix(f.Name, "pattern"):
			n.pattern = f.Value
		}
	}
	if n != p.root {
		if err := c.types(n, e.Get("type").Values()); err != nil {
			return err
		}
	}
	if err := c.binding(n, e.Get("binding")); err != nil {
		return err
	}
	n.constrain(e.Get("constraint").Values())
	return n.sliceBy(p, e.Get("slicing"))
}

// types takes over the types that an element may have, with their profiles.
func (c *compiler) types(n *node, list []*document.Node) error {
	if len(list) == 0 {
		return nil
	}
	n.types = nil
	for _, t := range list {
		a := allowed{code: t.Text("code")}
		if strings.HasPrefix(a.code, "http://hl7.org/fhirpath/") {
			n.types = nil // an id or a url, whose type R4 says with an extension
			return nil
		}
		for _, canonical := range t.Get("profile").Values() {
			if coreType(canonical.String()) != "" {
				continue
			}
			p, err := c.profile(canonical.String())
			if err != nil {
				return err
			}
			if p == nil {
				a.unknown = append(a.unknown, canonical.String())
			} else {
				a.profiles = append(a.profiles, p)
			}
		}
		var err error
		if a.targets, err = c.targets(t.Get("targetProfile").Values()); err != nil {
			return err
		}
		n.types = append(n.types, a)
	}
	return nil
}

// targets are the types that the target profiles of a reference are about; none when one of them
// is not known.
func (c *compiler) targets(list []*document.Node) ([]string, error) {
	var out []string
	for _, canonical := range list {
		name := coreType(canonical.String())
		if name == "" {
			p, err := c.profile(canonical.String())
			if err != nil {
				return nil, err
			}
			if p == nil {
				return nil, nil
			}
			name = p.Type
		}
		if name == "Resource" || name == "DomainResource" {
			return nil, nil
		}
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out, nil
}

// binding takes over a required binding. That of R4 itself is checked already.
func (c *compiler) binding(n *node, b *document.Node) error {
	canonical := b.Text("valueSet")
	url, _ := terminology.Canonical(canonical)
	if b.Text("strength") != "required" || url == "" || n.base != nil && n.base.ValueSet == url {
		return nil
	}
	set, err := terminology.Resolve(c.source, canonical)
	switch {
	case outcome.Has(err, outcome.NotFound), outcome.Has(err, outcome.NotSupported):
		n.warnings = append(n.warnings, "The binding to "+canonical+" is not checked: "+err.Error())
		return nil
	case err != nil:
		return err
	}
	n.set, n.setURL = set, url
	return nil
}

// constrain takes over constraints but those that validate has checked.
func (n *node) constrain(list []*document.Node) {
	for _, e := range list {
		r := rule{warning: e.Text("severity") == "warning"}
		r.Key, r.Human, r.Expression = e.Text("key"), e.Text("human"), e.Text("expression")
		known := slices.ContainsFunc(n.rules, func(have rule) bool { return have.Key == r.Key && have.Expression == r.Expression })
		if r.Expression == "" || known || n.isR4s(r.Key) || coreType(e.Text("source")) != "" {
			continue
		}
		if !r.compile() {
			n.warnings = append(n.warnings, "The constraint "+r.Key+" cannot be evaluated: "+r.Expression)
			continue
		}
		n.rules = append(n.rules, r)
	}
}

// everywhere are constraints that all elements or resources have.
var everywhere = []string{"ele-1", "ext-1", "dom-1", "dom-2", "dom-3", "dom-4", "dom-5", "dom-6", "ref-1", "txt-1", "txt-2"}

// isR4s says whether a constraint is R4's own of the element or its type.
func (n *node) isR4s(key string) bool {
	of := func(list []definitions.Invariant) bool {
		return slices.ContainsFunc(list, func(i definitions.Invariant) bool { return i.Key == key })
	}
	if slices.Contains(everywhere, key) || n.base != nil && of(n.base.Invariants) {
		return true
	}
	s := n.structure()
	return s != nil && of(s.Invariants)
}

// sliceBy takes over how values are told apart.
func (n *node) sliceBy(p *Profile, e *document.Node) error {
	if e == nil {
		return nil
	}
	s := &slicing{rules: e.Text("rules"), ordered: e.Get("ordered").True()}
	for _, d := range e.Get("discriminator").Values() {
		kind, path := d.Text("type"), d.Text("path")
		steps, err := steps(path)
		if err != nil || !slices.Contains([]string{"value", "pattern", "exists", "type"}, kind) {
			return outcome.New(outcome.NotSupported, "Profile %s tells slices apart by %s of %s, which is not supported", p.URL, kind, path)
		}
		s.discriminators = append(s.discriminators, discriminator{kind, steps})
	}
	if len(s.discriminators) == 0 && n.slicing != nil {
		s.discriminators = n.slicing.discriminators
	}
	n.slicing = s
	return nil
}
