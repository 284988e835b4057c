package ucum

import (
	"math/big"
	"strconv"
	"strings"
)

// The bounds of one unit.
const (
	maxLength = 200
	maxDepth  = 20
	maxPower  = 60 // an exponent of a unit, or of a base in all
)

// term is a factor and the exponents of base units.
type term struct {
	factor *big.Rat
	bases  map[string]int
}

func one() term { return term{big.NewRat(1, 1), map[string]int{}} }

// times multiplies t by other to the power of exponent.
func (t term) times(other term, exponent int) (term, bool) {
	if exponent < -maxPower || exponent > maxPower || other.factor.Sign() == 0 {
		return t, false
	}
	product := term{new(big.Rat).Set(t.factor), map[string]int{}}
	for name, n := range t.bases {
		product.bases[name] = n
	}
	for name, n := range other.bases {
		product.bases[name] += n * exponent
		if total := product.bases[name]; total > maxPower || total < -maxPower {
			return t, false
		}
	}
	by := new(big.Rat).Set(other.factor)
	if exponent < 0 {
		by.Inv(by)
	}
	for range max(exponent, -exponent) {
		product.factor.Mul(product.factor, by)
		if product.factor.Num().BitLen() > maxBits || product.factor.Denom().BitLen() > maxBits {
			return t, false
		}
	}
	return product, true
}

// maxBits bounds a factor: 10 to the power of 600.
const maxBits = 2000

// parser reads UCUM's grammar: terms of components joined by . and /, read from the left.
type parser struct {
	rest  string
	find  func(code string) (atom, bool)
	depth int
}

// whole reads a unit to its end.
func (p *parser) whole() (term, bool) {
	t, ok := p.term()
	return t, ok && p.rest == ""
}

func (p *parser) term() (term, bool) {
	if p.depth++; p.depth > maxDepth {
		return term{}, false
	}
	defer func() { p.depth-- }()
	t, sign := one(), 1
	if p.take('/') {
		sign = -1
	}
	for {
		part, exponent, ok := p.component()
		if !ok {
			return term{}, false
		}
		if t, ok = t.times(part, sign*exponent); !ok {
			return term{}, false
		}
		switch {
		case p.take('.'):
			sign = 1
		case p.take('/'):
			sign = -1
		default:
			return t, true
		}
	}
}

func (p *parser) take(c byte) bool {
	if p.rest != "" && p.rest[0] == c {
		p.rest = p.rest[1:]
		return true
	}
	return false
}

// component reads (term), {annotation}, a number, or a unit with its exponent and annotation.
func (p *parser) component() (term, int, bool) {
	if p.take('(') {
		t, ok := p.term()
		return t, 1, ok && p.take(')') && p.annotation()
	}
	if strings.HasPrefix(p.rest, "{") {
		return one(), 1, p.annotation()
	}
	code := p.symbol()
	if code == "" {
		return term{}, 0, false
	}
	if strings.Trim(code, "0123456789") == "" {
		n, ok := new(big.Rat).SetString(code)
		if !ok {
			return term{}, 0, false
		}
		t := one()
		t.factor = n
		return t, 1, p.annotation()
	}
	t, exponent, ok := p.simple(code)
	return t, exponent, ok && p.annotation()
}

// symbol is what comes before the next operator; brackets belong to a code.
func (p *parser) symbol() string {
	inside := false
	for i := range len(p.rest) {
		switch c := p.rest[i]; {
		case c == '[':
			inside = true
		case c == ']':
			inside = false
		case !inside && strings.IndexByte("./(){}", c) >= 0:
			code := p.rest[:i]
			p.rest = p.rest[i:]
			return code
		}
	}
	code := p.rest
	p.rest = ""
	return code
}

// annotation passes over {…}, which says nothing about the value.
func (p *parser) annotation() bool {
	if !strings.HasPrefix(p.rest, "{") {
		return true
	}
	end := strings.IndexByte(p.rest, '}')
	if end < 0 || strings.IndexByte(p.rest[1:end], '{') >= 0 {
		return false
	}
	p.rest = p.rest[end+1:]
	return true
}

// simple reads a unit code with an optional exponent: m, m2, s-1, 10*-3, [in_i]3.
func (p *parser) simple(code string) (term, int, bool) {
	if t, ok := p.unit(code); ok {
		return t, 1, true
	}
	i := len(code)
	for i > 0 && '0' <= code[i-1] && code[i-1] <= '9' {
		i--
	}
	if i > 0 && i < len(code) && (code[i-1] == '-' || code[i-1] == '+') {
		i--
	}
	exponent, err := strconv.Atoi(code[i:])
	if err != nil || i == 0 {
		return term{}, 0, false
	}
	t, ok := p.unit(code[:i])
	return t, exponent, ok
}

// unit finds a unit, alone or behind a prefix.
func (p *parser) unit(code string) (term, bool) {
	if a, ok := p.find(code); ok {
		return a.term, a.offset == nil
	}
	for _, length := range []int{1, 2} {
		if len(code) <= length {
			return term{}, false
		}
		power, isPrefix := prefixes[code[:length]]
		a, ok := p.find(code[length:])
		if isPrefix && ok && a.metric && a.offset == nil {
			t := one()
			t.factor = power
			return t.times(a.term, 1)
		}
	}
	return term{}, false
}
