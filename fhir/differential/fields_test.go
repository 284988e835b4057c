package differential_test

import (
	"slices"
	"strings"
)

// This file is what hiddenFields and readonlyFields mean for a document.

// named says whether a step of a path names a member: value[x] names each typed form.
func named(step, member string) bool {
	if base, ok := strings.CutSuffix(step, "[x]"); ok {
		return strings.HasPrefix(member, base) && len(member) > len(base) && strings.ToUpper(member[len(base):len(base)+1]) == member[len(base):len(base)+1]
	}
	return step == member
}

// masked is v without what the paths name. What becomes empty by it goes as well: then the result is nil.
func masked(v any, paths [][]string) any {
	switch v := v.(type) {
	case object:
		out := object{}
		for name, value := range v {
			var rests [][]string
			whole := false
			for _, p := range paths {
				if named(p[0], name) {
					whole = whole || len(p) == 1
					rests = append(rests, p[1:])
				}
			}
			if whole {
				continue
			}
			if left := masked(value, rests); left != nil {
				out[name] = left
			}
		}
		if len(out) == 0 {
			return nil
		}
		return out
	case []any:
		var out []any
		for _, item := range v {
			if left := masked(item, paths); left != nil {
				out = append(out, left)
			}
		}
		if out == nil {
			return nil
		}
		return out
	}
	return v
}

func split(paths []string) [][]string {
	var out [][]string
	for _, p := range paths {
		out = append(out, dotted(p))
	}
	return out
}

// without is a document without fields.
func without(body object, fields []string) object {
	out, _ := masked(body, split(fields)).(object)
	return out
}

// restored is what a writer sent, with protected fields as they are stored. hidden are those that the
// writer does not see: an item of a list that it sees nothing of stays where it is.
func restored(sent, stored object, hidden, protected []string) object {
	out := clone(sent)
	if paths := split(hidden); len(paths) > 0 {
		out, _ = merged(out, stored, paths).(object)
	}
	for _, field := range protected {
		if !slices.Contains(hidden, field) {
			out = putBack(out, stored, dotted(field)).(object)
		}
	}
	return out
}

// merged puts the hidden parts of stored into what was made of the rest.
func merged(sent, stored any, paths [][]string) any {
	if len(paths) == 0 {
		return sent
	}
	if slices.ContainsFunc(paths, func(p []string) bool { return len(p) == 0 }) {
		return stored
	}
	switch was := stored.(type) {
	case object:
		is, ok := sent.(object)
		if !ok {
			return masked(sent, paths)
		}
		out := object{}
		names := map[string]bool{}
		for name := range is {
			names[name] = true
		}
		for name := range was {
			names[name] = true
		}
		for name := range names {
			var rests [][]string
			for _, p := range paths {
				if named(p[0], name) {
					rests = append(rests, p[1:])
				}
			}
			var value any
			switch whole := slices.ContainsFunc(rests, func(p []string) bool { return len(p) == 0 }); {
			case len(rests) == 0:
				value = is[name]
			case whole:
				value = was[name]
			case is[name] == nil:
				value = mergedIntoNothing(was[name], rests)
			case was[name] == nil:
				value = masked(is[name], rests)
			default:
				value = merged(is[name], was[name], rests)
			}
			if value != nil {
				out[name] = value
			}
		}
		return out
	case []any:
		is, ok := sent.([]any)
		if !ok {
			return masked(sent, paths)
		}
		var out []any
		is = slices.DeleteFunc(slices.Clone(is), func(item any) bool { return masked(item, paths) == nil })
		for _, item := range was {
			switch {
			case masked(item, paths) == nil:
				out = append(out, item)
			case len(is) > 0:
				out, is = append(out, merged(is[0], item, paths)), is[1:]
			}
		}
		for _, item := range is {
			if left := masked(item, paths); left != nil {
				out = append(out, left)
			}
		}
		return orNothing(out)
	}
	return sent
}

// orNothing is a list, or nothing when it is empty: FHIR knows no empty ones.
func orNothing(list []any) any {
	if len(list) == 0 {
		return nil
	}
	return list
}

// mergedIntoNothing is what stays of an element that the writer removes: what it does not see, but for
// the items of lists that it does see.
func mergedIntoNothing(stored any, paths [][]string) any {
	switch stored.(type) {
	case object:
		if left := merged(object{}, stored, paths); len(left.(object)) > 0 {
			return left
		}
	case []any:
		return merged([]any{}, stored, paths)
	}
	return nil
}

// only is v with nothing but what the paths name.
func only(v any, paths [][]string) any {
	if slices.ContainsFunc(paths, func(p []string) bool { return len(p) == 0 }) {
		return v
	}
	switch v := v.(type) {
	case object:
		out := object{}
		for name, value := range v {
			var rests [][]string
			for _, p := range paths {
				if named(p[0], name) {
					rests = append(rests, p[1:])
				}
			}
			if len(rests) > 0 {
				if left := only(value, rests); left != nil {
					out[name] = left
				}
			}
		}
		if len(out) > 0 {
			return out
		}
	case []any:
		var out []any
		for _, item := range v {
			if left := only(item, paths); left != nil {
				out = append(out, left)
			}
		}
		if out != nil {
			return out
		}
	}
	return nil
}

// putBack makes a read-only field what it is in stored; items of lists correspond by position.
func putBack(sent, stored any, path []string) any {
	switch is := sent.(type) {
	case object:
		was, _ := stored.(object)
		out := object{}
		for name, value := range is {
			switch {
			case !named(path[0], name):
				out[name] = value
			case len(path) == 1: // set below
			case was[name] == nil:
				if left := masked(value, [][]string{path[1:]}); left != nil {
					out[name] = left
				}
			default:
				if left := putBack(value, was[name], path[1:]); left != nil {
					out[name] = left
				}
			}
		}
		for name, value := range was {
			if named(path[0], name) && (len(path) == 1 || is[name] == nil) {
				if left := only(value, [][]string{path[1:]}); left != nil {
					out[name] = left
				}
			}
		}
		return out
	case []any:
		was, _ := stored.([]any)
		var out []any
		for i, item := range is {
			if i < len(was) {
				out = append(out, putBack(item, was[i], path))
			} else if left := masked(item, [][]string{path}); left != nil {
				out = append(out, left)
			}
		}
		return orNothing(out)
	}
	return sent
}
