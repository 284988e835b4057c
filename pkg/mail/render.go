package mail

import (
	"bytes"
	"embed"
	"fmt"
	htmltemplate "html/template"
	"net/mail"
	"net/url"
	"strings"
	"text/template"
	"time"
	"unicode"

	"github.com/admitdev/admit/pkg/store"
)

//go:embed templates
var files embed.FS

// Rendered is a mail as it is sent.
type Rendered struct {
	ID            string
	To            string
	ReturnPath    string // where reports about it go; empty for the sender
	Subject       string
	Text, HTML    string
	Link          string // empty when its secret is gone
	MessageID     string
	Date          time.Time
	AutoSubmitted string
}

// Letters writes mails.
type Letters struct {
	app  string
	base *url.URL
	from *mail.Address
	box  Sealer
	text *template.Template
	html *htmltemplate.Template
	// Bounces are where reports about invitations go; nil for nowhere.
	Bounces *Bounces
}

// NewLetters makes the writer of mails in the name of app, from an address, with links below base.
func NewLetters(app string, from *mail.Address, base *url.URL, box Sealer) (*Letters, error) {
	text, err := template.ParseFS(files, "templates/mails.txt.tmpl")
	if err != nil {
		return nil, err
	}
	html, err := htmltemplate.ParseFS(files, "templates/mails.html.tmpl")
	if err != nil {
		return nil, err
	}
	return &Letters{app: OneLine(app), base: base, from: from, box: box, text: text, html: html}, nil
}

// Render writes a stored mail.
func (l *Letters) Render(m store.Mail) (Rendered, error) {
	link, err := l.link(m)
	if err != nil {
		return Rendered{}, err
	}
	data := struct{ App, Project, Link, Subject string }{l.app, OneLine(m.ProjectName), link, ""}
	if data.Subject, err = l.execute(m.Template+".subject", data); err != nil {
		return Rendered{}, err
	}
	r := Rendered{
		ID: m.ID, To: m.Recipient, Subject: data.Subject, Link: link, Date: m.CreatedAt.Time,
		// One id for every attempt: a second copy of a mail is recognised as such.
		MessageID:     m.ID + "@" + domain(l.from.Address),
		AutoSubmitted: "auto-generated", // RFC 3834 §5: no vacation answers
	}
	if l.Bounces != nil && m.Invitation != "" {
		if r.ReturnPath, err = l.Bounces.Address(m.ID); err != nil {
			return Rendered{}, err
		}
	}
	if r.Text, err = l.execute(m.Template, data); err != nil {
		return Rendered{}, err
	}
	var html bytes.Buffer
	if err := l.html.ExecuteTemplate(&html, m.Template, data); err != nil {
		return Rendered{}, fmt.Errorf("write mail: %w", err)
	}
	r.HTML = html.String()
	return r, nil
}

func (l *Letters) execute(name string, data any) (string, error) {
	var text strings.Builder
	if err := l.text.ExecuteTemplate(&text, name, data); err != nil {
		return "", fmt.Errorf("write mail: %w", err)
	}
	return text.String(), nil
}

// link is where the mail leads. Its secret is what makes it worth anything, so a mail whose secret
// is gone has none.
func (l *Letters) link(m store.Mail) (string, error) {
	switch Template(m.Template) {
	case InviteExisting, MFAReset, RecoveryUsed, EmailChanging, PasswordChanged, FactorsChanged:
		return l.base.JoinPath("signin").String(), nil
	case VerifyEmail, ChangeEmail:
		return l.secretLink("verifyemail", m)
	}
	return l.secretLink("setpassword", m)
}

func (l *Letters) secretLink(page string, m store.Mail) (string, error) {
	if len(m.Sealed) == 0 {
		return "", nil
	}
	secret, err := l.box.Open(m.Sealed, place(m.ID))
	if err != nil {
		return "", fmt.Errorf("open the secret of mail %s: %w", m.ID, err)
	}
	return l.base.JoinPath(page, m.Request, string(secret)).String(), nil
}

// maxName is how much of a name goes into a mail.
const maxName = 120

// OneLine is a name as it is shown: without line breaks, control characters and the format characters
// that turn or hide what stands beside them, so that it can start neither a header nor a paragraph
// of its own, nor seem to be another. The two joiners stay, with which some scripts spell names.
func OneLine(name string) string {
	name = strings.Join(strings.FieldsFunc(name, func(r rune) bool {
		const zeroWidthNonJoiner, zeroWidthJoiner = 0x200C, 0x200D
		return r != zeroWidthNonJoiner && r != zeroWidthJoiner && (unicode.IsSpace(r) || unicode.In(r, unicode.Cc, unicode.Cf))
	}), " ")
	if runes := []rune(name); len(runes) > maxName {
		return string(runes[:maxName-1]) + "…"
	}
	return name
}

func domain(address string) string {
	return address[strings.LastIndex(address, "@")+1:]
}
