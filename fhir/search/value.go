package search

import (
	"strings"

	"github.com/cockroachdb/apd/v3"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/index"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// stringParam is R4 search.html#string.
func (p *parser) stringParam(param *definitions.SearchParam, modifier, value string) (store.Predicate, error) {
	match, ok := map[string]store.StringMatch{
		"": store.StartsWith, "contains": store.Contains, "exact": store.Exact,
	}[modifier]
	if !ok {
		return nil, unknownModifier(param.Code, modifier)
	}
	return p.strings(param.Code, param.Code, match, value)
}

// strings compares the rows named rows.
func (p *parser) strings(code, rows string, match store.StringMatch, value string) (store.Predicate, error) {
	return p.alternatives(code, value, func(raw string) (store.Predicate, error) {
		text, err := p.text(raw)
		if err != nil {
			return nil, err
		}
		folded := index.Fold(text)
		if folded == "" || len(folded) > index.MaxFolded {
			return nil, outcome.New(outcome.Invalid, "Invalid value of search parameter %s", code)
		}
		if match == store.Exact {
			return store.String{Param: rows, Match: match, Value: text, Folded: folded}, nil
		}
		return store.String{Param: rows, Match: match, Value: folded}, nil
	})
}

// uriParam is R4 search.html#uri.
func (p *parser) uriParam(param *definitions.SearchParam, modifier, value string) (store.Predicate, error) {
	match, ok := map[string]store.URIMatch{
		"": store.URIExact, "below": store.URIBelow, "above": store.URIAbove,
	}[modifier]
	if !ok {
		return nil, unknownModifier(param.Code, modifier)
	}
	return p.alternatives(param.Code, value, func(raw string) (store.Predicate, error) {
		text, err := p.text(raw)
		if match == store.URIExact {
			text = index.Bound(text)
		}
		return store.URI{Param: param.Code, Match: match, Value: text}, err
	})
}

// dateParam is R4 search.html#date.
func (p *parser) dateParam(param *definitions.SearchParam, modifier, value string) (store.Predicate, error) {
	if modifier != "" {
		return nil, unknownModifier(param.Code, modifier)
	}
	return p.alternatives(param.Code, value, func(raw string) (store.Predicate, error) {
		op, low, high, err := p.date(raw)
		return store.Date{Param: param.Code, Op: op, Low: low, High: high}, err
	})
}

// date reads a prefix and the interval that a date of any precision covers. ap means that the
// intervals overlap: R4 leaves the width to the server, and this one has no clock here.
func (p *parser) date(raw string) (op store.Op, low, high int64, err error) {
	op, rest := prefix(raw)
	text, err := p.text(rest)
	if err != nil {
		return "", 0, 0, err
	}
	low, high, ok := index.Date(text)
	if !ok {
		return "", 0, 0, outcome.New(outcome.Invalid, "Invalid format for date search parameter: %s", text)
	}
	return op, low, high, nil
}

// prefix cuts R4 search.html#prefix off. It is looked for before placeholders are bound, so that a
// value cannot bring one along.
func prefix(raw string) (store.Op, string) {
	if len(raw) > 2 {
		switch op := store.Op(raw[:2]); op {
		case store.Eq, store.Ne, store.Gt, store.Lt, store.Ge, store.Le, store.Sa, store.Eb, store.Ap:
			return op, raw[2:]
		}
	}
	return store.Eq, raw
}

// numberParam is R4 search.html#number.
func (p *parser) numberParam(param *definitions.SearchParam, modifier, value string) (store.Predicate, error) {
	if modifier != "" {
		return nil, unknownModifier(param.Code, modifier)
	}
	return p.alternatives(param.Code, value, func(raw string) (store.Predicate, error) {
		q := store.Quantity{Param: param.Code}
		return q, p.number(param.Code, raw, &q)
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
		err := p.number(param.Code, number, &q)
		return q, err
	})
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
func (p *parser) number(code, raw string, q *store.Quantity) error {
	op, rest := prefix(raw)
	text, err := p.text(rest)
	if err != nil {
		return err
	}
	value, low, high, ok := index.Decimal(text)
	if !ok {
		return outcome.New(outcome.Invalid, "Invalid format for number search parameter: %s", text)
	}
	q.Op = op
	switch op {
	case store.Eq, store.Ne:
		q.Low, q.High = low, justBelow(high)
	case store.Ap:
		q.Low, q.High, ok = around(text)
	default:
		q.Low, q.High = value, value
	}
	if !ok {
		return outcome.New(outcome.Invalid, "Invalid format for number search parameter: %s", text)
	}
	return nil
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
	low, _, _, okLow := index.Decimal(a.String())
	high, _, _, okHigh := index.Decimal(b.String())
	return low, high, okLow && okHigh
}

// tokenParam is R4 search.html#token.
func (p *parser) tokenParam(param *definitions.SearchParam, modifier, value string) (store.Predicate, error) {
	switch modifier {
	case "":
		return p.tokens(param, param.Code, value)
	case "not":
		any, err := p.tokens(param, param.Code, value)
		return store.Not{Of: any}, err
	case "text":
		return p.strings(param.Code, param.Code+index.TextSuffix, store.StartsWith, value)
	case "of-type":
		return p.ofType(param, value)
	case "in", "not-in", "above", "below":
		return nil, outcome.New(outcome.NotSupported, "Modifier %s of search parameter %s is not supported", modifier, param.Code)
	}
	return nil, unknownModifier(param.Code, modifier)
}

// tokens compares the rows named rows with code, system|code, |code or system|.
func (p *parser) tokens(param *definitions.SearchParam, rows, value string) (store.Predicate, error) {
	any := store.Token{Param: rows}
	for _, raw := range splitEscaped(value, ',') {
		v, err := p.token(param.Code, raw)
		if err != nil {
			return nil, err
		}
		any.Values = append(any.Values, asBoolean(param, v))
	}
	return any, nil
}

func (p *parser) token(code, raw string) (store.TokenValue, error) {
	invalid := outcome.New(outcome.Invalid, "Invalid value of search parameter %s", code)
	rawSystem, rawCode, hasSystem := cutEscaped(raw, '|')
	if !hasSystem {
		rawSystem, rawCode = "", raw
	}
	system, err := p.text(rawSystem)
	if err != nil {
		return store.TokenValue{}, err
	}
	text, err := p.text(rawCode)
	if err != nil {
		return store.TokenValue{}, err
	}
	system, text = index.Bound(system), index.Bound(text)
	var v store.TokenValue
	if hasSystem {
		v.System = &system
	}
	if text != "" {
		v.Code = &text
	}
	if v.Code == nil && system == "" || len(splitEscaped(rawCode, '|')) > 1 {
		return store.TokenValue{}, invalid
	}
	return v, nil
}

// specialValues is the code system that R4 gives to true and false.
const specialValues = "http://terminology.hl7.org/CodeSystem/special-values"

// asBoolean spells true and false as their rows do, where the parameter finds booleans.
func asBoolean(param *definitions.SearchParam, v store.TokenValue) store.TokenValue {
	if v.Code == nil {
		return v
	}
	code := strings.ToLower(*v.Code)
	if code != "true" && code != "false" || !findsBoolean(param.Expression) {
		return v
	}
	if v.System != nil && *v.System == specialValues {
		v.System = nil
	}
	v.Code = &code
	return v
}

// findsBoolean says whether an expression is a path to a boolean or a comparison.
func findsBoolean(expression string) bool {
	steps := strings.Split(expression, ".")
	at := definitions.StructureOf(steps[0])
	for _, step := range steps[1:] {
		if at == nil {
			return false
		}
		if strings.Contains(step, " ") {
			return strings.Contains(expression, "exists() and")
		}
		element := at.Element(step)
		if element == nil {
			return false
		}
		at = element.Types[0].Structure
	}
	return at != nil && at.Name == "boolean"
}

// ofType is R4 search.html#token's :of-type, system|code|value of an Identifier's type and value.
func (p *parser) ofType(param *definitions.SearchParam, value string) (store.Predicate, error) {
	any := store.Token{Param: param.Code + index.OfTypeSuffix}
	for _, raw := range splitEscaped(value, ',') {
		parts := splitEscaped(raw, '|')
		if len(parts) != 3 || parts[1] == "" || parts[2] == "" {
			return nil, outcome.New(outcome.Invalid, "Invalid value of %s:of-type", param.Code)
		}
		for i := range parts {
			var err error
			if parts[i], err = p.text(parts[i]); err != nil {
				return nil, err
			}
		}
		system, code := index.Bound(parts[0]), index.Bound(parts[1]+"|"+parts[2])
		v := store.TokenValue{Code: &code}
		if system != "" {
			v.System = &system
		}
		any.Values = append(any.Values, v)
	}
	return any, nil
}
