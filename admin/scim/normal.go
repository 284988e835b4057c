package scim

import (
	"strconv"
	"strings"

	"github.com/elimity-com/scim/schema"
)

// normal is a resource as the schemas have it: names in their spelling, values of their types, without
// what is unknown, read-only or unassigned.
func (k *kind) normal(raw object) (object, error) {
	if !hasSchema(raw, k.core.ID) {
		return nil, refuse(invalidSyntax, "schemas must name %s", k.core.ID)
	}
	var extension any
	known := append(schema.Attributes{}, k.core.Attributes...)
	externalID, _ := common().ContainsAttribute(attrExternalID)
	doc, err := normalObject(append(known, externalID), raw, "")
	if err != nil {
		return nil, err
	}
	if k.extension != nil {
		for name, value := range raw {
			if strings.EqualFold(name, k.extension.ID) {
				extension = value
			}
		}
	}
	if extension != nil {
		given, ok := extension.(object)
		if !ok {
			return nil, refuse(invalidValue, "%s: Expected object", k.extension.ID)
		}
		inner, err := normalObject(k.extension.Attributes, given, k.extension.ID+":")
		if err != nil {
			return nil, err
		}
		if len(inner) > 0 {
			doc[k.extension.ID] = inner
		}
	}
	for _, a := range k.core.Attributes {
		if a.Required() && doc[a.Name()] == nil {
			return nil, refuse(invalidValue, "%s: Required", a.Name())
		}
	}
	return doc, nil
}

func hasSchema(raw object, id string) bool {
	for name, value := range raw {
		if !strings.EqualFold(name, attrSchemas) {
			continue
		}
		list, _ := value.([]any)
		for _, one := range list {
			if text, ok := one.(string); ok && strings.EqualFold(text, id) {
				return true
			}
		}
	}
	return false
}

func normalObject(known schema.Attributes, raw object, at string) (object, error) {
	out := object{}
	for name, value := range raw {
		a, ok := known.ContainsAttribute(name)
		if !ok || a.Mutability() == "readOnly" {
			continue
		}
		clean, err := normalValue(a, value, at+a.Name())
		if err != nil {
			return nil, err
		}
		if clean == nil {
			continue
		}
		if _, twice := out[a.Name()]; twice {
			return nil, refuse(invalidSyntax, "%s is given twice", at+a.Name())
		}
		out[a.Name()] = clean
	}
	return out, nil
}

// maxValues is how many values an attribute may have, but the members of a group: adding some compares each
// with each.
const maxValues = 200

func checkValues(list []any, at string) error {
	if len(list) > maxValues {
		return refuse(invalidValue, "%s: At most %d values", at, maxValues)
	}
	return nil
}

// normalValue is a value of an attribute; nil when it is unassigned (RFC 7643 §2.5).
func normalValue(a schema.CoreAttribute, value any, at string) (any, error) {
	if value == nil {
		return nil, nil
	}
	if !a.MultiValued() {
		return normalSingle(a, single(value), at)
	}
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
	}
	if a.Name() != attrMembers {
		if err := checkValues(list, at); err != nil {
			return nil, err
		}
	}
	var items []any
	primaries := 0
	for i, one := range list {
		item, err := normalSingle(a, one, at+"["+strconv.Itoa(i)+"]")
		if err != nil {
			return nil, err
		}
		if item == nil {
			continue
		}
		if entry, ok := item.(object); ok && entry[subPrimary] == true {
			primaries++
		}
		items = append(items, item)
	}
	switch {
	case primaries > 1:
		return nil, refuse(invalidValue, "%s: Only one can be primary", at)
	case len(items) == 0:
		return nil, nil
	}
	return items, nil
}

// single unwraps the list of one value that Entra sends for an attribute that has one.
func single(value any) any {
	list, ok := value.([]any)
	if !ok || len(list) != 1 {
		return value
	}
	if entry, ok := list[0].(object); ok {
		if inner, has := entry[subValue]; has {
			return inner
		}
	}
	return list[0]
}

func normalSingle(a schema.CoreAttribute, value any, at string) (any, error) {
	text, isText := value.(string)
	switch a.AttributeType() {
	case "boolean":
		if flag, ok := value.(bool); ok {
			return flag, nil
		}
		if flag, ok := truth[strings.ToLower(text)]; ok && isText {
			return flag, nil
		}
		return nil, refuse(invalidValue, "%s: Expected boolean", at)
	case "complex":
		if _, ok := a.SubAttributes().ContainsAttribute(subValue); ok && isText { // as Entra sends a manager
			value = object{subValue: text}
		}
		given, ok := value.(object)
		if !ok {
			return nil, refuse(invalidValue, "%s: Expected object", at)
		}
		clean, err := normalObject(a.SubAttributes(), given, at+".")
		if err != nil || len(clean) == 0 {
			return nil, err
		}
		return clean, nil
	}
	switch {
	case value == nil, isText && text == "":
		return nil, nil
	case !isText:
		return nil, refuse(invalidValue, "%s: Expected string", at)
	}
	return text, nil
}

// truth are booleans as Entra spells them.
var truth = map[string]bool{"true": true, "false": false}
