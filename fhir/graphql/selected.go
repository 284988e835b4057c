package graphql

import "github.com/vektah/gqlparser/v2/ast"

// selects says whether a field is asked for below a group, in fragments as well.
func selects(g group, name string) bool {
	seen := map[string]bool{}
	for _, f := range g.fields {
		if selected(f.SelectionSet, name, seen) {
			return true
		}
	}
	return false
}

func selected(set ast.SelectionSet, name string, seen map[string]bool) bool {
	for _, selection := range set {
		switch selection := selection.(type) {
		case *ast.Field:
			if selection.Name == name {
				return true
			}
		case *ast.InlineFragment:
			if selected(selection.SelectionSet, name, seen) {
				return true
			}
		case *ast.FragmentSpread:
			if !seen[selection.Name] {
				seen[selection.Name] = true
				if selected(selection.Definition.SelectionSet, name, seen) {
					return true
				}
			}
		}
	}
	return false
}
