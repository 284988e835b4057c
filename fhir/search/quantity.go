package search

import (
	"github.com/cockroachdb/apd/v3"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/index"
	"github.com/admitdev/admit/fhir/ucum"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// numberParam is R4 search.html#number.
func (p *parser) numberParam(param *definitions.SearchParam, modifier, value string) (store.Predicate, error) {
	if modifier != "" {
		return nil, unknownModifier(param.Code, modifier)
	}
	return p.alternatives(param.Code, value, func(raw string) (store.Predicate, error) {
		q := store.Quantity{Param: param.Code}
		err := p.number(raw, &q, asGiven)
		return q, err
	})
}

// quantityParam is R4 search.html#quantity: [prefix][number]|[system]|[code].
func (p *parser) quantityParam(param *definitions.SearchParam, modifier, value string) (store.Predicate, error) {
	if modifier != "" {
		return nil, unknownModifier(param.Code, modifier)
	}
	return p.alternatives(param.Code, value, func(raw string) (store.Predicate, error) {
		q := store.Quantity{Param: param.Code}
		number, unit, hasUnit := cutEscaped(raw, '|')
		if hasUnit {
			if err := p.unit(param.Code, unit, &q); err != nil {
				return nil, err
			}
		}
		err := p.number(number, &q, canonically(&q))
		return q, err
	})
}

// asGiven leaves a decimal in its unit.
func asGiven(decimal string) (string, bool) { return decimal, true }

// canonically turns the comparison with a unit of UCUM to the rows in canonical units, and gives
// the way there. What UCUM does not know is compared as given.
func canonically(q *store.Quantity) func(decimal string) (string, bool) {
	if q.System == nil || *q.System != ucum.System || q.Code == nil {
		return asGiven
	}
	unit, ok := ucum.Parse(*q.Code)
	if !ok {
		return asGiven
	}
	q.Param, q.System, q.Code = index.CanonicalParam(q.Param), nil, &unit.Canonical
	return unit.Convert
}

// unit reads system|code; without a system the code may also be the unit as written.
func (p *parser) unit(code, raw string, q *store.Quantity) error {
	rawSystem, rawCode, ok := cutEscaped(raw, '|')
	if !ok || len(splitEscaped(rawCode, '|')) > 1 {
		return outcome.New(outcome.Invalid, "Invalid format for quantity search parameter: %s", code)
	}
	system, err := p.text(rawSystem)
	if err != nil {
		return err
	}
	unit, err := p.text(rawCode)
	if err != nil {
		return err
	}
	system, unit = index.Bound(system), index.Bound(unit)
	if system != "" {
		q.System = &system
	}
	switch {
	case unit == "":
	case system == "":
		q.Unit = &unit
	default:
		q.Code = &unit
	}
	return nil
}

// number reads a prefix and a decimal. Equality goes by the range that the spelling implies, any
// other comparison by the exact value (R4 search.html#prefix).
func (p *parser) number(raw string, q *store.Quantity, convert func(string) (string, bool)) error {
	op, rest := prefix(raw)
	text, err := p.text(rest)
	if err != nil {
		return err
	}
	from, to, ok := text, text, true
	switch op {
	case store.Eq, store.Ne:
		from, to, ok = index.Implied(text)
	case store.Ap:
		from, to, ok = around(text)
	}
	low, okLow := sortable(from, convert)
	high, okHigh := sortable(to, convert)
	if !ok || !okLow || !okHigh {
		return outcome.New(outcome.Invalid, "Invalid format for number search parameter: %s", text)
	}
	if op == store.Eq || op == store.Ne {
		high = justBelow(high)
	}
	q.Op, q.Low, q.High = op, low, high
	return nil
}

func sortable(decimal string, convert func(string) (string, bool)) (string, bool) {
	converted, ok := convert(decimal)
	if !ok {
		return "", false
	}
	value, _, _, ok := index.Decimal(converted)
	return value, ok
}

// justBelow is the end of a range without the end itself: text that sorts before it and after
// every smaller decimal (see index.Decimal for the spelling).
func justBelow(end string) string {
	switch end[0] {
	case '0':
		return end[:len(end)-1] + "}"
	case '1':
		return "0~"
	}
	last := len(end) - 1
	return end[:last] + string(end[last]-1) + "~"
}

// around is the value and a tenth of it to each side, R4's advice for ap.
func around(text string) (low, high string, ok bool) {
	value, _, err := apd.NewFromString(text)
	if err != nil || value.Form != apd.Finite {
		return "", "", false
	}
	ctx := apd.BaseContext.WithPrecision(40)
	a, b := new(apd.Decimal), new(apd.Decimal)
	if _, err := ctx.Mul(a, value, apd.New(9, -1)); err != nil {
		return "", "", false
	}
	if _, err := ctx.Mul(b, value, apd.New(11, -1)); err != nil {
		return "", "", false
	}
	if value.Negative {
		a, b = b, a
	}
	return a.String(), b.String(), true
}
