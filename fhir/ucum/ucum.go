// Package ucum brings quantities into one form, so that those in convertible units of UCUM (the
// Unified Code for Units of Measure, case sensitive) compare: 5 mg is 0.005 g. It does no I/O and
// rounds nothing but the last of 60 digits.
//
//   - Two units are convertible exactly when their canonical units are the same text.
//   - A unit on no ratio scale (pH, decibels) and an arbitrary one ([iU]) converts to nothing but
//     itself and what is made of it; degrees Celsius and Fahrenheit convert, as they are, to kelvin.
//   - What is no unit of UCUM has no canonical form; a unit of any length is read in bounded time.
//
// units.txt are facts of the UCUM tables: a code, whether it takes prefixes (m), and what it is: a
// number, a unit and, for a temperature, the offset. A code alone is a base.
package ucum

import (
	"math/big"
	"slices"
	"strconv"
	"strings"
)

// System is UCUM's URI.
const System = "http://unitsofmeasure.org"

// Unit is a unit in canonical form.
type Unit struct {
	Canonical string // its base units with exponents, in one order; "1" for a plain number
	factor    *big.Rat
	offset    *big.Rat // added before the factor; nil for none
}

// Parse reads a unit; ok is false for what UCUM does not know.
func Parse(code string) (Unit, bool) {
	if code == "" || len(code) > maxLength {
		return Unit{}, false
	}
	if a, ok := find(code); ok && a.offset != nil {
		return Unit{canonical(a.term), a.factor, a.offset}, true
	}
	p := &parser{rest: code, find: find}
	t, ok := p.whole()
	if !ok || t.factor.Sign() == 0 {
		return Unit{}, false
	}
	return Unit{canonical(t), t.factor, nil}, true
}

// Convert is a decimal in the unit as a decimal in the canonical unit.
func (u Unit) Convert(decimal string) (string, bool) {
	if !isModest(decimal) {
		return "", false
	}
	v, ok := new(big.Rat).SetString(decimal)
	if !ok {
		return "", false
	}
	if u.offset != nil {
		v.Add(v, u.offset)
	}
	return spell(v.Mul(v, u.factor)), true
}

// maxExponent keeps a decimal such as 1e1000000000 from being written out.
const maxExponent = 200

// isModest leaves out what [big.Rat] reads beyond decimals: fractions, other bases, binary exponents.
func isModest(decimal string) bool {
	if strings.Trim(decimal, "0123456789+-.eE") != "" {
		return false
	}
	if i := strings.IndexAny(decimal, "eE"); i >= 0 {
		exponent, err := strconv.Atoi(decimal[i+1:])
		return err == nil && -maxExponent <= exponent && exponent <= maxExponent && i <= maxExponent
	}
	return len(decimal) <= maxExponent
}

// digits is how many digits of a number are kept.
const digits = 60

// spell writes a number as a decimal, exactly when it has one of few enough digits.
func spell(v *big.Rat) string {
	if v.IsInt() {
		return v.Num().String()
	}
	whole := len(new(big.Int).Quo(v.Num(), v.Denom()).String())
	if whole == 1 { // digits count from the first that is not zero
		whole -= len(new(big.Int).Quo(v.Denom(), new(big.Int).Abs(v.Num())).String())
	}
	text := v.FloatString(max(digits-whole, 1))
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}

// canonical spells the bases of a term.
func canonical(t term) string {
	var names []string
	for name, exponent := range t.bases {
		if exponent != 0 {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return "1"
	}
	slices.Sort(names)
	var out strings.Builder
	for i, name := range names {
		if i > 0 {
			out.WriteByte('.')
		}
		out.WriteString(name)
		if exponent := t.bases[name]; exponent != 1 {
			out.WriteString(strconv.Itoa(exponent))
		}
	}
	return out.String()
}
