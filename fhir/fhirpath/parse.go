package fhirpath

import (
	"fmt"

	"github.com/admitdev/admit/fhir/document"
)

// parser is a precedence climber over the operators of N1 §6.8.
type parser struct {
	source string
	tokens []token
	at     int
	depth  int // of expressions within each other

	patterns, patternSize int // of the regular expressions met
}

func parse(source string) (expr, error) {
	if err := Bounded(source); err != nil {
		return nil, err
	}
	tokens, err := lex(source)
	if err != nil {
		return nil, err
	}
	if len(tokens) > maxTokens {
		return nil, fmt.Errorf("%w: more than %d words and signs", ErrTooLarge, maxTokens)
	}
	p := &parser{source: source, tokens: tokens}
	e, err := p.expression()
	if err != nil {
		return nil, err
	}
	if p.next().kind != endToken {
		return nil, p.fault()
	}
	return e, nil
}

func (p *parser) next() token { return p.tokens[p.at] }

func (p *parser) take() token {
	t := p.tokens[p.at]
	if t.kind != endToken {
		p.at++
	}
	return t
}

func (p *parser) accept(symbol string) bool {
	if p.next().is(symbol) {
		p.at++
		return true
	}
	return false
}

func (p *parser) fault() error {
	return fmt.Errorf("%w: %q in %q", ErrUnsupported, p.next().text, p.source)
}

// levels are the binary operators, the loosest first.
var levels = [][]string{
	{"implies"}, {"or", "xor"}, {"and"}, {"in", "contains"}, {"=", "!="}, {"<", "<=", ">", ">="}, {"|"}, {"is", "as"}, {"+", "-", "&"},
}

// expression reads a whole expression: the source, an argument, or what stands in parentheses. All
// of the parser's recursion comes through here, so that no source exhausts the stack, which nobody
// could recover from.
func (p *parser) expression() (expr, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, fmt.Errorf("%w: more than %d expressions within each other", ErrTooLarge, maxDepth)
	}
	defer func() { p.depth-- }()
	return p.binary(0)
}

func (p *parser) binary(level int) (expr, error) {
	if level == len(levels) {
		return p.postfix()
	}
	left, err := p.binary(level + 1)
	for err == nil {
		op := p.operator(level)
		if op == "" {
			return left, nil
		}
		if op == "is" || op == "as" {
			left, err = p.typeOperator(op, left)
			continue
		}
		var right expr
		right, err = p.binary(level + 1)
		if err == nil {
			left, err = binaryOf(op, left, right)
		}
	}
	return nil, err
}

func (p *parser) operator(level int) string {
	t := p.next()
	for _, op := range levels[level] {
		if t.is(op) || t.word(op) {
			p.at++
			return op
		}
	}
	return ""
}

func (p *parser) typeOperator(op string, in expr) (expr, error) {
	name, err := p.typeName()
	return &typeTest{in: in, op: op, name: name}, err
}

// typeName reads a type, qualified or not.
func (p *parser) typeName() (string, error) {
	t := p.take()
	if t.kind != nameToken {
		return "", p.fault()
	}
	if (t.text == "FHIR" || t.text == "System") && p.accept(".") {
		t = p.take()
	}
	return t.text, nil
}

func (p *parser) postfix() (expr, error) {
	e, err := p.primary()
	for err == nil {
		switch {
		case p.accept("."):
			e, err = p.member(e)
		case p.accept("["):
			e, err = p.index(e)
		default:
			return e, nil
		}
	}
	return nil, err
}

func (p *parser) primary() (expr, error) {
	switch t := p.next(); {
	case t.kind == stringToken:
		p.at++
		return literalOf(computed(document.String, t.text)), nil
	case t.kind == numberToken:
		p.at++
		return literalOf(computed(document.Number, t.text)), nil
	case t.word("true") || t.word("false"):
		p.at++
		return literalOf(computed(document.Bool, t.text)), nil
	case t.kind == variableToken:
		p.at++
		return variableOf(t.text)
	case t.kind == nameToken:
		return p.member(nil)
	case p.accept("("):
		e, err := p.expression()
		if err == nil && !p.accept(")") {
			err = p.fault()
		}
		return e, err
	case p.accept("{"):
		if !p.accept("}") {
			return nil, p.fault()
		}
		return empty{}, nil
	}
	return nil, p.fault()
}

// member reads a name or a function call after in; nil stands for the focus.
func (p *parser) member(in expr) (expr, error) {
	t := p.take()
	if t.kind == variableToken && t.text == "$this" && in == nil {
		return this{}, nil
	}
	if t.kind != nameToken {
		p.at--
		return nil, p.fault()
	}
	if p.accept("(") {
		return p.call(in, t.text)
	}
	if s, ok := in.(*path); ok {
		return &path{in: s.in, names: append(s.names[:len(s.names):len(s.names)], t.text)}, nil
	}
	return &path{in: in, names: []string{t.text}}, nil
}

func (p *parser) index(in expr) (expr, error) {
	t := p.take()
	if t.kind != numberToken || !p.accept("]") {
		return nil, p.fault()
	}
	return indexOf(in, t.text)
}

func (p *parser) call(in expr, name string) (expr, error) {
	if name == "is" || name == "as" || name == "ofType" {
		typ, err := p.typeName()
		if err == nil && !p.accept(")") {
			err = p.fault()
		}
		return &typeTest{in: in, op: name, name: typ}, err
	}
	var args []expr
	for !p.accept(")") {
		if len(args) > 0 && !p.accept(",") {
			return nil, p.fault()
		}
		arg, err := p.expression()
		if err != nil {
			return nil, err
		}
		args = append(args, arg)
	}
	return p.callOf(in, name, args)
}
