package bundle

import (
	"bytes"
	"encoding/json"
	"html"
	"regexp"
	"strconv"
	"strings"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/document"
)

// Links are what references in a transaction lead to: the fullUrls of its entries.
type Links struct {
	// ByURL is Type/id for each fullUrl.
	ByURL map[string]string
	// Condition resolves a conditional reference (R4 http.html#trules), Type?query at a place of the
	// resource, to Type/id.
	Condition func(reference, at string) (string, error)
}

// Conditional is a conditional reference and where it stands: Observation.performer[0].
type Conditional struct{ Reference, At string }

// Conditionals are the conditional references of a resource.
func Conditionals(resource []byte, resourceType string) ([]Conditional, error) {
	if !bytes.ContainsRune(resource, '?') {
		return nil, nil
	}
	var found []Conditional
	links := Links{Condition: func(reference, at string) (string, error) {
		found = append(found, Conditional{strings.Clone(reference), at})
		return reference, nil
	}}
	_, err := links.Rewrite(resource, resourceType, "")
	return found, err
}

// Rewrite is a resource with its links rewritten, its very bytes when there are none. from is its
// entry's fullUrl, against which relative references are read (R4 bundle.html#references).
func (l Links) Rewrite(resource []byte, resourceType, from string) ([]byte, error) {
	doc, err := document.Parse(resource)
	if err != nil {
		return nil, err
	}
	w := &walk{links: l, base: baseOf(from), edits: map[*document.Node][]byte{}}
	w.at = append(w.at, step{resourceType, -1})
	w.object(doc, definitions.StructureOf(resourceType))
	if w.err != nil || len(w.edits) == 0 {
		return resource, w.err
	}
	return doc.Splice(make([]byte, 0, len(resource)), w.edits), nil
}

// walk finds the links of a resource.
type walk struct {
	links Links
	base  string
	edits map[*document.Node][]byte
	at    []step
	err   error
}

// step is a member on the way to where the walk is, with the item of an array, or -1.
type step struct {
	name string
	item int
}

// path is where the walk is.
func (w *walk) path() string {
	var out strings.Builder
	for i, s := range w.at {
		if i > 0 {
			out.WriteByte('.')
		}
		out.WriteString(s.name)
		if s.item >= 0 {
			out.WriteString("[" + strconv.Itoa(s.item) + "]")
		}
	}
	return out.String()
}

// within does something in the items of a member.
func (w *walk) within(name string, n *document.Node, do func(item *document.Node)) {
	w.at = append(w.at, step{name, -1})
	for i, item := range n.Values() {
		if n.Kind == document.Array {
			w.at[len(w.at)-1].item = i
		}
		do(item)
	}
	w.at = w.at[:len(w.at)-1]
}

// object looks into an element of a type. What does not fit the type is for validation to refuse.
func (w *walk) object(n *document.Node, of *definitions.Structure) {
	if n.Kind != document.Object || of == nil {
		return
	}
	if of.Kind == definitions.Abstract {
		if of = definitions.StructureOf(n.Text("resourceType")); of == nil {
			return
		}
	}
	if of.Name == "Bundle" { // its entries are a space of links of their own
		return
	}
	for i := range n.Fields {
		f := &n.Fields[i]
		if name, ok := strings.CutPrefix(f.Name, "_"); ok {
			w.extensions(name, f.Value, of)
			continue
		}
		property, ok := of.Property(f.Name)
		if !ok {
			continue
		}
		w.within(f.Name, f.Value, func(item *document.Node) { w.value(item, of, f.Name, property.Type) })
	}
}

// extensions looks into the extensions of primitives.
func (w *walk) extensions(name string, n *document.Node, of *definitions.Structure) {
	property, ok := of.Property(name)
	if !ok || property.Type.Structure.Kind != definitions.Primitive {
		return
	}
	w.within(name, n, func(item *document.Node) { w.object(item, property.Type.Structure) })
}

func (w *walk) value(n *document.Node, of *definitions.Structure, name string, t *definitions.Type) {
	if t.Structure.Kind != definitions.Primitive {
		w.object(n, t.Structure)
		return
	}
	if n.Kind != document.String {
		return
	}
	switch {
	case of.Name == "Reference" && name == "reference":
		w.replace(n, w.reference)
	case t.Code == "uri" || t.Code == "url" || t.Code == "oid" || t.Code == "uuid":
		w.replace(n, w.uri)
	case t.Code == "xhtml":
		w.replace(n, w.narrative)
	}
}

func (w *walk) replace(n *document.Node, with func(string) string) {
	was := n.String()
	if is := with(was); is != was && w.err == nil {
		w.edits[n] = quoted(is)
	}
}

// reference follows Reference.reference.
func (w *walk) reference(s string) string {
	if isCondition(s) && w.links.Condition != nil {
		reference := w.at[:len(w.at)-1] // the walk is at its member of the same name
		resolved, err := w.links.Condition(s, (&walk{at: reference}).path())
		if err != nil && w.err == nil {
			w.err = err
		}
		return resolved
	}
	if to := w.uri(s); to != s {
		return to
	}
	if w.base != "" && literal.MatchString(s) {
		if to, ok := w.links.ByURL[w.base+s]; ok {
			return to
		}
	}
	return s
}

// uri is an address that is the fullUrl of an entry.
func (w *walk) uri(s string) string {
	if to, ok := w.links.ByURL[s]; ok {
		return to
	}
	if address, fragment, ok := strings.Cut(s, "#"); ok {
		if to, ok := w.links.ByURL[address]; ok {
			return to + "#" + fragment
		}
	}
	return s
}

// attribute is a link of a narrative.
var attribute = regexp.MustCompile(`(<(?:a|img)\s[^>]*?\b(?:href|src)\s*=\s*)("[^"]*"|'[^']*')`)

func (w *walk) narrative(s string) string {
	return attribute.ReplaceAllStringFunc(s, func(found string) string {
		parts := attribute.FindStringSubmatch(found)
		mark, address := parts[2][:1], html.UnescapeString(parts[2][1:len(parts[2])-1])
		if to := w.uri(address); to != address {
			return parts[1] + mark + html.EscapeString(to) + mark
		}
		return found
	})
}

var (
	conditional = regexp.MustCompile(`^[A-Z][A-Za-z]+\?`)
	literal     = regexp.MustCompile(`^[A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64}$`)
	restful     = regexp.MustCompile(`^(https?://.*/)[A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64}$`)
)

// quoted is s as a JSON string, without the escapes that HTML would need.
func quoted(s string) []byte {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(s); err != nil {
		return nil // a string always encodes
	}
	return bytes.TrimSpace(out.Bytes())
}

func isCondition(s string) bool { return conditional.MatchString(s) }

// baseOf is the base of a RESTful fullUrl.
func baseOf(fullURL string) string {
	if m := restful.FindStringSubmatch(fullURL); m != nil {
		return m[1]
	}
	return ""
}
