package scim

import "maps"

// choice is which attributes an answer has (RFC 7644 §3.9).
type choice struct {
	only   []path // nil: all but those left out
	except []path
}

// choose reads names of attributes. Those of nothing choose nothing.
func (k *kind) choose(only, except []string) (c choice, err error) {
	if len(only) > 0 && len(except) > 0 {
		return c, refuse(invalidValue, "Either attributes or excludedAttributes")
	}
	c.except = k.paths(except)
	if len(only) > 0 {
		c.only = append([]path{}, k.paths(only)...)
	}
	return c, nil
}

func (k *kind) paths(names []string) (paths []path) {
	for _, name := range names {
		if at, ok := k.extensionPath(name); ok {
			paths = append(paths, at)
		} else if _, at, known := k.attribute(split(name)); known {
			paths = append(paths, at)
		}
	}
	return paths
}

// wants says whether an answer has any of an attribute.
func (c choice) wants(name string) bool {
	if c.only == nil {
		for _, at := range c.except {
			if at == (path{name: name}) {
				return false
			}
		}
		return true
	}
	for _, at := range c.only {
		if at.urn == "" && at.name == name {
			return true
		}
	}
	return false
}

// of is the resource with the chosen attributes, and always with those that say what it is.
func (c choice) of(doc object) object {
	out := object{}
	switch {
	case c.only != nil:
		for _, at := range c.only {
			pick(out, doc, at)
		}
	case len(c.except) > 0:
		maps.Copy(out, doc)
		for _, at := range c.except {
			drop(out, at)
		}
	default:
		return doc
	}
	for _, always := range []string{attrSchemas, attrID} {
		if value, ok := doc[always]; ok {
			out[always] = value
		}
	}
	return out
}

func pick(out, doc object, at path) {
	if at.name == "" {
		if extension, ok := doc[at.urn]; ok {
			out[at.urn] = extension
		}
		return
	}
	from := at.target(doc, false)
	value, ok := from[at.name]
	if !ok {
		return
	}
	into := at.target(out, true)
	if at.sub == "" {
		into[at.name] = value
		return
	}
	into[at.name] = parts(value, into[at.name], func(entry, before object) object {
		if part, ok := entry[at.sub]; ok {
			before[at.sub] = part
		}
		return before
	})
}

// drop leaves doc's own objects as they are: others may share them.
func drop(out object, at path) {
	switch {
	case at.name == "":
		delete(out, at.urn)
		return
	case at.urn != "":
		extension, ok := out[at.urn].(object)
		if !ok {
			return
		}
		extension = maps.Clone(extension)
		out[at.urn] = extension
		out = extension
	}
	if at.sub == "" {
		delete(out, at.name)
		return
	}
	if value, ok := out[at.name]; ok {
		out[at.name] = parts(value, nil, func(entry, _ object) object {
			entry = maps.Clone(entry)
			delete(entry, at.sub)
			return entry
		})
	}
}

// parts makes each entry of a value anew from itself and what was picked of it before.
func parts(value, before any, of func(entry, before object) object) any {
	list, isList := value.([]any)
	if !isList {
		entry, _ := value.(object)
		earlier, ok := before.(object)
		if !ok {
			earlier = object{}
		}
		return of(entry, earlier)
	}
	picked, _ := before.([]any)
	out := make([]any, len(list))
	for i, one := range list {
		entry, _ := one.(object)
		earlier := object{}
		if i < len(picked) {
			earlier, _ = picked[i].(object)
		}
		out[i] = of(entry, earlier)
	}
	return out
}
