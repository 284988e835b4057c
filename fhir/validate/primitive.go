package validate

import (
	"strings"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/fhirpath"
)

// primitives checks an element whose values are primitives, with their "_" twins: in arrays the
// two are of one length, null standing where one of them says nothing (R4 json.html#primitive).
func (w *walker) primitives(e *definitions.Element, s slot) {
	if s.value != nil && !w.shape(e, s.value) || s.ext != nil && !w.shape(e, s.ext) {
		return
	}
	if !e.Array() {
		w.primitive(e, s.typ, s.value, s.ext)
		return
	}
	if s.value != nil && s.ext != nil && len(s.value.Items) != len(s.ext.Items) {
		w.structure("Expected as many values in \"_%s\" as in \"%s\"", e.Name, e.Name)
		return
	}
	for i := range max(length(s.value), length(s.ext)) {
		w.at(i)
		w.primitive(e, s.typ, itemAt(s.value, i), itemAt(s.ext, i))
	}
}

func length(n *document.Node) int {
	if n == nil {
		return 0
	}
	return len(n.Items)
}

// itemAt is an element of an array; null is nothing.
func itemAt(n *document.Node, i int) *document.Node {
	if n == nil || n.Items[i].Kind == document.Null {
		return nil
	}
	return n.Items[i]
}

// primitive checks one value and its extensions, one of which there must be.
func (w *walker) primitive(e *definitions.Element, t *definitions.Type, value, ext *document.Node) {
	if value == nil && ext == nil {
		w.structure("Invalid null value")
		return
	}
	if value != nil {
		w.value(e, t, value)
	}
	if ext == nil {
		return
	}
	if ext.Kind != document.Object {
		w.structure("Invalid JSON type: expected object, but got %s", ext.Kind)
		return
	}
	w.object(ext, t.Structure)
	if !hasChildren(ext) && (value == nil || len(ext.Fields) == 0) {
		w.invariant(&ele1)
	}
}

func (w *walker) value(e *definitions.Element, t *definitions.Type, n *document.Node) {
	want := kindOf(t.Code)
	if n.Kind != want {
		w.structure("Invalid JSON type: expected %s, but got %s", want, n.Kind)
		return
	}
	text := n.String()
	if want == document.String && text == "" {
		w.structure("Invalid empty string")
		return
	}
	if !validFormat(t.Code, text) {
		w.structure("Invalid %s format", t.Code)
		return
	}
	if e.ValueSet != "" {
		w.code(e.ValueSet, text)
	}
	if text[0] == '#' && (t.Code == "uri" || t.Code == "canonical" || t.Code == "url") {
		w.addLocal(text, "")
	}
	if len(e.Invariants) > 0 {
		w.invariants(fhirpath.Value{Type: t.Structure, Node: n}, invariantsOf(e))
	}
}

// kindOf is the JSON type of a primitive.
func kindOf(code string) document.Kind {
	switch code {
	case "boolean":
		return document.Bool
	case "integer", "decimal", "positiveInt", "unsignedInt":
		return document.Number
	}
	return document.String
}

// validFormat says whether s is of the form of R4 datatypes.html#primitive.
func validFormat(code, s string) bool {
	switch code {
	case "string", "markdown":
		return isText(s)
	case "code":
		return isCode(s)
	case "uri", "url", "canonical":
		return !strings.ContainsFunc(s, isSpaceOrControl)
	case "id":
		return isID(s)
	case "date":
		return len(s) <= 10 && isDateTime(s)
	case "dateTime":
		return isDateTime(s)
	case "instant":
		return len(s) > 10 && isDateTime(s)
	case "time":
		return isTime(s)
	case "integer", "unsignedInt", "positiveInt":
		return isInteger(code, s)
	case "base64Binary":
		return isBase64(s)
	case "oid":
		return isOID(s)
	case "uuid":
		return isUUID(s)
	case "xhtml":
		return isNarrative(s)
	}
	return true // boolean and decimal: JSON has seen to it
}
