package store

import (
	"slices"
	"strconv"
	"strings"
)

// timelineParam is the date by which references are kept in order: most types of R4 that happen at
// some time have a parameter of this name.
const timelineParam = "date"

// noDate is Newest of a resource without such a date. It sorts before every date, so that in the
// order from new to old it is last.
const noDate = MinDate - 1

// newest is the end of the latest date.
func (ix Index) newest() int64 {
	end := noDate
	for _, row := range ix.Date {
		if row.Param == timelineParam {
			end = max(end, row.High)
		}
	}
	return end
}

// timeline is a search for what refers to one target, from new to old. Its order is that of the
// index by which the references are found, so a page reads as many rows as it shows, and of those
// that the rest of the conditions leaves out as many as lie between.
type timeline struct {
	target  Reference
	ways    []ReferenceValue // the one target, local and as a URL
	rest    Predicate
	newest  int64 // of the page beside
	id      string
	further bool // there is a page before, or after when it is read backward
}

// timelineOf recognises such a search.
func timelineOf(q Query, where Predicate) (timeline, bool) {
	if len(q.Projects) != 1 || len(q.Types) != 1 || len(q.Sort) != 1 {
		return timeline{}, false
	}
	key := q.Sort[0]
	if key.Param != timelineParam || key.Kind != DateKind || !key.Desc || len(key.Also) > 0 || asksResource(where) {
		return timeline{}, false
	}
	parts, ok := where.(And)
	if !ok {
		parts = And{where}
	}
	for i, part := range parts {
		target, ok := part.(Reference)
		if !ok || !isOneTarget(target) {
			continue
		}
		rest := slices.Delete(slices.Clone(parts), i, i+1)
		t := timeline{target: target, ways: target.Values, rest: rest}
		return t, t.begin(q.position())
	}
	return timeline{}, false
}

// isOneTarget says whether the values are one local target, one URL or one of each.
func isOneTarget(p Reference) bool {
	local, urls := 0, 0
	for _, v := range p.Values {
		switch {
		case v.URL != "":
			urls++
		case v.Type != "":
			local++
		default:
			return false
		}
	}
	return local <= 1 && urls <= 1 && local+urls > 0
}

// asksResource says whether p asks of a resource what no index table has.
func asksResource(p Predicate) bool {
	switch p := p.(type) {
	case LastUpdated:
		return true
	case Not:
		return asksResource(p.Of)
	case And:
		return slices.ContainsFunc(p, asksResource)
	case Or:
		return slices.ContainsFunc(p, asksResource)
	}
	return false
}

// begin reads the position of the page beside.
func (t *timeline) begin(position []string) bool {
	if len(position) == 0 {
		return true
	}
	if len(position) != 4 {
		return false
	}
	t.further, t.newest, t.id = true, noDate, position[1]
	if position[0] == "" {
		return true
	}
	var err error
	t.newest, err = strconv.ParseInt(strings.TrimPrefix(position[0], string(present)), 10, 64)
	return err == nil && position[0][0] == present
}

// timeline renders the statement: references in their order, then the contents of the page.
func (b *builder) timeline(q Query, t timeline) (string, error) {
	s := scope{projects: q.Projects, types: q.Types, probe: true}
	beyond, order := " < ", " DESC"
	if q.backward() {
		beyond, order = " > ", ""
	}
	var ways []string
	for n, way := range t.ways {
		i := b.alias("i")
		s.alias = i
		text := "SELECT " + i + ".id, " + i + ".newest FROM reference_index " + i + " WHERE " + b.way(t, i, s, way)
		if t.further {
			text += " AND (" + i + ".newest, " + i + ".id)" + beyond + "(" + b.arg(t.newest) + ", " + b.arg(t.id) + ")"
		}
		for _, before := range t.ways[:n] { // found already
			j := b.alias("i")
			text += " AND NOT EXISTS (SELECT 1 FROM reference_index " + j + " WHERE " + b.way(t, j, s, before) + " AND " + j + ".id = " + i + ".id)"
		}
		if t.rest != nil {
			text += " AND " + b.condition(simplify(t.rest), s)
		}
		// Each way stops by itself: PostgreSQL would sort all that the ways have together.
		text += " ORDER BY " + i + ".newest" + order + ", " + i + ".id" + order + " LIMIT " + b.arg(q.Limit+q.Offset)
		ways = append(ways, "SELECT * FROM ("+text+") "+b.alias("w"))
	}
	page := " LIMIT " + b.arg(q.Limit)
	if q.Offset > 0 {
		page += " OFFSET " + b.arg(q.Offset)
	}
	r := scope{alias: "r", projects: q.Projects, types: q.Types}
	return "SELECT r.id, " + versionColumns + ", NULLIF(k.newest, " + b.arg(noDate) + ") FROM (SELECT * FROM (" +
		strings.Join(ways, " UNION ALL ") + ") w ORDER BY newest" + order + ", id" + order + page + ") k JOIN resource r ON r.id = k.id WHERE " +
		b.place("r", r) + " AND NOT r.deleted ORDER BY k.newest" + order + ", k.id" + order, nil
}

// way is the condition on a reference of the alias to lead to the target one way.
func (b *builder) way(t timeline, alias string, s scope, value ReferenceValue) string {
	conditions := b.reference(Reference{Param: t.target.Param, Values: []ReferenceValue{value}}, alias)
	return b.place(alias, s) + " AND " + alias + ".param = " + b.arg(t.target.Param) + " AND " + conditions[0]
}
