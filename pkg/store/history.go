package store

import (
	"context"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// HistoryQuery asks for versions of one partition, newest first: of types, or of one resource.
type HistoryQuery struct {
	Project string
	Types   []string
	ID      string // of the one resource; then there is one type
	// Where, by type, is asked of what a resource is now; nil admits all. When somebody Decides, what is
	// deleted now is admitted as well: it has no index rows, and HistoryRow.Last is for deciding about it.
	Where map[string]Predicate
	// Since keeps the versions made then or later.
	Since time.Time
	// From and To keep those that were current at some time from From until before To.
	From, To time.Time
	// After is the position at which the page before ended; with only Time it is the time.
	After HistoryPosition
	// Before, in the place of After, is the position at which the page after began. The rows before it come in the
	// opposite order, oldest first.
	Before        HistoryPosition
	Limit, Offset int
	// Decides asks for Was and Last, which nobody needs who may see everything.
	Decides bool
}

// HistoryPosition is the place of a version in the order: two versions of one resource never have
// the same time.
type HistoryPosition struct {
	Time     time.Time
	Type, ID string
}

// HistoryRow is one version with what tells whether somebody may know of it.
type HistoryRow struct {
	Resource
	First bool // nothing was there before it
	// Was is, of a deletion, what was deleted; Last is, of a resource that is deleted now, what it was
	// before that. Neither has more than content.
	Was, Last []byte
}

// Position is where the row stands.
func (r *HistoryRow) Position() HistoryPosition {
	return HistoryPosition{r.LastUpdated, r.Type, r.ID}
}

// EachVersion calls fn with the rows of a query, one after the other, in one statement, until fn
// returns false or an error. fn must not keep the database waiting.
func (r reader) EachVersion(ctx context.Context, q HistoryQuery, fn func(HistoryRow) (bool, error)) error {
	if !validProject(q.Project) || len(q.Types) == 0 || q.Limit <= 0 {
		return nil
	}
	b := &builder{dialect: r.dialect, projects: []string{q.Project}}
	statement := (&historyText{builder: b, q: q}).statement()
	rows, err := r.q.QueryContext(r.dialect.statementContext(ctx), statement, b.args...)
	if err != nil {
		return fmt.Errorf("read history: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		row := HistoryRow{Resource: Resource{Ref: Ref{Project: q.Project}}}
		version := versionScan{resource: &row.Resource}
		if err := rows.Scan(append([]any{&row.Type, &row.ID, &row.First, &row.Was, &row.Last}, version.into()...)...); err != nil {
			return fmt.Errorf("read history: %w", err)
		}
		version.finish()
		if more, err := fn(row); err != nil || !more {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return rows.Err()
}

// historyText renders the statement of a HistoryQuery.
type historyText struct {
	*builder
	q       HistoryQuery
	project string
	limit   string
}

// historyColumns are what a branch selects of a version v.
const historyColumns = `v.type, v.id, v.version, v.last_updated, v.deleted, v.content, v.meta`

// statement merges the versions of each type, which indexes have in order (what is live, what is
// deleted, what was before), so that a page costs what it holds and not what there is.
func (h *historyText) statement() string {
	h.project = h.arg(h.q.Project)
	h.limit = h.arg(h.q.Limit + h.q.Offset)
	var merged []string
	for _, group := range h.groups() {
		merged = append(merged, h.ofGroup(group))
	}
	order := h.order("v.last_updated", "v.type", "v.id")
	page := order + " LIMIT " + h.arg(h.q.Limit)
	if h.q.Offset > 0 {
		page += " OFFSET " + h.arg(h.q.Offset)
	}
	return h.dialect.text(`SELECT v.type, v.id, ` + h.first() + `, ` + h.decisive() + `, v.version, v.last_updated, v.deleted, v.content, v.meta
FROM (SELECT * FROM (` + strings.Join(merged, " UNION ALL ") + `) v` + page + `) v` + order)
}

// historyGroup is types about which one condition is asked.
type historyGroup struct {
	types []string
	where Predicate // nil for none
}

// groups are the types of the query, those with the same condition together: a policy names few
// types.
func (h *historyText) groups() []historyGroup {
	var groups []historyGroup
types:
	for _, t := range h.q.Types {
		var where Predicate
		if of := h.q.Where[t]; of != nil {
			where = simplify(of)
		}
		for i := range groups {
			if reflect.DeepEqual(groups[i].where, where) {
				groups[i].types = append(groups[i].types, t)
				continue types
			}
		}
		groups = append(groups, historyGroup{[]string{t}, where})
	}
	return groups
}

// ofGroup is the branches of the types of a group.
func (h *historyText) ofGroup(g historyGroup) string {
	if len(g.types) == 1 {
		return h.branches(h.arg(g.types[0])+"::text", g)
	}
	if h.dialect.lateral() {
		types := h.arg(h.dialect.list(g.types))
		return "SELECT k.* FROM unnest(" + types + "::text[]) AS t(type), LATERAL (" + h.branches("t.type", g) + ") k"
	}
	const together = 100 // SQLite compiles no more than 500 branches in one compound
	var parts, part []string
	for i, t := range g.types {
		part = append(part, "SELECT * FROM ("+h.branches(h.arg(t), historyGroup{[]string{t}, g.where})+")")
		if len(part) == together || i == len(g.types)-1 {
			// The limit keeps SQLite from making one compound of all.
			parts = append(parts, "SELECT * FROM ("+strings.Join(part, " UNION ALL ")+" LIMIT -1)")
			part = nil
		}
	}
	return strings.Join(parts, " UNION ALL ")
}

// branches are the versions of one type, each branch in the order of an index.
func (h *historyText) branches(of string, g historyGroup) string {
	var branches []string
	for _, deleted := range []string{"NOT v.deleted", "v.deleted"} {
		condition := ""
		if deleted == "NOT v.deleted" {
			condition = h.visible("v", g)
		} else if g.where != nil && !h.q.Decides {
			continue
		}
		branches = append(branches, h.branch("resource v", of, deleted+h.passes("v")+condition))
	}
	from, condition := "resource_history v", ""
	if g.where != nil {
		from += " JOIN resource c ON c.project_id = v.project_id AND c.type = v.type AND c.id = v.id"
		if condition = h.visible("c", g); h.q.Decides {
			condition = " AND (c.deleted OR 1 = 1" + condition + ")"
		} else {
			condition = " AND NOT c.deleted" + condition
		}
	}
	branches = append(branches, h.branch(from, of, "1 = 1"+h.passes("v")+condition))
	for i, text := range branches {
		branches[i] = "SELECT * FROM (" + text + ") b" + strconv.Itoa(i)
	}
	return strings.Join(branches, " UNION ALL ")
}

func (h *historyText) branch(from, of, condition string) string {
	place := "v.project_id = " + h.project + "::uuid AND v.type = " + of
	if h.q.ID != "" {
		place += " AND v.id = " + h.arg(clean(h.q.ID))
	}
	return "SELECT " + historyColumns + " FROM " + from + " WHERE " + place + " AND " + condition +
		h.order("v.last_updated", "v.id") + " LIMIT " + h.limit
}

// order is newest first, or the opposite on the way back.
func (h *historyText) order(columns ...string) string {
	direction := " DESC"
	if h.back() {
		direction = " ASC"
	}
	return " ORDER BY " + strings.Join(columns, direction+", ") + direction
}

func (h *historyText) back() bool { return !h.q.Before.Time.IsZero() }

// visible is Where of the current version.
func (h *historyText) visible(alias string, g historyGroup) string {
	if g.where == nil {
		return ""
	}
	return " AND " + h.condition(g.where, scope{alias: alias, projects: h.projects, types: g.types})
}

// passes is what the query asks of a version.
func (h *historyText) passes(v string) string {
	var s strings.Builder
	if !h.q.Since.IsZero() {
		s.WriteString(" AND " + v + ".last_updated >= " + h.millis(h.q.Since))
	}
	if !h.q.To.IsZero() {
		s.WriteString(" AND " + v + ".last_updated < " + h.millis(h.q.To))
	}
	if !h.q.From.IsZero() {
		from := h.millis(h.q.From)
		for _, table := range []string{"resource", "resource_history"} {
			s.WriteString(" AND NOT EXISTS (SELECT 1 FROM " + table + " n WHERE n.project_id = " + v + ".project_id AND n.type = " + v +
				".type AND n.id = " + v + ".id AND n.last_updated > " + v + ".last_updated AND n.last_updated <= " + from + ")")
		}
	}
	if h.back() {
		s.WriteString(h.beyond(v, h.q.Before, ">"))
	} else if !h.q.After.Time.IsZero() {
		s.WriteString(h.beyond(v, h.q.After, "<"))
	}
	return s.String()
}

// beyond keeps what comes later than a position in the order; than is how it compares.
func (h *historyText) beyond(v string, position HistoryPosition, than string) string {
	at := h.millis(position.Time)
	if position.ID == "" {
		return " AND " + v + ".last_updated " + than + " " + at
	}
	t, id := h.arg(position.Type), h.arg(position.ID)
	return " AND " + v + ".last_updated " + than + "= " + at + " AND (" + v + ".last_updated " + than + " " + at + " OR " + v + ".type " + than + " " + t +
		" OR (" + v + ".type = " + t + " AND " + v + ".id " + than + " " + id + "))"
}

func (h *historyText) millis(t time.Time) string { return h.arg(t.UnixMilli()) }

// before are the versions of v's resource, in its history, that are older than another.
func (h *historyText) before(than string) string {
	return " FROM resource_history p WHERE p.project_id = " + h.project + "::uuid AND p.type = v.type AND p.id = v.id" + than
}

func (h *historyText) first() string {
	return "NOT EXISTS (SELECT 1" + h.before(" AND p.last_updated < v.last_updated") + ")"
}

// decisive are Was and Last.
func (h *historyText) decisive() string {
	if !h.q.Decides {
		return "NULL, NULL"
	}
	newest := " AND NOT p.deleted ORDER BY p.last_updated DESC LIMIT 1)"
	return "CASE WHEN v.deleted THEN (SELECT p.content" + h.before(" AND p.last_updated < v.last_updated") + newest + " END, " +
		"CASE WHEN (SELECT c.deleted FROM resource c WHERE c.project_id = " + h.project + "::uuid AND c.type = v.type AND c.id = v.id) " +
		"THEN (SELECT p.content" + h.before("") + newest + " END"
}
