package document

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/admitdev/admit/pkg/outcome"
)

// Parse reads a document. Its error is always an *outcome.Outcome of outcome.Invalid.
func Parse(data []byte) (*Node, error) {
	p := parser{data: data, text: string(data), nodes: make([]Node, 0, len(data)/16+4)}
	root, err := p.document()
	if err != nil {
		return nil, err.outcome(data)
	}
	return root, nil
}

// fault is why a document cannot be read, and where.
type fault struct {
	reason string
	at     int
}

func (f *fault) outcome(data []byte) error {
	line, column := 1, 1
	for _, c := range data[:min(f.at, len(data))] {
		column++
		if c == '\n' {
			line, column = line+1, 1
		}
	}
	return outcome.New(outcome.Invalid, "Content could not be parsed").
		Because("%s at line %d, column %d (byte %d)", f.reason, line, column, f.at)
}

// parser keeps nodes, members and elements in slabs: a document costs a handful of allocations
// however many values it has.
type parser struct {
	data   []byte
	text   string
	at     int
	spaces int // white space bytes seen
	nodes  []Node
	fields []Field // members of objects still open, innermost last
	items  []*Node // elements of arrays still open, innermost last
	// members and elements are the slabs that finished objects and arrays are cut from.
	members  []Field
	elements []*Node
}

func (p *parser) document() (*Node, *fault) {
	p.space()
	root, err := p.value(0)
	if err != nil {
		return nil, err
	}
	p.space()
	if p.at < len(p.data) {
		return nil, p.fault("data after the document")
	}
	return root, nil
}

func (p *parser) fault(format string, args ...any) *fault {
	if p.at >= len(p.data) {
		return &fault{"unexpected end", len(p.data)}
	}
	return &fault{fmt.Sprintf(format, args...), p.at}
}

func (p *parser) space() {
	for p.at < len(p.data) {
		switch p.data[p.at] {
		case ' ', '\t', '\n', '\r':
			p.at++
			p.spaces++
		default:
			return
		}
	}
}

// peek is the next byte, or 0 at the end: no token begins with NUL.
func (p *parser) peek() byte {
	if p.at < len(p.data) {
		return p.data[p.at]
	}
	return 0
}

func (p *parser) value(depth int) (*Node, *fault) {
	if depth > MaxDepth {
		return nil, p.fault("nesting deeper than %d", MaxDepth)
	}
	n := p.node()
	start, spaces := p.at, p.spaces
	var err *fault
	switch c := p.peek(); {
	case c == '{':
		n.Kind = Object
		n.Fields, err = p.object(depth)
	case c == '[':
		n.Kind = Array
		n.Items, err = p.array(depth)
	case c == '"':
		n.Kind = String
		n.escaped, err = p.str()
	case c == '-' || '0' <= c && c <= '9':
		n.Kind = Number
		err = p.number()
	default:
		n.Kind, err = p.literal()
	}
	if err != nil {
		return nil, err
	}
	n.Raw, n.text = p.data[start:p.at:p.at], p.text[start:p.at]
	n.spaced = p.spaces > spaces
	return n, nil
}

// node gives the next node of the slab. Nodes already given out stay where they are.
func (p *parser) node() *Node {
	if len(p.nodes) == cap(p.nodes) {
		p.nodes = make([]Node, 0, 2*cap(p.nodes))
	}
	p.nodes = p.nodes[:len(p.nodes)+1]
	return &p.nodes[len(p.nodes)-1]
}

func (p *parser) object(depth int) ([]Field, *fault) {
	first := len(p.fields)
	p.at++
	p.space()
	if p.peek() == '}' {
		p.at++
		return nil, nil
	}
	for {
		if err := p.member(depth); err != nil {
			return nil, err
		}
		p.space()
		switch p.peek() {
		case ',':
			p.at++
			p.space()
		case '}':
			p.at++
			return p.closeObject(first)
		default:
			return nil, p.fault("expected , or }")
		}
	}
}

func (p *parser) member(depth int) *fault {
	start := p.at
	if p.peek() != '"' {
		return p.fault("expected a member name in quotes")
	}
	escaped, err := p.str()
	if err != nil {
		return err
	}
	key := p.text[start:p.at]
	name := key[1 : len(key)-1]
	if escaped {
		name = unescape(name)
	}
	p.space()
	if p.peek() != ':' {
		return p.fault("expected :")
	}
	p.at++
	p.space()
	value, err := p.value(depth + 1)
	if err != nil {
		return err
	}
	p.fields = append(p.fields, Field{Name: name, Value: value, key: key})
	return nil
}

// closeObject moves the members since first to their final place.
func (p *parser) closeObject(first int) ([]Field, *fault) {
	open := p.fields[first:]
	if name, twice := duplicate(open); twice {
		return nil, &fault{fmt.Sprintf("the member %q is given twice", name), p.at - 1}
	}
	if cap(p.members)-len(p.members) < len(open) {
		p.members = make([]Field, 0, max(len(open), 2*cap(p.members), 16))
	}
	start := len(p.members)
	p.members = append(p.members, open...)
	p.fields = p.fields[:first]
	return p.members[start:len(p.members):len(p.members)], nil
}

// duplicate finds a name that occurs twice. Comparing all pairs is the fastest for the few
// members that objects have; a map keeps a hostile document linear.
func duplicate(fields []Field) (string, bool) {
	if len(fields) > 24 {
		return duplicateOfMany(fields)
	}
	for i := 1; i < len(fields); i++ {
		for j := range i {
			if fields[i].Name == fields[j].Name {
				return fields[i].Name, true
			}
		}
	}
	return "", false
}

func duplicateOfMany(fields []Field) (string, bool) {
	seen := make(map[string]bool, len(fields))
	for i := range fields {
		if seen[fields[i].Name] {
			return fields[i].Name, true
		}
		seen[fields[i].Name] = true
	}
	return "", false
}

func (p *parser) array(depth int) ([]*Node, *fault) {
	first := len(p.items)
	p.at++
	p.space()
	if p.peek() == ']' {
		p.at++
		return nil, nil
	}
	for {
		item, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		p.items = append(p.items, item)
		p.space()
		switch p.peek() {
		case ',':
			p.at++
			p.space()
		case ']':
			p.at++
			return p.closeArray(first), nil
		default:
			return nil, p.fault("expected , or ]")
		}
	}
}

func (p *parser) closeArray(first int) []*Node {
	open := p.items[first:]
	if cap(p.elements)-len(p.elements) < len(open) {
		p.elements = make([]*Node, 0, max(len(open), 2*cap(p.elements), 16))
	}
	start := len(p.elements)
	p.elements = append(p.elements, open...)
	p.items = p.items[:first]
	return p.elements[start:len(p.elements):len(p.elements)]
}

func (p *parser) literal() (Kind, *fault) {
	for _, l := range [...]struct {
		text string
		kind Kind
	}{{"true", Bool}, {"false", Bool}, {"null", Null}} {
		if len(p.text)-p.at >= len(l.text) && p.text[p.at:p.at+len(l.text)] == l.text {
			p.at += len(l.text)
			return l.kind, nil
		}
	}
	return None, p.fault("expected a value")
}

// number reads RFC 8259 §6: -? int frac? exp?
func (p *parser) number() *fault {
	if p.peek() == '-' {
		p.at++
	}
	if p.peek() == '0' {
		p.at++
	} else if !p.digits() {
		return p.fault("expected a digit")
	}
	if p.peek() == '.' {
		p.at++
		if !p.digits() {
			return p.fault("expected a digit")
		}
	}
	if c := p.peek(); c == 'e' || c == 'E' {
		p.at++
		if c := p.peek(); c == '+' || c == '-' {
			p.at++
		}
		if !p.digits() {
			return p.fault("expected a digit")
		}
	}
	return nil
}

func (p *parser) digits() bool {
	start := p.at
	for '0' <= p.peek() && p.peek() <= '9' {
		p.at++
	}
	return p.at > start
}

// str reads a string from its opening quote and says whether it has escapes.
func (p *parser) str() (escaped bool, _ *fault) {
	p.at++
	for p.at < len(p.data) {
		switch c := p.data[p.at]; {
		case c == '"':
			p.at++
			return escaped, nil
		case c == '\\':
			escaped = true
			if err := p.escape(); err != nil {
				return false, err
			}
		case c < ' ':
			return false, p.fault("control character in a string")
		case c < utf8.RuneSelf:
			p.at++
		default:
			r, size := utf8.DecodeRuneInString(p.text[p.at:])
			if r == utf8.RuneError && size == 1 {
				return false, p.fault("invalid UTF-8")
			}
			p.at += size
		}
	}
	return false, p.fault("")
}

func (p *parser) escape() *fault {
	start := p.at
	p.at++
	switch p.peek() {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		p.at++
		return nil
	case 'u':
	default:
		return p.fault("unknown escape")
	}
	_, size, err := unicodeEscape(p.text[start:])
	if err != nil {
		p.at = start
		return p.fault("%s", err)
	}
	p.at = start + size
	return nil
}

var (
	errHex       = errors.New("expected four hexadecimal digits")
	errSurrogate = errors.New("half a surrogate pair")
)

// unicodeEscape reads \uXXXX, or the two of a surrogate pair, at the begin of s.
func unicodeEscape(s string) (r rune, size int, err error) {
	r, ok := hex4(s)
	switch {
	case !ok:
		return 0, 0, errHex
	case r < 0xD800 || r > 0xDFFF:
		return r, 6, nil
	case r > 0xDBFF || len(s) < 12 || s[6] != '\\' || s[7] != 'u':
		return 0, 0, errSurrogate
	}
	low, ok := hex4(s[6:])
	if !ok || low < 0xDC00 || low > 0xDFFF {
		return 0, 0, errSurrogate
	}
	return (r-0xD800)<<10 + (low - 0xDC00) + 0x10000, 12, nil
}

// hex4 reads the digits of \uXXXX.
func hex4(s string) (rune, bool) {
	if len(s) < 6 {
		return 0, false
	}
	var r rune
	for _, c := range []byte(s[2:6]) {
		switch {
		case '0' <= c && c <= '9':
			r = r<<4 | rune(c-'0')
		case 'a' <= c && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case 'A' <= c && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

// unescape decodes the inside of a string that the parser has accepted.
func unescape(s string) string {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); {
		switch {
		case s[i] != '\\':
			out = append(out, s[i])
			i++
		case s[i+1] == 'u':
			r, size, _ := unicodeEscape(s[i:])
			out = utf8.AppendRune(out, r)
			i += size
		default:
			out = append(out, simpleEscape(s[i+1]))
			i += 2
		}
	}
	return string(out)
}

func simpleEscape(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return c
}
