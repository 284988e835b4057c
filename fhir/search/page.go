package search

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/admitdev/admit/pkg/store"
)

// Link is a Bundle.link.
type Link struct {
	Relation string `json:"relation"`
	URL      string `json:"url"`
}

// Page takes the rows that Query's search found and gives those of the page, with the links of the
// Bundle. The next page begins after the last row of this one and the previous ends before the first,
// so nothing that is written in between shifts them; a client that counts by _offset gets an _offset
// again.
func (r *Request) Page(rows []store.Row) ([]store.Row, []Link) {
	more := len(rows) > r.Count
	switch {
	case more && r.back:
		rows = rows[len(rows)-r.Count:]
	case more:
		rows = rows[:r.Count]
	}
	links := []Link{{"self", r.url(r.Offset, r.cursor)}}
	if len(rows) > 0 || r.cursor != "" {
		links = append(links, Link{"first", r.url(0, "")})
	}
	if len(rows) == 0 {
		return rows, links
	}
	if more || r.back {
		links = append(links, Link{"next", r.next(rows[len(rows)-1])})
	}
	switch {
	case r.Offset > 0:
		links = append(links, Link{"previous", r.url(max(r.Offset-r.Count, 0), "")})
	case r.cursor != "" && (more || !r.back):
		links = append(links, Link{"previous", r.url(0, r.before(rows[0]))})
	}
	return rows, links
}

func (r *Request) next(last store.Row) string {
	if r.Offset > 0 && r.Offset+r.Count <= maxOffset {
		return r.url(r.Offset+r.Count, "")
	}
	return r.url(0, r.after(last))
}

// Self is the search as it was asked.
func (r *Request) Self() string { return r.url(r.Offset, r.cursor) }

// url is the search again, its parameters in the order of their names.
func (r *Request) url(offset int, cursor string) string {
	params := slices.Clone(r.params)
	params = append(params, parameter{"_count", strconv.Itoa(r.Count)})
	if offset > 0 {
		params = append(params, parameter{"_offset", strconv.Itoa(offset)})
	}
	if cursor != "" {
		params = append(params, parameter{"_cursor", cursor})
	}
	slices.SortStableFunc(params, func(a, b parameter) int { return cmp.Compare(a.name, b.name) })
	var out strings.Builder
	out.WriteString(r.base)
	switch {
	case r.path != "":
		out.WriteString(r.path)
	case !r.system:
		out.WriteString(r.Types[0])
	}
	for i, param := range params {
		out.WriteByte("?&"[min(i, 1)])
		out.WriteString(escape(param.name, ":."))
		out.WriteByte('=')
		if strings.HasPrefix(param.name, "_") {
			out.WriteString(escape(param.value, ":,"))
		} else {
			out.WriteString(escape(param.value, ""))
		}
	}
	return out.String()
}

// escape percent-encodes all but letters, digits, - _ . ~ and the characters of keep.
func escape(s, keep string) string {
	s = strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
	for _, c := range keep {
		s = strings.ReplaceAll(s, url.QueryEscape(string(c)), string(c))
	}
	return s
}
