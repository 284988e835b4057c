package ucum

import (
	_ "embed" // the table
	"fmt"
	"math/big"
	"strings"
	"sync"
)

//go:embed units.txt
var table string

// atom is a unit of the table.
type atom struct {
	term
	metric bool
	offset *big.Rat // of a temperature, which stands alone
}

// prefixes are the powers of ten and of two that a metric unit takes.
var prefixes = map[string]*big.Rat{
	"Y": ten(24), "Z": ten(21), "E": ten(18), "P": ten(15), "T": ten(12), "G": ten(9), "M": ten(6), "k": ten(3), "h": ten(2), "da": ten(1),
	"d": ten(-1), "c": ten(-2), "m": ten(-3), "u": ten(-6), "n": ten(-9), "p": ten(-12), "f": ten(-15), "a": ten(-18), "z": ten(-21), "y": ten(-24),
	"Ki": two(10), "Mi": two(20), "Gi": two(30), "Ti": two(40),
}

func ten(power int64) *big.Rat { return exponential(10, power) }
func two(power int64) *big.Rat { return exponential(2, power) }

func exponential(base, power int64) *big.Rat {
	n := new(big.Int).Exp(big.NewInt(base), big.NewInt(max(power, -power)), nil)
	r := new(big.Rat).SetInt(n)
	if power < 0 {
		r.Inv(r)
	}
	return r
}

// known are the units of the table by their codes, each reduced to bases.
var known = sync.OnceValue(func() map[string]atom {
	r := &reduction{lines: map[string][]string{}, done: map[string]atom{}}
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		r.lines[fields[0]] = fields
	}
	for code := range r.lines {
		r.atom(code)
	}
	return r.done
})

// find is an entry of the table.
func find(code string) (atom, bool) {
	a, ok := known()[code]
	return a, ok
}

// reduction reduces the table: what a unit is made of comes first, wherever it stands.
type reduction struct {
	lines map[string][]string
	done  map[string]atom
}

func (r *reduction) atom(code string) (atom, bool) {
	if a, ok := r.done[code]; ok {
		return a, true
	}
	fields, ok := r.lines[code]
	if !ok {
		return atom{}, false
	}
	a := atom{metric: fields[1] == "m"}
	if len(fields) == 2 {
		a.term = one()
		a.bases[code] = 1
		r.done[code] = a
		return a, true
	}
	value, okValue := new(big.Rat).SetString(fields[2])
	p := &parser{rest: fields[3], find: r.atom}
	of, okUnit := p.whole()
	if !okValue || !okUnit {
		panic(fmt.Sprintf("ucum: cannot read the table at %v", fields)) // every test reads all of it
	}
	a.term = of
	a.factor = value.Mul(value, of.factor)
	if len(fields) == 5 {
		a.offset, _ = new(big.Rat).SetString(fields[4])
	}
	r.done[code] = a
	return a, true
}
