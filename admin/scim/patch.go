package scim

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/elimity-com/scim/schema"
)

// operation is one of PATCH (RFC 7644 §3.5.2).
type operation struct {
	op     string // add, replace, remove
	path   *target
	value  any
	within bool // one of the names of a value without a path: what is unknown or read-only is passed over
}

// target is what an operation is about: an attribute, some of its values, and a part of those.
type target struct {
	path   path
	values expression
	sub    string
}

const (
	opAdd     = "add"
	opReplace = "replace"
	opRemove  = "remove"

	maxOperations = 1_000
)

const patchSchema = "urn:ietf:params:scim:api:messages:2.0:PatchOp"

// operations reads a PatchOp. A value without a path is an operation for each of its names.
func (k *kind) operations(raw object) ([]operation, error) {
	if !hasSchema(raw, patchSchema) {
		return nil, refuse(invalidSyntax, "schemas must name %s", patchSchema)
	}
	listed, _ := member(raw, "operations")
	given, _ := listed.([]any)
	if len(given) == 0 || len(given) > maxOperations {
		return nil, refuse(invalidSyntax, "Operations: Between 1 and %d are required", maxOperations)
	}
	var all []operation
	for _, one := range given {
		in, ok := one.(object)
		if !ok {
			return nil, refuse(invalidSyntax, "Operations: Expected object")
		}
		read, err := k.operation(in)
		if err != nil {
			return nil, err
		}
		all = append(all, read...)
	}
	return all, nil
}

// member is the value of a name without regard to case, and whether there is one.
func member(raw object, name string) (any, bool) {
	for key, value := range raw {
		if strings.EqualFold(key, name) {
			return value, true
		}
	}
	return nil, false
}

func (k *kind) operation(in object) ([]operation, error) {
	said, _ := member(in, "op")
	text, _ := said.(string)
	op := operation{op: strings.ToLower(text)}
	if !slices.Contains([]string{opAdd, opReplace, opRemove}, op.op) {
		return nil, refuse(invalidSyntax, "op must be add, replace or remove")
	}
	var given bool
	if op.value, given = member(in, "value"); !given && op.op != opRemove {
		return nil, refuse(invalidValue, "value: Required")
	}
	at, _ := member(in, "path")
	switch at := at.(type) {
	case string:
		if strings.TrimSpace(at) != "" {
			to, err := k.target(at)
			op.path = &to
			if err == nil && given && op.value == nil && op.op == opRemove && k.hasSeveral(to) {
				err = refuse(invalidValue, "value: null is none of the values; all are removed by leaving it out")
			}
			return []operation{op}, err
		}
	case nil:
	default:
		return nil, refuse(invalidPath, "path: Expected string")
	}
	if op.op == opRemove {
		return nil, refuse(noTarget, "remove needs a path")
	}
	values, ok := op.value.(object)
	if !ok {
		return nil, refuse(invalidValue, "value: Without a path an object is required")
	}
	var all []operation
	for _, name := range slices.Sorted(maps.Keys(values)) {
		to, err := k.target(name)
		if err != nil { // as in a resource, what is unknown is ignored
			continue
		}
		all = append(all, operation{op.op, &to, values[name], true})
	}
	return all, nil
}

// extensionPath is the path of a whole extension.
func (k *kind) extensionPath(text string) (path, bool) {
	if k.extension != nil && strings.EqualFold(text, k.extension.ID) {
		return path{urn: k.extension.ID}, true
	}
	return path{}, false
}

// target reads a path of PATCH.
func (k *kind) target(text string) (t target, err error) {
	text = strings.TrimPrefix(strings.TrimSpace(text), "/")
	var whole bool
	if t.path, whole = k.extensionPath(text); whole {
		return t, nil
	}
	p := &parser{text: text}
	at := split(p.word())
	a, at, known := k.attribute(at)
	if !known {
		return t, refuse(invalidPath, "%s is no attribute", text)
	}
	t.path, t.sub = path{at.urn, at.name, ""}, at.sub
	if p.take('[') {
		if t.values, err = p.or(at.name); err == nil && !p.take(']') {
			err = p.unexpected()
		}
		if err == nil {
			t.values, err = checkWithin(a, t.values)
		}
		if err != nil || !a.MultiValued() || !a.HasSubAttributes() || at.sub != "" {
			return t, refuse(invalidPath, "%s cannot be read", text)
		}
		if p.take('.') {
			part, known := a.SubAttributes().ContainsAttribute(p.word())
			if !known {
				return t, refuse(invalidPath, "%s is no attribute", text)
			}
			t.sub = part.Name()
		}
	}
	if p.at < len(text) {
		return t, refuse(invalidPath, "%s cannot be read", text)
	}
	return t, nil
}

// hasSeveral says whether a target is all values of an attribute of several.
func (k *kind) hasSeveral(t target) bool {
	a, _, _ := k.attribute(t.path)
	return a.MultiValued() && t.values == nil && t.sub == ""
}

// patched is a resource after the operations.
func (k *kind) patched(doc object, operations []operation) (object, error) {
	for _, op := range operations {
		if err := k.apply(doc, op); err != nil {
			return nil, err
		}
	}
	return k.normal(doc)
}

func (k *kind) apply(doc object, op operation) error {
	at := op.path.path
	if at.name == "" {
		return k.applyExtension(doc, op)
	}
	a, _, _ := k.attribute(at)
	if a.Mutability() == "readOnly" || at.name == attrSchemas {
		if op.within {
			return nil
		}
		return refuse(mutability, "%s is read-only", at)
	}
	into := at.target(doc, true)
	switch {
	case op.path.values != nil:
		return applyToSome(into, a, op)
	case a.MultiValued():
		return applyToAll(into, a, op)
	case op.path.sub != "":
		return applyToPart(into, a, op)
	case op.op == opRemove:
		delete(into, at.name)
		return nil
	}
	value, err := normalValue(a, op.value, at.String())
	if err != nil {
		return err
	}
	return set(into, at.name, value)
}

// applyExtension is apply for all attributes of the extension.
func (k *kind) applyExtension(doc object, op operation) error {
	id := k.extension.ID
	if op.op == opRemove {
		delete(doc, id)
		return nil
	}
	values, ok := op.value.(object)
	if !ok {
		return refuse(invalidValue, "%s: Expected object", id)
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		_, at, known := k.attribute(path{urn: id, name: name})
		if !known {
			continue
		}
		if err := k.apply(doc, operation{op.op, &target{path: at}, values[name], true}); err != nil {
			return err
		}
	}
	return nil
}

// set sets an attribute; of one with parts, the parts that are given (RFC 7644 §3.5.2.3).
func set(into object, name string, value any) error {
	given, complex := value.(object)
	if before, ok := into[name].(object); ok && complex {
		before = maps.Clone(before)
		maps.Copy(before, given)
		value = before
	}
	if value == nil {
		delete(into, name)
		return nil
	}
	into[name] = value
	return nil
}

// applyToPart changes a part of an attribute of one value.
func applyToPart(into object, a schema.CoreAttribute, op operation) error {
	entry, _ := into[a.Name()].(object)
	entry = maps.Clone(entry)
	if entry == nil {
		entry = object{}
	}
	if err := setPart(entry, a, op); err != nil {
		return err
	}
	into[a.Name()] = entry
	return nil
}

func setPart(entry object, a schema.CoreAttribute, op operation) error {
	part, _ := a.SubAttributes().ContainsAttribute(op.path.sub)
	if part.Mutability() == "readOnly" {
		if op.within {
			return nil
		}
		return refuse(mutability, "%s is read-only", a.Name()+"."+part.Name())
	}
	var value any
	if op.op != opRemove {
		var err error
		if value, err = normalValue(part, op.value, a.Name()+"."+part.Name()); err != nil {
			return err
		}
	}
	if value == nil {
		delete(entry, part.Name())
		return nil
	}
	entry[part.Name()] = value
	return nil
}

// applyToAll changes the values of an attribute of several.
func applyToAll(into object, a schema.CoreAttribute, op operation) error {
	before, _ := into[a.Name()].([]any)
	if op.path.sub != "" {
		return applyToEach(into, a, op, before, func(object) bool { return true })
	}
	if op.op == opRemove && op.value == nil {
		delete(into, a.Name())
		return nil
	}
	value, err := normalValue(a, op.value, a.Name())
	if err != nil {
		return err
	}
	given, _ := value.([]any)
	switch op.op {
	case opReplace:
		return set(into, a.Name(), value)
	case opRemove: // those that are given, and no more
		left := slices.DeleteFunc(slices.Clone(before), func(one any) bool {
			return slices.ContainsFunc(given, func(g any) bool { return includes(one, g) })
		})
		into[a.Name()] = left
		return nil
	}
	all := added(before, given)
	into[a.Name()] = all
	return checkValues(all, a.Name())
}

// includes says whether a value has all that is given of it.
func includes(one, given any) bool {
	entry, ok := one.(object)
	asked, also := given.(object)
	if !ok || !also {
		return reflect.DeepEqual(one, given)
	}
	for name, value := range asked {
		if !reflect.DeepEqual(entry[name], value) {
			return false
		}
	}
	return true
}

// added are the values with those that are new. A new primary one is the only one.
func added(before, given []any) []any {
	all := slices.Clone(before)
	for _, one := range given {
		if slices.ContainsFunc(all, func(b any) bool { return reflect.DeepEqual(b, one) }) {
			continue
		}
		if entry, ok := one.(object); ok && entry[subPrimary] == true {
			notPrimary(all)
		}
		all = append(all, one)
	}
	return all
}

func notPrimary(all []any) {
	for i, one := range all {
		if entry, ok := one.(object); ok && entry[subPrimary] == true {
			entry = maps.Clone(entry)
			delete(entry, subPrimary)
			all[i] = entry
		}
	}
}

// applyToSome changes the values that the brackets of the path choose. What is added to none of them makes
// one, as the brackets describe it.
func applyToSome(into object, a schema.CoreAttribute, op operation) error {
	before, _ := into[a.Name()].([]any)
	chosen := func(entry object) bool { return holds(op.path.values, entry) }
	matched := slices.ContainsFunc(before, func(one any) bool { entry, ok := one.(object); return ok && chosen(entry) })
	if !matched && op.op == opAdd {
		described := object{}
		describe(op.path.values, described)
		before = append(slices.Clone(before), described)
		matched = true
	}
	switch {
	case matched && (op.op != opRemove || op.path.sub != ""):
		return applyToEach(into, a, op, before, chosen)
	case matched:
		into[a.Name()] = slices.DeleteFunc(slices.Clone(before), func(one any) bool { entry, ok := one.(object); return ok && chosen(entry) })
	case op.op == opReplace:
		return refuse(noTarget, "%s has no such value", a.Name())
	}
	return nil // what is not there need not be removed
}

// describe gives a value what a filter wants it to be equal to.
func describe(e expression, entry object) {
	switch e := e.(type) {
	case both:
		describe(e.left, entry)
		describe(e.right, entry)
	case folded:
		describe(e.comparison, entry)
	case comparison:
		if e.op == "eq" && e.value != nil {
			entry[e.path.name] = e.value
		}
	}
}

func applyToEach(into object, a schema.CoreAttribute, op operation, before []any, chosen func(object) bool) error {
	after := slices.Clone(before)
	for i, one := range after {
		entry, ok := one.(object)
		if !ok || !chosen(entry) {
			continue
		}
		entry = maps.Clone(entry)
		if err := setEntry(entry, a, op); err != nil {
			return err
		}
		if entry[subPrimary] == true {
			notPrimary(after)
		}
		after[i] = entry
	}
	into[a.Name()] = after
	return nil
}

// setEntry changes a part of a value, or the parts that are given.
func setEntry(entry object, a schema.CoreAttribute, op operation) error {
	if op.path.sub != "" {
		return setPart(entry, a, op)
	}
	value, err := normalSingle(a, single(op.value), a.Name())
	given, ok := value.(object)
	if err == nil && !ok {
		err = refuse(invalidValue, "%s: Expected object", a.Name())
	}
	if op.op == opReplace {
		clear(entry)
		describe(op.path.values, entry)
	}
	maps.Copy(entry, given)
	return err
}
