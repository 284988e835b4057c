// Package document reads one JSON document once and keeps it: a light tree over the bytes that
// came in, so that validation, indexing and storing share one parse and nothing is ever
// re-spelled. It knows JSON (RFC 8259, RFC 7493) and the outermost members of a resource; what
// FHIR allows inside is validate's to say, how large a body may be is web's.
//
// The scanner is our own because the libraries at hand give no offsets (encoding/json), or
// neither refuse duplicate keys nor bad UTF-8 (buger/jsonparser, gjson), and a write can afford
// one pass only.
//
//   - Numbers, strings and the order of members are what the client wrote.
//   - A key given twice, invalid UTF-8, half a surrogate pair, trailing data and nesting deeper
//     than MaxDepth are refused; the outcome says where.
//   - A Node never changes after Parse; it and its strings may be shared between goroutines.
package document

// MaxDepth is how deeply arrays and objects may nest.
const MaxDepth = 100

// Kind is what a JSON value is.
type Kind uint8

// The kinds of JSON values. None is the kind of a nil Node.
const (
	None Kind = iota
	Null
	Bool
	Number
	String
	Array
	Object
)

// String is the name that validation's texts use.
func (k Kind) String() string {
	return [...]string{"undefined", "null", "boolean", "number", "string", "array", "object"}[k]
}

// Node is one JSON value. Its methods may be called on nil, which is an absent value.
type Node struct {
	Kind Kind
	// escaped says that the string has a backslash; spaced that the value has white space
	// outside of strings.
	escaped, spaced bool
	// Raw is the value as it was written.
	Raw []byte
	// text is Raw without a copy of its own.
	text string
	// Fields are the members of an object, in the client's order.
	Fields []Field
	// Items are the elements of an array.
	Items []*Node
}

// Field is one member of an object.
type Field struct {
	Name  string
	Value *Node
	// key is the name as it was written, with its quotes.
	key string
}

// Get is the member of that name, nil when there is none.
func (n *Node) Get(name string) *Node {
	if n == nil {
		return nil
	}
	for i := range n.Fields {
		if n.Fields[i].Name == name {
			return n.Fields[i].Value
		}
	}
	return nil
}

// Find follows names through objects.
func (n *Node) Find(names ...string) *Node {
	for _, name := range names {
		n = n.Get(name)
	}
	return n
}

// Text is the string of the member of that name, empty when it is absent or no string.
func (n *Node) Text(name string) string {
	if v := n.Get(name); v != nil && v.Kind == String {
		return v.String()
	}
	return ""
}

// Values are the elements of an array, or the value itself when it is none; FHIRPath's view.
func (n *Node) Values() []*Node {
	switch {
	case n == nil || n.Kind == Null:
		return nil
	case n.Kind == Array:
		return n.Items
	}
	return []*Node{n}
}

// String is a string's characters, and of a number, true or false its spelling. It is empty for
// anything else.
func (n *Node) String() string {
	switch {
	case n == nil:
		return ""
	case n.Kind == String && n.escaped:
		return unescape(n.text[1 : len(n.text)-1])
	case n.Kind == String:
		return n.text[1 : len(n.text)-1]
	case n.Kind == Number || n.Kind == Bool:
		return n.text
	}
	return ""
}

// True says whether the value is true.
func (n *Node) True() bool { return n != nil && n.Kind == Bool && n.text == "true" }

// Compact appends the value to dst without the white space between its tokens.
func (n *Node) Compact(dst []byte) []byte {
	if n == nil {
		return dst
	}
	if !n.spaced {
		return append(dst, n.Raw...)
	}
	if n.Kind == Array {
		dst = append(dst, '[')
		for i, item := range n.Items {
			dst = item.Compact(separate(dst, i))
		}
		return append(dst, ']')
	}
	dst = append(dst, '{')
	for i := range n.Fields {
		dst = n.Fields[i].compact(separate(dst, i))
	}
	return append(dst, '}')
}

func (f *Field) compact(dst []byte) []byte {
	dst = append(append(dst, f.key...), ':')
	return f.Value.Compact(dst)
}

func separate(dst []byte, i int) []byte {
	if i > 0 {
		return append(dst, ',')
	}
	return dst
}
