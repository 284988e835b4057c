package validate

import (
	"bytes"
	"encoding/json"
	"sync"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/fhirpath"
	"github.com/admitdev/admit/pkg/outcome"
)

// Invariants of every element and every resource, which the walk checks itself.
var (
	ele1 = definitions.Invariant{
		Key: "ele-1", Human: "All FHIR elements must have a @value or children",
		Expression: "hasValue() or (children().count() > id.count())",
	}
	ext1 = definitions.Invariant{
		Key: "ext-1", Human: "Must have either extensions or value[x], not both",
		Expression: "extension.exists() != value.exists()",
	}
	ref1 = definitions.Invariant{
		Key: "ref-1", Human: "SHALL have a contained resource if a local reference is provided",
		Expression: "reference.startsWith('#').not() or (reference.substring(1) in %rootResource.contained.id)",
	}
	dom2 = definitions.Invariant{
		Key: "dom-2", Human: "If the resource is contained in another resource, it SHALL NOT contain nested Resources",
		Expression: "contained.contained.empty()",
	}
	dom3 = definitions.Invariant{
		Key:        "dom-3",
		Human:      "If the resource is contained in another resource, it SHALL be referred to from elsewhere in the resource or SHALL refer to the containing resource",
		Expression: "contained.all('#'+id in %resource.descendants().reference or descendants().where(reference = '#').exists())",
	}
	dom4 = definitions.Invariant{
		Key: "dom-4", Human: "If a resource is contained in another resource, it SHALL NOT have a meta.versionId or a meta.lastUpdated",
		Expression: "contained.meta.versionId.empty() and contained.meta.lastUpdated.empty()",
	}
	dom5 = definitions.Invariant{
		Key: "dom-5", Human: "If a resource is contained in another resource, it SHALL NOT have a security label",
		Expression: "contained.meta.security.empty()",
	}
)

// compiled is an invariant ready to be evaluated.
type compiled struct {
	*definitions.Invariant
	expression *fhirpath.Expression
}

// remembered holds the compiled invariants of structures and elements that have been met.
var remembered sync.Map // *definitions.Structure or *definitions.Element → []compiled

func invariantsOf[T definitions.Structure | definitions.Element](of *T) []compiled {
	var list []definitions.Invariant
	switch of := any(of).(type) {
	case *definitions.Structure:
		list = of.Invariants
	case *definitions.Element:
		list = of.Invariants
	}
	if len(list) == 0 {
		return nil
	}
	if found, ok := remembered.Load(of); ok {
		return found.([]compiled)
	}
	var out []compiled
	for i := range list {
		expression, err := fhirpath.Compile(list[i].Expression)
		if err != nil { // fhirpath's TestEveryInvariantCompiles holds that this does not happen
			panic("validate: " + err.Error())
		}
		out = append(out, compiled{&list[i], expression})
	}
	remembered.Store(of, out)
	return out
}

func (w *walker) invariants(v fhirpath.Value, list []compiled) {
	if w.structureAlone {
		return
	}
	for _, c := range list {
		if !c.expression.Holds(&w.env, v) {
			w.invariant(c.Invariant)
		}
	}
}

func (w *walker) invariant(i *definitions.Invariant) { w.invariantAt(i, "") }

// invariantAt reports a broken invariant, at the current path when where is empty.
func (w *walker) invariantAt(i *definitions.Invariant, where string) {
	w.report(outcome.Issue{
		Code:        outcome.Invariant.Issue,
		Text:        "Constraint " + i.Key + " not met: " + i.Human,
		Diagnostics: Diagnostics(i.Expression),
	})
	if where != "" && !w.structureAlone {
		w.issues[len(w.issues)-1].Expression = []string{where}
	}
}

// Diagnostics is how an invariant's expression stands in issue.diagnostics, where Medplum's clients
// look for it.
func Diagnostics(expression string) string {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(map[string]string{"fhirpath": expression}); err != nil {
		panic(err) // no string fails to encode
	}
	return string(bytes.TrimSpace(out.Bytes()))
}
