package projectfile

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/admitdev/admit/admin"
)

// reader collects what is wrong with a file, and where everything stands.
type reader struct {
	file   string
	getenv func(string) (string, bool)
	places map[string]*yaml.Node
	faults []fault
}

// fault is what is wrong with a node.
type fault struct {
	node *yaml.Node
	err  error
}

// fault keeps what is wrong with a node.
func (r *reader) fault(node *yaml.Node, path, format string, args ...any) {
	r.faults = append(r.faults, fault{node, fmt.Errorf("%s: %s", position(r.file, node, path), fmt.Sprintf(format, args...))})
}

// inOrder joins the faults in the order of the file.
func (r *reader) inOrder() error {
	slices.SortStableFunc(r.faults, func(a, b fault) int {
		return cmp.Or(cmp.Compare(a.node.Line, b.node.Line), cmp.Compare(a.node.Column, b.node.Column))
	})
	var all []error
	for _, f := range r.faults {
		all = append(all, f.err)
	}
	return errors.Join(all...)
}

// object is a mapping of which each field is read once.
type object struct {
	r      *reader
	node   *yaml.Node
	path   string
	names  []string // in their order
	values map[string]*yaml.Node
	keys   map[string]*yaml.Node
	read   map[string]bool
}

// object reads a mapping.
func (r *reader) object(node *yaml.Node, path string) (*object, bool) {
	r.places[path] = node
	if node.Kind != yaml.MappingNode {
		r.fault(node, path, "Expected fields with values")
		return nil, false
	}
	o := &object{r: r, node: node, path: path, values: map[string]*yaml.Node{}, keys: map[string]*yaml.Node{}, read: map[string]bool{}}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		name := key.Value
		switch _, twice := o.values[name]; {
		case key.Kind != yaml.ScalarNode || name == "" || key.Tag == "!!merge":
			r.fault(key, path, "Expected the name of a field")
		case twice:
			r.fault(key, o.at(name), "Said twice")
		default:
			o.names, o.values[name], o.keys[name] = append(o.names, name), value, key
			r.places[o.at(name)] = value
		}
	}
	return o, true
}

func (o *object) at(name string) string {
	return strings.TrimPrefix(o.path+"."+name, ".")
}

// take gives a field, unless it is not there or empty.
func (o *object) take(name string) (*yaml.Node, bool) {
	o.read[name] = true
	node, ok := o.values[name]
	return node, ok && node.Tag != "!!null"
}

// close tells of fields that nobody has read.
func (o *object) close() {
	for _, name := range o.names {
		if !o.read[name] {
			o.r.fault(o.keys[name], o.at(name), "Unknown field")
		}
	}
}

// text reads a field that is a string.
func (o *object) text(name string) string {
	node, ok := o.take(name)
	if !ok {
		return ""
	}
	return o.r.text(node, o.at(name))
}

func (r *reader) text(node *yaml.Node, path string) string {
	if node.Kind != yaml.ScalarNode || !slices.Contains([]string{"!!str", "!!timestamp"}, node.Tag) {
		r.fault(node, path, "Expected text; put numbers and the like in quotes")
		return ""
	}
	return node.Value
}

// required is text that must be there.
func (o *object) required(name string) string {
	value := o.text(name)
	if _, given := o.values[name]; !given {
		o.r.fault(o.node, o.at(name), "Required")
	}
	return value
}

// flag reads true or false; nil when the file says neither.
func (o *object) flag(name string) *bool {
	node, ok := o.take(name)
	if !ok {
		return nil
	}
	var value bool
	if node.Tag != "!!bool" || node.Decode(&value) != nil {
		o.r.fault(node, o.at(name), "Expected true or false")
		return nil
	}
	return &value
}

// items reads a list.
func (o *object) items(name string, item func(node *yaml.Node, path string)) bool {
	node, ok := o.take(name)
	if !ok {
		return false
	}
	if node.Kind != yaml.SequenceNode {
		o.r.fault(node, o.at(name), "Expected a list")
		return false
	}
	for i, n := range node.Content {
		path := fmt.Sprintf("%s[%d]", o.at(name), i)
		o.r.places[path] = n
		item(n, path)
	}
	return true
}

// each reads a list of objects.
func (o *object) each(name string, read func(*object)) {
	o.items(name, func(node *yaml.Node, path string) {
		if item, ok := o.r.object(node, path); ok {
			read(item)
			item.close()
		}
	})
}

// entries reads an object whose fields are the file's own.
func (o *object) entries(name string, read func(name, path string, node *yaml.Node)) bool {
	node, ok := o.take(name)
	if !ok {
		return false
	}
	inner, ok := o.r.object(node, o.at(name))
	if !ok {
		return false
	}
	for _, n := range inner.names {
		read(n, inner.at(n), inner.values[n])
	}
	return true
}

// secret reads {env: NAME} or {value: …}.
func (r *reader) secret(node *yaml.Node, path string) string {
	if node.Kind != yaml.MappingNode {
		r.fault(node, path, "Expected {env: NAME}, or {value: …} to keep the secret in the file")
		return ""
	}
	o, _ := r.object(node, path)
	defer o.close()
	value, given := o.text("value"), o.values["value"] != nil
	name := o.text("env")
	if given == (name != "") {
		r.fault(node, path, "Expected either env or value")
		return ""
	}
	if given {
		return value
	}
	value, ok := r.getenv(name)
	if !ok || value == "" {
		r.fault(o.values["env"], path+".env", "The environment has no %s", name)
	}
	return value
}

func (o *object) secret(name string) string {
	node, ok := o.take(name)
	if !ok {
		return ""
	}
	return o.r.secret(node, o.at(name))
}

// rest are the fields that nobody has read yet, as elements of a resource.
func (o *object) rest() admin.Elements {
	elements := admin.Elements{}
	for _, name := range o.names {
		if o.read[name] {
			continue
		}
		if node, ok := o.take(name); ok && !o.reserved(name) {
			elements[name] = o.r.json(node, o.at(name))
		}
	}
	return elements
}

// reserved refuses elements that a file must not say.
func (o *object) reserved(name string) bool {
	if slices.Contains([]string{"resourceType", "meta", "retiringSecret", "identityProvider"}, name) {
		o.r.fault(o.keys[name], o.at(name), "Not for project files")
		return true
	}
	return false
}

// json is a node as JSON. Numbers stay as they are written, as far as JSON has them so.
func (r *reader) json(node *yaml.Node, path string) json.RawMessage {
	r.places[path] = node
	switch node.Kind {
	case yaml.MappingNode:
		o, _ := r.object(node, path)
		members := map[string]json.RawMessage{}
		for _, name := range o.names {
			members[name] = r.json(o.values[name], o.at(name))
		}
		return r.marshal(node, path, members)
	case yaml.SequenceNode:
		items := []json.RawMessage{}
		for i, n := range node.Content {
			items = append(items, r.json(n, fmt.Sprintf("%s[%d]", path, i)))
		}
		return r.marshal(node, path, items)
	case yaml.AliasNode:
		r.fault(node, path, "A project file has no aliases")
		return json.RawMessage("null")
	}
	switch node.Tag {
	case "!!str", "!!timestamp":
		return r.marshal(node, path, node.Value)
	case "!!int", "!!float":
		if json.Valid([]byte(node.Value)) {
			return json.RawMessage(node.Value)
		}
	}
	var value any
	if err := node.Decode(&value); err != nil {
		r.fault(node, path, "Expected a value that JSON has")
		return json.RawMessage("null")
	}
	if number, ok := value.(float64); ok && (math.IsInf(number, 0) || math.IsNaN(number)) {
		r.fault(node, path, "Expected a number that JSON has")
		return json.RawMessage("null")
	}
	return r.marshal(node, path, value)
}

func (r *reader) marshal(node *yaml.Node, path string, value any) json.RawMessage {
	raw, err := json.Marshal(value)
	if err != nil {
		r.fault(node, path, "Expected a value that JSON has, not %s", strconv.Quote(node.Value))
		return json.RawMessage("null")
	}
	return raw
}
