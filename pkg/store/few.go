package store

import (
	"slices"
	"strconv"
	"strings"
)

// fewRows is how many rows an index may give for a search to be answered from these rows alone.
const fewRows = 1000

// few is a search whose rows one index gives. What else is asked of them is asked of each.
type few struct{ by, rest Predicate }

// fewOf recognises such a search. Its statement looks at no more than fewRows of the index, so the plan that
// PostgreSQL keeps is good for all values: where an index has more, the statement says that. Only then the search
// is planned for its values, which takes as long as many a search.
func fewOf(q Query) (few, bool) {
	if !q.scope().single() || q.Probe {
		return few{}, false
	}
	wanted, visible := parts(q.Where), parts(q.Visible)
	from := &wanted
	if len(wanted) == 0 {
		from = &visible
	}
	var found []int
	for i, part := range *from {
		_, chained := part.(Chain)
		if chained || isIndexed(part) {
			found = append(found, i)
		}
	}
	if len(found) != 1 || looksThrough((*from)[found[0]]) {
		return few{}, false
	}
	f := few{by: (*from)[found[0]]}
	*from = slices.Delete(slices.Clone(*from), found[0], found[0]+1)
	f.rest = simplify(And{wanted, visible})
	return f, true
}

func parts(p Predicate) And {
	switch p := simplify(p).(type) {
	case And:
		return p
	default:
		return And{p}
	}
}

// looksThrough says whether an index is read from the first row of a parameter to the last, or may be.
func looksThrough(p Predicate) bool {
	switch p := p.(type) {
	case Chain:
		return !isIndexed(p.Of) || looksThrough(p.Of)
	case Or:
		return slices.ContainsFunc(p, looksThrough)
	case String:
		return p.Match == Contains || p.Match == EndsWith || p.Match == Exact && p.Folded == ""
	}
	return false
}

// few renders the table that f reads its rows from.
func (b *builder) few(f few, s scope) string {
	var selects []string
	switch by := f.by.(type) {
	case Chain:
		selects = []string{b.chained(by, s)}
	case Or:
		selects = b.allSelects(by, s)
	default:
		selects = b.allSelects(Or{by}, s)
	}
	if len(selects) == 0 {
		selects = []string{"SELECT '' AS id WHERE 1 = 0"}
	}
	return "WITH few AS MATERIALIZED (" + strings.Join(selects, " UNION ALL ") + " LIMIT " + strconv.Itoa(fewRows+1) + ") "
}

// ofFew is the condition of f on the rows of s.
func (b *builder) ofFew(f few, s scope) string {
	return areFew() + " AND " + s.alias + ".id IN (SELECT id FROM few) AND " + b.restOf(f, s)
}

// areFew holds when the index has no more rows than were looked at.
func areFew() string { return "(SELECT count(*) FROM few) <= " + strconv.Itoa(fewRows) }

func (b *builder) restOf(f few, s scope) string {
	s.probe, s.apart = true, true
	return b.condition(f.rest, s)
}

// fewByID reads the page of f in the order of the ids, which the index has given: resources are read, and asked
// the rest, until the page is full.
func (b *builder) fewByID(q Query, f few, s scope, keys sortKeys) (string, error) {
	after, err := keys.after(b, q.position())
	if err != nil {
		return "", err
	}
	order := " ORDER BY f.id"
	if q.backward() {
		order += " DESC"
	}
	return "SELECT r.id, " + versionColumns + " FROM (SELECT DISTINCT r.id FROM few r WHERE 1 = 1" + after + keys.order() + ") f CROSS JOIN LATERAL (SELECT * FROM resource r WHERE " +
		b.place("r", s) + " AND r.id = f.id AND NOT r.deleted AND " + b.restOf(f, s) + " OFFSET 0) r WHERE " + areFew() + order + b.page(q), nil
}

// orMany makes of the statement for few rows one that says when there are more: by a row without an id, which no
// resource is.
func orMany(statement string, sortValues int) string {
	return "(" + statement + ") UNION ALL SELECT '', '', 0, false, '', ''" + strings.Repeat(", NULL", sortValues) +
		" WHERE (SELECT count(*) FROM few) > " + strconv.Itoa(fewRows)
}

// areMany recognises that row.
func areMany(found []Row) bool { return len(found) == 1 && found[0].ID == "" }
