package patch

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/fhirpath"
	"github.com/admitdev/admit/pkg/outcome"
)

// operation is one step of a FHIRPath Patch.
type operation struct {
	kind               string
	source             string // of path
	path               *fhirpath.Expression
	name               string
	value              *document.Node // the parameter that holds the value
	index, from, to    int
	hasIndex, hasMoves bool
}

// fhirPathPatch is a FHIRPath Patch (R4 fhirpatch.html).
type fhirPathPatch []operation

// Parameters reads a FHIRPath Patch. Its operations share one budget of steps.
//
// Errors: outcome Invalid; NotSupported for a path outside of the FHIRPath that is known here.
func Parameters(body []byte) (Patch, error) {
	doc, err := document.Parse(body)
	if err != nil {
		return nil, err
	}
	return fromParameters(doc)
}

func fromParameters(doc *document.Node) (Patch, error) {
	if doc.Text("resourceType") != "Parameters" {
		return nil, refuse("A FHIRPath Patch is a Parameters resource")
	}
	params := doc.Get("parameter").Values()
	if len(params) > maxFHIRPathOperations {
		return nil, refuse("A FHIRPath Patch has at most %d operations", maxFHIRPathOperations)
	}
	patch := make(fhirPathPatch, len(params))
	for i, param := range params {
		if param.Text("name") != "operation" {
			return nil, at(refuse("Unknown parameter: %s", spelled(param.Get("name"))), i)
		}
		var err error
		if patch[i], err = readOperation(param); err != nil {
			return nil, at(err, i)
		}
	}
	return patch, nil
}

// at names the operation at fault.
func at(err error, i int) error {
	var o *outcome.Outcome
	if errors.As(err, &o) {
		return o.At(fmt.Sprintf("Parameters.parameter[%d]", i))
	}
	return err
}

func readOperation(param *document.Node) (op operation, err error) {
	seen := map[string]*document.Node{}
	for _, part := range param.Get("part").Values() {
		name := part.Text("name")
		if seen[name] != nil {
			return op, refuse("The part %s is given twice", name)
		}
		seen[name] = part
	}
	text := func(name string) string {
		for _, member := range []string{"valueCode", "valueString"} {
			if s := seen[name].Text(member); s != "" {
				return s
			}
		}
		return ""
	}
	op.kind, op.source, op.name, op.value = text("type"), text("path"), text("name"), seen["value"]
	for name, into := range map[string]*int{"index": &op.index, "source": &op.from, "destination": &op.to} {
		n, given := seen[name].Get("valueInteger"), seen[name] != nil
		if *into, err = strconv.Atoi(n.String()); given && (err != nil || *into < 0) {
			return op, refuse("Invalid value of %s: %s", name, spelled(n))
		}
	}
	op.hasIndex, op.hasMoves = seen["index"] != nil, seen["source"] != nil && seen["destination"] != nil
	if missing := op.missing(); missing != "" {
		return op, refuse("The operation %s needs %s", shortened(op.kind), missing)
	}
	if op.path, err = fhirpath.Compile(op.source); err != nil {
		return op, outcome.New(outcome.NotSupported, "The path cannot be used: %s", shortened(op.source)).Because("%v", err)
	}
	return op, nil
}

// missing is a part that the kind of operation needs and that is not there.
func (op *operation) missing() string {
	needs := map[string][]string{
		"add": {"path", "name", "value"}, "insert": {"path", "index", "value"}, "replace": {"path", "value"},
		"delete": {"path"}, "move": {"path", "source and destination"},
	}
	parts, ok := needs[op.kind]
	if !ok {
		return "a type: add, insert, delete, replace or move"
	}
	given := map[string]bool{
		"path": op.source != "", "name": op.name != "", "value": op.value != nil, "index": op.hasIndex, "source and destination": op.hasMoves,
	}
	for _, part := range parts {
		if !given[part] {
			return part
		}
	}
	return ""
}

// Apply implements Patch.
func (p fhirPathPatch) Apply(content []byte, resourceType string) ([]byte, error) {
	budget := fhirpath.NewBudget(len(content))
	for i := range p {
		doc, err := document.Parse(content)
		if err != nil {
			return nil, err
		}
		edits, err := p[i].edit(budget.Env(doc, resourceType))
		if err != nil {
			return nil, at(err, i)
		}
		content = doc.Splice(make([]byte, 0, len(content)+256), edits)
	}
	return content, nil
}

// edit is what the operation changes in a document.
func (op *operation) edit(env *fhirpath.Env) (map[*document.Node][]byte, error) {
	found, err := op.path.Evaluate(env, env.Root)
	switch {
	case errors.Is(err, fhirpath.ErrTooCostly):
		return nil, outcome.New(outcome.TooCostly, "Following the paths takes too long: %s", shortened(op.source))
	case err != nil:
		return nil, refuse("The path cannot be followed: %s", shortened(op.source)).Because("%v", err)
	}
	if op.kind == "add" {
		return op.add(found)
	}
	if len(found) == 0 {
		if op.kind == "delete" {
			return nil, nil // R4 fhirpatch.html: nothing to delete is no error
		}
		return nil, refuse("Value required at path: %s", shortened(op.source))
	}
	where := places(env.Root.Node)
	first, ok := where.of(found[0])
	if !ok {
		return nil, refuse("The path leads to no element: %s", shortened(op.source))
	}
	switch op.kind {
	case "insert", "move":
		for _, v := range found {
			if other, ok := where.of(v); !ok || other.parent != first.parent || other.member != first.member {
				return nil, refuse("The path leads to more than one list: %s", shortened(op.source))
			}
		}
		return op.rearrange(first, found[0])
	}
	if len(found) > 1 {
		return nil, refuse("The path leads to several elements: %s", shortened(op.source))
	}
	if op.kind == "delete" {
		return first.put(first.elements().without(first.index)), nil
	}
	e, err := op.given(found[0].Type)
	if err != nil {
		return nil, err
	}
	list := first.elements()
	list[max(first.index, 0)] = e
	return first.put(list), nil
}

// rearrange inserts into a list or moves within it.
func (op *operation) rearrange(p place, sample fhirpath.Value) (map[*document.Node][]byte, error) {
	list := p.elements()
	if p.index < 0 {
		return nil, refuse("The path leads to no list: %s", shortened(op.source))
	}
	if op.kind == "insert" {
		if op.index > len(list) {
			return nil, refuse("The index %d is beyond the list", op.index)
		}
		e, err := op.given(sample.Type)
		if err != nil {
			return nil, err
		}
		return p.put(list.with(op.index, e)), nil
	}
	if op.from >= len(list) || op.to >= len(list) {
		return nil, refuse("The list has %d elements", len(list))
	}
	moved := list[op.from]
	return p.put(list.without(op.from).with(op.to, moved)), nil
}

// add appends to a list or sets an element that is not there.
func (op *operation) add(found fhirpath.Collection) (map[*document.Node][]byte, error) {
	if len(found) != 1 || found[0].Type == nil {
		return nil, refuse("The path leads to %d elements: %s", len(found), shortened(op.source))
	}
	parent := found[0]
	if parent.Node == nil || parent.Node.Kind != document.Object {
		return nil, refuse("The element has no elements: %s", shortened(op.source))
	}
	property, member, ok := op.property(parent.Type)
	if !ok {
		return nil, refuse("%s has no element %s of this type", parent.Type.Name, shortened(op.name))
	}
	e, err := op.given(property.Type.Structure)
	if err != nil {
		return nil, err
	}
	p := place{parent: parent.Node, member: member, index: -1}
	list := p.elements()
	if property.Element.Array() {
		p.index = 0
	} else if len(list) > 0 {
		return nil, refuse("The element %s exists already", member)
	}
	return p.put(append(list, e)), nil
}
