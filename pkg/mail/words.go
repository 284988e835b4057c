package mail

import (
	"fmt"
	htmltemplate "html/template"
	"regexp"
	"strings"
	"text/template"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/html"

	"github.com/admitdev/admit/pkg/outcome"
)

// Words are a mail as it is written, with placeholders: {{app}}, {{project}}, {{name}}, {{email}} and {{link}}.
// A project may have its own. They are no program: placeholders are the only thing in braces, and what
// stands for them is a value that cannot be more than text, or the address of a link.
type Words struct {
	Subject string `json:"subject"`
	Text    string `json:"text"`
	HTML    string `json:"html"`
}

// values are what stands for the placeholders.
type values struct {
	App, Project, Name, Email, Link, Subject string
	// Note is of a Message.
	Note Note
}

var (
	placeholder = regexp.MustCompile(`\{\{\s*([a-z]+)\s*\}\}`)
	known       = map[string]string{"app": "{{.App}}", "project": "{{.Project}}", "name": "{{.Name}}", "email": "{{.Email}}", "link": "{{.Link}}"}
)

// source is a text as Go's templates want it.
func source(text string) (string, error) {
	if rest := placeholder.ReplaceAllString(text, ""); strings.Contains(rest, "{{") || strings.Contains(rest, "}}") {
		return "", fmt.Errorf("double braces are for placeholders alone")
	}
	var unknown string
	made := placeholder.ReplaceAllStringFunc(text, func(found string) string {
		name := placeholder.FindStringSubmatch(found)[1]
		if known[name] == "" {
			unknown = name
		}
		return known[name]
	})
	if unknown != "" {
		return "", fmt.Errorf("placeholder %q is none of app, project, name, email and link", unknown)
	}
	return made, nil
}

// plain writes a text.
func plain(text string, v values) (string, error) {
	made, err := source(text)
	if err != nil {
		return "", err
	}
	parsed, err := template.New("").Parse(made)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	err = parsed.Execute(&out, v)
	return out.String(), err
}

// markup writes HTML, each value escaped as the place wants it where it stands.
func markup(text string, v values) (string, error) {
	made, err := source(text)
	if err != nil {
		return "", err
	}
	parsed, err := htmltemplate.New("").Parse(made)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	err = parsed.Execute(&out, v)
	return out.String(), err
}

// write fills r in.
func (w Words) write(r *Rendered, v values) (err error) {
	if r.Subject, err = plain(w.Subject, v); err != nil {
		return fmt.Errorf("write the subject of a mail: %w", err)
	}
	v.Subject = r.Subject
	if r.Text, err = plain(w.Text, v); err != nil {
		return fmt.Errorf("write the text of a mail: %w", err)
	}
	if r.HTML, err = markup(w.HTML, v); err != nil {
		return fmt.Errorf("write the HTML of a mail: %w", err)
	}
	return nil
}

// The limits of words.
const (
	maxSubject = 200
	maxText    = 20_000
	maxHTML    = 100_000
)

// Check refuses words that cannot be sent, that lack the link, or that do more than show something.
//
// Errors: outcome Invalid.
func (w Words) Check() error {
	var fields outcome.Fields
	sample := values{App: "a", Project: "b", Name: "c", Email: "d@example.com", Link: sampleLink, Subject: "e"}
	isControl := func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t' }
	subject := utf8.RuneCountInString(w.Subject)
	fields.Check(subject > 0 && subject <= maxSubject && !strings.ContainsFunc(w.Subject, unicode.IsControl), "subject", "A subject has 1 to 200 characters and is one line")
	fields.Check(!hasLink(w.Subject), "subject", "The link stands in the text, not in the subject")
	fields.Check(len(w.Text) <= maxText && !strings.ContainsFunc(w.Text, isControl), "text", "A text has at most 20000 bytes, without control characters")
	fields.Check(len(w.HTML) <= maxHTML && !strings.ContainsFunc(w.HTML, isControl), "html", "HTML has at most 100000 bytes, without control characters")
	fields.Check(hasLink(w.Text), "text", "The text lacks {{link}}")
	if err := fields.Err(); err != nil {
		return err
	}
	for _, part := range []struct {
		field, text string
		write       func(string, values) (string, error)
	}{{"subject", w.Subject, plain}, {"text", w.Text, plain}, {"html", w.HTML, markup}} {
		written, err := part.write(part.text, sample)
		if err != nil {
			fields.Check(false, part.field, "Not a template: "+err.Error())
			continue
		}
		keeps := keepsLink(written)
		if part.field == "html" {
			keeps = markupKeepsLink(written)
		}
		fields.Check(keeps, part.field, `{{link}} stands by itself: after a space, or as all of <a href="{{link}}">`)
	}
	if err := checkMarkup(w.HTML); err != nil {
		fields.Check(false, "html", err.Error())
	}
	return fields.Err()
}

func hasLink(text string) bool {
	for _, found := range placeholder.FindAllStringSubmatch(text, -1) {
		if found[1] == "link" {
			return true
		}
	}
	return false
}

// Elements that run, load or ask for something, or that change where links lead.
var forbidden = map[string]bool{
	"script": true, "iframe": true, "frame": true, "frameset": true, "object": true, "embed": true, "applet": true, "form": true, "input": true,
	"button": true, "select": true, "textarea": true, "base": true, "link": true, "svg": true, "math": true, "template": true, "noscript": true,
}

// addresses are the attributes that lead somewhere.
var addresses = map[string]bool{"href": true, "src": true, "background": true, "cite": true, "longdesc": true, "poster": true, "xlink:href": true}

// checkMarkup goes through HTML as a browser reads it.
func checkMarkup(text string) error {
	tokens := html.NewTokenizer(strings.NewReader(text))
	linked := false
	for {
		kind := tokens.Next()
		switch kind {
		case html.ErrorToken: // the end: any text is HTML
			if !linked {
				return fmt.Errorf(`the HTML lacks <a href="{{link}}">`)
			}
			return nil
		case html.StartTagToken, html.SelfClosingTagToken:
			token := tokens.Token()
			if forbidden[token.Data] {
				return fmt.Errorf("the HTML must not have the element %s", token.Data)
			}
			for _, attribute := range token.Attr {
				if err := checkAttribute(attribute); err != nil {
					return err
				}
				linked = linked || token.Data == "a" && attribute.Key == "href" && placeholder.ReplaceAllString(attribute.Val, "") == "" && hasLink(attribute.Val)
			}
		}
	}
}

func checkAttribute(a html.Attribute) error {
	switch {
	case strings.HasPrefix(a.Key, "on"), a.Key == "srcdoc", a.Key == "srcset", a.Key == "http-equiv", a.Key == "action", a.Key == "formaction", a.Key == "ping":
		return fmt.Errorf("the HTML must not have the attribute %s", a.Key)
	case !addresses[a.Key]:
		return nil
	}
	value := strings.ToLower(strings.TrimSpace(a.Val))
	if hasLink(value) && placeholder.ReplaceAllString(value, "") == "" {
		return nil
	}
	for _, scheme := range []string{"https://", "mailto:", "tel:", "cid:", "#"} {
		if strings.HasPrefix(value, scheme) {
			return nil
		}
	}
	return fmt.Errorf("%s must be {{link}}, or begin with https://, mailto:, tel:, cid: or #", a.Key)
}
