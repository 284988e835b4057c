package search

import (
	"slices"
	"strings"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/index"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

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
	case "below":
		if isMedia(param, value) {
			whole, err := p.tokens(param, param.Code, value)
			if err != nil {
				return nil, err
			}
			base, err := p.tokens(param, param.Code+index.MIMESuffix, value)
			return store.Or{whole, base}, err
		}
		return p.codes(param, modifier, value)
	case "in", "above":
		return p.codes(param, modifier, value)
	case "not-in":
		in, err := p.codes(param, "in", value)
		return store.Not{Of: in}, err
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
		any.Values = append(any.Values, impliedToo(param, asBoolean(param, v))...)
		if lower, ok := inLowerCase(param, v); ok {
			any.Values = append(any.Values, lower)
		}
	}
	return any, nil
}

// isMedia says whether the value of :below is one or more media types (R4 search.html#mimetype), which
// have no system.
func isMedia(param *definitions.SearchParam, value string) bool {
	for _, raw := range splitEscaped(value, ',') {
		if strings.Contains(raw, "|") || !strings.Contains(raw, "/") {
			return false
		}
	}
	return slices.Equal(leadsTo(param.Expression), []string{"code"})
}

// inLowerCase is the token as strings are also indexed, which are found however they are spelled.
func inLowerCase(param *definitions.SearchParam, v store.TokenValue) (store.TokenValue, bool) {
	if v.Code == nil || !index.AnyCase(param) {
		return v, false
	}
	lower := strings.ToLower(*v.Code)
	if lower == *v.Code || !slices.Contains(leadsTo(param.Expression), "string") {
		return v, false
	}
	v.Code = &lower
	return v, true
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
