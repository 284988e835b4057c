package index

import (
	"math/big"
	"strconv"
	"strings"
)

// The ends of the order of decimals, for ranges that are open.
const (
	MinDecimal = ""
	MaxDecimal = "~"
)

// maxExponent bounds what can be said of a number's size; no quantity comes near.
const maxExponent = 1_000_000_000

// maxDigits bounds the digits that are compared, so that a row fits an index entry (see MaxKey); a
// number with more has no rows.
const maxDigits = 300

// Decimal is a decimal as text whose byte order is the order of the numbers, exact to the last
// digit, and the range that its spelling implies, [low, high): 100 is [99.5, 100.5), 100.00 is
// [99.995, 100.005), and 1e2 is [95, 105) as R4 search.html#number has it.
func Decimal(s string) (value, low, high string, ok bool) {
	d, ok := parseDecimal(s)
	if !ok {
		return "", "", "", false
	}
	below, above := d.around()
	return d.sortable(), below.sortable(), above.sortable(), true
}

// Implied is the range that the spelling of a decimal implies, as decimals: 100 is from 99.5 to 100.5.
func Implied(s string) (low, high string, ok bool) {
	d, ok := parseDecimal(s)
	if !ok {
		return "", "", false
	}
	below, above := d.around()
	return below.text(), above.text(), true
}

func (d *decimal) text() string { return d.coefficient.String() + "e" + strconv.Itoa(d.exponent) }

// decimal is coefficient × 10^exponent.
type decimal struct {
	coefficient big.Int
	exponent    int
	oneDigit    bool // spelled with one digit and an exponent
}

// parseDecimal reads a JSON number, also with leading zeros or a plus as in a URL.
func parseDecimal(s string) (*decimal, bool) {
	mantissa, exponent := s, 0
	i := strings.IndexAny(s, "eE")
	if i >= 0 {
		var err error
		if exponent, err = strconv.Atoi(s[i+1:]); err != nil || exponent > maxExponent || exponent < -maxExponent {
			return nil, false
		}
		mantissa = s[:i]
	}
	sign := ""
	if mantissa != "" && (mantissa[0] == '-' || mantissa[0] == '+') {
		sign, mantissa = mantissa[:1], mantissa[1:]
	}
	whole, fraction, hasPoint := strings.Cut(mantissa, ".")
	digits := whole + fraction
	if whole == "" || hasPoint && fraction == "" || len(digits) > maxDigits || strings.Trim(digits, "0123456789") != "" {
		return nil, false
	}
	d := &decimal{exponent: exponent - len(fraction), oneDigit: i >= 0 && len(digits) == 1}
	if _, ok := d.coefficient.SetString(sign+digits, 10); !ok {
		return nil, false
	}
	return d, true
}

var ten, five = big.NewInt(10), big.NewInt(5)

// around is half a unit of the last digit to each side.
func (d *decimal) around() (below, above *decimal) {
	coefficient, exponent := new(big.Int).Mul(&d.coefficient, ten), d.exponent-1
	if d.oneDigit {
		coefficient.Mul(coefficient, ten)
		exponent--
	}
	below, above = &decimal{exponent: exponent}, &decimal{exponent: exponent}
	below.coefficient.Sub(coefficient, five)
	above.coefficient.Add(coefficient, five)
	return below, above
}

// sortable spells the sign (0 negative, 1 zero, 2 positive), the power of ten of the first digit
// with an offset, and the digits without zeros at the end. Of a negative number power and digits
// are complemented, and a mark after them puts the longer before the shorter.
func (d *decimal) sortable() string {
	if d.coefficient.Sign() == 0 {
		return "1"
	}
	digits := d.coefficient.Text(10)
	negative := digits[0] == '-'
	digits = strings.TrimPrefix(digits, "-")
	power := d.exponent + len(digits) + 12*maxExponent // of eleven digits always, of which ten are kept
	text := strconv.Itoa(power)[1:] + strings.TrimRight(digits, "0")
	if !negative {
		return "2" + text
	}
	return "0" + complement(text) + "~"
}

func complement(digits string) string {
	out := []byte(digits)
	for i := range out {
		out[i] = '0' + '9' - out[i]
	}
	return string(out)
}
