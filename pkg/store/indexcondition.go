package store

import (
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

// indexed renders a predicate on one index table.
func (b *builder) indexed(p Predicate, s scope) string {
	table, param := "", ""
	var alternatives func(i string) []string
	switch p := p.(type) {
	case Token:
		table, param, alternatives = "token_index", p.Param, func(i string) []string { return b.token(p, i) }
	case Reference:
		table, param, alternatives = "reference_index", p.Param, func(i string) []string { return b.reference(p, i) }
	case String:
		table, param, alternatives = "string_index", p.Param, func(i string) []string { return b.string(p, i) }
	case Date:
		table, param, alternatives = "date_index", p.Param, func(i string) []string { return b.interval(p.Op, i, p.Low, p.High) }
	case Quantity:
		table, param, alternatives = "quantity_index", p.Param, func(i string) []string { return b.quantity(p, i) }
	case Span:
		table, param, alternatives = "quantity_index", p.Param, func(i string) []string { return b.span(p, i) }
	case URI:
		table, param, alternatives = "uri_index", p.Param, func(i string) []string { return b.uri(p, i) }
	default: // a kind of predicate that nobody has taught us admits nothing
		return "(1 = 0)"
	}
	if s.probe {
		i := b.alias("i")
		conditions := alternatives(i)
		if len(conditions) == 0 {
			return "(1 = 0)"
		}
		end := ""
		if s.apart {
			end = b.dialect.apart()
		}
		// IS TRUE keeps the databases from looking the value up, which many rows may have, instead of the row.
		return "EXISTS (SELECT 1 FROM " + table + " " + i + " WHERE " + b.sameRow(i, s) + " AND " + i + ".param = " + b.arg(param) +
			" AND (" + strings.Join(conditions, " OR ") + ") IS TRUE" + end + ")"
	}
	var selects []string
	i := b.alias("i")
	for _, condition := range alternatives(i) {
		if s.visible != nil {
			condition += " AND " + b.condition(s.visible, scope{alias: i, projects: s.projects, types: s.types, probe: true, apart: true})
		}
		selects = append(selects, "SELECT "+s.key(i)+" FROM "+table+" "+i+" WHERE "+b.place(i, s)+" AND "+i+".param = "+b.arg(param)+" AND "+condition)
	}
	if len(selects) == 0 {
		return "(1 = 0)"
	}
	return "(" + s.key(s.alias) + ") IN (" + strings.Join(selects, " UNION ALL ") + ")"
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
