package search

import (
	"encoding/json"
	"strings"

	"github.com/admitdev/admit/pkg/outcome"
)

// The bounds of one _filter.
const (
	maxFilterTerms = 50
	maxFilterDepth = 10
)

// term is a part of a _filter (R4 search_filter.html): and, or and not have parts, a comparison has
// a path and a value.
type term struct {
	op    string
	parts []term
	path  []step
	value string
}

// step is a name of a path. Its filter is about what the name leads to.
type step struct {
	name   string
	filter *term
}

// names are the first names of all paths in t.
func (t term) names() []string {
	var names []string
	if len(t.path) > 0 {
		names = append(names, t.path[0].name)
	}
	for _, part := range t.parts {
		names = append(names, part.names()...)
	}
	return names
}

// filterReader reads the text of a _filter. As everywhere and binds more than or, and parentheses
// more than both: R4 does not say.
type filterReader struct {
	rest  string
	terms int
	depth int
}

// readFilter reads a whole _filter.
//
// Errors: outcome Invalid.
func readFilter(text string) (term, error) {
	r := &filterReader{rest: text}
	t, err := r.alternatives()
	if err != nil {
		return t, err
	}
	if r.rest != "" {
		return t, r.unexpected()
	}
	return t, nil
}

func (r *filterReader) unexpected() error {
	near := r.rest
	if len(near) > 20 {
		near = strings.ToValidUTF8(near[:20], "")
	}
	if near == "" {
		return outcome.New(outcome.Invalid, "Invalid value of _filter: it ends too early")
	}
	return outcome.New(outcome.Invalid, "Invalid value of _filter at %q", near)
}

func (r *filterReader) alternatives() (term, error) { return r.joined("or", (*filterReader).all) }

func (r *filterReader) all() (term, error) { return r.joined("and", (*filterReader).one) }

func (r *filterReader) joined(op string, read func(*filterReader) (term, error)) (term, error) {
	first, err := read(r)
	if err != nil {
		return first, err
	}
	joined := term{op: op, parts: []term{first}}
	for r.word(op) {
		part, err := read(r)
		if err != nil {
			return part, err
		}
		joined.parts = append(joined.parts, part)
	}
	if len(joined.parts) == 1 {
		return first, nil
	}
	return joined, nil
}

// one reads (filter), not (filter) or a comparison.
func (r *filterReader) one() (term, error) {
	if r.depth++; r.depth > maxFilterDepth {
		return term{}, outcome.New(outcome.Invalid, "Invalid value of _filter: it is too deep (max %d)", maxFilterDepth)
	}
	defer func() { r.depth-- }()
	r.space()
	before := r.rest
	if r.word("not") {
		if of, ok, err := r.enclosed('(', ')'); ok || err != nil {
			return term{op: "not", parts: []term{of}}, err
		}
		r.rest = before
	}
	if of, ok, err := r.enclosed('(', ')'); ok || err != nil {
		return of, err
	}
	return r.comparison()
}

func (r *filterReader) enclosed(open, end byte) (of term, ok bool, err error) {
	r.space()
	if !r.take(open) {
		return term{}, false, nil
	}
	if of, err = r.alternatives(); err != nil {
		return of, true, err
	}
	r.space()
	if !r.take(end) {
		return of, true, r.unexpected()
	}
	return of, true, nil
}

func (r *filterReader) space() { r.rest = strings.TrimLeft(r.rest, " \t\r\n") }

func (r *filterReader) take(c byte) bool {
	if r.rest != "" && r.rest[0] == c {
		r.rest = r.rest[1:]
		return true
	}
	return false
}

// word takes a word that stands for itself.
func (r *filterReader) word(want string) bool {
	text := strings.TrimLeft(r.rest, " \t\r\n")
	after, ok := strings.CutPrefix(text, want)
	if !ok || after != "" && strings.IndexByte(" \t\r\n(", after[0]) < 0 {
		return false
	}
	r.rest = after
	return true
}

// comparison reads path op value.
func (r *filterReader) comparison() (term, error) {
	if r.terms++; r.terms > maxFilterTerms {
		return term{}, outcome.New(outcome.Invalid, "Invalid value of _filter: it has too many terms (max %d)", maxFilterTerms)
	}
	var t term
	for {
		name := r.until(func(c byte) bool { return !isNameByte(c, true) })
		if name == "" {
			return t, r.unexpected()
		}
		s := step{name: name}
		if strings.HasPrefix(r.rest, "[") {
			of, _, err := r.enclosed('[', ']')
			if err != nil {
				return t, err
			}
			s.filter = &of
		}
		t.path = append(t.path, s)
		if !r.take('.') {
			break
		}
	}
	if t.path[len(t.path)-1].filter != nil {
		return t, r.unexpected()
	}
	r.space()
	t.op = r.until(func(c byte) bool { return c < 'a' || c > 'z' })
	r.space()
	var err error
	t.value, err = r.value()
	return t, err
}

func (r *filterReader) until(end func(c byte) bool) string {
	i := 0
	for i < len(r.rest) && !end(r.rest[i]) {
		i++
	}
	text := r.rest[:i]
	r.rest = r.rest[i:]
	return text
}

// value reads a JSON string, or what comes before white space, ) or ].
func (r *filterReader) value() (string, error) {
	if !strings.HasPrefix(r.rest, `"`) {
		text := r.until(func(c byte) bool { return strings.IndexByte(" \t\r\n)]", c) >= 0 })
		if text == "" {
			return "", r.unexpected()
		}
		return text, nil
	}
	for i := 1; i < len(r.rest); i++ {
		switch r.rest[i] {
		case '\\':
			i++
		case '"':
			var text string
			if err := json.Unmarshal([]byte(r.rest[:i+1]), &text); err != nil || text == "" {
				return "", r.unexpected()
			}
			r.rest = r.rest[i+1:]
			return text, nil
		}
	}
	return "", r.unexpected()
}
