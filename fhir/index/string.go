package index

import (
	"math"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/fhirpath"
	"github.com/admitdev/admit/pkg/store"
)

// MaxFolded is the greatest length in bytes of a folded string; what is longer is cut.
const MaxFolded = 1024

// string makes the rows of R4 search.html#string.
func (b *builder) string(param string, v fhirpath.Value) {
	switch v.TypeName() {
	case "HumanName":
		b.parts(param, v.Node, "text", "family", "given", "prefix", "suffix")
		b.addString(param, fullName(v.Node))
	case "Address":
		b.parts(param, v.Node, "text", "line", "city", "district", "state", "postalCode", "country")
	case "CodeableConcept":
		b.parts(param, v.Node, "text")
		for _, coding := range v.Node.Get("coding").Values() {
			b.parts(param, coding, "display")
		}
	case "Extension":
		for _, value := range v.Children(nil, "value") {
			b.string(param, value)
		}
	default:
		if kind, s, ok := v.Primitive(); ok && kind == document.String {
			b.addString(param, s)
		}
	}
}

func (b *builder) parts(param string, n *document.Node, names ...string) {
	for _, name := range names {
		for _, part := range n.Get(name).Values() {
			if part.Kind == document.String {
				b.addString(param, part.String())
			}
		}
	}
}

// fullName is the name as it is spoken, so that "Homer Sim" finds Homer Simpson.
func fullName(n *document.Node) string {
	var words []string
	for _, name := range []string{"given", "family"} {
		for _, part := range n.Get(name).Values() {
			words = append(words, part.String())
		}
	}
	return strings.Join(words, " ")
}

func (b *builder) addString(param, s string) {
	if folded := truncate(fold(s, MaxFolded)); folded != "" {
		b.rows.String = append(b.rows.String, store.StringRow{Param: param, Folded: folded, Exact: s})
	}
}

// truncate cuts at a rune's boundary.
func truncate(s string) string {
	if len(s) <= MaxFolded {
		return s
	}
	end := MaxFolded
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end]
}

// Fold makes a string comparable (R4 search.html#string): lower case, without accents, runs of
// white space as one space, none around.
func Fold(s string) string { return fold(s, math.MaxInt) }

// fold is Fold until it has enough bytes: one character may decompose into eighteen.
func fold(s string, enough int) string {
	if isFolded(s) {
		return s
	}
	f := folding{out: make([]byte, 0, min(len(s), enough)+1)}
	if isASCII(s) {
		f.add(s, enough)
		return string(f.out)
	}
	var pieces norm.Iter
	for pieces.InitString(norm.NFKD, s); !pieces.Done() && len(f.out) <= enough; {
		f.addBytes(pieces.Next())
	}
	return string(f.out)
}

// folding is a string being folded.
type folding struct {
	out   []byte
	space bool // white space was seen since the last letter
}

func (f *folding) add(s string, enough int) {
	for _, r := range s {
		if len(f.out) > enough {
			return
		}
		f.addRune(r)
	}
}

func (f *folding) addBytes(piece []byte) {
	for len(piece) > 0 {
		r, size := utf8.DecodeRune(piece)
		f.addRune(r)
		piece = piece[size:]
	}
}

func (f *folding) addRune(r rune) {
	switch {
	case r >= utf8.RuneSelf && unicode.Is(unicode.Mn, r):
	case unicode.IsSpace(r):
		f.space = len(f.out) > 0
	default:
		if f.space {
			f.out = append(f.out, ' ')
		}
		f.space = false
		f.out = appendFolded(f.out, r)
	}
}

// isFolded recognises what needs no work: lower-case ASCII with single spaces.
func isFolded(s string) bool {
	before := byte(' ')
	for _, c := range []byte(s) {
		if c >= utf8.RuneSelf || 'A' <= c && c <= 'Z' || c < ' ' || c == ' ' && before == ' ' {
			return false
		}
		before = c
	}
	return s == "" || before != ' '
}

func isASCII(s string) bool {
	for _, c := range []byte(s) {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// letters are those that decomposition leaves alone.
var letters = map[rune]string{
	'ß': "ss", 'ẞ': "ss", 'æ': "ae", 'Æ': "ae", 'œ': "oe", 'Œ': "oe", 'ø': "o", 'Ø': "o", 'ł': "l", 'Ł': "l",
	'đ': "d", 'Đ': "d", 'ð': "d", 'Ð': "d", 'þ': "th", 'Þ': "th", 'ς': "σ",
}

func appendFolded(out []byte, r rune) []byte {
	if r < utf8.RuneSelf {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return append(out, byte(r))
	}
	if folded, ok := letters[r]; ok {
		return append(out, folded...)
	}
	return utf8.AppendRune(out, unicode.ToLower(r))
}
