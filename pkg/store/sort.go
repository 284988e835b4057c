package store

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// sortKey is one key of an order: its expression, and whether it can be missing.
type sortKey struct {
	column   string // how WHERE and ORDER BY name it
	computed string // the subquery behind it, when it is not a column of resource
	desc     bool   // as it is read
	first    bool   // missing values come first, as in an order that is read backward
	number   bool
	optional bool
}

// sortKeys are the keys of a query, the last being the id (and, where one is not enough, type
// and project), so that no two rows are equal.
type sortKeys struct {
	keys  []sortKey
	given int // how many the query asked for
}

// sortKeys renders the expressions. Keys that live in index tables are columns s0, s1 … of the
// derived table k.
func (b *builder) sortKeys(q Query, s scope, where Predicate) (sortKeys, bool, error) {
	onIndex := false
	for _, key := range q.Sort {
		onIndex = onIndex || (key.Param != "_id" && key.Param != "_lastUpdated")
	}
	alias := "r"
	if onIndex {
		alias = "k"
	}
	lastUpdated := alias + ".last_updated"
	if !onIndex && drives(where) {
		lastUpdated = b.dialect.passive(lastUpdated)
	}
	k := sortKeys{given: len(q.Sort)}
	desc := false
	for i, key := range q.Sort {
		switch desc = key.Desc; {
		case key.Param == "_id":
			k.keys = append(k.keys, sortKey{column: alias + ".id", desc: desc})
		case key.Param == "_lastUpdated":
			k.keys = append(k.keys, sortKey{column: lastUpdated, desc: desc, number: true})
		case key.Kind < TokenKind || key.Kind > URIKind:
			return k, false, fmt.Errorf("store: cannot sort by %s: it is in no index", key.Param)
		default:
			k.keys = append(k.keys, sortKey{
				column: "k.s" + strconv.Itoa(i), computed: b.sortValue(key, s), desc: desc,
				number: key.Kind == DateKind, optional: true,
			})
		}
	}
	// The id follows the direction of the last key, so that an index can be read either way.
	k.keys = append(k.keys, sortKey{column: alias + ".id", desc: desc})
	if len(q.Types) > 1 {
		k.keys = append(k.keys, sortKey{column: alias + ".type", desc: desc})
	}
	if len(q.Projects) > 1 {
		k.keys = append(k.keys, sortKey{column: alias + ".project_id", desc: desc})
	}
	if q.backward() {
		for i := range k.keys {
			k.keys[i].desc, k.keys[i].first = !k.keys[i].desc, true
		}
	}
	return k, onIndex, nil
}

// sortValue is the smallest value of a row for an ascending key, the largest for a descending one.
func (b *builder) sortValue(key Sort, s scope) string {
	i := b.alias("i")
	value, end := "", "low"
	if key.Desc {
		end = "high"
	}
	switch key.Kind {
	case TokenKind:
		value = i + ".code"
	case ReferenceKind:
		value = "CASE WHEN " + i + ".url <> '' THEN " + i + ".url ELSE " + i + ".target_type || '/' || " + i + ".target_id END"
	case StringKind:
		value = "substr(" + i + ".folded, 1, 200)"
	case DateKind, QuantityKind:
		value = i + "." + end
	default:
		value = i + ".uri"
	}
	aggregate := "min"
	if key.Desc {
		aggregate = "max"
	}
	return "(SELECT " + aggregate + "(" + value + ") FROM " + tableOf(key.Kind) + " " + i + " WHERE " + b.sameRow(i, s) + " AND " + b.oneOf(b.dialect.passive(i+".param"), append([]string{key.Param}, key.Also...)) + ")"
}

// computed are the select expressions of the keys in index tables.
func (k sortKeys) computed() string {
	var s strings.Builder
	for i, key := range k.keys {
		if key.computed != "" {
			fmt.Fprintf(&s, ", %s AS s%d", key.computed, i)
		}
	}
	return s.String()
}

// selected are the values that make a row's position.
func (k sortKeys) selected() string {
	var s strings.Builder
	for _, key := range k.keys[:k.given] {
		s.WriteString(", " + key.column)
	}
	return s.String()
}

func (k sortKeys) order() string {
	terms := make([]string, len(k.keys))
	for i, key := range k.keys {
		terms[i] = key.column
		if key.desc {
			terms[i] += " DESC"
		}
		switch {
		case key.optional && key.first:
			terms[i] += " NULLS FIRST"
		case key.optional:
			terms[i] += " NULLS LAST"
		}
	}
	return " ORDER BY " + strings.Join(terms, ", ")
}

// after renders "comes after position": for one of the keys greater, and equal in those before.
func (k sortKeys) after(b *builder, position []string) (string, error) {
	if len(position) == 0 {
		return "", nil
	}
	if len(position) < len(k.keys) {
		return "", errPosition
	}
	values := make([]any, len(k.keys))
	for i, key := range k.keys {
		text := position[i]
		switch {
		case i >= k.given && strings.HasSuffix(key.column, ".type"):
			text = position[k.given+1]
		case i >= k.given && strings.HasSuffix(key.column, ".project_id"):
			if text = position[len(position)-1]; !validProject(text) {
				return "", errPosition
			}
		}
		var err error
		if values[i], err = key.parse(text, i < k.given); err != nil {
			return "", err
		}
	}
	if bound, ok := k.rowComparison(b, values); ok {
		return bound, nil
	}
	var alternatives []string
	for i := range k.keys {
		if values[i] == nil && !k.keys[i].first { // missing values are last: nothing comes after in this key
			continue
		}
		var all []string
		for j := range i {
			all = append(all, k.keys[j].equal(b, values[j]))
		}
		all = append(all, k.keys[i].greater(b, values[i]))
		alternatives = append(alternatives, "("+strings.Join(all, " AND ")+")")
	}
	return " AND (" + strings.Join(alternatives, " OR ") + ")", nil
}

var errPosition = errors.New("store: the position of the page before is not one of this query")

// rowComparison is possible when no key can be missing and all run the same way; an index can
// then begin right there.
func (k sortKeys) rowComparison(b *builder, values []any) (string, bool) {
	columns, args := make([]string, len(k.keys)), make([]string, len(k.keys))
	for _, key := range k.keys {
		if key.optional || key.desc != k.keys[0].desc {
			return "", false
		}
	}
	for i, key := range k.keys {
		columns[i], args[i] = key.column, b.arg(values[i])
	}
	op := " > "
	if k.keys[0].desc {
		op = " < "
	}
	return " AND (" + strings.Join(columns, ", ") + ")" + op + "(" + strings.Join(args, ", ") + ")", true
}

func (key sortKey) equal(b *builder, v any) string {
	if v == nil {
		return key.column + " IS NULL"
	}
	return key.column + " = " + b.arg(v)
}

// greater holds for missing values too, which are last, or for all others when they are first.
func (key sortKey) greater(b *builder, v any) string {
	if v == nil {
		return key.column + " IS NOT NULL"
	}
	op := " > "
	if key.desc {
		op = " < "
	}
	if key.optional && !key.first {
		return "(" + key.column + op + b.arg(v) + " OR " + key.column + " IS NULL)"
	}
	return key.column + op + b.arg(v)
}

// parse reads a value of a position; nil when it was missing.
func (key sortKey) parse(text string, marked bool) (any, error) {
	if marked {
		if text == "" {
			if key.optional {
				return nil, nil
			}
			return nil, errPosition
		}
		if text[0] != present {
			return nil, errPosition
		}
		text = text[1:]
	}
	if !key.number {
		return text, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return nil, errPosition
	}
	return n, nil
}

// present begins a value that is there, so that an empty one differs from a missing one.
const present = '='

// sortValue scans a sort value into the form that Row.SortValues holds.
type sortValue struct{ text string }

// Scan implements sql.Scanner.
func (v *sortValue) Scan(from any) error {
	switch from := from.(type) {
	case nil:
		v.text = ""
	case int64:
		v.text = string(present) + strconv.FormatInt(from, 10)
	case string:
		v.text = string(present) + from
	case []byte:
		v.text = string(present) + string(from)
	default:
		return fmt.Errorf("store: a sort value is a %T", driver.Value(from))
	}
	return nil
}
