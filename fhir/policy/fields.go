package policy

import (
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/index"
	"github.com/admitdev/admit/fhir/search"
	"github.com/admitdev/admit/pkg/outcome"
)

// fieldPath is how hiddenFields and readonlyFields name elements: name, name.family, value[x].
var fieldPath = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]*(\.[A-Za-z][A-Za-z0-9]*)*(\[x\])?$`)

func splitPath(field string) []string { return strings.Split(field, ".") }

// choiceName is value of value[x].
func choiceName(step string) (string, bool) { return strings.CutSuffix(step, "[x]") }

// CheckSearch refuses a search that filters, sorts or follows by what may be hidden from the
// caller: whether a resource is found would tell it. An include of every reference includes by the others,
// which tell nothing about it.
//
// Errors: outcome Forbidden.
func (p *Policy) CheckSearch(r *search.Request) error {
	for _, use := range r.Uses {
		t := p.table(use.Type)
		if _, hidden := t.hides(use); hidden != "" {
			return outcome.New(outcome.Forbidden, "Search parameter %s reads a hidden field", use.Param)
		}
	}
	for i := range r.Includes {
		if in := &r.Includes[i]; in.Every {
			t := p.table(in.Source)
			in.Params = slices.DeleteFunc(in.Params, func(code string) bool {
				_, hidden := t.hides(search.Use{Type: in.Source, Param: code})
				return hidden != ""
			})
		}
	}
	return nil
}

// hides finds a rule that may be the one to show a resource and hides what the parameter reads, and
// the element that it hides. Rules behind one that shows every resource are never asked.
func (t *table) hides(use search.Use) (*Rule, string) {
	if !t.fields {
		return nil, ""
	}
	var paths [][]string
	for _, r := range t.rules {
		if !r.Grants(Read) && !r.Grants(Search) {
			continue
		}
		if len(r.Hidden) > 0 && paths == nil {
			paths = pathsRead(use)
		}
		for _, hidden := range r.Hidden {
			for _, path := range paths {
				if touches(splitPath(hidden), path) {
					return r, hidden
				}
			}
		}
		if r.where == nil && r.Grants(Read) && r.Grants(Search) {
			break
		}
	}
	return nil, ""
}

// pathsRead are the elements that a search parameter reads.
func pathsRead(use search.Use) [][]string {
	resourceType, code := use.Type, use.Param
	if use.Expression != "" {
		return expressionPaths(resourceType, use.Expression)
	}
	switch code {
	case "_project":
		return nil
	case index.CompartmentParam:
		return compartmentPaths(resourceType)
	}
	param, ok := definitions.SearchParamOf(resourceType, code)
	switch {
	case !ok || param.Expression == "":
		return nil
	case param.Type == definitions.Composite: // what its parts read are uses of their own
		return pathsIn(resourceType, param.Expression)
	}
	return expressionPaths(resourceType, param.Expression)
}

// compartmentPaths are the references that put a resource into compartments.
func compartmentPaths(resourceType string) [][]string {
	paths := [][]string{{"meta", "accounts"}}
	for _, compartment := range definitions.Compartments() {
		params, _ := definitions.Compartment(compartment, resourceType)
		for _, code := range params {
			if param, ok := definitions.SearchParamOf(resourceType, code); ok {
				paths = append(paths, expressionPaths(resourceType, param.Expression)...)
			}
		}
	}
	return paths
}

// expressionPaths finds Type.a.b in an expression, up to its first function. An alternative that
// does not begin like that reads everything, for all that is known, and so does an expression that can
// leave its paths: $this is the resource outside of a filter, and a reference "#" resolves to the resource,
// "#x" to what it contains. What only asks for the type of a target stays on its path.
func expressionPaths(resourceType, expression string) [][]string {
	if leaves.MatchString(targetType.ReplaceAllString(quoted.ReplaceAllString(expression, ""), "")) {
		return [][]string{{}}
	}
	for alternative := range strings.SplitSeq(withoutArguments(expression), "|") {
		root := alternativeRoot.FindStringSubmatch(alternative)
		if root == nil || !definitions.IsResource(root[1]) {
			return [][]string{{}}
		}
	}
	return pathsIn(resourceType, expression)
}

func pathsIn(resourceType, expression string) [][]string {
	var paths [][]string
	for _, match := range elementPath.FindAllStringSubmatchIndex(expression, -1) {
		if expression[match[2]:match[3]] != resourceType {
			continue
		}
		steps := strings.Split(expression[match[4]+1:match[5]], ".")
		if match[5] < len(expression) && expression[match[5]] == '(' {
			steps = steps[:len(steps)-1]
		}
		paths = append(paths, steps)
	}
	return paths
}

// withoutArguments is an expression without strings and the arguments of functions.
func withoutArguments(expression string) string {
	bare := quoted.ReplaceAllString(expression, "")
	for {
		less := arguments.ReplaceAllString(bare, "$1")
		if less == bare {
			return bare
		}
		bare = less
	}
}

var (
	quoted          = regexp.MustCompile(`'(\\.|[^'\\])*'`)
	arguments       = regexp.MustCompile(`([A-Za-z])\([^()]*\)`)
	alternativeRoot = regexp.MustCompile(`^[\s(]*([A-Z][A-Za-z]*)\.[A-Za-z]`)
	targetType      = regexp.MustCompile(`resolve\(\)( is [A-Za-z]+|\.resourceType\b)`)
	leaves          = regexp.MustCompile(`[$%]|resolve`)
	elementPath     = regexp.MustCompile(`\b([A-Z][A-Za-z]*)((?:\.[A-Za-z]+)+)`)
)

// touches says whether one path lies within the other. value of an expression stands for every
// typed form of value[x].
func touches(hidden, read []string) bool {
	for i := range min(len(hidden), len(read)) {
		h, _ := choiceName(hidden[i])
		if h == read[i] {
			continue
		}
		rest, ok := strings.CutPrefix(h, read[i])
		if !ok || !unicode.IsUpper(rune(rest[0])) {
			return false
		}
	}
	return true
}
