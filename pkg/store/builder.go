package store

import (
	"fmt"
	"strconv"
	"strings"
)

// builder renders predicates as SQL. Every value becomes a parameter; only names of our own
// tables and columns are text.
type builder struct {
	dialect  dialect
	args     []any
	aliases  int
	projects []string // of the whole query: what chains may reach
	places   []placed
}

// placed is a project or type that is a parameter already.
type placed struct{ column, value, name string }

// scope is what a condition is about: the rows of an alias of resource, and in which projects and
// of which types they are. Chosen by probe, an index is asked of each row what values it has;
// otherwise it gives the ids that have the value. Depth is how many references lead to the rows.
type scope struct {
	alias    string
	projects []string
	types    []string
	probe    bool
	apart    bool // with probe: rows are few, or for certain to be asked one by one
	depth    int
	visible  Predicate // of the rows that an index gives, each is asked this; nil: nothing
}

// single says that project and type are fixed, so the id alone names a row.
func (s scope) single() bool { return len(s.projects) == 1 && len(s.types) == 1 }

// key is the columns that name a row of alias within the scope.
func (s scope) key(alias string) string {
	if s.single() {
		return alias + ".id"
	}
	return alias + ".project_id, " + alias + ".type, " + alias + ".id"
}

// into is where the columns of key go.
func (s scope) into(ref *Ref) []any {
	if s.single() {
		return []any{&ref.ID}
	}
	return []any{&ref.Project, &ref.Type, &ref.ID}
}

// arg adds a parameter.
func (b *builder) arg(v any) string {
	if s, ok := v.(string); ok {
		v = clean(s)
	}
	b.args = append(b.args, v)
	return b.dialect.placeholder(len(b.args))
}

// list adds parameters.
func (b *builder) list(values ...any) string {
	names := make([]string, len(values))
	for i, v := range values {
		names[i] = b.arg(v)
	}
	return strings.Join(names, ", ")
}

// alias is a new name for a table.
func (b *builder) alias(prefix string) string {
	b.aliases++
	return prefix + strconv.Itoa(b.aliases)
}

// oneOf is "column is one of values", with one parameter.
func (b *builder) oneOf(column string, values []string) string {
	if len(values) == 1 {
		return column + " = " + b.arg(values[0])
	}
	cleaned := make([]string, len(values))
	for i, v := range values {
		cleaned[i] = clean(v)
	}
	b.args = append(b.args, b.dialect.list(cleaned))
	return b.dialect.in(column, len(b.args))
}

// place limits a table to the projects and types of the scope.
func (b *builder) place(alias string, s scope) string {
	if s.single() {
		return alias + ".project_id = " + b.known("project_id", s.projects[0]) + " AND " + alias + ".type = " + b.known("type", s.types[0])
	}
	return b.oneOf(alias+".project_id", s.projects) + " AND " + b.oneOf(alias+".type", s.types)
}

// known is the parameter that a value of a column has, since every table asks for the same.
func (b *builder) known(column, value string) string {
	for _, p := range b.places {
		if p.column == column && p.value == value {
			return p.name
		}
	}
	name := b.arg(value)
	b.places = append(b.places, placed{column, value, name})
	return name
}

// condition renders p, which is simplified, about the rows of s.
func (b *builder) condition(p Predicate, s scope) string {
	switch p := p.(type) {
	case And:
		return b.and(p, s)
	case Or:
		return b.or(p, s)
	case Not:
		s.probe = true
		return "NOT " + b.condition(p.Of, s)
	case IDIn:
		return b.oneOf(s.alias+".id", p)
	case TypeIs:
		return s.alias + ".type = " + b.arg(string(p))
	case LastUpdated:
		return b.lastUpdated(p, s)
	case Missing:
		i := b.alias("i")
		return "NOT EXISTS (SELECT 1 FROM " + tableOf(p.Kind) + " " + i + " WHERE " + b.sameRow(i, s) + " AND " + i + ".param = " + b.arg(p.Param) + ")"
	case Chain:
		return b.chain(p, s)
	case Has:
		return b.has(p, s)
	default:
		return b.indexed(s, p)
	}
}

func (b *builder) and(p And, s scope) string {
	if len(p) == 0 {
		return "(1 = 1)"
	}
	for _, part := range p {
		switch part := part.(type) {
		case TypeIs: // what is asked of an index need not look at other types
			s.types = []string{string(part)}
		case IDIn: // few rows are left, so the indexes are asked about them
			s.probe = true
		}
	}
	parts := make([]string, len(p))
	for i, part := range p {
		parts[i] = b.condition(part, s)
	}
	return "(" + strings.Join(parts, " AND ") + ")"
}

// or gives each alternative its own way through the indexes: as alternatives of one condition
// they would be tried on every row.
func (b *builder) or(p Or, s scope) string {
	if len(p) == 0 {
		return "(1 = 0)"
	}
	if isIndexed(p) {
		return b.indexed(s, p...)
	}
	parts := make([]string, len(p))
	if s.probe || !usesIndex(p) {
		for i, part := range p {
			parts[i] = b.condition(part, s)
		}
		return "(" + strings.Join(parts, " OR ") + ")"
	}
	for i, part := range p {
		r := b.alias("r")
		inner := scope{alias: r, projects: s.projects, types: s.types, depth: s.depth}
		parts[i] = "SELECT " + s.key(r) + " FROM resource " + r + " WHERE " + b.place(r, s) +
			" AND NOT " + r + ".deleted AND " + b.condition(part, inner)
	}
	return s.among(b, parts)
}

// among says that one of the selects has the row. At the end of several references nobody can estimate
// how many rows several have, so they are looked for once, and not again for each row that leads there.
func (s scope) among(b *builder, selects []string) string {
	rows := strings.Join(selects, " UNION ALL ")
	if s.depth > 1 && len(selects) > 1 {
		once := b.alias("o")
		rows = "WITH " + once + " AS MATERIALIZED (" + rows + ") SELECT * FROM " + once
	}
	return "(" + s.key(s.alias) + ") IN (" + rows + ")"
}

// lastUpdated compares milliseconds with microseconds: a version was written within its
// millisecond.
func (b *builder) lastUpdated(p LastUpdated, s scope) string {
	column := s.alias + ".last_updated"
	var parts []string
	for _, alternative := range intervalConditions(p.Op) {
		var all []string
		for _, c := range alternative {
			limit := p.Low
			if c.limit == "high" {
				limit = p.High
			}
			if c.column == "high" { // the end of the row's millisecond: t*1000+999
				limit -= 999
			}
			value := floorDiv(limit, 1000)
			if c.op == "<" || c.op == ">=" {
				value = -floorDiv(-limit, 1000)
			}
			all = append(all, column+" "+c.op+" "+b.arg(value))
		}
		parts = append(parts, "("+strings.Join(all, " AND ")+")")
	}
	return "(" + strings.Join(parts, " OR ") + ")"
}

func floorDiv(a, n int64) int64 {
	q := a / n
	if a%n < 0 {
		q--
	}
	return q
}

// sameRow ties a row of an index table to the row of the scope. The place is said although it
// follows: it keeps the database from reading other projects' rows when it asks of many at once.
func (b *builder) sameRow(i string, s scope) string {
	same := b.place(i, s) + " AND " + i + ".id = " + s.alias + ".id"
	if s.single() {
		return same
	}
	return same + fmt.Sprintf(" AND %s.project_id = %s.project_id AND %[1]s.type = %[2]s.type", i, s.alias)
}

// chain asks the references of the row for a target of which Of holds.
func (b *builder) chain(p Chain, s scope) string {
	if !s.probe {
		return "(" + s.key(s.alias) + ") IN (" + b.chained(p, s) + ")"
	}
	i, points, target, targets := b.linked(p, s)
	return "EXISTS (SELECT 1 FROM reference_index " + i + " WHERE " + b.sameRow(i, s) + points +
		" AND EXISTS (SELECT 1" + targets + " AND " + target + ".id = " + i + ".target_id))"
}

// chained gives the keys of the rows that have such a reference.
func (b *builder) chained(p Chain, s scope) string {
	i, points, target, targets := b.linked(p, s)
	return "SELECT " + s.key(i) + " FROM reference_index " + i + " WHERE " + b.place(i, s) + points +
		" AND " + i + ".target_id IN (SELECT " + target + ".id" + targets + ")"
}

// linked are the references of a chain, by their alias and what is asked of it, and its targets.
func (b *builder) linked(p Chain, s scope) (i, points, target, targets string) {
	i, target = b.alias("i"), b.alias("r")
	inner := scope{alias: target, projects: b.projects, types: []string{p.Type}, probe: s.probe, depth: s.depth + 1}
	points = " AND " + i + ".param = " + b.arg(p.Param) + " AND " + i + ".target_id <> '' AND " + i + ".target_type = " + b.arg(p.Type)
	return i, points, target, " FROM resource " + target + " WHERE " + b.place(target, inner) + " AND NOT " + target + ".deleted AND " + b.condition(p.Of, inner)
}

// has asks for resources that point at the row.
func (b *builder) has(p Has, s scope) string {
	i, source := b.alias("i"), b.alias("r")
	from := scope{projects: b.projects, types: []string{p.Type}}
	inner := scope{alias: source, projects: b.projects, types: from.types, probe: s.probe, depth: s.depth + 1}
	points := b.place(i, from) + " AND " + i + ".param = " + b.arg(p.Param) + " AND " + i + ".target_id <> '' AND " + b.oneOf(i+".target_type", s.types)
	sources := " FROM resource " + source + " WHERE " + b.place(source, inner) + " AND NOT " + source + ".deleted AND " + b.condition(p.Of, inner)
	if s.probe {
		return "EXISTS (SELECT 1 FROM reference_index " + i + " WHERE " + points + " AND " + i + ".target_id = " + s.alias + ".id AND " +
			i + ".target_type = " + s.alias + ".type AND EXISTS (SELECT 1" + sources + " AND " + source + ".project_id = " + i +
			".project_id AND " + source + ".id = " + i + ".id))"
	}
	return "(" + s.alias + ".type, " + s.alias + ".id) IN (SELECT " + i + ".target_type, " + i + ".target_id FROM reference_index " + i +
		" WHERE " + points + " AND (" + inner.key(i) + ") IN (SELECT " + inner.key(source) + sources + "))"
}
