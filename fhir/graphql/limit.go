package graphql

import (
	"math"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// bounded refuses a document that is too large or too deep to be looked at any closer. Each fragment
// is measured once, so none of this takes longer than the document is long.
func (e *Engine) bounded(doc *ast.QueryDocument) *gqlerror.Error {
	m := &measuring{fragments: fragmentsOf(doc), depths: map[string]int{}, visiting: map[string]bool{}}
	deepest := 0
	for _, operation := range doc.Operations {
		deepest = max(deepest, m.depth(operation.SelectionSet, 0))
	}
	for _, fragment := range doc.Fragments {
		deepest = max(deepest, m.spread(fragment.Name))
	}
	switch {
	case m.fields > e.limits.Fields:
		return gqlerror.Errorf("Query has too many fields (max %d)", e.limits.Fields)
	case deepest > e.limits.Depth:
		return gqlerror.Errorf("Query exceeds max depth (depth=%d, max=%d)", deepest, e.limits.Depth)
	}
	return nil
}

type measuring struct {
	fragments map[string]*ast.FragmentDefinition
	depths    map[string]int
	visiting  map[string]bool
	fields    int
}

// maxIntrospection is how deep a question about the schema may be: types within types.
const maxIntrospection = 20

// depth is how many fields lie within each other below a set. Questions about the schema are as deep
// as types are nested, and cost nothing: they have a limit of their own.
func (m *measuring) depth(set ast.SelectionSet, at int) int {
	deepest := 0
	for _, selection := range set {
		switch selection := selection.(type) {
		case *ast.Field:
			m.fields++
			below := m.depth(selection.SelectionSet, at+1)
			if at == 0 && (selection.Name == "__schema" || selection.Name == "__type") && below <= maxIntrospection {
				below = 0
			}
			deepest = max(deepest, 1+below)
		case *ast.InlineFragment:
			deepest = max(deepest, m.depth(selection.SelectionSet, at))
		case *ast.FragmentSpread:
			deepest = max(deepest, m.spread(selection.Name))
		}
	}
	return deepest
}

func (m *measuring) spread(name string) int {
	fragment := m.fragments[name]
	if depth, ok := m.depths[name]; ok || fragment == nil || m.visiting[name] { // validation refuses cycles
		return depth
	}
	m.visiting[name] = true
	m.depths[name] = m.depth(fragment.SelectionSet, 1)
	delete(m.visiting, name)
	return m.depths[name]
}

// What the parts of a query cost, after Medplum's formula: a search 8 and for each result that it may
// have what is selected of it, but at least 1, as each must be loaded; a reference, or a read, 1 and twice what is selected of it.
const (
	searchCost    = 8
	referenceCost = 1
	branching     = 2
	defaultCount  = 20
	maxCount      = 1000
)

// affordable refuses a query that would cost too much.
func (e *Engine) affordable(doc *ast.QueryDocument, operation *ast.OperationDefinition, variables map[string]any, whole bool) *gqlerror.Error {
	c := &costing{fragments: fragmentsOf(doc), variables: variables, costs: map[string]int{}}
	cost := c.cost(operation.SelectionSet)
	switch {
	case c.schema && !whole:
		return gqlerror.Errorf("The whole schema is shown to projects with the feature graphql-introspection only")
	case cost > e.limits.Cost:
		return gqlerror.Errorf("Query is too expensive (cost=%d, max=%d)", cost, e.limits.Cost)
	}
	return nil
}

type costing struct {
	fragments map[string]*ast.FragmentDefinition
	variables map[string]any
	costs     map[string]int
	schema    bool
}

func (c *costing) cost(set ast.SelectionSet) int {
	sum := 0
	for _, selection := range set {
		switch selection := selection.(type) {
		case *ast.Field:
			c.schema = c.schema || selection.Name == "__schema"
			sum = plus(sum, c.field(selection))
		case *ast.InlineFragment:
			sum = plus(sum, c.cost(selection.SelectionSet))
		case *ast.FragmentSpread:
			cost, ok := c.costs[selection.Name]
			if !ok {
				cost = c.cost(c.fragments[selection.Name].SelectionSet)
				c.costs[selection.Name] = cost
			}
			sum = plus(sum, cost)
		}
	}
	return sum
}

func (c *costing) field(f *ast.Field) int {
	below := c.cost(f.SelectionSet)
	if f.Definition == nil {
		return below
	}
	switch args := f.Definition.Arguments; {
	case args.ForName("_filter") != nil:
		return plus(searchCost, times(c.count(f), max(below, 1)))
	case args.ForName("optional") != nil || args.ForName("id") != nil && f.ObjectDefinition.Name == queryType.name:
		return plus(referenceCost, times(branching, below))
	}
	return below
}

// count is how many results a search may have.
func (c *costing) count(f *ast.Field) int {
	if n, ok := integer(f.ArgumentMap(c.variables)["_count"]); ok {
		return min(max(n, 0), maxCount)
	}
	return defaultCount
}

// integer is the value of an argument or variable that is an Int.
func integer(v any) (int, bool) {
	switch v := v.(type) {
	case int64:
		return int(v), true
	case int:
		return v, true
	case float64:
		return int(v), true
	}
	return 0, false
}

// plus and times stop at the greatest number.

func plus(a, b int) int {
	if a > math.MaxInt32-b {
		return math.MaxInt32
	}
	return a + b
}

func times(a, b int) int {
	if a > 0 && b > math.MaxInt32/a {
		return math.MaxInt32
	}
	return a * b
}
