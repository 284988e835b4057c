package profile

import (
	"errors"
	"slices"
	"strings"

	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/fhirpath"
	"github.com/admitdev/admit/fhir/terminology"
	"github.com/admitdev/admit/pkg/outcome"
)

// errPath is a discriminator's path that is not understood.
var errPath = errors.New("not a path")

// steps reads the path of a discriminator (R4 profiling.html#discriminator): names, extension(url),
// ofType(type) and $this. resolve() is none of them: what it leads to is another resource.
func steps(path string) ([]step, error) {
	var out []step
	for rest := path; rest != ""; {
		var s step
		switch {
		case strings.HasPrefix(rest, "extension("), strings.HasPrefix(rest, "ofType("):
			function, after, ok := strings.Cut(rest, ")")
			if !ok {
				return nil, errPath
			}
			name, argument, _ := strings.Cut(function, "(")
			if argument = strings.Trim(argument, `'"`); name == "extension" {
				s.extension = argument
			} else {
				s.ofType = argument
			}
			rest = strings.TrimPrefix(after, ".")
		default:
			s.name, rest, _ = strings.Cut(rest, ".")
			if s.name == "" || strings.ContainsAny(s.name, "()") {
				return nil, errPath
			}
		}
		if s.name != "$this" {
			out = append(out, s)
		}
	}
	return out, nil
}

// follow are the values that a path leads to.
func follow(v fhirpath.Value, path []step) fhirpath.Collection {
	in := fhirpath.Collection{v}
	for _, s := range path {
		var out fhirpath.Collection
		for _, at := range in {
			switch {
			case s.extension != "":
				for _, x := range at.Children(nil, "extension") {
					if x.Node.Text("url") == s.extension {
						out = append(out, x)
					}
				}
			case s.ofType != "":
				if at.Is(s.ofType) {
					out = append(out, at)
				}
			default:
				out = at.Children(out, s.name)
			}
		}
		in = out
	}
	return in
}

// expectation is what a slice wants at the end of a discriminator's path.
type expectation struct {
	values []*document.Node // one of them, as a pattern
	url    string           // or this extension's URL
	at     *node            // or what this node says
}

// expects finds it: the values that a fixed or pattern on the way has there, or the node itself.
func (n *node) expects(path []step) expectation {
	at := n
	for i, s := range path {
		for _, given := range []*document.Node{at.fixed, at.pattern} {
			if given != nil {
				return expectation{values: within(given, path[i:])}
			}
		}
		if s.ofType != "" {
			continue
		}
		var next *node
		if s.extension != "" {
			next = at.extension(s.extension)
		} else {
			next = at.child(s.name)
		}
		if s.name == "url" && (next == nil || next.fixed == nil) && at.profiled() != "" {
			return expectation{url: at.profiled()}
		}
		if next == nil && len(at.types) == 1 && len(at.types[0].profiles) == 1 {
			return at.types[0].profiles[0].root.expects(path[i:])
		}
		if next == nil {
			return expectation{}
		}
		if slice := next.expectsOfSlices(path[i+1:]); slice.decides() {
			return slice
		}
		at = next
	}
	return expectation{at: at}
}

// expectsOfSlices is what the first slice that must be there wants: a blood pressure's component
// is told by the code of its slice of codings.
func (n *node) expectsOfSlices(path []step) expectation {
	for _, s := range n.slices {
		if want := s.expects(path); s.min > 0 && want.decides() {
			return want
		}
	}
	return expectation{}
}

func (e expectation) decides() bool {
	return e.url != "" || len(e.values) > 0 || e.at.decides(map[*node]bool{})
}

// profiled is the canonical of the one profile that values of the node have, which is an
// extension's URL.
func (n *node) profiled() string {
	if len(n.types) != 1 || n.types[0].code != "Extension" {
		return ""
	}
	t := n.types[0]
	switch {
	case len(t.profiles) == 1 && len(t.unknown) == 0:
		return t.profiles[0].URL
	case len(t.unknown) == 1 && len(t.profiles) == 0:
		url, _ := terminology.Canonical(t.unknown[0])
		return url
	}
	return ""
}

// extension is the slice of the extensions of a URL.
func (n *node) extension(url string) *node {
	all := n.child("extension")
	if all == nil {
		return nil
	}
	for _, s := range all.slices {
		if want := s.expects([]step{{name: "url"}}); want.url == url || want.at != nil && want.at.fixed != nil && want.at.fixed.String() == url {
			return s
		}
	}
	return nil
}

// within are the values that a path leads to in JSON.
func within(n *document.Node, path []step) []*document.Node {
	in := n.Values()
	for _, s := range path {
		var out []*document.Node
		for _, at := range in {
			out = append(out, at.Get(s.name).Values()...)
		}
		in = out
	}
	return in
}

// decidable refuses a profile with slices that cannot be told apart.
func (n *node) decidable(p *Profile) error {
	for _, s := range n.slices {
		if n.slicing == nil || len(n.slicing.discriminators) == 0 {
			return outcome.New(outcome.NotSupported, "Profile %s does not say how the slice %s is told apart", p.URL, s.slice)
		}
		for _, d := range n.slicing.discriminators {
			if !s.toldBy(d) {
				return outcome.New(outcome.NotSupported, "Profile %s does not say in what the slice %s of %s differs", p.URL, s.slice, s.name)
			}
		}
	}
	for _, list := range [][]*node{n.children, n.slices} {
		for _, c := range list {
			if err := c.decidable(p); err != nil {
				return err
			}
		}
	}
	return nil
}

func (n *node) toldBy(d discriminator) bool {
	want := n.expects(d.path)
	switch d.kind {
	case "type":
		return want.at != nil && len(want.at.types) > 0
	case "exists":
		return want.at != nil && (want.at.max == 0 || want.at.min > 0)
	}
	return want.decides()
}

// matches says whether a value belongs to the slice, as far as one discriminator tells.
func (c *checker) matches(s *node, d discriminator, v fhirpath.Value) bool {
	want, found := s.expects(d.path), follow(v, d.path)
	switch d.kind {
	case "exists":
		return want.at.max == 0 && len(found) == 0 || want.at.min > 0 && len(found) > 0
	case "type":
		return slices.ContainsFunc(found, func(v fhirpath.Value) bool { return want.at.hasType(v) })
	}
	return slices.ContainsFunc(found, func(v fhirpath.Value) bool {
		switch {
		case want.url != "":
			return v.Node.String() == want.url
		case want.at == nil:
			return slices.ContainsFunc(want.values, func(p *document.Node) bool { return fits(v.Node, p) })
		}
		return c.conforms(want.at, v)
	})
}

// hasType says whether a value is of a type that the node allows.
func (n *node) hasType(v fhirpath.Value) bool {
	if len(n.types) == 0 {
		return true
	}
	return slices.ContainsFunc(n.types, func(t allowed) bool { return v.Is(t.code) })
}
