package index

import (
	"strings"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/fhirpath"
	"github.com/admitdev/admit/pkg/store"
)

// Composite is how a composite parameter is found (R4 search.html#composite): all of its values in
// one element, the base. Whatever needs no rows of its own has none.
type Composite struct {
	// Parts are the parameters as which the values are compared, in the order of the values.
	Parts []*definitions.SearchParam
	// Either are the composites that together are this one, each with one base.
	Either []string
	// Whole says that a resource has one base, so what holds of its parts' own rows holds in it.
	Whole bool
	// Name is the part whose token is in the names of the rows (see CompositeParam), -1 for none,
	// and Row the part whose rows they are.
	Name, Row int
	// Span says that Row and the part after it are numbers, which are the two ends of one row.
	Span bool

	base        string
	expressions []string // of the parts below the base
}

// CompositeOf reads the definition; ok is false for one of a form that R4 does not have.
func CompositeOf(resourceType string, p *definitions.SearchParam) (c Composite, ok bool) {
	bases := branches(p.Expression)
	if len(bases) > 1 {
		c.Either, ok = eachBase(resourceType, p, bases)
		return c, ok
	}
	c.base, c.Name, c.Row = p.Expression, -1, -1
	tokens, numbers := 0, 0
	for i, component := range p.Components {
		part := byURL(resourceType, component.Definition)
		if part == nil || adders[part.Type] == nil {
			return c, false
		}
		c.Parts = append(c.Parts, part)
		c.expressions = append(c.expressions, below(c.base, part.Expression, component.Expression))
		switch part.Type {
		case definitions.Token:
			tokens++
			c.Name = i
		case definitions.Number:
			if numbers++; numbers == 1 {
				c.Row = i
			}
		default:
			c.Row = i
		}
	}
	if c.Whole = isOne(resourceType, c.base); c.Whole {
		return c, len(c.Parts) > 1
	}
	if tokens == len(c.Parts) {
		c.Name, c.Row = 0, len(c.Parts)-1
	}
	c.Span = numbers == 2 && c.Row+1 < len(c.Parts)
	named := len(c.Parts) - 1
	if c.Span {
		named--
	}
	return c, named == 1 && c.Name >= 0 && c.Row >= 0 && c.Name != c.Row
}

// eachBase finds the composites of the single bases.
func eachBase(resourceType string, p *definitions.SearchParam, bases []string) (codes []string, ok bool) {
	for _, base := range bases {
		for _, other := range definitions.SearchParams(resourceType) {
			if other.Type == definitions.Composite && other.Expression == base && sameParts(other, p) {
				codes = append(codes, other.Code)
				break
			}
		}
	}
	return codes, len(codes) == len(bases)
}

func sameParts(a, b *definitions.SearchParam) bool {
	if len(a.Components) != len(b.Components) {
		return false
	}
	for i := range a.Components {
		if a.Components[i].Expression != b.Components[i].Expression {
			return false
		}
	}
	return true
}

func byURL(resourceType, url string) *definitions.SearchParam {
	for _, p := range definitions.SearchParams(resourceType) {
		if p.URL == url {
			return p
		}
	}
	return nil
}

// below is a part's expression seen from the base. The part's own is more to be trusted than the
// component's: R4 has those of DocumentReference's relationship in the wrong order.
func below(base, own, component string) string {
	if strings.Contains(own, base+".") {
		return strings.ReplaceAll(own, base+".", "")
	}
	return component
}

// isOne says whether a path leads to one element at most.
func isOne(resourceType, path string) bool {
	steps := strings.Split(path, ".")
	at := definitions.StructureOf(resourceType)
	for _, step := range steps[1:] {
		element := at.Element(step)
		if element == nil || element.Max != 0 || len(element.Types) != 1 {
			return false
		}
		at = element.Types[0].Structure
	}
	return steps[0] == resourceType
}

// CompositeParam names the rows of a composite for elements in which the token is v: by the code
// alone, or by system|code.
func CompositeParam(code string, v store.TokenValue) string {
	name := escaped.Replace(*v.Code)
	if v.System != nil {
		name = escaped.Replace(*v.System) + "|" + name
	}
	return code + "$" + Bound(name)
}

var escaped = strings.NewReplacer(`\`, `\\`, `|`, `\|`)

// composite is a Composite ready to be evaluated.
type composite struct {
	code string
	Composite
	base  *fhirpath.Expression
	parts []*fhirpath.Expression
}

// compositesOf are the composites of a type that have rows.
func compositesOf(resourceType string) []composite {
	var out []composite
	for _, p := range definitions.SearchParams(resourceType) {
		if p.Type != definitions.Composite {
			continue
		}
		c, ok := CompositeOf(resourceType, p)
		if !ok || c.Whole || c.Either != nil {
			continue
		}
		ready := composite{code: p.Code, Composite: c, base: mustCompile(c.base)}
		for _, expression := range c.expressions {
			ready.parts = append(ready.parts, mustCompile(expression))
		}
		out = append(out, ready)
	}
	return out
}

// mustCompile compiles what the embedded tables have: TestEveryExpressionCompiles holds that it can.
func mustCompile(source string) *fhirpath.Expression {
	expression, err := fhirpath.Compile(source)
	if err != nil {
		panic("index: " + err.Error())
	}
	return expression
}

// composite makes the rows of every base element.
func (b *builder) composite(env *fhirpath.Env, c composite) {
	elements, err := c.base.Evaluate(env, env.Root)
	if err != nil {
		return
	}
	for _, element := range elements {
		var tokens, rows builder
		for _, v := range c.values(env, element, c.Name) {
			tokens.token(c.code, v)
		}
		if c.Span {
			rows.span(c.code, c.values(env, element, c.Row), c.values(env, element, c.Row+1))
		} else {
			for _, v := range c.values(env, element, c.Row) {
				adders[c.Parts[c.Row].Type](&rows, c.code, v)
			}
		}
		for _, t := range tokens.rows.Token {
			if t.Param == c.code && t.Code != "" {
				b.named(rows.rows, c.code, CompositeParam(c.code, store.TokenValue{Code: &t.Code}))
				b.named(rows.rows, c.code, CompositeParam(c.code, store.TokenValue{System: &t.System, Code: &t.Code}))
			}
		}
	}
}

func (c composite) values(env *fhirpath.Env, element fhirpath.Value, part int) fhirpath.Collection {
	values, err := c.parts[part].Evaluate(env, element)
	if err != nil {
		return nil
	}
	return values
}

// span makes a row from one number to another.
func (b *builder) span(param string, from, to fhirpath.Collection) {
	for _, start := range from {
		for _, end := range to {
			_, low, _ := start.Primitive()
			_, high, _ := end.Primitive()
			b.addMeasure(store.QuantityRow{Param: param}, low, low, high)
		}
	}
}

// named adds the rows of a parameter under another name. Those of its modifiers stay behind: R4
// has none for composites.
func (b *builder) named(rows store.Index, from, to string) {
	for _, r := range rows.Token {
		if r.Param == from {
			r.Param = to
			b.rows.Token = append(b.rows.Token, r)
		}
	}
	for _, r := range rows.Reference {
		if r.Param == from {
			r.Param = to
			b.rows.Reference = append(b.rows.Reference, r)
		}
	}
	for _, r := range rows.Quantity {
		if r.Param == CanonicalParam(from) {
			r.Param = CanonicalParam(to)
		} else {
			r.Param = to
		}
		b.rows.Quantity = append(b.rows.Quantity, r)
	}
}
