package validate

import (
	"sync"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/terminology"
)

// bound are R4's value sets of required bindings that have been asked about; nil for one that is
// not known.
var bound sync.Map // URL → *terminology.Set

func boundSet(url string) *terminology.Set {
	if set, ok := bound.Load(url); ok {
		return set.(*terminology.Set)
	}
	set, err := terminology.Resolve(terminology.Standard{}, url)
	if err != nil {
		set = nil // what cannot be worked out refuses nothing
	}
	kept, _ := bound.LoadOrStore(url, set)
	return kept.(*terminology.Set)
}

// code checks a primitive with a required binding.
func (w *walker) code(valueSet, code string) {
	if codes, ok := definitions.Codes(valueSet); ok && !codes[code] {
		w.unbound(code, valueSet)
	}
}

func (w *walker) unbound(code, valueSet string) {
	w.structure("Value %q did not satisfy terminology binding %s", code, valueSet)
}

// coded checks a Coding or CodeableConcept with a required binding: a concept has one code of the
// value set or more (R4 terminologies.html#code). Codes of systems that are not here pass.
func (w *walker) coded(e *definitions.Element, t *definitions.Type, n *document.Node) {
	set := boundSet(e.ValueSet)
	if set == nil {
		return
	}
	codings := []*document.Node{n}
	if t.Code == "CodeableConcept" {
		codings = n.Get("coding").Values()
	}
	if Coded(set, codings) == terminology.No {
		w.unbound(Spelled(codings, n), e.ValueSet)
	}
}

// Coded says whether one of some Codings is in a set.
func Coded(set *terminology.Set, codings []*document.Node) terminology.Answer {
	best := terminology.No
	for _, c := range codings {
		if _, answer := set.Contains(c.Text("system"), c.Text("code")); answer > best {
			best = answer
		}
	}
	return best
}

// Spelled names what is not in a value set: the first code, or the text of a concept that has
// none.
func Spelled(codings []*document.Node, concept *document.Node) string {
	if len(codings) == 0 {
		return concept.Text("text")
	}
	return codings[0].Text("system") + "|" + codings[0].Text("code")
}
