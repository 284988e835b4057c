package scim

import (
	"encoding/json"
	"strings"
)

// The bounds of a filter: what nobody needs must not cost anything.
const (
	maxFilterBytes = 8 << 10
	maxFilterDepth = 20
	maxFilterTerms = 100
)

// path names an attribute, an attribute of it, or with neither a whole extension.
type path struct{ urn, name, sub string }

func (p path) String() string {
	text := p.name
	if p.sub != "" {
		text += "." + p.sub
	}
	if p.urn != "" {
		text = strings.TrimSuffix(p.urn+":"+text, ":")
	}
	return text
}

// The parts of a filter (RFC 7644 §3.4.2.2).
type (
	expression interface{}
	comparison struct {
		path  path
		op    string // pr, eq, ne, co, sw, ew, gt, ge, lt, le
		value any    // string, bool, float64 or nil
	}
	both   struct{ left, right expression }
	either struct{ left, right expression }
	not    struct{ of expression }
	// some holds when one of the values of path satisfies of, whose paths are of the value.
	some struct {
		path path
		of   expression
	}
)

// parser reads a filter or the path of PATCH.
type parser struct {
	text         string
	at           int
	depth, terms int
}

// parseFilter reads a filter.
func parseFilter(text string) (expression, error) {
	if len(text) > maxFilterBytes {
		return nil, refuse(invalidFilter, "A filter has at most %d bytes", maxFilterBytes)
	}
	p := &parser{text: text}
	e, err := p.or("")
	if err == nil {
		if p.space(); p.at < len(p.text) {
			err = p.unexpected()
		}
	}
	return e, err
}

func (p *parser) unexpected() error {
	return refuse(invalidFilter, "The filter cannot be read from character %d", p.at+1)
}

func (p *parser) space() {
	for p.at < len(p.text) && p.text[p.at] == ' ' {
		p.at++
	}
}

// take consumes a sign.
func (p *parser) take(sign byte) bool {
	p.space()
	if p.at < len(p.text) && p.text[p.at] == sign {
		p.at++
		return true
	}
	return false
}

// word consumes the letters, digits and signs of a name, an operator or a literal.
func (p *parser) word() string {
	p.space()
	start := p.at
	for p.at < len(p.text) {
		c := p.text[p.at]
		if c|0x20 < 'a' || c|0x20 > 'z' {
			if c < '0' || c > '9' {
				if strings.IndexByte("-_$:.+", c) < 0 {
					break
				}
			}
		}
		p.at++
	}
	return p.text[start:p.at]
}

// keyword consumes a word if it is the one.
func (p *parser) keyword(word string) bool {
	before := p.at
	if strings.EqualFold(p.word(), word) {
		return true
	}
	p.at = before
	return false
}

// or reads alternatives. Within the brackets of an attribute, the paths are of its values.
func (p *parser) or(within string) (expression, error) {
	left, err := p.and(within)
	for err == nil && p.keyword("or") {
		var right expression
		right, err = p.and(within)
		left = either{left, right}
	}
	return left, err
}

func (p *parser) and(within string) (expression, error) {
	left, err := p.term(within)
	for err == nil && p.keyword("and") {
		var right expression
		right, err = p.term(within)
		left = both{left, right}
	}
	return left, err
}

func (p *parser) term(within string) (expression, error) {
	if p.depth++; p.depth > maxFilterDepth {
		return nil, refuse(invalidFilter, "The filter is nested too deeply")
	}
	defer func() { p.depth-- }()
	if p.terms++; p.terms > maxFilterTerms {
		return nil, refuse(invalidFilter, "A filter has at most %d comparisons", maxFilterTerms)
	}
	before := p.at
	negated := p.keyword("not")
	if p.take('(') {
		of, err := p.or(within)
		switch {
		case err != nil:
			return nil, err
		case !p.take(')'):
			return nil, p.unexpected()
		case negated:
			return not{of}, nil
		}
		return of, nil
	}
	p.at = before // an attribute can be called so
	name := p.word()
	if name == "" {
		return nil, p.unexpected()
	}
	at := split(name)
	if within == "" && p.take('[') {
		return p.values(at)
	}
	return p.compare(at)
}

// values reads the filter in brackets. A comparison that follows, as Entra writes it, is one of the same
// value.
func (p *parser) values(at path) (expression, error) {
	of, err := p.or(at.name)
	if err != nil {
		return nil, err
	}
	if !p.take(']') {
		return nil, p.unexpected()
	}
	if p.at < len(p.text) && p.text[p.at] == '.' {
		p.at++
		more, err := p.compare(split(p.word()))
		if err != nil {
			return nil, err
		}
		of = both{of, more}
	}
	return some{at, of}, nil
}

func (p *parser) compare(at path) (expression, error) {
	switch op := strings.ToLower(p.word()); op {
	case "pr":
		return comparison{at, op, nil}, nil
	case "eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le":
		value, err := p.value()
		return comparison{at, op, value}, err
	}
	return nil, p.unexpected()
}

// value reads a JSON value: a string, a number, true, false or null.
func (p *parser) value() (value any, err error) {
	p.space()
	start := p.at
	if p.at < len(p.text) && p.text[p.at] == '"' {
		for p.at++; p.at < len(p.text) && p.text[p.at] != '"'; p.at++ {
			if p.text[p.at] == '\\' {
				p.at++
			}
		}
		p.at = min(p.at+1, len(p.text))
	} else {
		p.word()
	}
	text := p.text[start:p.at]
	if flag, ok := truth[strings.ToLower(text)]; ok {
		return flag, nil
	}
	if json.Unmarshal([]byte(text), &value) != nil {
		p.at = start
		return nil, p.unexpected()
	}
	return value, nil
}

// split reads a name with the schema before it and the part behind it.
func split(name string) (p path) {
	if strings.HasPrefix(strings.ToLower(name), "urn:") {
		colon := strings.LastIndexByte(name, ':')
		p.urn, name = name[:colon], name[colon+1:]
	}
	p.name, p.sub, _ = strings.Cut(name, ".")
	return p
}
