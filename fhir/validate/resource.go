package validate

import (
	"slices"
	"strings"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/fhirpath"
)

// localReference is a "#id" and whether it stands in a contained resource.
type localReference struct {
	target    string
	contained *document.Node // the contained resource that it stands in
	where     string         // set when it is a Reference, which must have a target
}

// resource checks a resource; root says that it is not contained in another.
func (w *walker) resource(n *document.Node, s *definitions.Structure, root bool) {
	resource, rootResource, first := w.env.Resource, w.env.Root, len(w.local)
	w.env.Resource = fhirpath.Value{Type: s, Node: n}
	if root {
		w.env.SetRoot(w.env.Resource)
	}
	w.object(n, s)
	if root {
		w.checkLocal(n, w.local[first:])
		w.local = w.local[:first]
	}
	w.env.SetRoot(rootResource)
	w.env.Resource = resource
}

// nested checks a resource within another: in a Bundle or Parameters it stands for itself,
// contained it is a part of the root.
func (w *walker) nested(e *definitions.Element, n *document.Node) {
	name := n.Text("resourceType")
	if !definitions.IsResource(name) {
		if name == "" {
			w.push("resourceType", -1)
			w.structure("Missing required property")
			w.pop()
			return
		}
		w.structure("Unknown data type: %s", name)
		return
	}
	if e.Name != "contained" {
		outer := w.inContained
		w.inContained = false
		w.resource(n, definitions.StructureOf(name), true)
		w.inContained = outer
		return
	}
	w.contained(n, definitions.StructureOf(name))
}

func (w *walker) contained(n *document.Node, s *definitions.Structure) {
	outer := w.inContained
	w.inContained = true
	w.resource(n, s, false)
	w.inContained = outer
	if n.Get("contained") != nil {
		w.invariant(&dom2)
	}
	if n.Find("meta", "versionId") != nil || n.Find("meta", "lastUpdated") != nil {
		w.invariant(&dom4)
	}
	if n.Find("meta", "security") != nil {
		w.invariant(&dom5)
	}
}

// reference checks a Reference's literal: its target's type, and that "#id" is contained.
func (w *walker) reference(t *definitions.Type, n *document.Node) {
	literal := n.Text("reference")
	if strings.HasPrefix(literal, "#") {
		w.addLocal(literal, w.where())
		return
	}
	if len(t.Targets) == 0 || strings.Contains(literal, ":") {
		return // another server's URL need not say a type
	}
	if target := fhirpath.TargetType(literal); target != "" && !slices.Contains(t.Targets, target) {
		w.push("reference", -1)
		w.structure("Invalid reference: expected %s, but found %s", strings.Join(t.Targets, ", "), target)
		w.pop()
	}
}

// addLocal remembers "#id"; where is empty for a uri or canonical, which may mean something else.
func (w *walker) addLocal(target, where string) {
	var in *document.Node
	if w.inContained {
		in = w.env.Resource.Node
	}
	w.local = append(w.local, localReference{target, in, where})
}

// checkLocal checks ref-1, that "#id" names a contained resource, and dom-3, that each contained
// resource is referred to or refers to the one that contains it.
func (w *walker) checkLocal(root *document.Node, found []localReference) {
	contained := root.Get("contained").Values()
	if len(contained) == 0 && len(found) == 0 {
		return
	}
	targets, referred, referring := map[string]bool{"#": true}, map[string]bool{}, map[*document.Node]bool{}
	for _, c := range contained {
		targets["#"+c.Text("id")] = true
	}
	for _, l := range found {
		if l.where != "" && !targets[l.target] {
			w.invariantAt(&ref1, l.where)
		}
		referred[l.target] = true
		referring[l.contained] = referring[l.contained] || l.target == "#"
	}
	for _, c := range contained {
		if id := c.Text("id"); id != "" && !referred["#"+id] && !referring[c] {
			w.invariant(&dom3)
			return // one dom-3 names the resource, however many it has
		}
	}
}

// extension checks ext-1: a value or extensions, not both, not neither.
func (w *walker) extension(n *document.Node) {
	value := false
	for i := range n.Fields {
		value = value || strings.HasPrefix(strings.TrimPrefix(n.Fields[i].Name, "_"), "value")
	}
	if value == (n.Get("extension") != nil) {
		w.invariant(&ext1)
	}
}
