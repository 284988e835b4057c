package search

import (
	"encoding/base64"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"

	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// cursor is the place between two pages: the position in the order of the last row of the one, or of
// the first row of the other for who goes back. The order it belongs to goes with it, so that it is
// not read in another.
type cursor struct {
	Order  string   `json:"s,omitempty"`
	After  []string `json:"a,omitempty"`
	Before []string `json:"b,omitempty"`
}

func (r *Request) orderName() string {
	for _, param := range r.params {
		if param.name == "_sort" {
			return param.value
		}
	}
	return ""
}

func (r *Request) after(last store.Row) string {
	return cursor{Order: r.orderName(), After: last.Position()}.text()
}

func (r *Request) before(first store.Row) string {
	return cursor{Order: r.orderName(), Before: first.Position()}.text()
}

func (c cursor) text() string {
	raw, err := json.Marshal(c)
	if err != nil {
		panic("search: strings do not marshal: " + err.Error())
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

// maxCursor bounds a cursor: sort values are at most as long as the store's index entries.
const maxCursor = 16 << 10

// readCursor is the place that a cursor names. Whoever makes one up gets another page of what
// they may see, or a refusal.
func (r *Request) readCursor() error {
	if r.cursor == "" {
		return nil
	}
	invalid := outcome.New(outcome.Invalid, "Invalid value of _cursor")
	if len(r.cursor) > maxCursor {
		return invalid
	}
	raw, err := base64.RawURLEncoding.DecodeString(r.cursor)
	if err != nil {
		return invalid
	}
	var c cursor
	if err := json.Unmarshal(raw, &c); err != nil || c.Order != r.orderName() || (c.After == nil) == (c.Before == nil) {
		return invalid
	}
	if r.place, r.back = c.After, c.Before != nil; r.back {
		r.place = c.Before
	}
	if !r.isPosition(r.place) {
		return invalid
	}
	return nil
}

var (
	resourceID = regexp.MustCompile(`^[A-Za-z0-9\-.]{1,64}$`)
	projectID  = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	typeName   = regexp.MustCompile(`^[A-Za-z]{1,64}$`)
)

// isPosition checks the form of a position: the sort values, an id, a type and a project.
func (r *Request) isPosition(position []string) bool {
	n := len(r.sort)
	if len(position) != n+3 || !resourceID.MatchString(position[n]) ||
		!typeName.MatchString(position[n+1]) || !projectID.MatchString(position[n+2]) {
		return false
	}
	for i, key := range r.sort {
		if !isSortValue(key, position[i]) {
			return false
		}
	}
	return true
}

// isSortValue checks the form of Row.SortValues: empty for a missing value, else = and the value.
func isSortValue(key store.Sort, text string) bool {
	column := key.Param == "_id" || key.Param == "_lastUpdated"
	if text == "" {
		return !column
	}
	value, ok := strings.CutPrefix(text, "=")
	if !ok || strings.IndexByte(value, 0) >= 0 {
		return false
	}
	if key.Kind != store.DateKind {
		return true
	}
	_, err := strconv.ParseInt(value, 10, 64)
	return err == nil
}
