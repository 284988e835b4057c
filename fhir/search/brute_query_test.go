package search_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// bruteParam is a search parameter as R4's tables define it, in words of our own.
type bruteParam struct {
	code, kind string
	values     func(r object) []any
	targets    []string // of a reference
}

func at(path ...string) func(object) []any {
	return func(r object) []any { return all(r, path...) }
}

func either(paths ...[]string) func(object) []any {
	return func(r object) []any {
		var out []any
		for _, path := range paths {
			out = append(out, all(r, path...)...)
		}
		return out
	}
}

func nameParts(r object) []any {
	var out []any
	for _, n := range all(r, "name") {
		for _, part := range []string{"text", "family", "given", "prefix", "suffix"} {
			out = append(out, all(n, part)...)
		}
		var spoken []string
		for _, word := range append(all(n, "given"), all(n, "family")...) {
			spoken = append(spoken, word.(string))
		}
		if len(spoken) > 0 {
			out = append(out, strings.Join(spoken, " ")) // R4 leaves to the server what else of a name is searched
		}
	}
	return out
}

func addressParts(r object) []any {
	var out []any
	for _, part := range []string{"text", "line", "city", "district", "state", "postalCode", "country"} {
		out = append(out, all(r, "address", part)...)
	}
	return out
}

func telecom(system string) func(object) []any {
	return func(r object) []any {
		var out []any
		for _, t := range all(r, "telecom") {
			if system == "" || one(t, "system") == system {
				out = append(out, one(t, "value"))
			}
		}
		return out
	}
}

var common = []bruteParam{
	{"_id", "id", at("id"), nil}, {"_tag", "token", at("meta", "tag"), nil}, {"_profile", "uri", at("meta", "profile"), nil},
	{"_source", "uri", at("meta", "source"), nil}, {"_lastUpdated", "updated", nil, nil},
}

var bruteParams = map[string][]bruteParam{
	"Patient": {
		{"family", "string", at("name", "family"), nil}, {"given", "string", at("name", "given"), nil}, {"name", "string", nameParts, nil},
		{"phonetic", "string", nameParts, nil}, {"address", "string", addressParts, nil},
		{"address-city", "string", at("address", "city"), nil}, {"gender", "code", at("gender"), nil}, {"active", "code", at("active"), nil},
		{"identifier", "token", at("identifier"), nil}, {"phone", "code", telecom("phone"), nil}, {"email", "email", telecom("email"), nil},
		{"birthdate", "date", at("birthDate"), nil}, {"death-date", "date", at("deceasedDateTime"), nil},
		{"general-practitioner", "reference", at("generalPractitioner"), []string{"Practitioner", "Organization"}},
		{"organization", "reference", at("managingOrganization"), []string{"Organization"}},
	},
	"Practitioner":   {{"family", "string", at("name", "family"), nil}, {"name", "string", nameParts, nil}},
	"Organization":   {{"name", "string", at("name"), nil}, {"partof", "reference", at("partOf"), []string{"Organization"}}},
	"ValueSet":       {{"url", "uri", at("url"), nil}, {"status", "code", at("status"), nil}},
	"RiskAssessment": {{"probability", "number", at("prediction", "probabilityDecimal"), nil}, {"subject", "reference", at("subject"), []string{"Patient"}}},
	"Encounter":      {{"date", "date", at("period"), nil}, {"class", "token", at("class"), nil}, {"subject", "reference", at("subject"), []string{"Patient"}}},
	"Observation": {
		{"code", "token", at("code"), nil}, {"category", "token", at("category"), nil}, {"status", "code", at("status"), nil},
		{"date", "date", either([]string{"effectiveDateTime"}, []string{"effectivePeriod"}), nil},
		{"value-quantity", "quantity", at("valueQuantity"), nil}, {"value-string", "string", either([]string{"valueString"}, []string{"valueCodeableConcept", "text"}), nil},
		{"value-concept", "token", at("valueCodeableConcept"), nil}, {"subject", "reference", at("subject"), []string{"Patient"}},
		{"component-value-quantity", "quantity", at("component", "valueQuantity"), nil},
		{"combo-code", "token", either([]string{"code"}, []string{"component", "code"}), nil},
	},
}

// term is one parameter of a search and what it means.
type term struct {
	name, value string
	holds       func(r object) bool
}

// escapes of search.html#escaping.
var escapes = strings.NewReplacer(`\`, `\\`, `,`, `\,`, `|`, `\|`, `$`, `\$`)

// term draws a parameter of the type; chains and _has as deep as depth allows.
func (w *bruteWorld) term(resourceType string, depth int) term {
	if depth > 0 && w.IntN(6) == 0 {
		return w.has(resourceType, depth)
	}
	if resourceType == "Observation" && w.IntN(8) == 0 {
		return w.composite()
	}
	p := pick(w, slices.Concat(bruteParams[resourceType], common)...)
	if p.kind == "reference" && depth > 0 && w.IntN(2) == 0 {
		return w.chain(p, depth)
	}
	if p.kind != "id" && p.kind != "updated" && w.IntN(8) == 0 {
		missing := w.IntN(2) == 0
		return term{p.code + ":missing", fmt.Sprint(missing), func(r object) bool { return (len(p.values(r)) == 0) == missing }}
	}
	modifier, of := w.modifier(p)
	var values []string
	var alternatives []func(object) bool
	n := 1 + w.IntN(5)/3 + w.IntN(2)
	if asksTerminology(modifier, p) {
		n = 1 // a search may ask for ten, and a union asks for each of its parameters
	}
	for range n {
		value, holds := of()
		values, alternatives = append(values, value), append(alternatives, holds)
	}
	negated := modifier == ":not" || modifier == ":not-in"
	return term{p.code + modifier, strings.Join(values, ","), func(r object) bool {
		return slices.ContainsFunc(alternatives, func(holds func(object) bool) bool { return holds(r) }) != negated
	}}
}

func asksTerminology(modifier string, p bruteParam) bool {
	return p.kind == "token" && slices.Contains([]string{":in", ":not-in", ":below", ":above"}, modifier)
}

// drawn is one value of a parameter and what it means.
type drawn func() (value string, holds func(r object) bool)

// modifier draws a modifier of the parameter with the values that go with it.
func (w *bruteWorld) modifier(p bruteParam) (string, drawn) {
	switch p.kind {
	case "string":
		modifier := pick(w, "", "", ":exact", ":contains")
		return modifier, func() (string, func(object) bool) { return w.stringValue(p, modifier) }
	case "token":
		modifier := pick(w, "", "", "", ":not", ":text")
		if w.IntN(4) == 0 {
			modifier = pick(w, ":in", ":not-in", ":below", ":above")
			return modifier, func() (string, func(object) bool) { return w.termValue(p, modifier) }
		}
		if p.code == "identifier" && w.IntN(4) == 0 {
			return ":of-type", func() (string, func(object) bool) { return w.ofType(p) }
		}
		return modifier, func() (string, func(object) bool) { return w.tokenValue(p, modifier) }
	case "code", "email", "id":
		return pick(w, "", "", ":not"), func() (string, func(object) bool) { return w.codeValue(p) }
	case "reference":
		modifier := pick(w, "", "", ":identifier", ":"+p.targets[0])
		return modifier, func() (string, func(object) bool) { return w.referenceValue(p, modifier) }
	case "uri":
		modifier := pick(w, "", ":below", ":above")
		return modifier, func() (string, func(object) bool) { return w.uriValue(p, modifier) }
	case "number":
		return "", func() (string, func(object) bool) { return w.numberValue(p) }
	case "quantity":
		return "", func() (string, func(object) bool) { return w.quantityValue(p) }
	}
	return "", func() (string, func(object) bool) { return w.dateValue(p) }
}

func anyOf(values []any, holds func(v any) bool) bool { return slices.ContainsFunc(values, holds) }

// piece is a part of an odd string in another case.
func (w *bruteWorld) piece() string {
	for {
		runes := []rune(w.text())
		from, to := 0, 1+w.IntN(len(runes))
		w.maybe(4, func() { from = w.IntN(to) })
		s := pick(w, strings.ToUpper, strings.ToLower, strings.TrimSpace)(string(runes[from:to]))
		if plain(s) != "" {
			return s
		}
	}
}

func (w *bruteWorld) stringValue(p bruteParam, modifier string) (string, func(object) bool) {
	s := w.piece()
	if modifier == ":exact" && w.IntN(4) > 0 {
		s = w.text()
	}
	return escapes.Replace(s), func(r object) bool {
		return anyOf(p.values(r), func(v any) bool {
			switch modifier {
			case ":exact":
				return v.(string) == s
			case ":contains":
				return strings.Contains(plain(v.(string)), plain(s))
			}
			return strings.HasPrefix(plain(v.(string)), plain(s))
		})
	}
}

func (w *bruteWorld) tokenValue(p bruteParam, modifier string) (string, func(object) bool) {
	if modifier == ":text" {
		s := w.piece()
		return escapes.Replace(s), func(r object) bool {
			return slices.ContainsFunc(displays(p.values(r)), func(t string) bool { return strings.HasPrefix(plain(t), plain(s)) })
		}
	}
	system, code := w.system(), w.code()
	value, matches := escapes.Replace(code), func(t [2]string) bool { return t[1] == code }
	switch w.IntN(4) {
	case 0:
		value, matches = system+"|"+value, func(t [2]string) bool { return t == [2]string{system, code} }
	case 1:
		value, matches = "|"+value, func(t [2]string) bool { return t == [2]string{"", code} }
	case 2:
		value, matches = system+"|", func(t [2]string) bool { return t[0] == system }
	}
	return value, func(r object) bool { return slices.ContainsFunc(tokens(p.values(r)), matches) }
}

func (w *bruteWorld) ofType(p bruteParam) (string, func(object) bool) {
	system, code, value := w.system(), w.code(), w.code()
	return system + "|" + escapes.Replace(code) + "|" + escapes.Replace(value), func(r object) bool {
		return anyOf(p.values(r), func(v any) bool {
			return one(v, "value") == value && slices.Contains(tokens(all(v, "type", "coding")), [2]string{system, code})
		})
	}
}

func (w *bruteWorld) codeValue(p bruteParam) (string, func(object) bool) {
	code := pick(w, "male", "female", "true", "false", "final", "active", "draft", "a@b.org", "A@b.org", "1", "+49 1", "pa1", "ob3", "or0", "nobody")
	return escapes.Replace(code), func(r object) bool {
		return anyOf(p.values(r), func(v any) bool {
			if p.kind == "email" && strings.ToLower(fmt.Sprint(v)) == code {
				return true // as it is spelled, or in lower case
			}
			return fmt.Sprint(v) == code
		})
	}
}

func (w *bruteWorld) referenceValue(p bruteParam, modifier string) (string, func(object) bool) {
	if modifier == ":identifier" {
		system, code := w.system(), w.code()
		return system + "|" + escapes.Replace(code), func(r object) bool {
			return anyOf(p.values(r), func(v any) bool {
				return one(v, "identifier", "system") == system && one(v, "identifier", "value") == code
			})
		}
	}
	resourceType := pick(w, p.targets...)
	if modifier != "" {
		resourceType = modifier[1:]
	}
	id := fmt.Sprintf("%s%d", strings.ToLower(resourceType[:2]), w.IntN(bruteSize/3+1))
	local := func(r object) bool {
		return anyOf(p.values(r), func(v any) bool {
			t, i := localReference(one(v, "reference"))
			return t == resourceType && i == id
		})
	}
	switch {
	case modifier != "":
		return id, local
	case w.IntN(4) == 0:
		return base + resourceType + "/" + id, local
	case w.IntN(4) == 0:
		address := "http://other.org/fhir/" + resourceType + "/" + id
		return address, func(r object) bool {
			return anyOf(p.values(r), func(v any) bool { return one(v, "reference") == address })
		}
	}
	return resourceType + "/" + id, local
}

func (w *bruteWorld) uriValue(p bruteParam, modifier string) (string, func(object) bool) {
	looked := w.url()
	return escapes.Replace(looked), func(r object) bool {
		return anyOf(p.values(r), func(v any) bool {
			switch uri := v.(string); modifier {
			case ":below":
				return strings.HasPrefix(uri, looked)
			case ":above":
				return strings.HasPrefix(looked, uri)
			default:
				return uri == looked
			}
		})
	}
}

var prefixes = []string{"", "", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb"}

func (w *bruteWorld) numberValue(p bruteParam) (string, func(object) bool) {
	op, looked := pick(w, append(prefixes, "ap")...), w.decimal()
	return op + looked, func(r object) bool {
		return anyOf(p.values(r), func(v any) bool { return compares(op, rational(string(v.(json.Number))), looked, same) })
	}
}

// decimal is a number without an exponent, which search.html gives a precision of its own.
func (w *bruteWorld) decimal() string {
	for {
		if s := string(w.number()); !strings.Contains(s, "e") {
			return s
		}
	}
}

func (w *bruteWorld) quantityValue(p bruteParam) (string, func(object) bool) {
	op, number := pick(w, append(prefixes, "ap")...), w.decimal()
	system, code, given := "", "", true
	switch w.IntN(5) {
	case 0:
		given = false
	case 1:
		code = pick(w, "mg", "box", "milligram")
	case 2:
		system = pick(w, ucumSystem, "urn:u")
	case 3:
		system, code = "urn:u", pick(w, "mg", "box")
	default:
		system, code = ucumSystem, pick(w, "mg", "g", "kg")
	}
	value := op + number
	if given {
		value += "|" + system + "|" + code
	}
	return value, func(r object) bool {
		return anyOf(p.values(r), func(v any) bool { return measures(v.(object), op, number, system, code, given) })
	}
}

func (w *bruteWorld) dateValue(p bruteParam) (string, func(object) bool) {
	op, looked := pick(w, append(prefixes, "ap")...), w.date(false)
	if p.kind == "updated" {
		looked = pick(w, "2024", "2024-01-01", "2024-01-01T00:00:00Z", "2024-01-01T00:00:00.700Z", "2024-01-01T00:00:01Z", "2024-01-01T00:00:01.4Z")
	}
	return op + looked, func(r object) bool {
		if p.kind == "updated" {
			ms := w.updated[one(r, "resourceType")+"/"+one(r, "id")].UnixMilli() * 1000
			return interval{ms, ms + 999}.holds(op, span(looked))
		}
		return anyOf(p.values(r), func(v any) bool {
			if period, ok := v.(object); ok {
				return periodSpan(period).holds(op, span(looked))
			}
			return span(v.(string)).holds(op, span(looked))
		})
	}
}

// composite is search.html#composite: both parts of the same element.
func (w *bruteWorld) composite() term {
	code, codeHolds := w.tokenValue(bruteParam{values: at("code")}, "")
	for strings.HasSuffix(code, "|") { // a system alone is refused in a composite
		code, codeHolds = w.tokenValue(bruteParam{values: at("code")}, "")
	}
	quantity, quantityHolds := w.quantityValue(bruteParam{values: at("valueQuantity")})
	name, elements := "code-value-quantity", func(r object) []any { return []any{r} }
	if w.IntN(2) == 0 {
		name, elements = "component-code-value-quantity", at("component")
	}
	return term{name, code + "$" + quantity, func(r object) bool {
		return anyOf(elements(r), func(v any) bool { return codeHolds(v.(object)) && quantityHolds(v.(object)) })
	}}
}

// chain is search.html#chaining.
func (w *bruteWorld) chain(p bruteParam, depth int) term {
	target := pick(w, p.targets...)
	inner := w.term(target, depth-1)
	return term{p.code + ":" + target + "." + inner.name, inner.value, func(r object) bool {
		return anyOf(p.values(r), func(v any) bool {
			t, id := followed(one(v, "reference"))
			return t == target && slices.ContainsFunc(w.resources, func(x object) bool {
				return one(x, "resourceType") == t && one(x, "id") == id && inner.holds(x)
			})
		})
	}}
}

// has is search.html#has.
func (w *bruteWorld) has(resourceType string, depth int) term {
	type link struct {
		source string
		p      bruteParam
	}
	var links []link
	for _, source := range []string{"Patient", "Observation", "Encounter", "RiskAssessment", "Organization"} {
		for _, p := range bruteParams[source] {
			if slices.Contains(p.targets, resourceType) {
				links = append(links, link{source, p})
			}
		}
	}
	if len(links) == 0 {
		return w.term(resourceType, 0)
	}
	l := pick(w, links...)
	inner := w.term(l.source, depth-1)
	return term{"_has:" + l.source + ":" + l.p.code + ":" + inner.name, inner.value, func(r object) bool {
		return slices.ContainsFunc(w.resources, func(x object) bool {
			return one(x, "resourceType") == l.source && inner.holds(x) && anyOf(l.p.values(x), func(v any) bool {
				t, id := followed(one(v, "reference"))
				return t == resourceType && id == one(r, "id")
			})
		})
	}}
}

func (t term) String() string { return url.QueryEscape(t.name) + "=" + url.QueryEscape(t.value) }
