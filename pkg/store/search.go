package store

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Row is one match. SortValues is its place in each key of the order, opaque to all but the
// store.
type Row struct {
	Resource
	SortValues []string
}

// Position is what Query.After takes to go on after this row.
func (r Row) Position() []string {
	return append(slices.Clone(r.SortValues), r.ID, r.Type, r.Project)
}

// Search reads one page of current, not deleted resources, in one statement; what is more than few in another.
func (r reader) Search(ctx context.Context, q Query) ([]Row, error) {
	q, where := q.prepared()
	if q.nothing(where) || q.Limit <= 0 {
		return nil, nil
	}
	steady := q.steady(where)
	if f, ok := fewOf(q); ok && !steady && r.dialect.keepsPlan() {
		found, err := r.searchPage(ctx, q, where, &f, true)
		if err != nil || !areMany(found) {
			return found, err
		}
	}
	return r.searchPage(ctx, q, where, nil, steady)
}

// searchPage reads the rows of a page, by a plan that may be kept or one for the values.
func (r reader) searchPage(ctx context.Context, q Query, where Predicate, f *few, kept bool) ([]Row, error) {
	b := &builder{dialect: r.dialect, projects: q.Projects}
	text, err := b.search(q, where, f)
	if err != nil {
		return nil, err
	}
	args, read := b.args, each
	switch {
	case !kept:
		args = r.dialect.forValues(args)
	case f != nil || always(simplify(q.Visible)):
		read = eachBounded
	}
	found, err := q.scan(func(row func(scanner) error) error { return read(ctx, r.q, text, args, row) })
	if err != nil {
		return nil, fmt.Errorf("search %s: %w", strings.Join(q.Types, ","), err)
	}
	if q.backward() {
		slices.Reverse(found)
	}
	return found, nil
}

// scan gives the rows that a statement for q has.
func (q Query) scan(rows func(func(scanner) error) error) (found []Row, err error) {
	var row Row // scanned again and again: a place for each row would cost more than its values
	version, values := versionScan{resource: &row.Resource}, make([]sortValue, len(q.Sort))
	into := append(q.scope().into(&row.Ref), version.into()...)
	for i := range values {
		into = append(into, &values[i])
	}
	err = rows(func(one scanner) error {
		row = Row{}
		if q.scope().single() {
			row.Project, row.Type = q.Projects[0], q.Types[0]
		}
		if err := one.Scan(into...); err != nil {
			return err
		}
		version.finish()
		row.SortValues = make([]string, len(values))
		for i, v := range values {
			row.SortValues[i] = v.text
		}
		found = append(found, row)
		return nil
	})
	return found, err
}

// backward says that rows are read against the order.
func (q Query) backward() bool { return len(q.Before) > 0 }

// position is where the rows begin, in the direction in which they are read.
func (q Query) position() []string {
	if q.backward() {
		return q.Before
	}
	return q.After
}

// Count is how many resources match, whatever the page.
func (r reader) Count(ctx context.Context, q Query) (int, error) {
	q, where := q.prepared()
	if q.nothing(where) {
		return 0, nil
	}
	b := &builder{dialect: r.dialect, projects: q.Projects}
	s := q.scope()
	text := "SELECT count(*) FROM resource r WHERE " + b.place("r", s) + " AND NOT r.deleted AND " + b.filter(q, where, s)
	var n int
	if err := first(ctx, r.q, text, r.dialect.forValues(b.args), &n); err != nil {
		return 0, fmt.Errorf("count %s: %w", strings.Join(q.Types, ","), err)
	}
	return n, nil
}

// prepared drops projects that cannot exist and what is given twice.
func (q Query) prepared() (Query, Predicate) {
	var projects []string
	for _, p := range q.Projects {
		if validProject(p) && !slices.Contains(projects, p) {
			projects = append(projects, p)
		}
	}
	q.Projects = projects
	return q, simplify(And{q.Visible, q.Where})
}

// filter renders where, which is Visible and Where.
func (b *builder) filter(q Query, where Predicate, s scope) string {
	wanted := simplify(q.Where)
	if q.Visible == nil || !drives(wanted) {
		return b.condition(where, s)
	}
	parts, ok := wanted.(And)
	if !ok {
		parts = And{wanted}
	}
	visible := simplify(q.Visible)
	first := slices.IndexFunc(parts, isIndexed)
	if first < 0 || asksResource(visible) || len(q.Sort) == 0 && b.dialect.readsInOrder() {
		each := s
		each.probe, each.apart = true, true
		return "(" + b.condition(wanted, s) + " AND " + b.condition(visible, each) + ")"
	}
	// Asked where the index is read, before anything is joined: a plan may otherwise ask of every
	// resource first.
	found := s
	found.visible = visible
	conditions := []string{b.condition(parts[first], found)}
	for i, part := range parts {
		if i != first {
			conditions = append(conditions, b.condition(part, s))
		}
	}
	return "(" + strings.Join(conditions, " AND ") + ")"
}

// isIndexed says whether p is a predicate on one index table, or several of them of which one is to hold.
func isIndexed(p Predicate) bool {
	if any, ok := p.(Or); ok {
		return !slices.ContainsFunc(any, func(part Predicate) bool { return !onOneTable(part) })
	}
	return onOneTable(p)
}

func onOneTable(p Predicate) bool {
	switch p.(type) {
	case Token, Reference, String, Date, Quantity, Span, URI:
		return true
	}
	return false
}

// nothing says that no row can match.
func (q Query) nothing(where Predicate) bool {
	never, ok := where.(Or)
	return len(q.Projects) == 0 || len(q.Types) == 0 || (ok && len(never) == 0)
}

func (q Query) scope() scope {
	return scope{alias: "r", projects: q.Projects, types: q.Types, probe: q.Probe}
}

// search renders the statement, or that which looks at few rows. When the order needs index tables, ids are
// sorted first and contents fetched for the page alone.
func (b *builder) search(q Query, where Predicate, f *few) (string, error) {
	if walk, ok := timelineOf(q, where); ok {
		return b.timeline(q, walk)
	}
	s := q.scope()
	keys, onIndex, err := b.sortKeys(q, s, where)
	if err != nil {
		return "", err
	}
	if f != nil && len(q.Sort) == 0 {
		statement, err := b.fewByID(q, *f, s, keys)
		return b.few(*f, s) + orMany(statement, 0), err
	}
	var filter string
	if f != nil {
		filter = b.ofFew(*f, s)
	} else {
		filter = b.filter(q, where, s)
	}
	from := " FROM resource r WHERE " + b.place("r", s) + " AND NOT r.deleted AND " + filter
	after, err := keys.after(b, q.position())
	if err != nil {
		return "", err
	}
	page := b.page(q)
	statement := "SELECT " + s.key("r") + ", " + versionColumns + keys.selected()
	if !onIndex {
		statement += from + after + keys.order() + page
	} else {
		statement += " FROM (SELECT * FROM (SELECT r.project_id, r.type, r.id, r.last_updated" + keys.computed() + from + ") k WHERE 1 = 1" +
			after + keys.order() + page + ") k JOIN resource r ON r.project_id = k.project_id AND r.type = k.type AND r.id = k.id" + keys.order()
	}
	if f != nil {
		statement = b.few(*f, s) + orMany(statement, keys.given)
	}
	return statement, nil
}

// page has the limit as text: a plan for any limit expects a tenth of all rows.
func (b *builder) page(q Query) string {
	page := " LIMIT " + strconv.Itoa(q.Limit)
	if q.Offset > 0 {
		page += " OFFSET " + b.arg(q.Offset)
	}
	return page
}
