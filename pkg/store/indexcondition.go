package store

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// tableOf is the index table of a kind.
func tableOf(k Kind) string {
	switch k {
	case TokenKind:
		return "token_index"
	case ReferenceKind:
		return "reference_index"
	case StringKind:
		return "string_index"
	case DateKind:
		return "date_index"
	case QuantityKind:
		return "quantity_index"
	default:
		return "uri_index"
	}
}

// way is a predicate on one index table.
type way struct {
	table        string
	params       []string                // of which one is to have such a row
	alternatives func(i string) []string // the conditions on a row of alias i, each by its own way through the index
}

// ways are those of predicates of which one is to hold. Predicates that differ in nothing but the
// parameter have one together, as those of a name do that is kept in parts. A kind of predicate that nobody
// has taught us has none.
func (b *builder) ways(any []Predicate) []way {
	if len(any) == 1 {
		if w, ok := b.wayOf(any[0]); ok {
			return []way{w}
		}
		return nil
	}
	var all []way
	of := map[Predicate]int{}
	for _, p := range any {
		w, ok := b.wayOf(p)
		if !ok {
			continue
		}
		if shape := shapeOf(p); shape != nil {
			if n, ok := of[shape]; ok {
				all[n].params = append(all[n].params, w.params...)
				continue
			}
			of[shape] = len(all)
		}
		all = append(all, w)
	}
	return all
}

func (b *builder) wayOf(p Predicate) (w way, ok bool) {
	switch p := p.(type) {
	case Token:
		return way{"token_index", []string{p.Param}, func(i string) []string { return b.token(p, i) }}, true
	case Reference:
		return way{"reference_index", []string{p.Param}, func(i string) []string { return b.reference(p, i) }}, true
	case String:
		return way{"string_index", []string{p.Param}, func(i string) []string { return b.string(p, i) }}, true
	case Date:
		return way{"date_index", []string{p.Param}, func(i string) []string { return b.interval(p.Op, i, p.Low, p.High) }}, true
	case Quantity:
		return way{"quantity_index", []string{p.Param}, func(i string) []string { return b.quantity(p, i) }}, true
	case Span:
		return way{"quantity_index", []string{p.Param}, func(i string) []string { return b.span(p, i) }}, true
	case URI:
		return way{"uri_index", []string{p.Param}, func(i string) []string { return b.uri(p, i) }}, true
	}
	return way{}, false
}

// shapeOf is the predicate without its parameter, as a value that can be compared; nil when there is none.
func shapeOf(p Predicate) Predicate {
	switch p := p.(type) {
	case Token:
		var text strings.Builder
		for _, v := range p.Values {
			for _, part := range []*string{v.System, v.Code} {
				if part == nil {
					text.WriteString("any,")
				} else {
					text.WriteString(strconv.Quote(*part) + ",")
				}
			}
		}
		return URI{Param: "token", Value: text.String()}
	case String:
		p.Param = ""
		return p
	case Date:
		p.Param = ""
		return p
	case URI:
		p.Param = ""
		return p
	}
	return nil
}

// indexed renders predicates on one index table each, of which one is to hold.
func (b *builder) indexed(s scope, any ...Predicate) string {
	if !s.probe {
		if selects := b.allSelects(any, s); len(selects) > 0 {
			return s.among(b, selects)
		}
		return "(1 = 0)"
	}
	var probes []string
	for _, w := range b.ways(any) {
		probes = append(probes, b.probed(w, s))
	}
	if len(probes) == 0 {
		return "(1 = 0)"
	}
	return "(" + strings.Join(probes, " OR ") + ")"
}

// allSelects gives the keys of the rows that the indexes have, whichever of the predicates holds.
func (b *builder) allSelects(any []Predicate, s scope) (selects []string) {
	for _, w := range b.ways(any) {
		selects = append(selects, b.selects(w, s)...)
	}
	return selects
}

// probed asks the index of the row of the scope.
func (b *builder) probed(w way, s scope) string {
	i := b.alias("i")
	conditions := w.alternatives(i)
	if len(conditions) == 0 {
		return "(1 = 0)"
	}
	end := ""
	if s.apart {
		end = b.dialect.apart()
	}
	// IS TRUE keeps the databases from looking the value up, which many rows may have, instead of the row.
	return "EXISTS (SELECT 1 FROM " + w.table + " " + i + " WHERE " + b.sameRow(i, s) + " AND " + b.oneOf(i+".param", w.params) +
		" AND (" + strings.Join(conditions, " OR ") + ") IS TRUE" + end + ")"
}

// selects gives the keys of the rows that the index has, once for each alternative.
func (b *builder) selects(w way, s scope) []string {
	var selects []string
	i := b.alias("i")
	for _, condition := range w.alternatives(i) {
		if s.visible != nil {
			condition += " AND " + b.condition(s.visible, scope{alias: i, projects: s.projects, types: s.types, probe: true, apart: true})
		}
		selects = append(selects, "SELECT "+s.key(i)+" FROM "+w.table+" "+i+" WHERE "+b.place(i, s)+" AND "+b.oneOf(i+".param", w.params)+" AND "+condition)
	}
	return selects
}

// token groups the values by system, so that a list of codes is one alternative.
func (b *builder) token(p Token, i string) []string {
	var conditions []string
	codes := map[string][]string{} // by system; " " stands for any
	var order []string
	for _, v := range p.Values {
		switch {
		case v.Code == nil && v.System == nil:
			conditions = append(conditions, "(1 = 1)")
		case v.Code == nil:
			conditions = append(conditions, "("+i+".system = "+b.arg(bounded(*v.System, maxValue))+")")
		default:
			system := anySystem
			if v.System != nil {
				system = bounded(*v.System, maxValue)
			}
			if codes[system] == nil {
				order = append(order, system)
			}
			codes[system] = append(codes[system], bounded(*v.Code, maxValue))
		}
	}
	for _, system := range order {
		condition := b.oneOf(i+".code", codes[system])
		if system != anySystem {
			condition += " AND " + i + ".system = " + b.arg(system)
		}
		conditions = append(conditions, "("+condition+")")
	}
	return conditions
}

// anySystem cannot be a system: clean removes NUL.
const anySystem = "\x00"

func (b *builder) reference(p Reference, i string) []string {
	var conditions, urls, anyType []string
	ids := map[string][]string{}
	var types []string
	for _, v := range p.Values {
		switch {
		case v.URL != "":
			urls = append(urls, bounded(v.URL, maxValue))
		case v.Type == "":
			anyType = append(anyType, bounded(v.ID, maxUnit))
		default:
			if ids[v.Type] == nil {
				types = append(types, v.Type)
			}
			ids[v.Type] = append(ids[v.Type], bounded(v.ID, maxUnit))
		}
	}
	for _, t := range types {
		conditions = append(conditions, "("+i+".target_id <> '' AND "+b.oneOf(i+".target_id", ids[t])+" AND "+i+".target_type = "+b.arg(t)+")")
	}
	if anyType != nil {
		conditions = append(conditions, "("+i+".target_id <> '' AND "+b.oneOf(i+".target_id", anyType)+")")
	}
	if urls != nil {
		conditions = append(conditions, "("+i+".url <> '' AND "+b.oneOf(i+".url", urls)+")")
	}
	return conditions
}

// string finds rows by the first 200 characters, which are indexed, then looks at all of them.
func (b *builder) string(p String, i string) []string {
	indexed := "substr(" + i + ".folded, 1, 200)"
	value := clean(p.Value)
	switch p.Match {
	case Contains:
		b.args = append(b.args, value)
		return []string{b.dialect.contains(i+".folded", len(b.args))}
	case EndsWith:
		b.args = append(b.args, value)
		return []string{b.dialect.endsWith(i+".folded", len(b.args))}
	case Equal:
		beginning, _ := firstRunes(value, prefixRunes)
		return []string{"(" + indexed + " = " + b.arg(beginning) + " AND " + i + ".folded = " + b.arg(value) + ")"}
	case Exact:
		exact := i + ".exact = " + b.arg(value)
		if p.Folded != "" {
			beginning, _ := firstRunes(clean(p.Folded), prefixRunes)
			exact += " AND " + indexed + " = " + b.arg(beginning)
		}
		return []string{"(" + exact + ")"}
	}
	beginning, whole := firstRunes(value, prefixRunes)
	if !whole {
		return []string{"(" + indexed + " = " + b.arg(beginning) + " AND substr(" + i + ".folded, 1, " + b.arg(utf8.RuneCountInString(value)) + ") = " + b.arg(value) + ")"}
	}
	condition := indexed + " >= " + b.arg(beginning)
	if end, ok := prefixEnd(beginning); ok {
		condition += " AND " + indexed + " < " + b.arg(end)
	}
	return []string{"(" + condition + ")"}
}

// comparison is one bound of an interval: column of the row, op, limit of the value. A passive
// one is checked on rows that the others have found.
type comparison struct {
	column, op, limit string
	passive           bool
}

// intervalConditions is what a prefix means (see Op): alternatives of which all bounds hold.
func intervalConditions(op Op) [][]comparison {
	within := []comparison{{column: "low", op: ">=", limit: "low"}, {column: "low", op: "<=", limit: "high"}, {column: "high", op: "<=", limit: "high", passive: true}}
	endsAfter := []comparison{{column: "high", op: ">", limit: "high"}}
	beginsBefore := []comparison{{column: "low", op: "<", limit: "low"}}
	switch op {
	case Ne:
		return [][]comparison{beginsBefore, endsAfter}
	case Gt:
		return [][]comparison{endsAfter}
	case Lt:
		return [][]comparison{beginsBefore}
	case Ge:
		return [][]comparison{endsAfter, within}
	case Le:
		return [][]comparison{beginsBefore, within}
	case Sa:
		return [][]comparison{{{column: "low", op: ">", limit: "high"}}}
	case Eb:
		return [][]comparison{{{column: "high", op: "<", limit: "low"}}}
	case Ap:
		return [][]comparison{{{column: "low", op: "<=", limit: "high"}, {column: "high", op: ">=", limit: "low"}}}
	default:
		return [][]comparison{within}
	}
}

func (b *builder) interval(op Op, i string, low, high any) []string {
	var conditions []string
	for _, alternative := range intervalConditions(op) {
		var all []string
		for _, c := range alternative {
			limit := low
			if c.limit == "high" {
				limit = high
			}
			column := i + "." + c.column
			if c.passive {
				column = b.dialect.passive(column)
			}
			all = append(all, column+" "+c.op+" "+b.arg(limit))
		}
		conditions = append(conditions, "("+strings.Join(all, " AND ")+")")
	}
	return conditions
}

func (b *builder) quantity(p Quantity, i string) []string {
	unit := ""
	if p.System != nil {
		unit += " AND " + i + ".system = " + b.arg(bounded(*p.System, maxValue))
	}
	if p.Code != nil {
		unit += " AND " + i + ".code = " + b.arg(bounded(*p.Code, maxUnit))
	}
	if p.Unit != nil {
		value := b.arg(bounded(*p.Unit, maxUnit))
		unit += " AND (" + i + ".code = " + value + " OR " + i + ".unit = " + value + ")"
	}
	conditions := b.interval(p.Op, i, cut(clean(p.Low), maxDecimal), cut(clean(p.High), maxDecimal))
	for n := range conditions {
		conditions[n] = "(" + conditions[n] + unit + ")"
	}
	return conditions
}

// span compares the ends of a row as two numbers: each is both the low and the high of its own.
func (b *builder) span(p Span, i string) []string {
	end := func(column string, q Quantity) string {
		var any []string
		for _, alternative := range intervalConditions(q.Op) {
			var all []string
			for _, c := range alternative {
				limit := q.Low
				if c.limit == "high" {
					limit = q.High
				}
				all = append(all, i+"."+column+" "+c.op+" "+b.arg(cut(clean(limit), maxDecimal)))
			}
			any = append(any, strings.Join(all, " AND "))
		}
		return "(" + strings.Join(any, " OR ") + ")"
	}
	return []string{"(" + end("low", p.Start) + " AND " + end("high", p.End) + ")"}
}

// uri: what a value begins with is a list of its own beginnings, each found in the index.
func (b *builder) uri(p URI, i string) []string {
	value := bounded(p.Value, maxValue)
	switch p.Match {
	case URIBelow:
		condition := i + ".uri >= " + b.arg(value)
		if end, ok := prefixEnd(value); ok {
			condition += " AND " + i + ".uri < " + b.arg(end)
		}
		return []string{"(" + condition + ")"}
	case URIAbove:
		var beginnings []string
		for at := range value {
			if at > 0 {
				beginnings = append(beginnings, value[:at])
			}
		}
		return []string{"(" + b.oneOf(i+".uri", append(beginnings, value)) + ")"}
	default:
		return []string{"(" + i + ".uri = " + b.arg(value) + ")"}
	}
}
