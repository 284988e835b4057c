package mail

import (
	"bytes"
	"context"
	"embed"
	"errors"
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
	// OwnFault is why the words of the project were not taken; nil when they were, or when there are none.
	OwnFault error
}

// Own keeps the words of projects; *store.Store implements it.
type Own interface {
	// MailTemplate fails with store.ErrNotFound where a project has no words of its own.
	MailTemplate(ctx context.Context, project, template string) (store.MailTemplate, error)
}

// Letters writes mails.
type Letters struct {
	app  string
	base *url.URL
	from *mail.Address
	box  Sealer
	text *template.Template
	html *htmltemplate.Template
	// Own are the words of projects; nil for none.
	Own Own
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

// Render writes a stored mail, in the words of its project if it has any that may be sent. Words that were
// stored before a rule of today came, or that were damaged since, must neither go out nor keep the mail back:
// Admit's own take their place.
func (l *Letters) Render(ctx context.Context, m store.Mail) (Rendered, error) {
	link, err := l.link(m)
	if err != nil {
		return Rendered{}, err
	}
	r := Rendered{
		ID: m.ID, To: m.Recipient, Link: link, Date: m.CreatedAt.Time,
		// One id for every attempt: a second copy of a mail is recognised as such.
		MessageID:     m.ID + "@" + domain(l.from.Address),
		AutoSubmitted: "auto-generated", // RFC 3834 §5: no vacation answers
	}
	if l.Bounces != nil && m.Invitation != "" {
		if r.ReturnPath, err = l.Bounces.Address(m.ID); err != nil {
			return Rendered{}, err
		}
	}
	v := values{App: l.app, Project: OneLine(m.ProjectName), Name: OneLine(m.RecipientName), Email: OneLine(m.Recipient), Link: link}
	if v.Note, err = l.note(m); err != nil {
		return Rendered{}, err
	}
	own, found, err := l.own(ctx, m)
	if err != nil {
		return Rendered{}, err
	}
	if found {
		if r.OwnFault = errors.Join(own.Check(), own.write(&r, v)); r.OwnFault == nil {
			return r, nil
		}
	}
	return r, l.write(&r, Template(m.Template), v)
}

func (l *Letters) own(ctx context.Context, m store.Mail) (own Words, found bool, err error) {
	name := Template(m.Template)
	if name == InviteNewPassword { // a project writes one mail that invites
		name = InviteNew
	}
	if l.Own == nil || !name.MayBeOwn() {
		return Words{}, false, nil
	}
	t, err := l.Own.MailTemplate(ctx, m.Project, string(name))
	if errors.Is(err, store.ErrNotFound) {
		return Words{}, false, nil
	}
	return Words{t.Subject, t.Text, t.HTML}, err == nil, err
}

// MayBeOwn says whether a project may write the mail in its own words.
func (t Template) MayBeOwn() bool { return t == InviteNew || t == InviteExisting || t == Reset }

// write fills r in with Admit's own words.
func (l *Letters) write(r *Rendered, t Template, v values) (err error) {
	if r.Subject, err = l.execute(string(t)+".subject", v); err != nil {
		return err
	}
	v.Subject = r.Subject
	if r.Text, err = l.execute(string(t), v); err != nil {
		return err
	}
	var html bytes.Buffer
	if err := l.html.ExecuteTemplate(&html, string(t), v); err != nil {
		return fmt.Errorf("write mail: %w", err)
	}
	r.HTML = html.String()
	return nil
}

// Default are Admit's own words for a mail, with placeholders.
func (l *Letters) Default(t Template) (Words, error) {
	var r Rendered
	err := l.write(&r, t, values{App: "{{app}}", Project: "{{project}}", Name: "{{name}}", Email: "{{email}}", Link: "{{link}}"})
	escaped := url.PathEscape("{{link}}") // as html/template does with an address
	return Words{r.Subject, r.Text, strings.NewReplacer(strings.ToLower(escaped), "{{link}}", escaped, "{{link}}").Replace(r.HTML)}, err
}

// Preview writes a mail in these words to somebody who does not exist.
func (l *Letters) Preview(w Words, projectName string) (r Rendered, err error) {
	r.Link = l.base.JoinPath("setpassword", "example", "example").String()
	err = w.write(&r, values{App: l.app, Project: OneLine(projectName), Name: "Homer Simpson", Email: "homer@example.com", Link: r.Link})
	return r, err
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
	case InviteExisting, MFAReset, RecoveryUsed, EmailChanging, PasswordChanged, FactorsChanged, Guessed, RightAfterWrong, NewPlace:
		return l.base.JoinPath("signin").String(), nil
	case VerifyEmail, ChangeEmail:
		return l.secretLink("verifyemail", m)
	case Message:
		return "", nil
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
