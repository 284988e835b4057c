package scim

import (
	"strings"
	"time"

	"github.com/elimity-com/scim/schema"
)

// check refuses a filter that names what no attribute is, or compares it with what it cannot be, and
// spells its paths as the schemas do.
func (k *kind) check(e expression) (expression, error) {
	switch e := e.(type) {
	case both:
		left, right, err := k.checkTwo(e.left, e.right)
		return both{left, right}, err
	case either:
		left, right, err := k.checkTwo(e.left, e.right)
		return either{left, right}, err
	case not:
		of, err := k.check(e.of)
		return not{of}, err
	case some:
		a, at, known := k.attribute(e.path)
		if !known || !a.HasSubAttributes() || at.sub != "" {
			return nil, refuse(invalidFilter, "%s has no values to choose from", e.path)
		}
		of, err := checkWithin(a, e.of)
		return some{at, of}, err
	case comparison:
		a, at, known := k.attribute(e.path)
		if !known || at.name == attrPassword {
			return nil, refuse(invalidFilter, "%s is no attribute to filter by", e.path)
		}
		e.path = at
		return checkComparison(leaf(a, at.sub), e)
	}
	return nil, refuse(invalidFilter, "The filter cannot be read")
}

func (k *kind) checkTwo(left, right expression) (expression, expression, error) {
	left, err := k.check(left)
	if err != nil {
		return nil, nil, err
	}
	right, err = k.check(right)
	return left, right, err
}

// checkWithin is check for the paths of a value.
func checkWithin(a schema.CoreAttribute, e expression) (expression, error) {
	inner := kind{core: schema.Schema{Attributes: a.SubAttributes()}}
	return inner.check(e)
}

// leaf is the attribute that is compared: a part of it, or its value.
func leaf(a schema.CoreAttribute, sub string) schema.CoreAttribute {
	if sub == "" && a.HasSubAttributes() {
		sub = subValue
	}
	if part, ok := a.SubAttributes().ContainsAttribute(sub); ok {
		return part
	}
	return a
}

func checkComparison(a schema.CoreAttribute, c comparison) (expression, error) {
	if c.op == "pr" {
		return c, nil
	}
	wrong := refuse(invalidFilter, "%s cannot be compared so", c.path)
	if c.value == nil {
		if c.op != "eq" && c.op != "ne" {
			return nil, wrong
		}
		return c, nil
	}
	text, isText := c.value.(string)
	switch a.AttributeType() {
	case "complex":
		return nil, wrong
	case "boolean":
		if flag, ok := truth[strings.ToLower(text)]; ok && isText {
			c.value = flag
		}
		if _, ok := c.value.(bool); !ok || c.op != "eq" && c.op != "ne" {
			return nil, wrong
		}
		return c, nil
	case "dateTime":
		at, err := time.Parse(time.RFC3339Nano, text)
		if err != nil || strings.Contains("co sw ew", c.op) {
			return nil, wrong
		}
		c.value = at
		return c, nil
	}
	if !isText {
		return nil, wrong
	}
	if !a.CaseExact() {
		return folded{c}, nil
	}
	return c, nil
}

// folded is a comparison without regard to case.
type folded struct{ comparison }

// holds says whether a resource, or a value of one, satisfies what check has seen.
func holds(e expression, doc object) bool {
	switch e := e.(type) {
	case both:
		return holds(e.left, doc) && holds(e.right, doc)
	case either:
		return holds(e.left, doc) || holds(e.right, doc)
	case not:
		return !holds(e.of, doc)
	case some:
		for _, value := range valuesAt(doc, path{e.path.urn, e.path.name, ""}) {
			if entry, ok := value.(object); ok && holds(e.of, entry) {
				return true
			}
		}
		return false
	case folded:
		return compares(e.comparison, doc, true)
	case comparison:
		return compares(e, doc, false)
	}
	return false
}

func compares(c comparison, doc object, fold bool) bool {
	values := valuesAt(doc, c.path)
	switch {
	case c.op == "pr":
		return len(values) > 0
	case c.op == "ne":
		c.op = "eq"
		return !compares(c, doc, fold)
	case c.value == nil:
		return len(values) == 0
	}
	for _, value := range values {
		if entry, ok := value.(object); ok {
			value = entry[subValue]
		}
		if one(c.op, value, c.value, fold) {
			return true
		}
	}
	return false
}

func one(op string, value, with any, fold bool) bool {
	switch with := with.(type) {
	case bool:
		return value == with
	case time.Time:
		text, _ := value.(string)
		at, err := time.Parse(time.RFC3339Nano, text)
		return err == nil && inOrder(op, at.Compare(with))
	case string:
		text, ok := value.(string)
		if !ok {
			return false
		}
		if fold {
			text, with = strings.ToLower(text), strings.ToLower(with)
		}
		switch op {
		case "co":
			return strings.Contains(text, with)
		case "sw":
			return strings.HasPrefix(text, with)
		case "ew":
			return strings.HasSuffix(text, with)
		}
		return inOrder(op, strings.Compare(text, with))
	}
	return false
}

func inOrder(op string, compared int) bool {
	switch op {
	case "eq":
		return compared == 0
	case "gt":
		return compared > 0
	case "ge":
		return compared >= 0
	case "lt":
		return compared < 0
	case "le":
		return compared <= 0
	}
	return false
}

// valuesAt are the values at a path, none when it is unassigned.
func valuesAt(doc object, at path) []any {
	value, ok := at.target(doc, false)[at.name]
	if !ok {
		return nil
	}
	values := []any{value}
	if list, ok := value.([]any); ok {
		values = list
	}
	if at.sub == "" {
		return values
	}
	var parts []any
	for _, value := range values {
		if entry, ok := value.(object); ok && entry[at.sub] != nil {
			parts = append(parts, entry[at.sub])
		}
	}
	return parts
}
