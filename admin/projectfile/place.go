package projectfile

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// position is how a fault begins: file, line, column, and the field.
func position(file string, node *yaml.Node, path string) string {
	if path == "" {
		return fmt.Sprintf("%s:%d:%d", file, node.Line, node.Column)
	}
	return fmt.Sprintf("%s:%d:%d: %s", file, node.Line, node.Column, path)
}

// fields are what a file calls some elements of resources.
var fields = map[string]string{
	"roles": "policies", "access": "policies", "accessPolicy": "policies", "setting": "settings", "secret": "secrets", "site": "sites",
	"resourceType": "profile", "defaultAccessPolicies": "defaultPolicies",
}

// at is the position of the nearest node to an element of the part at place: the element as FHIRPath
// (AccessPolicy.resource[0].criteria) or as the field of a form.
func (f *File) at(place, element string) string {
	if first, rest, ok := strings.Cut(element, "."); ok && first != "" && first[0] >= 'A' && first[0] <= 'Z' {
		element = rest
	}
	path := place
	if element != "" {
		path = place + "." + element
		if _, known := f.places[path]; !known {
			name, rest, _ := strings.Cut(element, ".")
			bare, index, _ := strings.Cut(name, "[")
			if renamed, ok := fields[bare]; ok {
				if index != "" {
					renamed += "[" + index
				}
				path = strings.TrimSuffix(place+"."+renamed+"."+rest, ".")
			}
		}
	}
	for near := path; ; near = parent(near) {
		if node, ok := f.places[near]; ok || near == "" {
			if !ok {
				return f.Name
			}
			return position(f.Name, node, path)
		}
	}
}

// parent is the path of what a field is in.
func parent(path string) string {
	return path[:max(strings.LastIndexAny(path, ".["), 0)]
}
