package index

import (
	"strings"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/fhirpath"
	"github.com/admitdev/admit/pkg/store"
)

// token makes the rows of R4 search.html#token.
func (b *builder) token(param string, v fhirpath.Value) {
	switch v.TypeName() {
	case "Coding":
		b.coding(param, v.Node)
	case "CodeableConcept":
		for _, coding := range v.Node.Get("coding").Values() {
			b.coding(param, coding)
		}
		b.text(param, v.Node.Text("text"))
	case "Identifier":
		b.identifier(param, v.Node)
	case "ContactPoint":
		b.contactPoint(param, v.Node)
	case "Extension":
		for _, value := range v.Children(nil, "value") {
			b.token(param, value)
		}
	default:
		if _, code, ok := v.Primitive(); ok {
			b.addToken(param, "", code)
			b.spelledOtherwise(param, code, v)
		}
	}
}

// AnyCase says whether a token parameter finds a string however it is spelled (R4 search.html#token).
// Those that R4 does not have do not: some are secrets.
func AnyCase(p *definitions.SearchParam) bool {
	return p.Type == definitions.Token && strings.HasPrefix(p.URL, "http://hl7.org/fhir/SearchParameter/")
}

// spelledOtherwise makes the rows of a string in lower case and of a media type without its parameters
// (R4 search.html#mimetype).
func (b *builder) spelledOtherwise(param, code string, v fhirpath.Value) {
	switch v.TypeName() {
	case "string":
		if lower := strings.ToLower(code); b.anyCase && lower != code {
			b.addToken(param, "", lower)
		}
	case "code":
		if media, _, more := strings.Cut(code, ";"); more && strings.Contains(media, "/") {
			b.addToken(param+MIMESuffix, "", strings.TrimSpace(media))
		}
	}
}

// contactPoint also makes a row in lower case of an e-mail address, so that one is found however
// it is spelled ("special handling", R4 search.html#token).
func (b *builder) contactPoint(param string, n *document.Node) {
	value := n.Text("value")
	b.addToken(param, "", value)
	if lower := strings.ToLower(value); n.Text("system") == "email" && lower != value {
		b.addToken(param, "", lower)
	}
}

func (b *builder) coding(param string, n *document.Node) {
	b.addToken(param, n.Text("system"), n.Text("code"))
	b.text(param, n.Text("display"))
}

// identifier makes the rows of the value itself, of its type's text and, for :of-type, of each
// of its type's codings with the value.
func (b *builder) identifier(param string, n *document.Node) {
	value := n.Text("value")
	b.addToken(param, n.Text("system"), value)
	b.text(param, n.Find("type", "text").String())
	for _, coding := range n.Find("type", "coding").Values() {
		if code := coding.Text("code"); code != "" && value != "" {
			b.addToken(param+OfTypeSuffix, coding.Text("system"), code+"|"+value)
		}
	}
}

func (b *builder) addToken(param, system, code string) {
	if system != "" || code != "" {
		b.rows.Token = append(b.rows.Token, store.TokenRow{Param: param, System: system, Code: code})
	}
}

func (b *builder) text(param, text string) {
	if text != "" {
		b.addString(param+TextSuffix, text)
	}
}
